"""Read, make and crop what a drawn style is learned from: pairs, or two folders of pictures.

Pairs are files NAME-photo.jpg and NAME-drawn.jpg of one folder that show the same: the drawing's
size may be another one, its proportions not. They can be made here, by Real-ESRGAN's network for
drawings:

cel      photo -> SMALL pixels a side -> drawn, four times larger -> planes -> half the size ->
         drawn once more. The network takes a shrunken photo for a damaged drawing and draws
         outlines; from planes it draws the planes' edges.
redraw   a drawing -> planes -> shrunk -> drawn once more: the same lines, clean, four times as
         large as what was shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from ..datasets.sources import list_pairs, list_pictures_in
from ..errors import DataError
from ..images import SUFFIXES, encode_png, load, to_tensor
from ..networks.drawing import FACTOR, MARGIN, SIDE

# How much larger or smaller than SIDE a picture is seen: faces do not fill theirs equally.
SCALES = (0.8, 1.25)
# A small face is enlarged before it is drawn. Some of the photos are made soft in the same way, so
# that the network learns to draw a crisp line from a soft edge; all of them where less than SIDE is
# to be seen, about as much as then.
SOFT_SHARE = 0.3
SOFT_FACTORS = (1.5, 3.0)
AROUND = (0.7, 1.3)
# Photo and drawing are brightened, darkened and tinted alike: light differs more than teachers'
# pictures do.
GAMMA, GAIN = 0.25, 0.06
# Of the pairs that are made.
SMALL = 80  # pixels a side of what is drawn from; 64 draws more strongly, 96 more faithfully
CEL_PLANES, REDRAW_PLANES = 0.006, 0.003  # lambda of `planes`
REDRAWN_FROM = 256  # pixels a side
QUALITY = 95  # of the drawings, JPEG without colour subsampling
KAPPA, BETA_MAX = 2.0, 1e5  # of `planes`, the paper's


@dataclass(frozen=True)
class Pair:
    """One photograph and its drawing, both uint8 [H, W, 3], of one shape or scaled ones."""

    name: str
    photo: np.ndarray
    drawing: np.ndarray


def read_pairs(folder: Path, smallest: int) -> list[Pair]:
    """Read all pairs of a folder, by name.

    Raises DataError for a folder without pairs, a photo without its drawing, two proportions in
    a pair, or a picture with a side below `smallest` pixels.
    """
    return [_read_pair(photo, drawing, smallest) for photo, drawing in list_pairs(folder)]


def _read_pair(photo: Path, drawing: Path, smallest: int) -> Pair:
    name = photo.stem.removesuffix("-photo")
    pair = Pair(name, load(photo), load(drawing))
    (height, width), (tall, wide) = pair.photo.shape[:2], pair.drawing.shape[:2]
    if abs(height / width - tall / wide) > 0.01 * height / width:
        raise DataError(
            f"pair {name} is {_size(pair.photo)} and {_size(pair.drawing)} pixels; both must "
            "have the same proportions, so crop one of them"
        )
    if min(height, width, tall, wide) < smallest:
        raise DataError(
            f"pair {name} is {_size(pair.photo)} and {_size(pair.drawing)} pixels; each side "
            f"needs {smallest} or more, so leave it out"
        )
    return pair


def read_pictures(folder: Path, smallest: int) -> list[np.ndarray]:
    """Read all pictures of a folder, by name, uint8 [H, W, 3].

    Raises DataError for a folder without any, or one with a side below `smallest` pixels.
    """
    pictures = []
    for path in list_pictures_in(folder):
        pixels = load(path)
        if min(pixels.shape[:2]) < smallest:
            raise DataError(
                f"{path.name} is {_size(pixels)} pixels; each side needs {smallest} or more, so "
                "leave it out"
            )
        pictures.append(pixels)
    return pictures


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"


def split(pairs: Sequence[Pair], tests: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Split into (training pairs, test pairs): the last `tests` by name, or a sixth for 0.

    Raises DataError if too few are left to train on.
    """
    tests = tests or max(1, round(len(pairs) / 6))
    if len(pairs) <= tests:
        raise DataError(
            f"there are {len(pairs)} pairs and {tests} of them for testing; at least one more "
            "is needed to train on"
        )
    return list(pairs[:-tests]), list(pairs[-tests:])


