"""The invisible mark: a payload of 48 bits in a picture's lightness, read without the original.

A square pattern is laid over the picture like tiles. It is written in the pattern's own Fourier
plane, on all whole frequencies of a ring: a quarter of them carry a known signal, by which the
tile's size and place are found again after scaling and cropping, the others carry the coded bits
(mark_code.py). The pattern is stronger where the picture has texture that hides it. This is
spread-spectrum marking (Cox et al., IEEE Trans. Image Processing 6, 1997) with a periodic
pattern for the synchronisation (Kutter, SPIE 3528, 1998).

What it survives, and what breaks it, is measured by benchmarks/marks.py; see docs/marks.md. The
key is public, so that everybody can check: whoever wants to can remove the mark, or forge it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from . import mark_code
from .mark_code import CODED_BITS, Payload

MIN_SIDE = 96  # pixels: below it a picture has no room for the pattern, and stays as it is
LARGE_SIDE = 640  # pixels: from here on there is room to spare
PSNR, PSNR_SMALL = 46.0, 43.0  # decibels between picture and marked picture, large and small

_KEY = b"facegen mark 1"
_INNER, _OUTER = 12, 34  # cycles a tile: the ring that carries the pattern
_HIGH_PASS = 2.5  # sigma in pixels: smoother parts cannot hide the pattern
_FLOOR, _CAP = 1.0, 6.0  # grey levels of texture: bounds of what the strength follows
_GRID = 256  # places along a tile's side where its corner may lie
_BANDS = 6  # of the ring, each weighed by its own signal and noise
_GATE = 4.5  # standard deviations of the known signal: below it nothing is decoded
_CANDIDATES = 6
_READ_SIDE, _READ_SIDE_FINE = 1024, 2048  # pixels: larger pictures are read at these


class Lattice(NamedTuple):
    """The ring's frequencies in a fixed shuffled order, known ones first.

    y, x: int [n] cycles a tile. signs: float [n, 2], +1 or -1, of real and imaginary part. known:
    how many carry the known signal. band: int [n], 0 the lowest frequencies."""

    y: np.ndarray
    x: np.ndarray
    signs: np.ndarray
    known: int
    band: np.ndarray


def embed(pixels: np.ndarray, payload: Payload) -> np.ndarray:
    """Mark a picture, uint8 [H, W, 3], with at least MIN_SIDE pixels a side.

    The same picture and payload give the same result."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    assert side >= MIN_SIDE, f"no room for a mark in {width} x {height} pixels"
    tile = _tile(payload, side // _tiles(side))
    rows, columns = -(-height // len(tile)), -(-width // len(tile))
    pattern = np.tile(tile, (rows, columns))[:height, :width]
    scale = max(0.5, side / 1024) if side >= 512 else 0.5
    _, texture = _texture(_luma(pixels), scale)
    pattern = pattern * np.clip(texture, _FLOOR, _CAP)
    psnr = PSNR if side >= LARGE_SIDE else PSNR_SMALL
    # PSNR = 20 log10(255 / RMS of the difference)
    pattern *= 255 / 10 ** (psnr / 20) / np.sqrt(np.mean(pattern**2))
    marked = pixels.astype(np.float32) + pattern[..., None]
    return np.clip(np.rint(marked), 0, 255).astype(np.uint8)


def read(pixels: np.ndarray, thorough: bool = True) -> Payload | None:
    """Read the payload of a marked picture, uint8 [H, W, 3]; None where none is found.

    thorough: a large picture is also read at a finer size, in which it may be a small part."""
    if min(pixels.shape[:2]) < 32:
        return None
    luma = _luma(pixels)
    for plane in _sizes(luma, thorough):
        flat = _flattened(plane)
        for period in _periods(flat):
            if found := _decoded(flat, period):
                return found
    return None


def _tiles(side: int) -> int:
    """Return how many tiles lie along a picture's shorter side: they are about 256 pixels wide."""
    return 2 if side < LARGE_SIDE else 4 if side < 1536 else 8


# --- the pattern -------------------------------------------------------------------------


@functools.cache
def _lattice() -> Lattice:
    along = np.arange(-_OUTER, _OUTER + 1)
    y, x = np.meshgrid(along, along, indexing="ij")
    radius = np.hypot(y, x)
    # A real picture's spectrum is symmetric: one half says all.
    ring = (radius >= _INNER) & (radius <= _OUTER) & ((y > 0) | ((y == 0) & (x > 0)))
    y, x, radius = y[ring], x[ring], radius[ring]
    count = len(y)
    # A hash rather than a random generator: it gives the same with every version of numpy.
    stream = hashlib.shake_256(_KEY).digest(6 * count)
    order = np.argsort(np.frombuffer(stream[: 4 * count], ">u4"), kind="stable")
    signs = 1.0 - 2.0 * (np.frombuffer(stream[4 * count :], np.uint8).reshape(count, 2) & 1)
    band = ((radius - _INNER) / (_OUTER - _INNER) * _BANDS).astype(int).clip(0, _BANDS - 1)
    return Lattice(y[order], x[order], signs, count // 4, band[order])


def _tile(payload: Payload, side: int) -> np.ndarray:
    """Make the pattern, float32 [side, side], of standard deviation 1."""
    lattice = _lattice()
    signs = lattice.signs.copy()
    carriers = signs[lattice.known :].reshape(-1)
    coded = mark_code.encode(payload)
    carriers *= 1.0 - 2.0 * coded[_carried(len(carriers))]
    signs[lattice.known :] = carriers.reshape(-1, 2)
    values = signs[:, 0] + 1j * signs[:, 1]
    plane = np.zeros((side, side), np.complex128)
    # += : on a tile that is small for the ring, frequencies fall together
    np.add.at(plane, (lattice.y % side, lattice.x % side), values)
    np.add.at(plane, (-lattice.y % side, -lattice.x % side), values.conj())
    tile = np.fft.ifft2(plane).real
    return (tile / tile.std()).astype(np.float32)


def _carried(count: int) -> np.ndarray:
    """Assign a coded bit to each of the carriers: all of them, repeated."""
    return np.arange(count) % CODED_BITS


# --- what hides it, and how it is seen ---------------------------------------------------


def _luma(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32)


def _texture(luma: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture's detail, without what is smooth, and its local strength."""
    detail = luma - cv2.GaussianBlur(luma, (0, 0), _HIGH_PASS * scale)
    return detail, np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 4 * scale))


def _flattened(luma: np.ndarray) -> np.ndarray:
    """Level the texture's strength everywhere: the pattern with the picture as noise."""
    detail, texture = _texture(luma)
    return np.clip(detail / (texture + 0.7), -3, 3).astype(np.float32)


def _sizes(luma: np.ndarray, thorough: bool) -> Iterator[np.ndarray]:
    """Yield the picture, or reduced copies of it: first the fast, then the fine."""
    longer = max(luma.shape)
    if longer <= _READ_SIDE * 1.5:
        yield luma
        return
    yield _shrunk(luma, _READ_SIDE)
    if thorough:
        yield luma if longer <= _READ_SIDE_FINE * 1.5 else _shrunk(luma, _READ_SIDE_FINE)


def _shrunk(luma: np.ndarray, longer: int) -> np.ndarray:
    factor = longer / max(luma.shape)
    height, width = (max(32, round(length * factor)) for length in luma.shape)
    return cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)


# --- finding the tile --------------------------------------------------------------------


def _periods(flat: np.ndarray) -> Iterator[float]:
    """Yield possible tile widths, in pixels: a whole picture's, then those of the spectrum."""
    side = min(flat.shape)
    yield from (side / tiles for tiles in (4, 2, 8))
    yield from _likely_periods(flat)


def _likely_periods(flat: np.ndarray) -> list[float]:
    """Find the periods whose multiples stand out in the spectrum.

    The pattern repeats, so it has energy at whole multiples of 1 / period and nowhere else."""
    height, width = flat.shape
    side = cv2.getOptimalDFTSize(2 * max(height, width))
    padded = np.zeros((side, side), np.float32)
    padded[:height, :width] = flat
    spectrum = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT)
    power = np.hypot(spectrum[..., 0], spectrum[..., 1])
    power = np.minimum(power / (cv2.blur(power, (33, 33)) + 1e-6), 4)
    lattice = _lattice()
    periods = []
    period, shortest = min(height, width) / 1.2, max(2.2 * _OUTER, min(height, width) / 12)
    while period > shortest:
        periods.append(period)
        period *= 1 - _step(period, flat)
    if not periods:
        return []
    found = np.array(
        [
            power[
                np.rint(lattice.y * side / period).astype(int) % side,
                np.rint(lattice.x * side / period).astype(int) % side,
            ].mean()
            for period in periods
        ]
    )
    chosen: list[float] = []
    for i in np.argsort(-found):
        if all(abs(periods[i] / other - 1) > 0.01 for other in chosen):
            chosen.append(periods[i])
        if len(chosen) == _CANDIDATES:
            break
    return chosen


