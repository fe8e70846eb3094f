"""Walks, and their files: how far from the average can one go before faces stop being faces?

Convention
    A walk starts at w_avg and turns slowly:
        d_t = rho d_(t-1) + sqrt(1 - rho^2) F n_t,    w_t = w_(t-1) + step R d_t / |d_t|
    with n_t standard normal, F F^T the covariance of the model's w, and R the root mean square
    of |w - w_avg|. So distances are in units of R: the model's own faces lie about 1 from the
    average. rho is the persistence; 0 would be a walk that hardly leaves the spot (its distance
    grows with the root of the steps).
    Faces "stop being found" at the first of GONE steps in a row without one: the detector's
    confidence is below SURE, no plausible landmarks can be fitted, or the picture is not
    natural (where the model came with a measure of that).
"""

from __future__ import annotations

import io
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import images, runtime
from ..face import detect
from ..face.detect import SURE
from ..files import write_file
from ..options import WalkOptions
from ..output import provenance
from ..studio import Studio
from ..types import Progress
from . import report
from .report import NOTHING, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GONE = 5  # steps in a row without a face
_WALK = 4  # key of the random numbers drawn here
_PICTURES = 50  # kept and embedded, evenly over the walk
_LEAST_BATCH = 4  # steps between two reports of progress
PICTURES = ("strip.png", "monster.png", "map.png")  # some walks have no monster, and no map
FILES = (*PICTURES, "walk.*")
SIDE = 96  # pixels of a picture in the strip
FRAME = 256  # pixels of a frame
FRAMES_A_SECOND = 12
PARTS = ("the strip", "the map", "the GIF", "the film", "the tables", "the page")


@dataclass
class Walk:
    """A walk's results. distances, confidences, found: one a step, the start first.

    thumbs: about _PICTURES pictures, at `thumb_steps`; vectors: the recogniser's, None without a
    face. lost: the step at which faces stop being found, None if they never do; last_face, monster:
    pictures (of the last step with a face before it, and of that step)."""

    seed: int
    distances: list[float] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    thumbs: list[np.ndarray] = field(default_factory=list)
    thumb_steps: list[int] = field(default_factory=list)
    vectors: list[np.ndarray | None] = field(default_factory=list)
    lost: int | None = None
    last_face: np.ndarray | None = None
    last_face_step: int | None = None
    monster: np.ndarray | None = None

    @property
    def lost_at(self) -> float | None:
        """Return the distance at which faces stop being found."""
        return None if self.lost is None else self.distances[self.lost]


def lost_ends(walks: Iterable[Walk]) -> list[tuple[float, Walk]]:
    """Return the walks that lost their face, each with that distance, the nearest first."""
    found = [(walk.lost_at, walk) for walk in walks if walk.lost_at is not None]
    return sorted(found, key=lambda end: end[0])


def path(studio: Studio, options: WalkOptions, seed: int) -> tuple[Tensor, np.ndarray]:
    """Draw (w [steps + 1, w_dim], distances from the average in units of R)."""
    statistics = studio.statistics
    factor, mean = statistics.factor.double(), statistics.mean.double()
    radius = float(factor.square().sum().sqrt())
    noise = runtime.seeded_normal((options.steps, len(mean)), seed, _WALK).double() @ factor.T
    rho = options.persistence
    direction, place, places = noise[0], mean.clone(), [mean]
    for kick in noise:
        direction = rho * direction + math.sqrt(1 - rho**2) * kick
        place = place + options.step * radius * direction / direction.norm()
        places.append(place)
    w = torch.stack(places)
    return w.float(), ((w - mean).norm(dim=1) / radius).numpy()


