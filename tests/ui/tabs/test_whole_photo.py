"""The tab "Whole photo": what a click and a frame from a browser may do, and what is said."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from facegen.face.detect import Glimpse
from facegen.types import Face
from facegen.ui.tabs.whole_photo import Seen, WholePhotoTab
from facegen.ui.texts import results
from facegen.ui.widgets import frames
from facegen.ui.widgets.photo_input import Photograph
from facegen.whole_photo import everybody
from facegen.whole_photo.everybody import Fate

PHOTO = Photograph(np.full((60, 80, 3), 90, np.uint8), "abc")
MESH = np.zeros((468, 3))
WHOLE = Face((10.0, 10.0, 30.0, 40.0), 0.9, np.zeros((68, 2)), MESH)
GLIMPSE = Glimpse((50.0, 10.0, 60.0, 22.0), 0.9, 8.0)
SEEN = Seen("abc", (WHOLE, GLIMPSE), {1: Fate("replaced"), 2: Fate("covered", "too small")})


def event(data):
    return gr.EventData(None, data)


def test_a_click_goes_round_and_no_glimpse_is_replaced():
    one = SEEN
    for expected in ("covered", "kept", "replaced"):
        one = one.clicked(1)
        assert one.fates[1].what == expected
    two = SEEN.clicked(2)
    assert two.fates[2] == Fate("kept", "as asked")
    assert two.clicked(2).fates[2] == Fate("covered", "as asked")
    assert two.numbers("kept") == (2,) and two.numbers("replaced") == (1,)


@pytest.mark.parametrize(
    "data", [None, {}, {"face": 3}, {"face": "1"}, {"face": True}, {"face": [1]}]
)
def test_a_click_on_nothing_changes_nothing(data):
    answer = WholePhotoTab._click(PHOTO, SEEN, event(data))
    assert all(one == gr.skip() for one in answer)


def test_a_click_on_another_photo_changes_nothing():
    other = Photograph(PHOTO.pixels, "other")
    assert WholePhotoTab._click(other, SEEN, event({"face": 1}))[0] == gr.skip()
    assert WholePhotoTab._click(None, None, event({"face": 1}))[0] == gr.skip()
    seen, picture, counts = WholePhotoTab._click(PHOTO, SEEN, event({"face": 1}))
    assert seen.fates[1].what == "covered" and "fg-covered" in picture["value"]
    assert "2 faces: 2 covered (1 as asked, 1 too small)" in counts


@pytest.mark.parametrize("box", [None, 7, "abcd", [0.1, 0.2], [0.1] * 4, ["a"] * 4,
                                 [float("nan")] * 4, [0.5, 0.5, 0.4, 0.9]])  # fmt: skip
def test_a_frame_that_is_none_adds_nobody(box):
    tab = SimpleNamespace(studios=None)
    answer = WholePhotoTab._draw(tab, PHOTO, SEEN, event({"box": box}))
    assert all(one == gr.skip() for one in answer)


def test_a_frame_adds_somebody_who_is_covered_if_no_mesh_fits():
    fitted = []

    def fit(pixels, boxes):
        fitted.extend(boxes)
        return [Glimpse(boxes[0], 1.0, 9.0)]

    detector = SimpleNamespace(fit=fit)
    tab = SimpleNamespace(studios=SimpleNamespace(first=SimpleNamespace(detector=detector)))
    seen, _, _ = WholePhotoTab._draw(tab, PHOTO, SEEN, event({"box": [0.5, 0.5, 2.0, 1.0]}))
    assert fitted == [(40.0, 30.0, 80.0, 60.0)]
    assert seen.fates[3] == Fate("covered", "as asked") and len(seen.faces) == 3
    assert SEEN.drawn(WHOLE).fates[3] == Fate("replaced")


def test_frames_are_buttons_with_words():
    picture = frames.show(PHOTO.pixels, SEEN.faces, SEEN.fates)
    assert picture.count("<button") == 2 and "data:image/jpeg;base64," in picture
    assert "aria-label='face 2: covered (too small)'" in picture
    assert "left:12.50%;top:16.67%;width:25.00%;height:50.00%" in picture


def test_the_words_count_and_say_who_may_be_known():
    faces = [
        {"face": 1, "status": "replaced"},
        {"face": 2, "status": "covered", "why": "too small"},
        {"face": 3, "status": "kept", "why": "as asked"},
        {"face": 4, "status": "kept", "why": "too small"},
    ]
    words = results.replaced({"faces": faces, "summary": everybody.summary(faces)})
    assert "4 faces: 1 replaced, 1 covered (too small), 2 kept (1 as asked, 1 too small)." in words
    assert "✓ face 2: covered (too small)." in words and "✗ face 4: kept" in words
    assert "face 3" not in words