def _step(period: float, flat: np.ndarray) -> float:
    """Return the share by which a period may be wrong before the outermost frequencies blur."""
    return period / (3 * _OUTER * max(flat.shape))


def _decoded(flat: np.ndarray, period: float) -> Payload | None:
    """Decode tiles of about that period, as they are or mirrored."""
    offs = (-1.0, -0.5, 0.0, 0.5, 1.0)
    planes = [_transform(flat, period * (1 + off * _step(period, flat))) for off in offs]
    for mirrored in (False, True):
        found = [_place(values) for values in (_at_lattice(plane, mirrored) for plane in planes)]
        best = max(found, key=lambda place: place.strength)
        if best.strength >= _GATE and (payload := mark_code.decode(_soft(best.values))):
            return payload
    return None


def _transform(flat: np.ndarray, period: float) -> np.ndarray:
    """Compute the Fourier transform at whole multiples of 1 / period.

    Complex [0 to _OUTER, -_OUTER to _OUTER]; the FFT has no place between its own frequencies."""
    height, width = flat.shape
    cycles = np.arange(-_OUTER, _OUTER + 1)
    across = np.exp(-2j * np.pi / period * np.outer(np.arange(width), cycles))
    down = np.exp(-2j * np.pi / period * np.outer(cycles[_OUTER:], np.arange(height)))
    # Real numbers twice, so that no complex copy of the picture is made.
    rows = flat @ across.real.astype(np.float32) + 1j * (flat @ across.imag.astype(np.float32))
    return down.astype(np.complex64) @ rows


