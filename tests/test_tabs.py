"""The tabs "Random faces" and "Walk" without a browser: what they show, and when."""

import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.errors import FacegenError
from facegen.ui import gpu
from facegen.ui.random_faces import RandomFaces
from facegen.ui.walk import WalkTab


def refuse(*_):
    raise FacegenError("not today")
    yield


@pytest.mark.parametrize("kind", [RandomFaces, WalkTab])
def test_a_new_run_takes_down_what_showed_the_files_of_the_one_before(
    kind, tiny_studio, tmp_path, monkeypatch
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with gr.Blocks():
        tab = kind(gpu.Studios(tiny_studio), refuse)
    begun, refused = tab._job({one: None for one in vars(tab).values()})
    assert "not today" in refused[tab.status]
    assert begun[tab.empty]["visible"]
    shown = {one for one in begun if one not in (tab.run, tab.status, tab.empty)}
    assert shown and not any(begun[one]["visible"] for one in shown)
    names = ("gallery", "downloads", "words", "plot", "monster", "strip", "map", "moving")
    assert shown >= {getattr(tab, name) for name in names if hasattr(tab, name)}
