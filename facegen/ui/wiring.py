"""How a button starts a run that takes a while, and how another one stops it."""

from __future__ import annotations

import time
from collections.abc import Callable

import gradio as gr

INTERNAL = {"api_visibility": "private"}  # for the page alone; the API is in endpoints.py
QUICK = {"queue": False, "show_progress": "hidden", **INTERNAL}
CANCEL_SECONDS = 1.0

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
):
    """On the trigger, run the job in its turn, with Stop to be pressed meanwhile.

    The visitor's place in the queue shows in `status`. Returns the event for `stop_with`.
    """
    begun = trigger(lambda: _running(True), None, [go, stop], js=SHOW_RESULTS, **QUICK)
    event = begun.then(
        job,
        inputs,
        outputs,
        concurrency_id="gpu",
        concurrency_limit=1,
        show_progress_on=status,
        show_progress="minimal",
        **INTERNAL,
    )
    event.then(lambda: _running(False), None, [go, stop], **QUICK)
    return event


def stop_with(stop: gr.Button, events: list, answer: Callable, inputs, outputs: list) -> None:
    """On Stop, end the events, wherever they are, and show the answer."""
    stop.click(answer, inputs, outputs, cancels=events, **QUICK)


def _running(on: bool) -> tuple:
    return gr.update(interactive=not on), gr.update(interactive=on)


def stopped() -> tuple:
    """The two buttons after Stop.

    The browser sends the cancellation beside the request for this answer. It has to arrive
    before Generate can be pressed again, or it would end the new run.
    """
    time.sleep(CANCEL_SECONDS)
    return _running(False)
