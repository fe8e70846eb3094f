"""The report's plots, as SVG in data URIs: nothing is fetched to show them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#00796b", "#e65100", "#3949ab", "#c2185b", "#7cb342", "#6d4c41")
SIDE = 96  # pixels of a picture on a sheet


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
