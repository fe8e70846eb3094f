"""How a button starts a run that takes a while, and how another one stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import gradio as gr

from . import words

INTERNAL = {"api_visibility": "private"}  # for the page alone; the API is in endpoints.py
QUICK = {"queue": False, "show_progress": "hidden", **INTERNAL}
CANCEL_SECONDS = 1.0
DEFECT = "a defect of Facegen ended this run; the log of its server says more"

# On a telephone the results lie below everything that was asked.
SHOW_RESULTS = """() => {
    if (window.innerWidth < 700)
        [...document.querySelectorAll(".fg-right")].find(one => one.offsetParent)
            ?.scrollIntoView({behavior: "smooth"});
}"""


def start(
    trigger: Callable,
    job: Callable,
    inputs: set,
    outputs: list,
    go: gr.Button,
    stop: gr.Button,
    status: gr.HTML,
    ended: gr.State,
):
    """On the trigger, run the job in its turn, with Stop to be pressed meanwhile.

    The visitor's place in the queue shows in `status`. ended: an empty state, the same for
    `stop_with`. Returns the event for it.
    """

    def watched(asked: dict) -> Iterator[dict]:
        try:
            for update in job(asked):
                if asked[ended].is_set():  # nothing may be shown over the answer to Stop
                    return
                yield update
        except Exception:
            if not asked[ended].is_set():  # the last bar would go on promising a result
                yield {status: words.error(DEFECT)}
            raise

    def press() -> tuple:
        return threading.Event(), *_running(True)

    begun = trigger(press, None, [ended, go, stop], js=SHOW_RESULTS, **QUICK)
    event = begun.then(
        watched,
        {*inputs, ended},
        outputs,
        concurrency_id="gpu",
        concurrency_limit=1,
        show_progress_on=status,
        show_progress="minimal",
        **INTERNAL,
    )
    for over in (event.then, event.failure):  # Gradio's `then` does not follow a failure
        over(lambda: _running(False), None, [go, stop], **QUICK)
    return event


def stop_with(
    stop: gr.Button, events: list, answer: Callable, inputs: list, outputs: list, ended: gr.State
) -> None:
    """On Stop, end the events, wherever they are, and show the answer."""

    def end(over: threading.Event | None, *given) -> tuple:
        if over:
            over.set()
        return answer(*given)

    stop.click(end, [ended, *inputs], outputs, cancels=events, **QUICK)


def _running(on: bool) -> tuple:
    return gr.update(interactive=not on), gr.update(interactive=on)


def stopped() -> tuple:
    """The two buttons after Stop.

    The browser sends the cancellation beside the request for this answer. It has to arrive
    before Generate can be pressed again, or it would end the new run.
    """
    time.sleep(CANCEL_SECONDS)
    return _running(False)


def said_stopped() -> tuple:
    """The two buttons and the status after Stop, where nothing is left to be had."""
    return *stopped(), words.note("Stopped.")
