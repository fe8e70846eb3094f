"""The bar of every command, and the loop that runs a job under it."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..jobs.catalogue import find
from ..jobs.job import CROP, RESULT, Event, Finished, Picture
from ..output.staging import finished_only

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}, {remaining} left{postfix}]"


def say(text: str) -> None:
    """Print one line on standard error, above any bar."""
    from tqdm import tqdm

    tqdm.write(f"facegen: {' '.join(text.split())}", file=sys.stderr)


def progress_bar(what: str, total: int = 1) -> Any:
    """Make a bar that disappears when it is closed; without a terminal it shows nothing."""
    from tqdm import tqdm

    bar = tqdm(
        desc=what, total=total, leave=False, disable=None, dynamic_ncols=True, miniters=0,
        bar_format=BAR,
    )  # fmt: skip
    if not bar.disable:
        threading.Thread(target=_tick, args=(bar,), daemon=True).start()
    return bar


def _tick(bar: Any) -> None:
    """Let a bar's seconds go on while a long step moves nothing, until it is closed."""
    while not bar.disable:
        time.sleep(1)
        with bar.get_lock():
            if not bar.disable:
                bar.refresh(nolock=True)


def show(bar: Any, what: str, done: float, total: int, words: str = "") -> None:
    """Move a bar; start it anew where `what` has changed."""
    if bar.disable:
        return
    begins = what != bar.desc or not done
    if begins:
        bar.reset(total)
        bar.set_description_str(what, refresh=False)
    bar.total = total
    bar.set_postfix_str(words, refresh=False)
    bar.update(done - bar.n)
    if begins or words:  # seldom enough: tqdm itself would wait until it can tell a speed
        bar.refresh()


def run_job(
    studio: Any,
    name: str,
    arguments: argparse.Namespace,
    sources: Sequence[Any],
    options: Any,
    noun: str,
    begin: str,
    tell: Callable[[Event], object],
    photo: str | None = None,
    pictures: Sequence[str] = (),
    **more: Any,
) -> tuple[Finished, int]:
    """Run a job into --out, all of it or nothing; -> (its end, how many results there are).

    noun, begin: what the results are called on the bar, and its first words. tell: receives each
    event. photo: the input, which is never overwritten. pictures: see finished_only. more: see
    Job.run.
    """
    with finished_only(arguments.out, photo, pictures, arguments.overwrite) as folder:
        events = find(name).run(studio, sources, folder, options, **more)
        return follow(events, noun, begin, tell)


def follow(
    events: Iterator[Event],
    noun: str,
    begin: str,
    tell: Callable[[Event], object] = lambda event: None,
) -> tuple[Finished, int]:
    """Show a job's progress on a bar, to its end; -> as run_job."""
    results = 0
    with progress_bar(begin) as bar:
        show(bar, begin, 0, 1)
        for event in events:
            tell(event)
            if isinstance(event, Finished):
                return event, results
            if not isinstance(event, Picture):
                show(bar, event.stage, event.done, event.of, event.note)
            elif event.kind == CROP:
                show(bar, "meeting the face", 0, 1)
            elif event.kind == RESULT:
                results += 1
                show(bar, noun, event.index, event.count)
    raise AssertionError("a job ended without an end")
