"""The files in the protocol's folder.

    OUT/settings.json          what decides the variants; others need a new folder
    OUT/made.csv               a line a variant: id, k, seed, strength, reached, trouble
    OUT/variants/ID-K.png      the variant, at most PICTURE pixels
    OUT/codes/ID.npy           the source's code, float32 [1, num_ws, w_dim]: for a baseline
    OUT/measured/ID-KEY.npz    measurements of the source, its variants and the baselines
    OUT/population/            likewise of random faces
    OUT/attacks/               the attackers' results
    OUT/protocol.*             the report
    OUT/references/ID.png      the aligned source, only where the sources are not crops already

An id is a source's file name without its suffix. codes/ and references/ are pieces of the sources:
delete them once the numbers are read, where nobody may see the sources. Several processes may make
sources of different numbers in one folder at the same time.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ...errors import DataError, OptionError, OutputError
from ...files import make_folder, writable, write_file

PICTURE = 512  # pixels of a kept picture: twice what any recogniser here looks at


@dataclass(frozen=True)
class Made:
    """A line of made.csv.

    trouble: why there is no variant k; "" where there is one. reached: whether the dial reached its
    target."""

    id: str
    k: int
    seed: int = 0
    strength: float = 0.0
    reached: bool = False
    trouble: str = ""


def id_of(path: Path) -> str:
    """Return the id of a source's file."""
    return writable(path.stem)


def check_ids(paths: Sequence[Path]) -> None:
    """Raise DataError for two sources that would share their files."""
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(id_of(path), path)
        if other is not path:
            raise DataError(
                f"{writable(other.name)} and {writable(path.name)} differ in their suffix alone; "
                "rename one"
            )


HEAD = [field.name for field in fields(Made)]


@dataclass(frozen=True)
class Layout:
    """The folder of one run of the protocol."""

    out: Path

    @property
    def variants(self) -> Path:
        return self.out / "variants"

    @property
    def references(self) -> Path:
        return self.out / "references"

    @property
    def codes(self) -> Path:
        return self.out / "codes"

    @property
    def made_file(self) -> Path:
        return self.out / "made.csv"

    @property
    def measured(self) -> Path:
        return self.out / "measured"

    @property
    def population(self) -> Path:
        return self.out / "population"

    @property
    def attacks(self) -> Path:
        return self.out / "attacks"

    def measured_file(self, source: str, key: str) -> Path:
        return self.measured / f"{source}-{key}.npz"

    def variant(self, source: str, k: int) -> Path:
        return self.variants / f"{source}-{k}.png"

    def begin(self, settings: dict[str, object]) -> None:
        """Make the folder, or check that it is a run with the same settings.

        Raises OptionError where it is another one's, OutputError."""
        for folder in (self.variants, self.codes):
            make_folder(folder)
        file = self.out / "settings.json"
        if not file.is_file():
            write_file(file, (json.dumps(settings, indent=1) + "\n").encode())
            return
        try:
            before = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read {file}; name another folder") from error
        for name, value in json.loads(json.dumps(settings)).items():
            if before.get(name) != value:
                raise OptionError(
                    f"{name} is {value}, but {self.out} was begun with {before.get(name)}; name "
                    "another folder, or ask for the same"
                )

    def made(self) -> dict[str, list[Made]]:
        """Read source -> its lines, by k. An incomplete line does not count. Raises DataError."""
        found: dict[str, dict[int, Made]] = defaultdict(dict)
        if not self.made_file.is_file():
            return {}
        try:
            with self.made_file.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if None not in row.values()]
            for row in rows:  # a line that was cut off lacks its last fields
                line = Made(
                    row["id"],
                    int(row["k"]),
                    int(row["seed"]),
                    float(row["strength"]),
                    row["reached"] == "True",
                    row["trouble"],
                )
                found[line.id][line.k] = line
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise DataError(
                f"cannot read {self.made_file} ({error}); mend it or name another folder"
            ) from error
        return {source: [of[k] for k in sorted(of)] for source, of in sorted(found.items())}

    def append(self, lines: Sequence[Made]) -> None:
        """Add a source's lines in one write, atomic between two processes. Raises OutputError."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        try:
            with self.made_file.open("ab") as file:
                if file.tell() == 0:
                    writer.writerow(HEAD)
                elif not self.made_file.read_bytes().endswith(b"\n"):  # torn: it is made again
                    text.write("\n")
                writer.writerows(astuple(line) for line in lines)
                os.write(file.fileno(), text.getvalue().encode())
        except OSError as error:
            raise OutputError(f"cannot write {self.made_file} ({error.strerror})") from error
