"""Progress for a person at a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from ..registry import DEFAULT, megabytes


@contextlib.contextmanager
def terminal_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a callback (bytes done, bytes in all or None) that shows a bar on standard error.

    One line where that is not a terminal. name: of a model. "auto" is the default one, whose
    download is announced already (models.fetch_default)."""
    from tqdm import tqdm

    shown: list[tqdm] = []
    title = DEFAULT if name == "auto" else name

    def show(done: int, whole: int | None) -> None:
        if not shown:
            if name != "auto" and not sys.stderr.isatty():
                print(f"facegen: fetching {name} ({megabytes(whole)})", file=sys.stderr, flush=True)
            what = f"fetching {title}"
            shown.append(tqdm(desc=what, total=whole, unit="B", unit_scale=True, disable=None))
        bar = shown[0]
        bar.total = whole
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        for bar in shown:
            bar.close()
