"""The protocol's report: HTML, CSV (a line a source), JSON, and Markdown for the docs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ... import images
from ...errors import FacegenError
from ...files import write_file
from ...measure import attributes, gaze
from ...output import provenance
from .. import pages, plots
from ..pages import Figure
from ..table import NOTHING
from . import markdown
from .kinds import MEASURES
from .layout import Layout
from .markdown import cell
from .rows import OURS, SOURCE
from .summarise import GROUPED, Summary, as_dict, measure_of, of_measure

NAMES = ("protocol.html", "protocol.csv", "protocol.json", "protocol.md")
SHOWN, SIDE = 12, 96  # sources on the sheet; pixels of a picture
PUBLISHED = (
    ("FALCO", "0.5 % re-identified, pose 0.088, gaze 0.258"),
    ("DeepPrivacy2", "2.0 %, pose 0.140, gaze 0.244"),
    ("FAMS", "0.8 %, pose 0.074, gaze 0.190, gender kept in 61 %"),
    ("RiDDLE", "92.7 to 99.9 % protected over four recognisers"),
)


def write(
    summary: Summary, layout: Layout, sources: Mapping[str, Path], aligned: bool
) -> list[Path]:
    """Write all of NAMES; returns their paths. sources: id -> source. Raises OutputError."""
    contents = (
        html(summary, layout, sources, aligned),
        as_csv(summary),
        json.dumps(as_dict(summary), indent=1) + "\n",
        markdown.as_markdown(summary),
    )
    for name, content in zip(NAMES, contents, strict=True):
        write_file(layout.out / name, content.encode())
    return [layout.out / name for name in NAMES]


def table_of(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a column a kind of hiding, a row a measure and recogniser."""
    columns = list(summary.table)
    rows = []
    for measure in MEASURES:
        keys = dict.fromkeys(
            key for column in summary.table.values() for key in of_measure(column, measure.key)
        )
        for key in keys:
            name = measure.name.format(key.removeprefix(f"{measure.key} "))
            cells = [cell(summary.table[column].get(key), key) for column in columns]
            rows.append([name, *cells])
    return ["", *columns], rows


def groups_of(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """Make (head, rows): a row a group."""
    keys = [
        key
        for name in GROUPED
        for key in (of_measure(summary.groups[0].table, name) if summary.groups else [])
    ]
    head = ["", "sources", *(_short(key) for key in keys)]
    rows = [
        [f"{g.trait}: {g.group}", str(g.size), *(cell(g.table.get(key), key) for key in keys)]
        for g in summary.groups
    ]
    return head, rows


def drawn_of(summary: Summary) -> list[list[str]]:
    return [
        [f"{trait}: {group}", f"{100 * here:.1f} %", f"{100 * there:.1f} %"]
        for trait, groups in summary.drawn.items()
        for group, (here, there) in groups.items()
    ]


def as_csv(summary: Summary) -> str:
    """Format a line a source and kind of hiding."""
    keys = list(dict.fromkeys(key for found in summary.values.values() for key in found))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["source", "kind", *keys])
    for family, found in summary.values.items():
        for index, source in enumerate(summary.sources):
            values = [found[key][index] if key in found else np.nan for key in keys]
            writer.writerow(
                [source, family, *("" if np.isnan(v) else f"{float(v):.5g}" for v in values)]
            )
    return file.getvalue()


def html(summary: Summary, layout: Layout, sources: Mapping[str, Path], aligned: bool) -> str:
    head, rows = table_of(summary)
    groups_head, groups_rows = groups_of(summary)
    return pages.render(
        "protocol.html",
        "Facegen: the anonymisation protocol",
        summary=summary,
        bars=[
            (bar.met, f"{bar.name}: {_number(bar.reached)}, wanted {bar.sign} {bar.wanted:g}")
            for bar in summary.bars
        ],
        head=head,
        rows=rows,
        groups_head=groups_head,
        groups_rows=groups_rows,
        drawn=drawn_of(summary),
        errors=_errors(),
        gaze_error=gaze.ERROR,
        published=PUBLISHED,
        chance=summary.chance,
        thresholds=_thresholds(summary),
        figures=_figures(summary),
        sheet=_sheet(summary, layout, sources, aligned),
    )


def _short(key: str) -> str:
    measure = measure_of(key)
    return measure.name.format(key.removeprefix(f"{measure.key} ")).split(":")[-1].strip()


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3g}"


def _errors() -> list[str]:
    told = []
    for name, words in (("dlib+classifier", "what variants are kept by"), ("encoder", "another")):
        of = attributes.errors(name)
        told.append(
            f"{name} ({words}): age {of['age']['error']:.1f} years, gender presentation on the "
            f"right side in {100 * of['gender']['side']:.0f} %, skin tone "
            f"{of['skin']['error'] / 100:.3f} of the scale"
        )
    return told


_THRESHOLDS = ("sources", "pictures", "pairs")


def _thresholds(summary: Summary) -> list[list[str]]:
    return [
        [
            family,
            recogniser,
            *(f"{of[name]:.3f}" if name in of else NOTHING for name in _THRESHOLDS),
        ]
        for family, recognisers in summary.thresholds.items()
        for recogniser, of in recognisers.items()
    ]


def _figures(summary: Summary) -> list[Figure]:
    figures = []
    for recogniser in summary.recognisers:
        key = f"distance {recogniser}"
        groups = {
            family: found[key][~np.isnan(found[key])].tolist()
            for family, found in summary.values.items()
            if key in found and not np.isnan(found[key]).all()
        }
        at = summary.thresholds.get(OURS, {}).get(recogniser, {})
        lines = {"0.1 % of strangers lie below": max(at["sources"], at["pictures"])} if at else {}
        if groups:
            plot = plots.histogram(groups, f"{recogniser}: distance to the source", lines, low=0)
            figures.append(Figure(plot, f"How far from the source each kind is, to {recogniser}"))
    return figures


def _sheet(
    summary: Summary, layout: Layout, sources: Mapping[str, Path], aligned: bool
) -> Figure | None:
    """Draw a source a row, its variants beside it."""
    from PIL import Image

    count = max((int(name.stem.rsplit("-", 1)[1]) for name in _variants(layout)), default=0)
    tiles: list[np.ndarray] = []
    for source in summary.sources[:SHOWN]:
        kept = sources[source] if aligned else layout.references / f"{source}.png"
        for path in (kept, *(layout.variant(source, k) for k in range(1, count + 1))):
            try:
                tiles.append(images.resize(images.load(path), SIDE))
            except (FacegenError, OSError):
                tiles.append(np.asarray(Image.new("RGB", (SIDE, SIDE), "white")))
    if not tiles:
        return None
    sheet = images.grid(tiles, 3 * (count + 1))
    import base64

    data = provenance.jpeg_bytes(np.asarray(sheet))
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return Figure(uri, f"{SOURCE.capitalize()}s, each with its variants on its right")


def _variants(layout: Layout) -> Sequence[Path]:
    return [p for p in layout.variants.glob("*-*.png") if p.stem.rsplit("-", 1)[1].isdigit()]
