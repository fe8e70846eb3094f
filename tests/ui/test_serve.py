"""What is made ready before the page is served."""

import pytest

pytest.importorskip("gradio")

from facegen.errors import NoFaceError
from facegen.output import provenance
from facegen.ui import serve
from facegen.ui.server import flags


def test_the_examples_say_that_they_are_synthetic(tiny_studio, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_studio, "detect", lambda pixels: [])
    monkeypatch.setattr(serve.detect, "pick", lambda faces, index: None)
    paths = serve.draw_examples(tiny_studio, flags.parse([]), tmp_path)
    assert len(paths) == serve.EXAMPLES
    for path in paths:
        told = provenance.read(path)
        assert told["synthetic"] and told["model"] == "tiny" and "seed" in told


def test_an_example_without_a_face_is_left_out(tiny_studio, tmp_path, monkeypatch):
    def refuse(faces, index):
        raise NoFaceError("no whole face was found")

    monkeypatch.setattr(tiny_studio, "detect", lambda pixels: [])
    monkeypatch.setattr(serve.detect, "pick", refuse)
    assert serve.draw_examples(tiny_studio, flags.parse([]), tmp_path) == []


def test_a_line_for_whoever_started_the_page_is_one(capsys):
    serve.say("the default is not here")
    assert capsys.readouterr().err == "facegen: the default is not here\n"