# --- what a step sees ------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """A place of a picture: its corner and side as shares of the picture, and how it is seen."""

    left: float
    top: float
    width: float
    height: float
    mirrored: bool

    def of(self, pixels: np.ndarray, size: int, inset: float = 0.0) -> Tensor:
        """Cut the place out, float32 [1, 3, size, size] in [-1, 1].

        inset: what is left out at each side, as a share of the place.
        """
        tall, wide = pixels.shape[:2]
        left, top = (self.left + inset * self.width), (self.top + inset * self.height)
        right, bottom = left + (1 - 2 * inset) * self.width, top + (1 - 2 * inset) * self.height
        box = (left * wide, top * tall, min(right, 1.0) * wide, min(bottom, 1.0) * tall)
        cut = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC, box)
        view = np.asarray(cut)
        return to_tensor(np.ascontiguousarray(view[:, ::-1] if self.mirrored else view))


def random_view(shape: tuple[int, ...], size: int, rng: np.random.Generator) -> View:
    """Choose a place `size` pixels wide where the picture has about SIDE x SIDE of them."""
    height, width = shape[:2]
    scale = math.exp(rng.uniform(*np.log(SCALES)))
    side = min(size / (SIDE * scale) * math.sqrt(height * width), height, width)
    left, top = rng.uniform(0, width - side), rng.uniform(0, height - side)
    mirrored = bool(rng.random() < 0.5)
    return View(left / width, top / height, side / width, side / height, mirrored)


def random_pairs(
    pairs: Sequence[Pair], count: int, size: int, rng: np.random.Generator, detail: int = SIDE
) -> tuple[Tensor, Tensor]:
    """Draw photos [count, 3, size + 2 MARGIN, ...] and drawings [count, 3, FACTOR size, ...].

    Float32 in [-1, 1]; the drawings show the photos without their margins. detail: see DrawingNet.
    """
    crops = []
    whole = size + 2 * MARGIN
    for _ in range(count):
        pair = pairs[int(rng.integers(len(pairs)))]
        view = random_view(pair.photo.shape, whole, rng)
        drawing = view.of(pair.drawing, FACTOR * size, MARGIN / whole)
        crops.append(_varied(view.of(pair.photo, whole), drawing, detail, rng))
    photos, drawings = zip(*crops, strict=True)
    return torch.cat(photos), torch.cat(drawings)


def random_crops(
    pictures: Sequence[np.ndarray], count: int, size: int, rng: np.random.Generator, factor: int = 1
) -> Tensor:
    """Draw crops, float32 [count, 3, factor size, ...] in [-1, 1].

    Each shows what is `size` pixels wide where its picture has about SIDE x SIDE of them.
    """
    crops = []
    for _ in range(count):
        pixels = pictures[int(rng.integers(len(pictures)))]
        crops.append(random_view(pixels.shape, size, rng).of(pixels, factor * size))
    return torch.cat(crops)


