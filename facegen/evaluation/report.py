"""What every report is written with: bars, tables, CSV, JSON, Markdown, and one HTML file.

The HTML comes from the templates beside this module. All content of a template is escaped: names of
files and models come from outside.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from ..files import make_folder, write_file
from .metrics import Estimate

NOTHING = "–"  # what a cell says where there is no number
WORST = "the worst"  # stands for a recogniser

Column = Mapping[str, Any]  # key of a measure -> a share, an Estimate, or None


@dataclass(frozen=True)
class Bar:
    """A requirement of the project, and the result. reached: None: not measured.

    at_most: else at least."""

    name: str
    wanted: float
    reached: float | None
    at_most: bool = False

    @property
    def met(self) -> bool:
        if self.reached is None:
            return False
        return self.reached <= self.wanted if self.at_most else self.reached >= self.wanted

    @property
    def words(self) -> str:
        reached = "not measured" if self.reached is None else f"{self.reached:.3g}"
        sign = "most" if self.at_most else "least"
        return f"{self.name}: {reached}, wanted at {sign} {self.wanted:g}"

    def as_dict(self) -> dict[str, Any]:
        """Convert for JSON."""
        return {
            "bar": self.name,
            "wanted": self.wanted,
            "at_most": self.at_most,
            "reached": self.reached,
            "met": self.met,
        }


@dataclass(frozen=True)
class Measure:
    """A row of a table.

    key: of its numbers in a column, "{}" where the name of a recogniser stands; so in the label.
    digits: None: a share, shown in per cent. of: what a column shows of several numbers, their mean
    or median. less: whether less is better."""

    key: str
    label: str
    digits: int | None = None
    of: Callable[..., np.ndarray] = np.mean
    less: bool = True

    def within(self, key: str) -> str | None:
        """Return the recogniser in a key of this measure, "" if it has none; None if it is not."""
        fits = re.fullmatch(re.escape(self.key).replace(r"\{\}", "(.+)"), key)
        return None if fits is None else "".join(fits.groups())

    def keys(self, columns: Iterable[Column]) -> list[str]:
        """List the keys of this measure in any of the columns: one a recogniser."""
        keys = dict.fromkeys(key for column in columns for key in column)
        return [key for key in keys if self.within(key) is not None]

    def cell(self, value: Any) -> str:
        """Format a share or number, with its interval if it has one: 2.0 % (0.7 to 3.7)."""
        if value is None or isinstance(value, str):
            return value or NOTHING
        numbers = (value.value, value.low, value.high) if isinstance(value, Estimate) else (value,)
        percent = self.digits is None
        words = [f"{100 * n:.1f}" if percent else f"{n:.{self.digits}f}" for n in numbers]
        head = f"{words[0]} %" if percent else words[0]
        return f"{head} ({words[1]} to {words[2]})" if len(words) > 1 else head


def worst(measures: Sequence[Measure], column: Column) -> dict[str, Any]:
    """Keep, of the recognisers of each measure, the worst result: its key ends with WORST."""
    found = {}
    for measure in measures:
        if values := [one for key in measure.keys([column]) if (one := column[key])]:
            pick = max if measure.less else min
            found[measure.key.format(WORST)] = pick(values, key=lambda one: one.value)
    return found


def table(
    measures: Sequence[Measure], columns: Mapping[str, Column]
) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows) of text: a column each, a row a measure and recogniser; no empty rows."""
    rows = []
    for measure in measures:
        for key in measure.keys(columns.values()):
            cells = [measure.cell(column.get(key)) for column in columns.values()]
            if any(cell != NOTHING for cell in cells):
                rows.append([measure.label.format(measure.within(key)), *cells])
    return ["", *columns], rows


def flat(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Flatten mappings at any depth: keys become words, one after the other."""
    found: dict[str, Any] = {}
    for name, value in nested.items():
        key = f"{before}{name}"
        found |= flat(value, f"{key} ") if isinstance(value, Mapping) else {key: value}
    return found


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def plain_json(value: Any, names: Sequence[str], digits: int | None = None) -> Any:
    """Convert Bars and Estimates at any depth for JSON; names: those of an Estimate's fields.

    digits: to which an Estimate is rounded."""
    if isinstance(value, Bar):
        return value.as_dict()
    if isinstance(value, Estimate):
        numbers = [value.value, value.low, value.high]
        if digits is not None:
            numbers = [round(number, digits) for number in numbers]
        return dict(zip(names, (*numbers, value.n), strict=True))
    if isinstance(value, Mapping):
        return {key: plain_json(part, names, digits) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(part, names, digits) for part in value]
    return value


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format lines of cells."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return file.getvalue()


def write(out: Path, name: str, summary: Any, **contents: str) -> list[Path]:
    """Write the contents, by suffix, and NAME.json; returns all paths. Raises OutputError."""
    make_folder(out)
    contents |= {"json": json.dumps(summary, indent=1) + "\n"}
    paths = [out / f"{name}.{suffix}" for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_file(path, content.encode())
    return paths


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, title: str, **content: Any) -> str:
    """Render the template of that name with its content."""
    return _environment().get_template(template).render(title=title, **content)
