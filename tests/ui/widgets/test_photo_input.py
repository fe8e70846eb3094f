"""The photo field and its limit."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("gradio")

from facegen.errors import ImageError
from facegen.ui import page
from facegen.ui.server import model_pool
from facegen.ui.widgets import photo_input


def test_a_file_over_the_limit_is_not_even_read(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(photo_input.MAX_MEGABYTES * 2**20 + 2**19)
    monkeypatch.setattr(photo_input.Path, "read_bytes", lambda self: pytest.fail("it was read"))
    answer = photo_input.Photo().preprocess(SimpleNamespace(path=str(path)))
    assert isinstance(answer, ImageError)
    assert str(answer) == "the file has 15.5 MB, the limit is 15; save a smaller copy"


def test_a_file_that_was_swept_away_is_asked_for_again(tmp_path):
    answer = photo_input.Photo().preprocess(SimpleNamespace(path=str(tmp_path / "gone.png")))
    assert isinstance(answer, ImageError) and "choose it again" in str(answer)


def test_the_tools_description_knows_the_limit(tiny_studio, monkeypatch):
    from gradio.utils import get_function_description

    from facegen.ui import services

    monkeypatch.setattr(services, "MAX_MEGABYTES", 99)
    demo = page.build(model_pool.Studios(tiny_studio))
    (generate,) = (event.fn for event in demo.fns.values() if event.api_name == "generate")
    _, arguments, _ = get_function_description(generate)  # as "Use via API" tells it
    assert arguments["photo"].endswith("up to 99 MB.")


def test_marks_that_were_read_are_not_read_again(monkeypatch):
    photo = photo_input.Photograph(np.zeros((8, 8, 3), np.uint8), "0" * 64, b"")
    monkeypatch.setattr(photo_input.Photograph, "marks", lambda self: {"found": "anew"})
    assert photo.source().marks == {"found": "anew"}
    assert photo.source(None).marks is None