def _at_lattice(plane: np.ndarray, mirrored: bool) -> np.ndarray:
    """Pick a transform's values on the ring, complex [n]. A mirrored picture has them at -x."""
    lattice = _lattice()
    return plane[lattice.y, (-lattice.x if mirrored else lattice.x) + _OUTER]


class Place(NamedTuple):
    """The place of the tiles.

    strength: of the known signal, in standard deviations. values: complex [n], as if a tile began
    at the picture's corner."""

    strength: float
    values: np.ndarray


def _place(values: np.ndarray) -> Place:
    """Find where the tiles begin, by phase correlation (Kuglin and Hines, 1975)."""
    lattice = _lattice()
    known = slice(0, lattice.known)
    product = values[known] * (lattice.signs[known, 0] - 1j * lattice.signs[known, 1])
    size = np.abs(product)
    product = product / (size + np.median(size) + 1e-12)
    plane = np.zeros((_GRID, _GRID), np.complex64)
    plane[lattice.y[known] % _GRID, lattice.x[known] % _GRID] = product
    peaks = np.fft.ifft2(plane, norm="forward").real
    row, column = np.unravel_index(int(peaks.argmax()), peaks.shape)
    noise = np.sqrt((np.abs(product) ** 2).sum() / 2) + 1e-12
    # A shift by t turns the phase of frequency k by -2 pi k t.
    turn = np.exp(2j * np.pi / _GRID * (lattice.y * row + lattice.x * column))
    return Place(float(peaks[row, column] / noise), values * turn)


def _soft(values: np.ndarray) -> np.ndarray:
    """Extract the coded bits as soft values, float [CODED_BITS].

    Each band is weighted by its known signal."""
    lattice = _lattice()
    parts = np.stack([values.real, values.imag], 1) * lattice.signs
    weights = np.zeros(len(parts))
    for band in range(_BANDS):
        inside = lattice.band == band
        signal = float(parts[: lattice.known][inside[: lattice.known]].mean())
        noise = float((parts[inside] ** 2).mean()) - signal**2
        weights[inside] = max(signal, 0.0) / max(noise, 1e-9)
    carriers = (parts * weights[:, None])[lattice.known :].reshape(-1)
    return np.bincount(_carried(len(carriers)), carriers, CODED_BITS)
