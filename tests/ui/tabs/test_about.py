"""What the page says of the models and recognisers that are available."""

import json

import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.identity.sface import SFaceRecogniser
from facegen.ui import page
from facegen.ui.server import model_pool
from facegen.ui.tabs import random_faces
from facegen.ui.texts import fairness


def told(studio) -> str:
    with gr.Blocks() as demo:
        page.about_tab(model_pool.Studios(studio))
    (text,) = (one.value for one in demo.blocks.values() if isinstance(one, gr.Markdown))
    return text


def test_one_recogniser(tiny_studio):
    tiny_studio.recognisers = (DlibRecogniser(),)
    text = told(tiny_studio)
    assert "**dlib's face recognition** (public domain)" in text
    assert "SFace" not in text and "the opinion of one network" in text


def test_a_piece_of_the_photo_is_not_called_synthetic(tiny_studio):
    words = " ".join(told(tiny_studio).split())
    assert "a crop of your photo, `aligned.png`, which is not marked as synthetic" in words


def test_it_says_how_near_random_faces_are_to_training_faces(tiny_studio):
    text = told(tiny_studio)
    assert "| random faces | 0." in text
    assert "| faces never seen | 0." in text and "1,569 training faces" in text


def test_the_truncation_slider_speaks_of_the_model_that_is_chosen(tiny_studio):
    assert "model hold up to" in random_faces.psi_of("bundled")["info"]
    assert "hold" not in random_faces.psi_of("ffhq-1024")["info"]  # nobody walked there
    with gr.Blocks() as demo:
        tab = random_faces.RandomFaces(model_pool.Studios(tiny_studio))
    assert any((tab.model._id, "change") in fn.targets for fn in demo.fns.values())


def test_two_recognisers(tiny_studio):
    tiny_studio.recognisers = (DlibRecogniser(), SFaceRecogniser())
    text = told(tiny_studio)
    assert "**dlib's face recognition** (public domain)" in text
    assert "**SFace, a second recogniser of identity** (face recognition)" in text
    assert "the opinion of 2 networks" in text


def test_it_says_who_comes_out_worse_and_where_nobody_measured(tiny_studio):
    assert "nobody has measured whom it serves worse" in told(tiny_studio)
    assert fairness.hiding("tiny") == "" and "anonymous" not in told(tiny_studio)
    assert "does not make anybody anonymous" in fairness.hiding("mobilestylegan-1024")
    text = fairness.section("mobilestylegan-1024", "MobileStyleGAN")
    found = json.loads(fairness.DATA.read_text())["mobilestylegan-1024"]
    assert f"on {found['sources']} drawn faces" in text
    rows = [line for line in text.splitlines() if line.startswith("- **age: ")]
    assert text.startswith("**No group is protected less than another**: in each, 100 %")
    assert len(rows) >= 3 and all("% (" in row for row in rows)
    for trait in ("age", "gender presentation", "skin tone"):
        assert sum(found["drawn"]["shares"][trait].values()) == pytest.approx(
            1, abs=0.02
        )  # some show no face
    assert "Without a photo" in text and "People of" in text


def test_it_names_who_is_protected_least(tmp_path, monkeypatch):
    found = json.loads(fairness.DATA.read_text())
    group = found["mobilestylegan-1024"]["groups"][1]
    group["protected"] = [0.5, 0.4, 0.6]
    (tmp_path / "fairness.json").write_text(json.dumps(found))
    monkeypatch.setattr(fairness, "DATA", tmp_path / "fairness.json")
    text = fairness.section("mobilestylegan-1024", "MobileStyleGAN")
    assert text.startswith(f"**Least protected** are faces of *{group['name']}*: 50 % (40 to 60)")
