"""What every report is written with: bars, tables, plots, CSV, JSON, Markdown, and one HTML file.

The HTML comes from the templates beside this module. All content of a template is escaped: names of
files and models come from outside. Plots are data URIs: nothing is fetched to show them.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from .. import images
from ..files import make_folder, write_file
from .metrics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTHING = "–"  # what a cell says where there is no number
WORST = "the worst"  # stands for a recogniser

Column = Mapping[str, Any]  # key of a measure -> a share, an Estimate, or None
COLOURS = ("#00796b", "#e65100", "#3949ab", "#c2185b", "#7cb342", "#6d4c41")
SIDE = 96  # pixels of a picture on a sheet


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


@dataclass(frozen=True)
class Figure:
    """source: a data URI."""

    source: str
    caption: str


def plot(draw: Callable, width: float = 5.2, height: float = 3.2) -> str:
    """Draw with draw(axes) and return a data URI."""
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return data_uri(file.getvalue(), "svg+xml")


def data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def histogram(
    caption: str,
    groups: Mapping[str, Sequence[float]],
    label: str,
    lines: Mapping[str, float] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> list[Figure]:
    """Draw one outline a group, with named vertical lines; no figure without any number."""
    groups = {name: group for name, group in groups.items() if len(group)}
    if not groups:
        return []
    values = np.concatenate([np.asarray(group, dtype=float) for group in groups.values()])
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    bins = np.linspace(low, max(high, low + 1e-3), 31).tolist()

    def draw(axes: Axes) -> None:
        for (name, group), colour in zip(groups.items(), COLOURS * 3, strict=False):
            weights = np.full(len(group), 1 / len(group))
            axes.hist(group, bins, weights=weights, histtype="stepfilled", alpha=0.25, color=colour)
            axes.hist(group, bins, weights=weights, histtype="step", color=colour, label=name)
        for (name, at), style in zip((lines or {}).items(), ("--", ":", "-."), strict=False):
            axes.axvline(at, color="black", linestyle=style, linewidth=1, label=name)
        axes.set(xlabel=label, ylabel="share")
        axes.legend(frameon=False, fontsize=8)

    return [Figure(plot(draw), caption)]


def points(
    caption: str,
    groups: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    labels: tuple[str, str],
    box: tuple[float, float] | None = None,
    joined: bool = False,
) -> list[Figure]:
    """Draw points, each group's joined if told, and a box from the origin where they should lie."""
    groups = {name: group for name, group in groups.items() if len(group[0])}

    def draw(axes: Axes) -> None:
        for (name, (x, y)), colour in zip(groups.items(), COLOURS * 3, strict=False):
            if joined:
                axes.plot(x, y, color=colour, label=name, marker="o")
            else:
                axes.scatter(x, y, s=10, color=colour, alpha=0.5, label=name, linewidths=0)
        if box:
            axes.plot([0, box[0], box[0]], [box[1], box[1], 0], color="black", linewidth=1)
        axes.set(xlabel=labels[0], ylabel=labels[1], xlim=(0, None), ylim=(0, None))
        axes.legend(frameon=False, fontsize=8)

    return [Figure(plot(draw), caption)] if groups else []


def sheet(caption: str, lines: Sequence[Sequence[np.ndarray]], a_row: int = 1) -> list[Figure]:
    """Show lines of pictures of SIDE pixels, so many lines in a row; no figure without any."""
    columns = max(map(len, lines), default=0)
    blank = np.full((SIDE, SIDE, 3), 255, np.uint8)
    tiles: list[np.ndarray] = []
    for line in lines:
        tiles += [images.resize(pixels, SIDE) for pixels in line]
        tiles += [blank] * (columns - len(line))
    return [Figure(picture(images.grid(tiles, columns * a_row)), caption)] if tiles else []


def picture(pixels: np.ndarray) -> str:
    """Encode uint8 [H, W, 3] as a PNG data URI."""
    return data_uri(images.encode_png(pixels, {}), "png")
