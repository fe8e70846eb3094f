"""The tabs "Random faces" and "Walk" without a browser: what they show, and when."""

import threading

import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.errors import FacegenError
from facegen.ui import gpu, offer, wiring
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


def test_a_defect_takes_down_the_bar():
    """Whatever ended the run, no bar goes on promising a result; after Stop, Stop has answered."""
    told: list[dict] = []

    def job(asked):
        yield {status: "a bar"}
        raise ZeroDivisionError

    with gr.Blocks() as demo:
        go, stop, status, ended = gr.Button(), gr.Button(), gr.HTML(), gr.State()
        wiring.start(go.click, job, set(), [status], go, stop, status, ended)
    (watched,) = (one.fn for one in demo.fns.values() if one.name == "watched")
    over = threading.Event()
    with pytest.raises(ZeroDivisionError):
        for update in watched({ended: over}):
            told.append(update[status])
    assert told[0] == "a bar" and wiring.DEFECT in told[1]
    updates = watched({ended: over})
    next(updates)
    over.set()
    with pytest.raises(ZeroDivisionError):
        next(updates)


OUT_OF_MEMORY = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")


@pytest.mark.parametrize("kind", [RandomFaces, WalkTab])
def test_too_little_memory_is_said_on_the_page(kind, tiny_studio, tmp_path, monkeypatch):
    def run_out(*_, **__):
        raise OUT_OF_MEMORY

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(tiny_studio, "_samples", run_out)
    monkeypatch.setattr(tiny_studio, "sketch", run_out)
    studios = gpu.Studios(tiny_studio)
    job = gpu.make_walker(studios) if kind is WalkTab else gpu.make_runner(studios)[1]
    with gr.Blocks():
        tab = kind(studios, job)
    *_, said = tab._job({one: None for one in vars(tab).values()})
    assert "there is too little memory" in said[tab.status]


def test_too_little_memory_for_a_fetched_model_offers_it_again(tiny_studio, monkeypatch):
    class Full(gpu.Studios):
        def __getitem__(self, name):
            raise OUT_OF_MEMORY

    page = offer.Offer(Full(tiny_studio))
    monkeypatch.setattr(offer.weights, "fetch", lambda *_: None)
    page._fetch()
    assert page.state.phase == "offered" and "too little memory" in page.state.message
