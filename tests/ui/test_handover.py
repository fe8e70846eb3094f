"""What a browser may name when it takes a result to another tab, and what goes along."""

from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from facegen.jobs import inversion
from facegen.jobs.job import Code, Source
from facegen.output import provenance
from facegen.ui import handover
from facegen.ui.run_state import Run, find
from facegen.ui.tabs.wipe import Uploads
from facegen.ui.widgets.photo_input import Photograph


@pytest.fixture
def runs(tmp_path, monkeypatch) -> list:
    """A session's states: no run, one, and two of a history, each with a picture."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = []
    for name in ("one", "two", "three"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        provenance.save_png(folder / "face.png", np.full((40, 40, 3), 90, np.uint8), {})
        made.append(Run(folder))
    return [None, made[0], (made[1], made[2])]


def event(**data):
    return gr.EventData(None, data)


def test_a_picture_is_found_in_the_visitors_own_runs_alone(runs, tmp_path):
    for name in ("one", "two", "three"):
        assert find(runs, name, "face.png")[1] == tmp_path / "runs" / name / "face.png"
    foreign = tmp_path / "runs" / "foreign"
    foreign.mkdir()
    (foreign / "face.png").write_bytes((tmp_path / "runs/one/face.png").read_bytes())
    (tmp_path / "secret.png").write_bytes(b"secret")
    for folder, file in [
        ("foreign", "face.png"), ("one", "../two/face.png"), ("one", "../../secret.png"),
        ("..", "secret.png"), ("one", None), (None, None), (["one"], "face.png"), ("one", {}),
        ("one", "manifest.json"),
    ]:  # fmt: skip
        with pytest.raises(gr.Error, match="deleted"):
            find(runs, folder, file)


def test_a_copy_outlives_its_run_and_its_code_goes_along(runs):
    code = Code("tiny", "ws")
    run = runs[1].coded(SimpleNamespace(path=runs[1].folder / "face.png", code=code))
    told = event(folder="one", file="face.png")
    path, uploads = handover.taken(told, None, [run])
    (run.folder / "face.png").unlink()
    assert path.is_file() and path.parent in uploads.folders and not uploads.files
    assert uploads.source(Photograph.at(path)).code == code
    other = Photograph(np.zeros((9, 9, 3), np.uint8), "another")
    assert uploads.source(other).code is None and Uploads().source(other).code is None


def test_a_code_is_taken_where_the_same_model_draws(tiny_studio):
    ws = tiny_studio.model.code_of(7, 0.7).float().cpu()
    pixels = tiny_studio.renderer.pixels(ws)
    found = inversion.own(tiny_studio, Source(pixels, code=Code("tiny", ws)))
    assert (found.pixels == pixels).all() and found.ws is ws and found.distance == 0
    assert inversion.own(tiny_studio, Source(pixels, code=Code("another", ws))) is None
    second = Source(pixels, face=1, code=Code("tiny", ws))
    assert inversion.own(tiny_studio, second) is None, "it is the code of the first face"
