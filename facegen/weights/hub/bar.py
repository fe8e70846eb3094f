"""Progress for a person at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ..registry import DEFAULT, megabytes


def terminal_bar(name: str) -> Callable[[int, int | None], None]:
    """Progress on standard error: a line that overwrites itself, or one line in a log.

    name: of a model. "auto" is the default one, whose fetching is announced already
    (models.fetch_default).
    """
    state = {"at": 0.0, "said": name == "auto"}
    name = DEFAULT if name == "auto" else name

    def show(done: int, whole: int | None) -> None:
        now = time.monotonic()
        finished = whole is not None and done >= whole
        if not sys.stderr.isatty():
            if not state["said"]:
                print(f"facegen: fetching {name} ({megabytes(whole)})", file=sys.stderr, flush=True)
                state["said"] = True
            return
        if now - state["at"] < 0.1 and not finished:
            return
        state["at"] = now
        of = f" of {megabytes(whole)}, {done / whole:.0%}" if whole else ""
        end = "\n" if finished else ""
        print(
            f"\r\x1b[Kfetching {name}: {megabytes(done)}{of}", end=end, file=sys.stderr, flush=True
        )

    return show
