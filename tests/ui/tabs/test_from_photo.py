"""The tab "From a photo" without a browser: what it asks of the job, and how it answers."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.errors import FacegenError, OutputError
from facegen.ui.run_state import Picture, Run
from facegen.ui.server import model_pool, private_files
from facegen.ui.tabs.from_photo import FromPhoto, Looked
from facegen.ui.widgets.photo_input import Photograph

PHOTO = Photograph(np.zeros((64, 64, 3), np.uint8), "this one")


@pytest.fixture
def asked_for() -> list:
    """What the job was asked for: (options, faces)."""
    return []


@pytest.fixture
def tab(tiny_studio, asked_for) -> FromPhoto:
    def generate(name, pixels, sha256, folder, options, faces):
        asked_for.append((options, faces))
        return iter(())

    with gr.Blocks():
        return FromPhoto(model_pool.Studios(tiny_studio), generate, [])


def fields(tab: FromPhoto, **given) -> dict:
    """The fields as they stand on a fresh page, but for those given by name."""
    asked = {one: one.value for one in vars(tab).values() if hasattr(one, "value")}
    return asked | {getattr(tab, name): value for name, value in given.items()}


@pytest.mark.parametrize(("looked_at", "face"), [("this one", 3), ("another", 0), (None, 0)])
def test_the_chosen_face_counts_for_its_own_photo_only(tab, asked_for, tmp_path, looked_at, face):
    found = ["faces", "of", "that", "photo"]
    looked = looked_at and Looked(looked_at, found)
    asked = fields(tab, photo=PHOTO, looked=looked, face=3)
    assert list(tab._runs(asked, Run(tmp_path))) == []
    ((options, faces),) = asked_for
    assert options.face == face
    assert faces == (found if face else None)


def test_a_detector_that_cannot_start_says_why(tab, monkeypatch):
    def detect(pixels):
        raise FacegenError("mediapipe needs libGL.so.1; apt install libgl1")

    monkeypatch.setattr(tab.studios.first, "detect", detect)
    (*_, first), (looked, face, _, said) = tab._look(PHOTO)
    assert "Looking for faces" in first
    assert looked is None and face == 0
    assert "libGL.so.1" in said and "fg-error" in said


def test_a_folder_that_cannot_be_made_is_one_line(tab, monkeypatch):
    def refuse():
        raise OutputError("the disk is full")

    monkeypatch.setattr(private_files, "new_run", refuse)
    (answer,) = tab._job(fields(tab, photo=PHOTO, run=None))
    assert "the disk is full" in answer[tab.results.status]


def test_stop_says_why_there_is_no_zip(tab, tmp_path):
    gone = Run(tmp_path / "gone", pictures=(Picture(tmp_path / "one.png", None, "1"),))
    *_, said, _ = tab._stopped(gone)
    assert "cannot write" in said and "fg-error" in said
    *_, said, archive = tab._stopped(replace(gone, folder=tmp_path))
    assert "1 of the faces" in said and archive["value"] == str(tmp_path / "facegen.zip")
    *_, said, _ = tab._stopped(None)
    assert "Stopped." in said


def test_an_example_ends_whatever_run_is_going_on(tiny_studio):
    with gr.Blocks() as demo:
        tab = FromPhoto(model_pool.Studios(tiny_studio), None, [])
    runs = [number for number, one in demo.fns.items() if one.name == "watched"]
    chosen, *ends = [fn for fn in demo.fns.values() if (tab.examples._id, "click") in fn.targets]
    assert not chosen.cancels and [fn.cancels for fn in ends if fn.cancels] == [
        [number] for number in runs
    ]
