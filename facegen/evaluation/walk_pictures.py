"""Pictures of a walk: a strip, a map with its spanning tree, an animation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from .. import images
from ..output import provenance
from .walk import Walk

SIDE = 96  # pixels of a picture in the strip
FRAME = 256  # pixels of a frame
FRAMES_A_SECOND = 12


def strip(walk: Walk, pictures: int = 12) -> np.ndarray:
    """Draw that many pictures from start to end, evenly chosen."""
    chosen = np.linspace(0, len(walk.thumbs) - 1, min(pictures, len(walk.thumbs))).round()
    return images.grid([images.resize(walk.thumbs[int(i)], SIDE) for i in chosen], pictures)


def side_by_side(walk: Walk) -> np.ndarray | None:
    """Draw the last face and the monster after it; None if faces were never lost."""
    if walk.monster is None or walk.last_face is None:
        return None
    return images.grid([images.resize(one, FRAME) for one in (walk.last_face, walk.monster)], 2)


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
