"""The folder of a training run: its options, state, log and curves, and how a run ends early.

options.json    written before the first step, when nothing can be refused any more
latest.pt       the whole state, replaced only by a complete one
log.csv         one row a snapshot
curves.png      the log as curves
events…         the log for TensorBoard
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import process
from ..errors import OptionError, TrainingError, WeightsError
from ..files import make_folder, write_file
from ..output import provenance

Progress = Callable[[dict[str, float]], None]
CHECKPOINT = "latest.pt"
OPTIONS = "options.json"
X_AXIS = "shown"  # pictures, the column that every row of the log has


class RunFolder:
    """Reads and writes a run's files. Only the first of several processes writes."""

    def __init__(self, out: Path | str, writes: bool = True) -> None:
        self.out = Path(out)
        self.writes = writes
        self._events: Any = None
        self._options: Any = None

    @property
    def checkpoint(self) -> Path:
        """Name the file of the state."""
        return self.out / CHECKPOINT

    @property
    def log_file(self) -> Path:
        """Name the file of the log."""
        return self.out / "log.csv"

    def begin(self, options: Any, shape: Sequence[str]) -> dict[str, Any] | None:
        """Return the state to continue from, or None. Nothing is written before `start`.

        shape: the options that an unfinished run must agree in. Raises OptionError if it does
        not; WeightsError if its state cannot be read.
        """
        state = self.load() if self.checkpoint.exists() else None
        if state is not None:
            said = json.loads(state["options"])
            # an option that is newer than the run had its default
            defaults = {field.name: field.default for field in fields(options)}
            for name in shape:
                now, then = getattr(options, name), said.get(name, defaults[name])
                if now != then:
                    raise OptionError(
                        f"{name} is {now}, but the unfinished run in {self.out} has {then}; "
                        "keep that or name a new folder"
                    )
        self._options = options
        return state

    def start(self) -> None:
        """Make the folder and write the options: nothing may be refused any more.

        Raises OutputError.
        """
        if self.writes:
            make_folder(self.out)
            text = json.dumps(asdict(self._options), indent=1) + "\n"
            write_file(self.out / OPTIONS, text.encode())

    def load(self) -> dict[str, Any]:
        """Read the saved state, on the CPU. Raises WeightsError."""
        try:
            state: dict[str, Any] = torch.load(
                self.checkpoint, map_location="cpu", weights_only=True
            )
            json.loads(state["options"])
            return state
        except Exception as error:
            raise WeightsError(
                f"{self.checkpoint} is not a state of a training run ({type(error).__name__}); "
                "move it away to begin anew"
            ) from error

    def save(self, state: Mapping[str, Any], options: Any) -> None:
        """Write the whole state; the old file stays until the new one is complete.

        Raises TrainingError if there is no room, or if a number in it is none any more: a step
        can break the weights after its losses were computed.
        """
        if not self.writes:
            return
        if broken := _not_finite(state):
            raise TrainingError(
                f"{broken} is no longer made of numbers; the snapshot was not written: "
                f"{self._last_state()}, with a lower learning rate"
            )
        partial = self.checkpoint.with_suffix(".partial")
        try:
            torch.save({**state, "options": json.dumps(asdict(options))}, partial)
            os.replace(partial, self.checkpoint)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            with contextlib.suppress(OSError):
                partial.unlink()
            free = shutil.disk_usage(self.out).free
            raise TrainingError(
                f"the snapshot cannot be written to {self.out} ({free / 1e6:.0f} MB free: "
                f"{str(error).splitlines()[0]}); make room and start again: "
                f"{self._last_state()}"
            ) from error

    def log(self, facts: Mapping[str, float]) -> None:
        """Add a row; new facts get new columns. Curves and TensorBoard's events follow."""
        if not self.writes:
            return
        rows = read_log(self.log_file)
        rows.append({name: f"{value:.6g}" for name, value in facts.items()})
        columns = list(dict.fromkeys(name for row in rows for name in row))
        partial = self.log_file.with_suffix(".partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        os.replace(partial, self.log_file)
        draw_curves(rows, self.out / "curves.png")
        if self._events is None:
            from tensorboardX import SummaryWriter

            self._events = SummaryWriter(str(self.out))
        for name, value in facts.items():
            if name != X_AXIS:
                self._events.add_scalar(name, value, int(facts[X_AXIS]))
        self._events.flush()

    def draw(self, shown: int, sheet: np.ndarray, synthetic: bool) -> None:
        """Keep a sheet of pictures under the number of pictures shown."""
        path = self.out / f"samples-{shown:09d}.png"
        provenance.save_png(path, sheet, {}, synthetic=synthetic)

    def close(self) -> None:
        """Close TensorBoard's events."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def check_finite(self, facts: Mapping[str, float], shown: int, learning_rate: float) -> None:
        """Raise TrainingError if a loss is no longer a number."""
        bad = [name for name, value in facts.items() if not math.isfinite(value)]
        if bad:
            raise TrainingError(
                f"{', '.join(bad)} is no longer a number after {shown} pictures; "
                f"{self._last_state()}, with a lower learning rate than {learning_rate}"
            )

    def _last_state(self) -> str:
        if self.checkpoint.exists():
            return f"{self.checkpoint} holds the last good state, go on from it"
        return "nothing was saved yet, begin anew"


def _not_finite(state: Any, name: str = "") -> str:
    """Name the first tensor in a state that holds NaN or infinity; empty if none does."""
    if isinstance(state, Tensor):
        return "" if not state.is_floating_point() or bool(state.isfinite().all()) else name
    parts: Iterable[tuple[Any, Any]] = state.items() if isinstance(state, Mapping) else ()
    if isinstance(state, (list, tuple)):
        parts = enumerate(state)
    return next(filter(None, (_not_finite(v, f"{name}.{k}".strip(".")) for k, v in parts)), "")


def read_log(path: Path) -> list[dict[str, str]]:
    """Read the rows of a log.csv, without empty cells; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k and v} for row in csv.DictReader(file)]


def draw_curves(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Plot every column of a log over the pictures shown, one small plot each, as a PNG."""
    import matplotlib.figure  # without pyplot: no window, no global state

    names = [n for n in dict.fromkeys(name for row in rows for name in row) if n != X_AXIS]
    if not names:
        return
    columns = min(3, len(names))
    lines = math.ceil(len(names) / columns)
    width, height = 4 * columns, 2.4 * lines  # inches
    figure = matplotlib.figure.Figure(figsize=(width, height))
    # Margins that hold any labels: a layout made to measure would draw everything once more.
    figure.subplots_adjust(
        0.55 / width, 0.55 / height, 1 - 0.15 / width, 1 - 0.3 / height, wspace=0.2, hspace=0.35
    )
    for index, name in enumerate(names):
        axes = figure.add_subplot(lines, columns, index + 1)
        points = [(float(row[X_AXIS]), float(row[name])) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), marker="." if len(points) < 20 else "")
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.tick_params(labelsize=7)
        axes.locator_params(nbins=5)
        axes.grid(alpha=0.3)
    figure.supxlabel("pictures shown", fontsize=8)
    figure.savefig(path, dpi=80)


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or a signal to end sets, so that a run can finish and save.

    A second Ctrl-C interrupts at once. Outside the main thread nothing is caught.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:  # a closing terminal says it twice
            raise KeyboardInterrupt
        stop.set()

    before = {name: signal.signal(name, ask) for name in (signal.SIGINT, *process.ending())}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
