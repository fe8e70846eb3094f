"""How a style draws: outlines and planes, whether the face stays itself, seconds, and a sheet.

    python benchmarks/anime.py STYLE [--pairs DIR] [--tests 40] [--faces 50] [--repeats 5]
        [--sheet FILE] [--model auto] [--device cpu]
    python benchmarks/anime.py --pictures

STYLE: a name, or a file that `train anime` wrote. --pairs: a folder of NAME-photo and NAME-drawn
pictures, of which the last --tests by name were not trained on; the drawings' flatness and edges
are printed beside their teacher's. --faces: so many random faces of the model are drawn, and both
recognisers asked whether each drawing is nearer to its own face than to any other. The seconds are
medians for a square picture of 512 and of 1024 pixels. --sheet: photo, drawing and the teacher's
drawing of twelve pairs, then faces and drawings, to look at. --pictures: what the page shows of
each bundled style, into facegen/data/styles.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from pathlib import Path

import common
import numpy as np
import torch
from PIL import Image

from facegen import Studio, images, models, weights
from facegen.face.detect import Detector
from facegen.measure.identity.recognisers import at_hand
from facegen.options import MAX_COUNT, SampleOptions
from facegen.stylize import Stylizer
from facegen.training.pairs import Pair, read_pairs
from facegen.ui.widgets.fields import PHOTO, PICTURES, SUFFIX

SIDE = 512  # pixels at which strokes and planes are counted
FLAT, STRONG = 2, 30  # of 255: the gradient below which a pixel is flat, above which an edge
SHOWN = 12  # pairs on the sheet
THUMB = 256  # pixels a side, there
PICTURE_SEED, PICTURE_SIZE = 28, 160  # of the page's pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("style", nargs="?", default="cel")
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--tests", type=int, default=40)
    parser.add_argument("--faces", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--pictures", action="store_true")
    arguments = parser.parse_args()
    if arguments.pictures:
        return pictures()
    stylizer = load(arguments.style, arguments.device)
    pairs = read_pairs(arguments.pairs, smallest=32)[-arguments.tests :] if arguments.pairs else []
    drawings = [stylizer(pair.photo) for pair in pairs]
    if pairs:
        strokes(stylizer.name, pairs, drawings)
    studio = common.studio(arguments)
    faces = random_faces(studio, arguments.faces)
    drawn = [stylizer(face) for face in faces]
    identity(studio.info.name, faces, drawn)
    seconds(stylizer, arguments.repeats)
    if arguments.sheet:
        sheet(pairs, drawings, faces, drawn, arguments.sheet)


def load(style: str, device: str) -> Stylizer:
    if Path(style).suffix:
        network, name, _ = models.anime_file(Path(style), torch.device(device))
        return Stylizer(network, name, device)
    return Stylizer(models.load_anime(style, torch.device(device)), style, device)


def random_faces(studio: Studio, count: int) -> list[np.ndarray]:
    """uint8 [R, R, 3] each, of the seeds from 1 on."""
    faces = []
    for first in range(1, count + 1, MAX_COUNT):
        options = SampleOptions(min(MAX_COUNT, count + 1 - first), seed=first)
        faces += [portrait.pixels for portrait in studio.draw(options)]
    return faces


# --- what is measured ------------------------------------------------------------------


def shares(pixels: np.ndarray) -> tuple[float, float]:
    """(flat, strong): shares of pixels whose gradient, the length of the differences of luma to
    the neighbours at the right and below, is under FLAT and over STRONG, at SIDE pixels a side."""
    light = images.luma(images.to_tensor(images.resize(pixels, SIDE)))[0, 0] * 127.5
    steps = torch.hypot(light.diff(dim=1)[:-1], light.diff(dim=0)[:, :-1])
    return float((steps < FLAT).float().mean()), float((steps > STRONG).float().mean())


def strokes(name: str, pairs: list[Pair], drawings: list[np.ndarray]) -> None:
    print(f"{name}, {len(pairs)} pairs that were not trained on, at {SIDE} px:")
    rows = {
        "photo": [pair.photo for pair in pairs],
        "this drawing": drawings,
        "its teacher's": [pair.drawing for pair in pairs],
    }
    for words, pictures_ in rows.items():
        flat, strong = np.mean([shares(one) for one in pictures_], axis=0)
        print(f"  {words:14} flat {flat:.3f}, strong edges {strong:.4f}")


def identity(model: str, faces: list[np.ndarray], drawn: list[np.ndarray]) -> None:
    """Whether each drawing is nearer to its own face than to any other."""
    size = faces[0].shape[0]
    drawn = [images.resize(one, size) for one in drawn]
    detector = Detector()
    found = [[detector.landmarks_of_crop(one) for one in group] for group in (faces, drawn)]
    missed = sum(face is None for face in found[1])
    print(f"{len(faces)} faces of {model}: no face is seen in {missed} drawings")
    for recogniser in at_hand():
        theirs, ours = (
            recogniser.embed_all(*group) for group in zip((faces, drawn), found, strict=True)
        )
        known = [i for i, vector in enumerate(theirs) if vector is not None]
        own, nearest = [], 0
        for i in known:
            if ours[i] is None:
                continue
            distances = {j: recogniser.distance(ours[i], theirs[j]) for j in known}
            own.append(distances[i])
            nearest += min(distances, key=distances.get) == i
        same = sum(one < recogniser.threshold for one in own)
        print(
            f"  {recogniser.name}: nearest to its own face {nearest} of {len(known)}; "
            f"distance to it {statistics.median(own):.3f} (median), "
            f"below {recogniser.threshold:g} in {same}"
        )


def seconds(stylizer: Stylizer, repeats: int) -> None:
    from skimage import data

    load_ = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{torch.get_num_threads()} threads of {os.cpu_count()}, load {load_:.1f} before:")
    for size in (512, 1024):
        pixels = images.resize(np.ascontiguousarray(data.astronaut()[:256, 96:352]), size)
        taken = []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            stylizer(pixels)
            taken.append(time.perf_counter() - started)
        print(f"  {size} px: {statistics.median(taken[1:]):.2f} s (fastest {min(taken[1:]):.2f})")


# --- to look at ------------------------------------------------------------------------


def sheet(pairs, drawings, faces, drawn, path: Path) -> None:
    rows = []
    for pair, drawing in list(zip(pairs, drawings, strict=True))[:SHOWN]:
        rows += [pair.photo, drawing, pair.drawing]
    columns = 6
    rows += [one for pair in zip(faces, drawn, strict=True) for one in pair]
    rows += [np.full((8, 8, 3), 255, np.uint8)] * (-len(rows) % columns)
    path.write_bytes(
        images.encode_png(images.grid([images.resize(one, THUMB) for one in rows], columns))
    )
    print(f"{path}: photo, drawing, teacher's drawing; then faces and drawings")


def pictures() -> None:
    """One face of 1024 pixels, and what each bundled style makes of it."""
    studio = Studio.load("mobilestylegan-1024", "cpu")
    (face,) = studio.draw(SampleOptions(1, seed=PICTURE_SEED))
    PICTURES.mkdir(parents=True, exist_ok=True)
    made = {PHOTO: face.pixels} | {
        name: load(name, "cpu")(face.pixels)
        for name in weights.anime_styles()
        if (PICTURES.parents[2] / "weights" / f"anime-{name}.safetensors").is_file()
    }
    for name, pixels in made.items():
        content = io.BytesIO()
        small = Image.fromarray(images.resize(pixels, 2 * PICTURE_SIZE))  # for fine screens
        small.save(content, "WEBP", quality=80, method=6)
        path = PICTURES / f"{name}{SUFFIX}"
        path.write_bytes(content.getvalue())
        print(f"{path.name}: {len(content.getvalue()) / 1000:.1f} kB")


if __name__ == "__main__":
    main()