def _varied(
    photo: Tensor, drawing: Tensor, detail: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    gamma = math.exp(rng.uniform(-GAMMA, GAMMA))
    gain = torch.from_numpy(rng.uniform(1 - GAIN, 1 + GAIN, (1, 3, 1, 1))).float()
    photo, drawing = (
        (((x + 1) / 2).pow(gamma) * gain * 2 - 1).clamp(-1, 1) for x in (photo, drawing)
    )
    if detail < SIDE:
        photo = soften(photo, SIDE / detail * rng.uniform(*AROUND))
    elif rng.random() < SOFT_SHARE:
        photo = soften(photo, rng.uniform(*SOFT_FACTORS))
    return photo, drawing


def soften(images: Tensor, factor: float) -> Tensor:
    """Reduce by the factor and enlarge again: what a small face looks like when enlarged."""
    size = images.shape[-1]
    return _resize(_resize(images, max(1, round(size / factor))), size)


def _resize(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    resized = F.interpolate(
        images, (size, size), mode="bicubic", align_corners=False, antialias=True
    )
    return resized.clamp(-1, 1)


# --- pairs that are made ---------------------------------------------------------------


def cel(network: nn.Module, photo: np.ndarray) -> np.ndarray:
    """Draw a photo, uint8 [R, R, 3] -> uint8 [8 SMALL, 8 SMALL, 3]."""
    drawn = _draw(network, _shrunk(photo, SMALL, Image.Resampling.LANCZOS))
    flat = planes(drawn, CEL_PLANES)
    return _draw(network, _shrunk(flat, 2 * SMALL, Image.Resampling.BOX))


def redraw(network: nn.Module, drawing: np.ndarray) -> np.ndarray:
    """Draw a drawing again, uint8 [R, R, 3] -> uint8 [4 REDRAWN_FROM, 4 REDRAWN_FROM, 3]."""
    flat = planes(drawing, REDRAW_PLANES)
    return _draw(network, _shrunk(flat, REDRAWN_FROM, Image.Resampling.BOX))


def planes(pixels: np.ndarray, strength: float) -> np.ndarray:
    """Turn shading into planes: as few differing neighbours as possible, uint8 [H, W, 3].

    Xu et al. 2011, "Image Smoothing via L0 Gradient Minimization",
    https://doi.org/10.1145/2024156.2024208: min_S sum (S - I)^2 + strength #{grad S != 0}, by
    turns the gradients (h, v) for a given S, those below strength / beta become zero, and S for
    given gradients, in the Fourier domain, while beta doubles. Borders wrap around.
    """
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    height, width = image.shape[1:]
    across, down = torch.zeros(height, width), torch.zeros(height, width)
    across[0, 0] = down[0, 0] = -1
    across[0, -1] = down[-1, 0] = 1
    power = torch.fft.fft2(across).abs().square() + torch.fft.fft2(down).abs().square()
    wanted, smooth, beta = torch.fft.fft2(image), image, 2 * strength
    while beta < BETA_MAX:
        h, v = smooth.roll(-1, 2) - smooth, smooth.roll(-1, 1) - smooth
        keep = (h.square() + v.square()).sum(0) >= strength / beta
        h, v = h * keep, v * keep
        divergence = h.roll(1, 2) - h + v.roll(1, 1) - v
        solved = (wanted + beta * torch.fft.fft2(divergence)) / (1 + beta * power)
        smooth = torch.fft.ifft2(solved).real
        beta *= KAPPA
    return _pixels(smooth)


@torch.inference_mode()
def _draw(network: nn.Module, pixels: np.ndarray) -> np.ndarray:
    picture = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.autocast("cpu", torch.bfloat16):
        return _pixels(network(picture.to(memory_format=torch.channels_last))[0].float())


def _pixels(image: Tensor) -> np.ndarray:
    """Convert [3, H, W] in [0, 1] to uint8 [H, W, 3]."""
    return image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _shrunk(pixels: np.ndarray, side: int, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((side, side), how)).copy()


def make_pairs(network: nn.Module, sources: list[Path], out: Path) -> Iterator[Path]:
    """Draw every picture of these folders in "cel": OUT/NAME-photo.png and NAME-drawn.jpg.

    NAME is the source folder's name, a dash and the file's. Yields each drawing's path; what is
    there already is left. Raises DataError for a folder without pictures.
    """
    for source in sources:
        for path in _pictures(source):
            pixels = _square(load(path))
            photo = out / f"{source.name}-{path.stem}-photo.png"
            yield _make(photo, pixels, network, cel, pixels)


def redraw_pairs(network: nn.Module, source: Path, out: Path) -> Iterator[Path]:
    """Copy the pairs of a folder with their drawings drawn once more."""
    for path, drawing in list_pairs(source):
        pixels, drawn = _square(load(path)), _square(load(drawing))
        yield _make(out / f"{path.stem}.png", pixels, network, redraw, drawn)


def _make(
    photo: Path,
    pixels: np.ndarray,
    network: nn.Module,
    recipe: Callable[[nn.Module, np.ndarray], np.ndarray],
    source: np.ndarray,
) -> Path:
    """Write a photo, and the drawing that the recipe makes of the source, if they are missing."""
    photo.parent.mkdir(parents=True, exist_ok=True)
    drawing = photo.with_name(photo.stem.removesuffix("-photo") + "-drawn.jpg")
    if not (photo.is_file() and drawing.is_file()):
        photo.write_bytes(encode_png(pixels))
        whole = drawing.with_suffix(".tmp")
        Image.fromarray(recipe(network, source)).save(whole, "JPEG", quality=QUALITY, subsampling=0)
        whole.replace(drawing)
    return drawing


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.glob("*.*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(f"{folder} holds no pictures; name another folder")
    return paths


def _square(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[0] != pixels.shape[1]:
        raise DataError(
            f"a picture is {pixels.shape[1]}x{pixels.shape[0]} pixels; faces have to be square "
            "crops, which 'prepare' makes"
        )
    return pixels
