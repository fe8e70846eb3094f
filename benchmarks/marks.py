"""What the invisible mark survives, attack by attack, and whether it is seen where none is.

    python benchmarks/marks.py [--model bundled] [--count 200] [--seed 1000]
    python benchmarks/marks.py --pictures FOLDER [--count 200]
    python benchmarks/marks.py --unmarked FOLDER ...

The first two mark pictures, of a model or of a folder, and print for each attack the share of
pictures whose whole payload came back. The third reads pictures that were never marked and counts
where a mark is found all the same, in all folders below.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import images
from facegen.output import watermark
from facegen.output.mark_code import INSTALLATION_BITS, PICTURE_BITS, Payload


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].copy()


def webp(pixels: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode(".webp", pixels[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].copy()


def scaled(pixels: np.ndarray, factor: float) -> np.ndarray:
    return images.resize(pixels, tuple(round(side * factor) for side in pixels.shape[:2]))


def cropped(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """share: of each side, at a random place."""
    height, width = (round(side * share) for side in pixels.shape[:2])
    top = int(rng.integers(pixels.shape[0] - height + 1))
    left = int(rng.integers(pixels.shape[1] - width + 1))
    return pixels[top : top + height, left : left + width].copy()


def screenshot(pixels: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """The picture at another size within a light page with lines of something like text."""
    small = scaled(pixels, factor)
    height, width = small.shape[0] * 5 // 4, small.shape[1] * 8 // 5
    page = np.full((height, width, 3), 244, np.uint8)
    for row in range(8, height - 8, 22):
        page[row : row + 9, 8 : 8 + int(rng.integers(width // 4, width - 16)) : 3] = 60
    top, left = int(rng.integers(height // 5)), int(rng.integers(width * 3 // 8))
    page[top : top + small.shape[0], left : left + small.shape[1]] = small
    return page


def turned(pixels: np.ndarray, degrees: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def noisy(pixels: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, deviation, pixels.shape)
    return np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8)


def attacks(pixels: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Each attack's name and what it leaves of the picture."""
    yield "none (PNG)", pixels
    for quality in (75, 50, 30, 10):
        yield f"JPEG {quality}", jpeg(pixels, quality)
    yield "WebP 50", webp(pixels, 50)
    for factor in (0.5, 0.25, 2.0, 0.73):
        yield f"scaled to {factor:g}", scaled(pixels, factor)
    yield "scaled to 0.5, then JPEG 60", jpeg(scaled(pixels, 0.5), 60)
    for share in (0.7, 0.5, 0.3):
        yield f"cropped to {share:.0%} of each side", cropped(pixels, share, rng)
    yield (
        "cropped to 70 %, scaled to 0.5, JPEG 75",
        jpeg(scaled(cropped(pixels, 0.7, rng), 0.5), 75),
    )
    yield "screenshot at 80 %", screenshot(pixels, 0.8, rng)
    yield "screenshot at 80 %, JPEG 75", jpeg(screenshot(pixels, 0.8, rng), 75)
    yield "mirrored", pixels[:, ::-1].copy()
    yield "grey", np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    yield "brighter (gamma 0.7)", np.rint(255 * (pixels / 255.0) ** 0.7).astype(np.uint8)
    yield "noise of 10 levels", noisy(pixels, 10, rng)
    yield "blur of 2 px", cv2.GaussianBlur(pixels, (0, 0), 2)
    yield "blur of 6 px", cv2.GaussianBlur(pixels, (0, 0), 6)
    for degrees in (0.25, 1, 5):
        yield f"rotated by {degrees:g}°", turned(pixels, degrees)
    yield "rotated by 90°", np.rot90(pixels).copy()


def of_model(name: str, count: int, seed: int) -> Iterator[np.ndarray]:
    from facegen import Studio
    from facegen.options import MAX_COUNT, SampleOptions

    studio = Studio.load(name)
    for first in range(0, count, MAX_COUNT):
        options = SampleOptions(min(MAX_COUNT, count - first), seed + first)
        yield from (portrait.pixels for portrait in studio.draw(options))


def of_folder(folder: Path, count: int | None = None) -> Iterator[np.ndarray]:
    found = sorted(path for path in folder.rglob("*") if path.suffix in images.SUFFIXES)
    yield from (images.load(path) for path in found[:count])


def payload_of(pixels: np.ndarray) -> Payload:
    number = int.from_bytes(hashlib.sha256(pixels).digest()[:8], "big")
    return Payload(number % (1 << INSTALLATION_BITS), (number >> 32) % (1 << PICTURE_BITS))


def attack_table(pictures: Iterator[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    right: dict[str, list[bool]] = {}
    psnr, embedding, reading = [], [], []
    size: tuple[int, ...] = ()
    for pixels in pictures:
        size, payload = pixels.shape, payload_of(pixels)
        started = time.perf_counter()
        marked = watermark.embed(pixels, payload)
        embedding.append(time.perf_counter() - started)
        error = np.mean((pixels.astype(np.float64) - marked) ** 2)
        psnr.append(10 * np.log10(255**2 / error))
        for name, attacked in attacks(marked, rng):
            started = time.perf_counter()
            right.setdefault(name, []).append(watermark.read(attacked) == payload)
            reading.append(time.perf_counter() - started)
    print(f"{len(psnr)} pictures of {size[1]} x {size[0]} pixels")
    print(f"PSNR: lowest {min(psnr):.1f} dB, median {np.median(psnr):.1f} dB")
    print(f"marking: median {np.median(embedding):.3f} s; reading: {np.median(reading):.3f} s")
    print("\n| attack | whole payload right |\n|---|---|")
    for name, hits in right.items():
        print(f"| {name} | {np.mean(hits):.1%} |")


def false_positives(folders: list[Path]) -> None:
    read = 0
    for folder in folders:
        for pixels in of_folder(folder):
            read += 1
            if found := watermark.read(pixels):
                print(f"false positive in {folder}: {found}")
    print(f"{read} unmarked pictures read")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER")
    parser.add_argument("--unmarked", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.unmarked:
        false_positives(arguments.unmarked)
    elif arguments.pictures:
        attack_table(of_folder(arguments.pictures, arguments.count))
    else:
        attack_table(of_model(arguments.model, arguments.count, arguments.seed))


if __name__ == "__main__":
    main()
