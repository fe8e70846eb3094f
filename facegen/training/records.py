"""Arrays on disk that grow record by record, and go on growing after an interruption."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import TrainingError
from .run import Progress, stopping

Make = Callable[[int, int], Mapping[str, np.ndarray]]  # (first record, how many) -> arrays by name


class Records:
    """Arrays of equally many records, one raw file each: its size says how many there are, so
    that nothing which was being written when the power went can be taken for a record.

    layout: name -> (shape of one record, dtype).
    """

    def __init__(self, folder: Path, layout: Mapping[str, tuple[Sequence[int], str]]):
        self.folder = folder
        self.layout = {
            name: (tuple(shape), np.dtype(kind)) for name, (shape, kind) in layout.items()
        }

    def __len__(self) -> int:
        return min(self._size(name) // self._bytes(name) for name in self.layout)

    @property
    def bytes_each(self) -> int:
        """Of a record, in all arrays."""
        return sum(self._bytes(name) for name in self.layout)

    def read(self, name: str, count: int) -> np.ndarray:
        """The first `count` records, [count, *shape], mapped: only what is looked at is read."""
        shape, kind = self.layout[name]
        # copy on write: torch wants memory that may be written to, the file stays as it is
        return np.memmap(self._file(name), kind, "c", shape=(count, *shape))

    def fill(self, total: int, at_once: int, make: Make, progress: Progress | None = None) -> None:
        """Append what `make` makes of `at_once` records, from 0, at_once, 2 at_once and so on,
        until there are `total` or a few more.

        Raises KeyboardInterrupt after Ctrl-C, when what was begun is written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep(len(self) // at_once * at_once)
        told = len(self)
        with stopping() as asked:
            while (start := len(self)) < total:
                self._append(make(start, at_once))
                done = min(len(self), total)
                if progress and (done - told >= total / 20 or done == total):
                    progress({self.folder.name: done, "of": total})
                    told = done
                if asked.is_set():
                    raise KeyboardInterrupt

    def _append(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, (shape, kind) in self.layout.items():
            array = np.ascontiguousarray(arrays[name], kind)
            assert array.shape[1:] == shape, (name, array.shape, shape)
            try:
                with self._file(name).open("ab") as file:
                    file.write(array.tobytes())
            except OSError as error:
                raise TrainingError(
                    f"{self._file(name)} cannot be written ({error.strerror}); make room and "
                    f"start again: the run goes on after {len(self)} records"
                ) from error

    def _keep(self, count: int) -> None:
        for name in self.layout:
            if self._file(name).exists():
                with self._file(name).open("r+b") as file:
                    file.truncate(count * self._bytes(name))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.{self.layout[name][1].name}"

    def _bytes(self, name: str) -> int:
        shape, kind = self.layout[name]
        return math.prod(shape) * kind.itemsize

    def _size(self, name: str) -> int:
        return self._file(name).stat().st_size if self._file(name).exists() else 0
