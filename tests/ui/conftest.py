"""A visitor of the page, in headless Chromium."""

from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

RUN = 90_000  # milliseconds that a run may take on a machine that is busy with other things


@pytest.fixture
def visit(browser, server):
    """visit(width) opens the page as a new visitor."""
    contexts, said = [], []

    def visit(width: int = 1280, **more):
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(RUN)
        page.hosts = set()
        page.on("console", lambda message: said.append(message))
        page.on("request", lambda request: page.hosts.add(urlsplit(request.url).hostname))
        page.goto(server)
        page.locator("#generate").wait_for()
        # The seeds are rolled once all is loaded; before that they would undo what a test types.
        page.wait_for_function("document.querySelector('.fg-seed input')?.value > 0")
        return page

    yield visit
    for context in contexts:
        context.close()
    loud = {one.text for one in said if one.type in ("warning", "error") and not known(one)}
    assert not loud


def known(message) -> bool:
    """Gradio's own; a file that was deleted while it was asked for; a page that is left."""
    # The stack of PixiJS's deprecations, and what a driver without a GPU says of a canvas.
    drawn = message.type == "warning" and message.text.startswith(("    at ", "[.WebGL-"))
    left = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
    return (
        drawn
        or message.text == "Method not implemented."
        or "/file=" in message.location["url"]
        or message.text.startswith(left)
    )


@pytest.fixture(scope="session")
def two_faces(astronaut, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "two.png"
    face = astronaut[:300, 100:380]
    Image.fromarray(np.concatenate([face, face[:, ::-1]], 1)).save(path)
    return path


@pytest.fixture(scope="session")
def photo(astronaut, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return path
