"""How a button starts a run that takes a while, and how another one stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from . import texts
from .texts.words import Fields, Run

INTERNAL: dict[str, Any] = {"api_visibility": "private"}  # for the page alone; the API is in api.py
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", **INTERNAL}
SOON = 1.0  # seconds that a step of a run may take to begin or to end

# On a telephone the results lie below everything that was asked; before, the example lies above
# it (phone.css).
SHOW_RESULTS = """() => {
    const own = document.activeElement?.closest(".fg-columns")?.querySelector(".fg-right");
    const all = [own, ...document.querySelectorAll(".fg-right")];
    const results = all.find(one => one?.offsetParent);
    const show = tries => tries && results.querySelector(".fg-first")
        ? setTimeout(show, 100, tries - 1)
        : results.scrollIntoView({behavior: "smooth"});
    if (window.innerWidth < 700 && results) show(50);
}"""


class Turn:
    """One run of a visitor's.

    over: nothing more of it may be shown. followed: because the next one was requested.
    """

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        self.over, self.followed = threading.Event(), threading.Event()

    def goes_on(self) -> bool:
        return self.begun.is_set() and not (self.ended.is_set() or self.over.is_set())


def start(
    trigger: Callable,
    job: Callable,
    inputs: set,
    outputs: list,
    go: gr.Button,
    stop: gr.Button,
    status: gr.HTML,
    turn: gr.State,
) -> Any:
    """Run the job in its turn when the trigger fires; Stop can be pressed meanwhile.

    The visitor's place in the queue shows in `status`. turn: an empty state, the same for
    `stop_with`. Returns the event for it.
    """

    def press(before: Turn | None) -> tuple:
        if before:
            before.followed.set()
            before.over.set()
        return Turn(), *running(True)

    def watched(asked: dict) -> Iterator[dict]:
        mine = asked[turn]
        if mine.over.is_set():  # while it waited
            return
        mine.begun.set()
        try:
            yield buttons(True)  # whatever the end of the run before made of them
            for update in job(asked):
                if mine.over.is_set():
                    return
                yield update
            if not mine.over.is_set():
                yield buttons(False)
        except Exception:
            if not mine.over.is_set():  # the last bar would go on promising a result
                yield {status: texts.error(Run.defect)}
            raise
        finally:
            mine.ended.set()

    def buttons(on: bool) -> dict:
        return dict(zip((go, stop), running(on), strict=True))

    def failed(mine: Turn) -> tuple:
        if mine.over.is_set():  # whoever ended it sees to the buttons
            return gr.skip(), gr.skip()
        # It may be the run before that failed, and this one is about to begin.
        return running(mine.begun.wait(SOON) and not mine.ended.is_set())

    pressed = trigger(press, turn, [turn, go, stop], js=SHOW_RESULTS, **QUICK)
    event = pressed.then(
        watched,
        {*inputs, turn},
        [*outputs, go, stop],
        concurrency_id="gpu",
        concurrency_limit=1,
        show_progress_on=status,
        show_progress="minimal",
        trigger_mode="multiple",  # or the browser drops a run while the one before is ending
        **INTERNAL,
    )
    # A queue that is full, a defect, a cancellation.
    event.failure(failed, turn, [go, stop], **QUICK)
    return event


def cancel(trigger: Callable, events: list) -> None:
    """End the events that exist when the trigger fires, wherever they are."""
    for event in events:  # of a list, the browser cancels the next when the one before has ended
        trigger(None, None, None, cancels=[event], **QUICK)


def stop_with(
    stop: gr.Button, events: list, answer: Callable, inputs: list, outputs: list, turn: gr.State
) -> None:
    """End the events on Stop, and show the answer."""

    def end(mine: Turn | None, *given: Any) -> Any:
        if mine:
            mine.over.set()
            if mine.begun.is_set():
                mine.ended.wait(SOON)  # what it showed last must not come after the answer
            if mine.followed.is_set():
                return gr.skip()
        return answer(*given)

    cancel(stop.click, events)  # first: the browser does it before it asks for the answer
    stop.click(end, [turn, *inputs], outputs, **QUICK)


def sent(event: gr.EventData, name: str) -> Any:
    """Return what the browser sent under that name: whatever it likes, or None."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def running(on: bool) -> tuple:
    """Update the two buttons, Generate and Stop, while a run goes on and while none does."""
    return gr.update(interactive=not on), gr.update(interactive=on)


def said_stopped() -> tuple:
    """Update the two buttons and the status after Stop, where no result is left."""
    return *running(False), texts.note(Fields.stopped)
