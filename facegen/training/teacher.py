"""Pairs to learn from, made here: a photo, and what Real-ESRGAN's network for drawings makes of it.

cel      photo -> SMALL pixels a side -> drawn, four times larger -> planes -> half the size ->
         drawn once more. The network takes a shrunken photo for a spoilt drawing and draws
         outlines; from planes it draws the planes' edges.
redraw   a drawing -> planes -> shrunk -> drawn once more: the same lines, clean, four times as
         large as what was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..datasets.listing import list_pairs
from ..errors import DataError
from ..images import SUFFIXES, encode_png, load

SMALL = 80  # pixels a side of what is drawn from; 64 draws more strongly, 96 more faithfully
CEL_PLANES, REDRAW_PLANES = 0.006, 0.003  # lambda of `planes`
REDRAWN_FROM = 256  # pixels a side
QUALITY = 95  # of the drawings, JPEG without colour subsampling
KAPPA, BETA_MAX = 2.0, 1e5  # of `planes`, the paper's

Recipe = Callable[[nn.Module, np.ndarray], np.ndarray]


def cel(network: nn.Module, photo: np.ndarray) -> np.ndarray:
    """photo: uint8 [R, R, 3] -> its drawing, uint8 [8 SMALL, 8 SMALL, 3]."""
    drawn = _draw(network, _shrunk(photo, SMALL, Image.Resampling.LANCZOS))
    flat = planes(drawn, CEL_PLANES)
    return _draw(network, _shrunk(flat, 2 * SMALL, Image.Resampling.BOX))


def redraw(network: nn.Module, drawing: np.ndarray) -> np.ndarray:
    """drawing: uint8 [R, R, 3] -> uint8 [4 REDRAWN_FROM, 4 REDRAWN_FROM, 3]."""
    flat = planes(drawing, REDRAW_PLANES)
    return _draw(network, _shrunk(flat, REDRAWN_FROM, Image.Resampling.BOX))


def planes(pixels: np.ndarray, strength: float) -> np.ndarray:
    """As few differing neighbours as possible: shading becomes planes. uint8 [H, W, 3], the same.

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
    """[3, H, W] in [0, 1] -> uint8 [H, W, 3]."""
    return image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _shrunk(pixels: np.ndarray, side: int, how: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((side, side), how)).copy()


# --- folders ---------------------------------------------------------------------------


def make_pairs(network: nn.Module, sources: list[Path], out: Path) -> Iterator[Path]:
    """Draw every picture of these folders in "cel": OUT/NAME-photo.png and NAME-drawn.jpg.

    NAME is the source folder's name, a dash and the file's. Yields each drawing's path; what is
    there already is left. Raises DataError for a folder without pictures.
    """
    for source in sources:
        for path in _pictures(source, ""):
            pixels = _square(load(path))
            photo = out / f"{source.name}-{path.stem}-photo.png"
            yield _make(photo, encode_png(pixels), lambda p=pixels: cel(network, p))


def redraw_pairs(network: nn.Module, source: Path, out: Path) -> Iterator[Path]:
    """The pairs of a folder with their drawings drawn once more, otherwise the same."""
    for path, drawing in list_pairs(source):
        made = lambda d=drawing: redraw(network, _square(load(d)))  # noqa: E731
        yield _make(out / f"{path.stem}.png", encode_png(_square(load(path))), made)


def _make(photo: Path, content: bytes, draw: Callable[[], np.ndarray]) -> Path:
    photo.parent.mkdir(parents=True, exist_ok=True)
    drawing = photo.with_name(photo.stem.removesuffix("-photo") + "-drawn.jpg")
    if not (photo.is_file() and drawing.is_file()):
        photo.write_bytes(content)
        whole = drawing.with_suffix(".tmp")
        Image.fromarray(draw()).save(whole, "JPEG", quality=QUALITY, subsampling=0)
        whole.replace(drawing)
    return drawing


def _pictures(folder: Path, ending: str) -> list[Path]:
    paths = sorted(p for p in folder.glob(f"*{ending}.*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise DataError(f"{folder} holds no pictures named *{ending}; name another folder")
    return paths


def _square(pixels: np.ndarray) -> np.ndarray:
    if pixels.shape[0] != pixels.shape[1]:
        raise DataError(
            f"a picture is {pixels.shape[1]}x{pixels.shape[0]} pixels; faces have to be square "
            "crops, which 'prepare' makes"
        )
    return pixels