def walk(studio: Studio, options: WalkOptions, seed: int) -> Iterator[Walk]:
    """Yield the walk so far, every few steps; the last one is complete."""
    w, distances = path(studio, options, seed)
    state = Walk(seed)
    every = max(1, options.steps // _PICTURES)
    recogniser = studio.recognisers[0] if studio.recognisers else None
    recent: list[tuple[int, np.ndarray]] = []  # pictures since the last face
    batch = max(studio.renderer.at_once, _LEAST_BATCH)
    for start in range(0, len(w), batch):
        ws = studio.model.generator.broadcast(w[start : start + batch])[:, None]
        for offset, pixels in enumerate(studio.renderer.previews(list(ws))):
            step = start + offset
            confidence = studio.detector.confidence(pixels)
            state.confidences.append(confidence)
            state.distances.append(float(distances[step]))
            face = studio.detector.landmarks_of_crop(pixels)
            found = (
                face is not None
                and confidence >= SURE
                and detect.implausible(face, pixels.shape[1]) is None
                and _natural(studio, ws[offset], pixels, sure=state.lost is None)
            )
            state.found.append(found)
            if step % every == 0:
                state.thumbs.append(pixels)
                state.thumb_steps.append(step)
                state.vectors.append(recogniser.embed(pixels, face) if recogniser else None)
            if state.lost is None:
                if found:
                    recent.clear()
                    state.last_face, state.last_face_step = pixels, step
                else:
                    recent.append((step, pixels))
                    if len(recent) == GONE:
                        state.lost, state.monster = recent[0]
        yield state


def _natural(studio: Studio, ws: Tensor, preview: np.ndarray, sure: bool) -> bool:
    """Test whether the picture of ws [1, num_ws, w_dim] is a natural face.

    A preview may seem less natural than the finished picture: where it does, and it matters (sure),
    the finished picture is scored."""
    if studio.natural is None or studio.natural(preview) > 0:
        return True
    if not sure or studio.renderer.previewed == studio.renderer.resolution:
        return False
    return studio.natural(studio.renderer.pixels(ws)) > 0


def summary(walks: Sequence[Walk], options: WalkOptions, studio: Studio) -> dict:
    """Summarise several walks, ready for JSON.

    safe_distance: the 5th percentile of the distances at which faces stop being found; where a walk
    never lost them, its farthest distance counts."""
    lost = lost_ends(walks)
    kept = [max(walk.distances) for walk in walks if walk.lost is None]
    ends = [distance for distance, _ in lost]
    return {
        "model": studio.info.name,
        "options": {name: getattr(options, name) for name in options.__dataclass_fields__},
        "sure": SURE,
        "walks": [
            {
                "seed": walk.seed,
                "lost_step": walk.lost,
                "lost_distance": walk.lost_at,
                "last_face_step": walk.last_face_step,
                "farthest": max(walk.distances),
            }
            for walk in walks
        ],
        "lost": len(lost),
        "lost_distance": {
            "median": float(np.median(ends)) if lost else None,
            "nearest": lost[0][0] if lost else None,
            "nearest_seed": lost[0][1].seed if lost else None,
        },
        "safe_distance": float(np.percentile(ends + kept, 5)),
    }


def writing(
    folder: Path, walks: Sequence[Walk], options: WalkOptions, studio: Studio
) -> Generator[Progress, None, dict]:
    """Write all files into the folder, and yield each part before, since some take seconds.

    Returns the summary. Raises OutputError."""
    coming = (Progress(what, done, len(PARTS)) for done, what in enumerate(PARTS))
    yield next(coming)
    found = summary(walks, options, studio)
    nearest = nearest_monster(walks)
    shown = {"strip.png": strip(nearest)}
    if nearest.monster is not None and nearest.last_face is not None:
        both = (nearest.last_face, nearest.monster)
        shown["monster.png"] = images.grid([images.resize(face, FRAME) for face in both], 2)
    yield next(coming)
    if (drawn := map_of(walks)) is not None:
        shown["map.png"] = drawn
    for name, pixels in shown.items():
        provenance.save_png(folder / name, pixels, studio.facts() | {"seed": nearest.seed})
    yield next(coming)
    write_file(folder / "walk.gif", gif(nearest))
    yield next(coming)
    mp4(nearest, folder / "walk.mp4")
    yield next(coming)
    report.write(folder, "walk", found, csv=_csv(walks))
    yield next(coming)
    write_file(folder / "walk.html", _html(found, walks, nearest, shown).encode())
    return found


def nearest_monster(walks: Sequence[Walk]) -> Walk:
    """Return the walk that lost its face nearest to the average; the first if none did."""
    lost = lost_ends(walks)
    return lost[0][1] if lost else walks[0]


def in_words(found: dict) -> str:
    """Explain the results to people."""
    count, lost = len(found["walks"]), found["lost"]
    if not lost:
        farthest = max(entry["farthest"] for entry in found["walks"])
        return f"Faces were found all the way, to a distance of {farthest:.2f} from the average."
    middle = found["lost_distance"]
    if count == 1:
        entry = found["walks"][0]
        return (
            f"Faces stop being found at step {entry['lost_step']}, {entry['lost_distance']:.2f} "
            "from the average (the model's own faces lie about 1 from it)."
        )
    return (
        f"{lost} of {count} walks lost the face, half of them before a distance of "
        f"{middle['median']:.2f}; the nearest monster lies at {middle['nearest']:.2f} (seed "
        f"{middle['nearest_seed']}). Up to {found['safe_distance']:.2f}, 95 of 100 walks still "
        "show faces."
    )


def confidence_plot(walks: Sequence[Walk]) -> str:
    """Plot the detector's confidence over the distance from the average, as a data URI."""

    def draw(axes: Axes) -> None:
        for walk in walks:
            axes.plot(walk.distances, walk.confidences, linewidth=0.8, alpha=0.8)
        axes.axhline(SURE, color="black", linestyle="--", linewidth=1)
        axes.set(xlabel="distance from the average", ylabel="confidence", ylim=(0, 1))

    return report.plot(draw)


def _html(found: dict, walks: Sequence[Walk], nearest: Walk, shown: dict) -> str:
    captions = {
        "monster.png": f"The last face and the nearest monster (seed {nearest.seed})",
        "strip.png": f"The walk of seed {nearest.seed}, from the average on",
        "map.png": "The faces met, by identity, and their minimum spanning tree; "
        "orange: hardly a face",
    }
    return report.render(
        "walk.html",
        "Facegen: a walk from the average to the monsters",
        words=in_words(found),
        found=found,
        figures=[
            Figure(confidence_plot(walks), "How sure the face detector is on the way"),
            *_histograms(walks),
        ],
        sheets=[
            Figure(report.picture(shown[name]), caption)
            for name, caption in captions.items()
            if name in shown
        ],
        rows=[
            [walk.seed, walk.lost, NOTHING if walk.lost_at is None else f"{walk.lost_at:.3f}"]
            for walk in walks
        ],
    )


def _histograms(walks: Sequence[Walk]) -> list[Figure]:
    distances = [distance for distance, _ in lost_ends(walks)]
    steps = [walk.lost for walk in walks if walk.lost is not None]
    confidences = {"all steps": [value for walk in walks for value in walk.confidences]}
    figures = []
    if len(steps) > 1:
        caption = "Where faces stop being found"
        figures += report.histogram(caption, {"walks": distances}, "distance", low=0)
        figures += report.histogram("At which step", {"walks": steps}, "step", low=0)
    caption = "The confidence at all steps"
    return figures + report.histogram(caption, confidences, "confidence", low=0, high=1)


def _csv(walks: Sequence[Walk]) -> str:
    lines = (
        [walk.seed, step, f"{distance:.5f}", f"{confidence:.4f}", found]
        for walk in walks
        for step, (distance, confidence, found) in enumerate(
            zip(walk.distances, walk.confidences, walk.found, strict=True)
        )
    )
    return report.as_csv(["seed", "step", "distance", "confidence", "found"], lines)


# --- the pictures ------------------------------------------------------------------------


def strip(walk: Walk, pictures: int = 12) -> np.ndarray:
    """Draw that many pictures from start to end, evenly chosen."""
    chosen = np.linspace(0, len(walk.thumbs) - 1, min(pictures, len(walk.thumbs))).round()
    return images.grid([images.resize(walk.thumbs[int(i)], SIDE) for i in chosen], pictures)


def spanning_tree(vectors: np.ndarray) -> list[tuple[int, int]]:
    """Find the edges of a minimum spanning tree of points [N, D], Euclidean."""
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import pdist, squareform

    # csgraph takes what is nearly zero for "no edge": all are moved apart alike
    distances = pdist(vectors)
    tree = minimum_spanning_tree(squareform(distances + distances.max() + 1)).tocoo()
    return [(int(i), int(j)) for i, j in zip(tree.row, tree.col, strict=True)]


def flat(vectors: np.ndarray) -> np.ndarray:
    """Project [N, D] to [N, 2]: the two principal components."""
    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    if len(values) < 2:
        return np.zeros((len(vectors), 2))
    return left[:, :2] * values[:2]


def map_of(walks: Sequence[Walk], most: int = 60) -> np.ndarray | None:
    """Draw the faces' embeddings as a 2-D map with thumbnails and their spanning tree."""
    met = [
        (walk, index)
        for walk in walks
        for index, vector in enumerate(walk.vectors)
        if vector is not None
    ]
    if len(met) < 3:
        return None
    met = [met[int(i)] for i in np.linspace(0, len(met) - 1, min(most, len(met))).round()]
    vectors = np.array([walk.vectors[index] for walk, index in met])
    places = flat(vectors)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    figure = Figure(figsize=(9, 7), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for i, j in spanning_tree(vectors):
        axes.plot(*places[[i, j]].T, color="#00796b", linewidth=1, zorder=1)
    for (walk, index), place in zip(met, places, strict=True):
        thumb = OffsetImage(images.resize(walk.thumbs[index], 44), zoom=0.75)
        sure = walk.found[walk.thumb_steps[index]]
        frame = {"edgecolor": "#00796b" if sure else "#e65100", "boxstyle": "square,pad=0.05"}
        axes.add_artist(AnnotationBbox(thumb, place, pad=0, bboxprops=frame, zorder=2))
    margin = 0.08 * np.ptp(places, axis=0).max() + 1e-6
    axes.set_xlim(places[:, 0].min() - margin, places[:, 0].max() + margin)
    axes.set_ylim(places[:, 1].min() - margin, places[:, 1].max() + margin)
    axes.set_axis_off()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def frames(walk: Walk) -> list[np.ndarray]:
    return [images.resize(one, FRAME) for one in walk.thumbs]


def gif(walk: Walk) -> bytes:
    """Encode the walk as an animated GIF that says it is synthetic."""
    # 256 colours of a frame's own. Median cut, Pillow's default, takes 0.15 s a frame for colours
    # that are a quarter nearer; an octree less than 0.001.
    octree = Image.Quantize.FASTOCTREE
    pictures = [Image.fromarray(one).quantize(256, octree) for one in frames(walk)]
    file = io.BytesIO()
    pictures[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=1000 // FRAMES_A_SECOND,
        loop=0,
        comment=provenance.DESCRIPTION.encode(),
    )
    return file.getvalue()


def mp4(walk: Walk, path: Path) -> bool:
    """Write the walk as MPEG-4; False where OpenCV has no encoder for it."""
    import cv2

    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_A_SECOND, (FRAME, FRAME)
    )
    if not writer.isOpened():
        return False
    try:
        for frame in frames(walk):
            writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    finally:
        writer.release()
    return path.is_file() and path.stat().st_size > 0
