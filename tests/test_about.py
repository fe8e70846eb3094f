"""The tab "About" names what is at hand."""

from pathlib import Path

import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.identity import DlibJudge
from facegen.sface import SFaceJudge
from facegen.ui import about, gpu


def told(studio) -> str:
    with gr.Blocks() as demo:
        about.build(gpu.Studios(studio))
    (text,) = (one.value for one in demo.blocks.values() if isinstance(one, gr.Markdown))
    return text


def test_one_judge(tiny_studio):
    tiny_studio.judges = (DlibJudge(),)
    text = told(tiny_studio)
    assert "**dlib's face recognition** (the judge; public domain)" in text
    assert "SFace" not in text and "the opinion of one network" in text


def test_two_judges(tiny_studio):
    tiny_studio.judges = (DlibJudge(), SFaceJudge(Path("sface.onnx")))
    text = told(tiny_studio)
    assert "**dlib's face recognition** (the judge that guides the search; public domain)" in text
    assert "**SFace, a second judge of identity** (the judge that reports; Apache-2.0" in text
    assert "the opinion of 2 networks" in text
