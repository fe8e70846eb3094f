"""The tabs "Random people" and "Walk" without a browser: what they show, and when."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

pytest.importorskip("gradio")
import gradio as gr

from facegen.errors import FacegenError
from facegen.jobs.job import Picture
from facegen.ui import api, run_control
from facegen.ui.server import model_pool
from facegen.ui.services import services
from facegen.ui.tabs.random_faces import RandomFaces
from facegen.ui.tabs.walk import WalkTab
from facegen.ui.texts.words import Run
from facegen.ui.widgets import model_download


def refuse(*_, **__):
    raise FacegenError("not today")
    yield


def nothing_given(tab) -> dict:
    history = {tab.history.runs: ()} if hasattr(tab, "history") else {}
    return {one: None for one in vars(tab).values() if not isinstance(one, list)} | history


@pytest.mark.parametrize("kind", [RandomFaces, WalkTab])
def test_a_new_run_takes_down_what_showed_the_files_of_the_one_before(
    kind, tiny_studio, tmp_path, monkeypatch
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    studios = model_pool.Studios(tiny_studio)
    monkeypatch.setattr(studios, "compute", refuse)
    with gr.Blocks():
        tab = kind(studios)
    begun, refused = tab._job(nothing_given(tab))
    assert "not today" in refused[tab.status]
    assert begun[tab.empty]["visible"]
    numbers = (tab.run, tab.status, tab.empty, getattr(tab, "chosen", None))
    shown = {one for one in begun if one not in numbers}
    assert shown and not any(begun[one]["visible"] for one in shown)
    names = ("gallery", "view", "downloads", "words", "plot", "monster", "strip", "map", "moving")
    assert shown >= {getattr(tab, name) for name in names if hasattr(tab, name)}


@pytest.mark.parametrize("front", ["a tab", "an endpoint"])
def test_a_defect_while_a_job_goes_on_gives_the_turn_back_at_once(
    front, tiny_studio, tmp_path, monkeypatch
):
    def half(*_):
        yield Picture(None)  # that the page cannot show
        yield Picture(None)

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(model_pool.catalogue, "run", half)
    studios = model_pool.Studios(tiny_studio)
    if front == "a tab":
        with gr.Blocks():
            tab = RandomFaces(studios)
        updates = tab._job(nothing_given(tab))
    else:
        service = services(studios)["random"]
        default = [argument.default for argument in service.arguments.values()]
        updates = api._endpoint(studios, service, "")(*default)
    with pytest.raises((AssertionError, AttributeError)) as error:
        list(updates)
    assert next(studios.compute(lambda _: iter(["my turn"]), None)) == "my turn"
    assert error.tb  # a log may keep it, and with it the frames of all that had begun


@pytest.fixture
def page():
    """A page with one run, and its functions by their names."""
    page = SimpleNamespace(steps=["a bar"])

    def job(asked):
        for step in page.steps:
            if isinstance(step, Exception):
                raise step
            yield {page.status: step}

    with gr.Blocks() as demo:
        page.go, page.stop = gr.Button(), gr.Button()
        page.status, page.turn = gr.HTML(), gr.State()
        event = run_control.start(
            page.go.click, job, set(), [page.status], page.go, page.stop, page.status, page.turn
        )
        answer = [page.go, page.stop, page.status]
        run_control.stop_with(page.stop, [event], run_control.said_stopped, [], answer, page.turn)
    page.fns = {one.name: one.fn for one in demo.fns.values() if one.fn}

    def on(update) -> bool:
        """Whether these say that a run is going on."""
        assert update[page.go]["interactive"] is not update[page.stop]["interactive"]
        return update[page.stop]["interactive"]

    page.on = on
    return page


def test_a_run_says_itself_when_it_goes_on_and_when_it_has_ended(page):
    turn, *_ = page.fns["press"](None)
    *_, last = updates = list(page.fns["watched"]({page.turn: turn}))
    assert page.on(updates[0]) and not page.on(last)
    assert updates[1] == {page.status: "a bar"} and len(updates) == 3
    # Gradio follows `then` on a cancellation, too, long before a run has ended.
    assert not any(name.startswith("<lambda") for name in page.fns)


def test_stop_answers_when_the_run_has_ended(page, monkeypatch):
    monkeypatch.setattr(run_control, "SOON", 60)
    page.steps = ["a bar", "another"]
    turn, *_ = page.fns["press"](None)
    updates = page.fns["watched"]({page.turn: turn})
    next(updates)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(page.fns["end"], turn)
        assert turn.over.wait(60) and not answer.done()
        assert list(updates) == []  # nor does it touch the buttons that the answer sets
        go, stop, said = answer.result(60)
    assert go["interactive"] and not stop["interactive"] and "Stopped" in said


def test_stop_waits_for_no_run_that_has_not_begun(page, monkeypatch):
    monkeypatch.setattr(run_control, "SOON", 60)
    turn, *_ = page.fns["press"](None)
    assert "Stopped" in page.fns["end"](turn)[2]
    assert list(page.fns["watched"]({page.turn: turn})) == []
    assert "Stopped" in page.fns["end"](None)[2]


def test_the_next_run_takes_over(page):
    first, *_ = page.fns["press"](None)
    updates = page.fns["watched"]({page.turn: first})
    next(updates)
    page.fns["press"](first)
    assert list(updates) == []
    assert set(page.fns["end"](first)) == {"__type__"}  # Stop was pressed just before: no answer


def test_a_failure_gives_the_buttons_back_unless_another_run_goes_on(page, monkeypatch):
    monkeypatch.setattr(run_control, "SOON", 0)

    def failed(turn) -> bool:
        go, stop = page.fns["failed"](turn)
        return page.on({page.go: go, page.stop: stop})

    turn, *_ = page.fns["press"](None)
    assert not failed(turn)  # the queue is full
    updates = page.fns["watched"]({page.turn: turn})
    next(updates)
    assert failed(turn)  # the one before failed
    list(updates)
    assert not failed(turn)
    page.fns["press"](turn)
    assert [set(one) for one in page.fns["failed"](turn)] == [{"__type__"}] * 2


def test_a_defect_takes_down_the_bar(page):
    """Whatever ended the run, no bar goes on promising a result; after Stop, Stop has answered."""
    page.steps = ["a bar", ZeroDivisionError()]
    turn, *_ = page.fns["press"](None)
    told: list[dict] = []
    with pytest.raises(ZeroDivisionError):
        for update in page.fns["watched"]({page.turn: turn}):
            told.append(update)
    assert told[1] == {page.status: "a bar"} and Run.defect in told[2][page.status]
    turn, *_ = page.fns["press"](turn)
    updates = page.fns["watched"]({page.turn: turn})
    next(updates), next(updates)
    turn.over.set()
    with pytest.raises(ZeroDivisionError):
        next(updates)


OUT_OF_MEMORY = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")


@pytest.mark.parametrize("kind", [RandomFaces, WalkTab])
def test_too_little_memory_is_said_on_the_page(kind, tiny_studio, tmp_path, monkeypatch):
    def run_out(*_, **__):
        raise OUT_OF_MEMORY

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(tiny_studio, "_samples", run_out)
    monkeypatch.setattr(tiny_studio.renderer, "previews", run_out)
    studios = model_pool.Studios(tiny_studio)
    with gr.Blocks():
        tab = kind(studios)
    *_, said = tab._job(nothing_given(tab))
    assert "there is too little memory" in said[tab.status]


def test_too_little_memory_for_a_fetched_model_offers_it_again(tiny_studio, monkeypatch):
    class Full(model_pool.Studios):
        def __getitem__(self, name):
            raise OUT_OF_MEMORY

    page = model_download.Offer(Full(tiny_studio))
    monkeypatch.setattr(model_download.weights, "fetch", lambda *_: None)
    page._fetch()
    assert page.state.phase == "offered" and "too little memory" in page.state.message
