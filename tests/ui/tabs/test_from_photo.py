"""The tab "From a photo" without a browser: what it asks of the job, and how it answers."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.errors import FacegenError, OutputError
from facegen.ui import texts
from facegen.ui.run_state import Picture, Run
from facegen.ui.server import model_pool, private_files
from facegen.ui.tabs.from_photo import FromPhoto
from facegen.ui.texts import words
from facegen.ui.widgets.fields import anime as anime_fields
from facegen.ui.widgets.fields import style_looks
from facegen.ui.widgets.photo_input import Looked, Photograph

PHOTO = Photograph(np.zeros((64, 64, 3), np.uint8), "this one")


@pytest.fixture
def asked_for() -> list:
    """What the job was asked for: its sources."""
    return []


@pytest.fixture
def tab(tiny_studio, asked_for) -> FromPhoto:
    class Studios(model_pool.Studios):
        def run(self, job, model, sources, folder, options):
            asked_for.extend(sources)
            return iter(())

    with gr.Blocks():
        return FromPhoto(Studios(tiny_studio), [])


def fields(tab: FromPhoto, **given) -> dict:
    """The fields as they stand on a fresh page, but for those given by name."""
    asked = {one: one.value for one in vars(tab).values() if hasattr(one, "value")}
    return asked | {getattr(tab, name): value for name, value in given.items()}


@pytest.mark.parametrize(("looked_at", "face"), [("this one", 3), ("another", 0), (None, 0)])
def test_the_chosen_face_counts_for_its_own_photo_only(tab, asked_for, tmp_path, looked_at, face):
    found = ["faces", "of", "that", "photo"]
    looked = looked_at and Looked(looked_at, found)
    asked = fields(tab, photo=PHOTO, looked=looked, face=3)
    assert list(tab._events(asked, tmp_path)) == []
    (source,) = asked_for
    assert source.face == face
    assert source.faces == (found if face else None)


def test_a_detector_that_cannot_start_says_why(tab, monkeypatch):
    def detect(pixels, least):
        raise FacegenError("mediapipe needs libGL.so.1; apt install libgl1")

    monkeypatch.setattr(tab.studios.first.detector, "detect", detect)
    (*_, first, _), (_, looked, face, _, said, _) = tab._look(PHOTO)
    assert words.FromPhoto.looking in first
    assert looked is None and face == 0
    assert "libGL.so.1" in said and "fg-error" in said


def test_a_folder_that_cannot_be_made_is_one_line(tab, monkeypatch):
    def refuse():
        raise OutputError("the disk is full")

    monkeypatch.setattr(private_files, "new_run", refuse)
    asked = fields(tab, photo=PHOTO, run=None) | {tab.history.runs: ()}
    (answer,) = tab._job(asked)
    assert "the disk is full" in answer[tab.status]


def test_stop_says_why_there_is_no_zip(tab, tmp_path):
    gone = Run(tmp_path / "gone", pictures=(Picture(tmp_path / "one.png", None, "1"),))
    *_, said, _, _ = tab._stopped(gone)
    assert "cannot write" in said and "fg-error" in said
    *_, said, archive, _ = tab._stopped(replace(gone, folder=tmp_path))
    assert "1 of the faces" in said and archive["value"] == str(tmp_path / "facegen.zip")
    *_, said, _, _ = tab._stopped(None)
    assert "Stopped." in said


def test_who_waits_sees_the_face_and_what_the_model_makes_of_it(tab, drawn):
    nothing = Run(drawn.folder)
    cut = replace(nothing, aligned=drawn.folder / "aligned.png")
    met = replace(cut, inverted=drawn.folder / "inversion.png")
    assert "aligned.png" in tab._show(cut, nothing)[tab.empty]["value"]
    assert "inversion.png" in tab._show(met, cut)[tab.empty]["value"]
    made = replace(met, pictures=drawn.pictures)
    assert tab._show(made, met)[tab.empty]["visible"] is False


def test_the_time_left_is_told_once_it_can_be_known(monkeypatch):
    monkeypatch.setattr(texts.results.time, "monotonic", lambda: 100.0)
    bar = texts.progress("Working …", 0.25)
    assert "about 30 s left" in bar.since(90.0) and "aria-valuenow='25'" in bar.since(90.0)
    assert "about 5 min left" in bar.since(0.0)
    assert bar.since(99.0) == bar, "too soon"
    assert texts.progress("Working …", 0.05).since(0.0) == texts.progress("Working …", 0.05)


# --- one card a person, with two sides -------------------------------------------------


@pytest.fixture
def drawn(tmp_path) -> Run:
    """A run with two people and their drawings."""
    pictures = tuple(
        Picture(tmp_path / f"{i}.png", tmp_path / f"{i}-anime.png", f"{i} · caption")
        for i in (1, 2)
    )
    return Run(tmp_path, pictures=pictures)


def test_a_face_and_its_drawing_are_one_card(drawn, tmp_path):
    assert drawn.gallery == drawn.cards("drawing")
    assert drawn.cards("drawing")[0] == (str(tmp_path / "1-anime.png"), "1 · caption")
    assert drawn.cards("face")[1] == (str(tmp_path / "2.png"), "2 · caption")
    alone = replace(drawn, pictures=(Picture(tmp_path / "1.png", None, "1"),))
    assert alone.cards("drawing") == alone.cards("face") and not alone.drawn


def test_the_switch_turns_the_cards(tab, drawn):
    assert tab._turn(drawn, "face")["value"] == drawn.cards("face")
    assert tab._turn(drawn, "drawing")["value"] == drawn.cards("drawing")


def test_the_switch_is_there_for_drawings_when_nothing_more_comes(tab, drawn):
    view = tab.view
    assert tab._cleared()[view]["visible"] is False
    begun = replace(drawn, aligned=drawn.folder / "a", inverted=drawn.folder / "b")
    assert view not in tab._show(begun, Run(drawn.folder)), "more may come"
    ended = replace(begun, manifest={"seconds": {"total": 1.0}}, zip=drawn.folder / "all.zip")
    assert tab._ended(ended)[0]["visible"] and tab.last[0] is view
    *_, stopped = tab._stopped(drawn)
    assert stopped["visible"]
    faces = replace(ended, pictures=(Picture(drawn.folder / "1.png", None, "1"),))
    assert not tab._ended(faces)[0]["visible"]


def test_each_style_is_shown_with_what_it_may_be_used_for():
    shown = style_looks(["cel", "comic", "my own"])
    assert shown.count("<img src='data:image/webp") == 3, "the face and two styles"
    assert "any use, with attribution" in shown and "non-commercial" in shown
    assert style_looks(["my own"]) == ""
    with gr.Blocks():
        toggle, style, _ = anime_fields(["cel", "comic", "my own"])
    assert style.value == "cel" and not toggle.value
    labels = dict((value, label) for label, value in style.choices)
    assert "non-commercial" in labels["comic"] and labels["my own"] == "My own"


def test_an_example_ends_whatever_run_is_going_on(tiny_studio):
    with gr.Blocks() as demo:
        tab = FromPhoto(model_pool.Studios(tiny_studio), [])
    runs = [number for number, one in demo.fns.items() if one.name == "watched"]
    chosen, *ends = [fn for fn in demo.fns.values() if (tab.examples._id, "click") in fn.targets]
    assert not chosen.cancels and [fn.cancels for fn in ends if fn.cancels] == [
        [number] for number in runs
    ]
