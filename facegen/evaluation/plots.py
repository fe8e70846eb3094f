"""The report's plots, as SVG in data URIs: nothing is fetched to show them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEAL, ORANGE, GREY = "#00796b", "#e65100", "#9e9e9e"
COLOURS = (TEAL, ORANGE, "#3949ab", "#c2185b", "#7cb342", "#6d4c41")


def plot(draw: Callable, width: float = 5.2, height: float = 3.2) -> str:
    """Draw with draw(axes) and return a data URI."""
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def histogram(
    groups: Mapping[str, Sequence[float]],
    label: str,
    lines: Mapping[str, float] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """Draw one outline a group, with named vertical lines."""
    values = np.concatenate([np.asarray(group, dtype=float) for group in groups.values()])
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    bins = np.linspace(low, max(high, low + 1e-3), 31).tolist()

    def draw(axes: Axes) -> None:
        for (name, group), colour in zip(groups.items(), COLOURS * 3, strict=False):
            weights = np.full(len(group), 1 / max(len(group), 1))
            axes.hist(group, bins, weights=weights, histtype="stepfilled", alpha=0.25, color=colour)
            axes.hist(group, bins, weights=weights, histtype="step", color=colour, label=name)
        for (name, at), style in zip((lines or {}).items(), ("--", ":", "-."), strict=False):
            axes.axvline(at, color="black", linestyle=style, linewidth=1, label=name)
        axes.set(xlabel=label, ylabel="share")
        axes.legend(frameon=False, fontsize=8)

    return plot(draw)


def points(
    groups: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    box: tuple[float, float] | None = None,
    joined: bool = False,
) -> str:
    """Draw points, each group's joined if told, and a box from the origin where they should lie."""

    def draw(axes: Axes) -> None:
        for (name, (x, y)), colour in zip(groups.items(), COLOURS * 3, strict=False):
            if joined:
                axes.plot(x, y, color=colour, label=name, marker="o")
            else:
                axes.scatter(x, y, s=10, color=colour, alpha=0.5, label=name, linewidths=0)
        if box:
            axes.plot([0, box[0], box[0]], [box[1], box[1], 0], color="black", linewidth=1)
        axes.set(xlabel=x_label, ylabel=y_label, xlim=(0, None), ylim=(0, None))
        axes.legend(frameon=False, fontsize=8)

    return plot(draw)


def picture(pixels: np.ndarray) -> str:
    """Encode uint8 [H, W, 3] as a PNG data URI."""
    from .. import images

    return "data:image/png;base64," + base64.b64encode(images.encode_png(pixels, {})).decode()
