"""The large model on the page: offered, fetched, cancelled, used; the Hub runs here."""

import os
import re
import threading
from pathlib import Path

import fakehub
import fakepackages
import pytest
from conftest import serving
from PIL import Image

from facegen import weights
from facegen.ui.server import flags

RUN = 90_000  # milliseconds
FILE = weights.find("ffhq-1024").sources[0]
BUNDLED = weights.BUNDLED_FOLDER / weights.find("bundled").file
SIZE = f"{BUNDLED.stat().st_size / 1e6:.1f} MB"


@pytest.fixture(scope="module")
def hub():
    """It serves the bundled model's bytes under the large one's name: what a file is, its content
    says."""
    with fakehub.running() as running:
        running.serve(FILE.repo, FILE.file, BUNDLED.read_bytes(), delay=0.02)
        yield running


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hf")


@pytest.fixture(scope="module")
def address(hub, cache, tmp_path_factory):
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "0"}
    environment |= fakepackages.environment(tmp_path_factory.mktemp("index"), cache)  # an empty one
    with serving(tmp_path_factory.mktemp("server"), **environment) as address:
        yield address


@pytest.fixture
def visit(browser, address):
    contexts = []

    def visit(width: int = 1280):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(RUN)
        page.goto(address)
        page.locator("#generate").wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()


def look(page, name: str) -> None:
    """Keep a picture where somebody wants to look at the page."""
    if folder := os.environ.get("FACEGEN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


def half_files(cache: Path) -> list[Path]:
    return [p for p in cache.rglob("*") if p.is_file() and p.parent.name == "blobs"]


def test_offered_refused_cancelled_fetched_and_used(visit, hub, cache, astronaut, tmp_path):
    page = visit()
    model_download = page.locator("#offer")
    model_download.wait_for()
    text = model_download.inner_text()
    assert "1024 × 1024 pixels" in text and SIZE in text
    assert "NVIDIA Source Code License-NC" in text and "no commercial use" in text
    look(page, "offer-1280")

    served = hub.files[str(FILE)]
    served.login_instead = True
    page.locator("#fetch").click()
    page.get_by_text("could not be fetched from the Hugging Face Hub").wait_for()
    look(page, "offer-refused-1280")
    assert page.locator("#generate").is_enabled(), "the rest of the page goes on"

    served.login_instead = False
    page.locator("#fetch").click()
    page.get_by_text(re.compile(r"Fetching .*: [1-9]\d*\.\d MB of " + re.escape(SIZE))).wait_for()
    look(page, "offer-fetching-1280")
    page.locator("#cancel-fetch").click()
    page.get_by_text("Cancelled; nothing of it was kept").wait_for()
    assert not half_files(cache)

    served.delay, served.piece = 0.005, 256 * 1024
    page.locator("#fetch").click()
    page.get_by_text("is ready and chosen").wait_for()
    look(page, "offer-ready-1280")
    assert len(half_files(cache)) == 1
    assert "StyleGAN2 FFHQ 1024" in page.locator(".fg-head").inner_text()
    page.get_by_text("Advanced").first.click()
    model = page.get_by_label("Model", exact=True).first
    assert model.input_value().startswith("StyleGAN2 FFHQ 1024 with the e4e encoder: 1024 px; ")

    photo = tmp_path / "astronaut.png"
    Image.fromarray(astronaut).save(photo)
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#photo img").wait_for()
    page.locator("#generate").click()
    page.locator("#variants button").nth(5).wait_for()
    page.locator(".fg-times").first.wait_for()


def test_who_comes_later_has_it_too(visit):
    page = visit(390)
    page.get_by_text("is ready and chosen").wait_for()
    look(page, "offer-ready-390")
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0


def test_nothing_is_offered_where_others_can_reach_the_page():
    assert flags.parse([]).private
    for public in (["--host", "0.0.0.0"], ["--share", "--auth", "me:pass"]):
        assert not flags.parse(public).private


def test_nothing_is_offered_without_a_hub(browser, server):
    page = browser.new_page()
    page.goto(server)
    page.locator("#generate").wait_for()
    page.wait_for_timeout(500)
    assert not page.locator("#offer").is_visible()
    page.close()


def test_progress_does_not_undo_a_cancellation(tiny_studio, monkeypatch):
    from facegen.ui.server import model_pool
    from facegen.ui.widgets import model_download

    page = model_download.Offer(model_pool.Studios(tiny_studio))
    page.state = model_download.State("fetching", size=100)
    cancelling = threading.Thread(target=page.cancel)
    real = model_download.replace

    def pressed_meanwhile(state, **changes):
        if "done" in changes:
            cancelling.start()
            cancelling.join(0.2)
        return real(state, **changes)

    monkeypatch.setattr(model_download, "replace", pressed_meanwhile)
    page._progress(50, 100)
    cancelling.join()
    assert page.state.phase == "cancelling" and page.state.done == 50
