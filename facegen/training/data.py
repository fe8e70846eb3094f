"""What trainers learn from: pictures in memory, records on disk, and clean pictures degraded.

`degrade` makes photographs of a generator's previews, so that an encoder learns to see past what
cameras do: blur, a smaller size, noise, JPEG (Wang et al., "Towards Real-World Blind Face
Restoration with Generative Facial Prior", 2021, https://arxiv.org/abs/2101.04061, section 4);
light, colour and small turns as cameras and detectors differ in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images
from ..datasets.sources import list_pictures
from ..errors import DataError, ImageError, TrainingError, counted
from .run import Progress, stopping

MIN_PICTURES = 8
MOST_ENLARGED = 2  # times; what is enlarged more teaches a generator to draw blurred pictures

# Of `degrade`.
MOVED = 0.7  # share of the pictures that are turned, resized and shifted
TURN, RESIZE, SHIFT = 0.04, 0.03, 0.03  # the most: radians, share, half widths
# The most that logarithms change by: of gamma, brightness, each channel, contrast; and saturation
GAMMA, LIGHT, TINT, CONTRAST, SATURATION = 0.3, 0.2, 0.07, 0.2, 0.35
GREY = 0.03  # share of the pictures without colour
BLURRED = 0.4  # share that is drawn smaller and enlarged again
SHRUNK = (1.1, 1.4, 1.7, 2.0, 2.4)  # how many times smaller
NOISE = 0.04  # the largest standard deviation, of a picture from 0 to 1
JPEG, QUALITY = 0.3, (30, 95)  # share that was compressed, and how

Make = Callable[[int, int], Mapping[str, np.ndarray]]  # (first record, how many) -> arrays by name


def facts_of(options: object) -> dict[str, str]:
    """Collect what an exported model says about itself from options or from another's facts."""
    names = ("title", "licence", "licence_meaning", "training_data")
    return {name: getattr(options, name) for name in names}


def check_count(pictures: int, batch: int = 1) -> None:
    """Raise DataError for fewer than MIN_PICTURES, or than a batch that shows each only once."""
    if pictures < MIN_PICTURES:
        raise DataError(
            f"{counted(pictures, 'picture')} found, at least {MIN_PICTURES} are needed; "
            "name folders with more aligned faces"
        )
    if pictures < batch:
        raise DataError(
            f"{pictures} pictures are fewer than one batch of {batch}; "
            "bring more, or lower the batch"
        )


def count(folders: Sequence[Path | str], batch: int = 1) -> int:
    """Count the pictures below the folders. Raises DataError for too few."""
    pictures = len(list_pictures(folders))
    check_count(pictures, batch)
    return pictures


def load_pictures(folders: Sequence[Path | str], resolution: int) -> Tensor:
    """Load all square pictures below the folders, resized: uint8 [N, 3, R, R].

    Raises DataError if there are fewer than MIN_PICTURES, or one is broken, not square, or
    smaller than a MOST_ENLARGED-th of the resolution.
    """
    paths = list_pictures(folders)
    check_count(len(paths))
    result = np.empty((len(paths), 3, resolution, resolution), np.uint8)
    for i, path in enumerate(paths):
        try:
            pixels = images.load(path)
        except ImageError as error:
            raise DataError(f"{path.name} cannot be read ({error}); remove it") from error
        height, width = pixels.shape[:2]
        if height != width:
            raise DataError(f"{path.name} is {width}x{height} pixels; crop it square first")
        if width * MOST_ENLARGED < resolution:
            raise DataError(
                f"{path.name} is {width}x{width} pixels, and this run looks at {resolution}; "
                f"bring pictures of {resolution // MOST_ENLARGED} or more, or lower the resolution"
            )
        result[i] = images.resize(pixels, (resolution, resolution)).transpose(2, 0, 1)
    return torch.from_numpy(result)


def batches(
    pictures: Tensor, size: int, generator: torch.Generator, mirrored: bool = True
) -> Iterator[Tensor]:
    """Yield random batches without end, float32 [size, 3, R, R] in [-1, 1].

    They are on the pictures' device. mirrored: every other picture, by chance, is shown mirrored.
    Pictures are drawn with replacement, so that the generator's state, which a checkpoint
    keeps, is all there is to know about the order.
    """
    while True:
        picked = torch.randint(len(pictures), (size,), generator=generator)
        flipped = torch.rand(size, generator=generator) < (0.5 if mirrored else 0.0)
        batch = pictures[picked.to(pictures.device)].float() / 127.5 - 1.0
        flipped = flipped[:, None, None, None].to(pictures.device)
        yield torch.where(flipped, batch.flip(3), batch)


# --- records on disk -------------------------------------------------------------------


class Records:
    """Arrays on disk that grow record by record, and go on growing after an interruption.

    Each array is a raw file whose size says how many records there are, so that nothing which was
    being written when the power went can be taken for a record.

    layout: name -> (shape of one record, dtype).
    """

    def __init__(self, folder: Path, layout: Mapping[str, tuple[Sequence[int], str]]) -> None:
        self.folder = folder
        self.layout = {
            name: (tuple(shape), np.dtype(kind)) for name, (shape, kind) in layout.items()
        }

    def __len__(self) -> int:
        return min(self._size(name) // self._bytes(name) for name in self.layout)

    @property
    def bytes_each(self) -> int:
        """Sum up the size of a record in all arrays."""
        return sum(self._bytes(name) for name in self.layout)

    def read(self, name: str, count: int) -> np.ndarray:
        """Map the first `count` records, [count, *shape]: only what is used is read."""
        shape, kind = self.layout[name]
        # copy on write: torch wants memory that may be written to, the file stays as it is
        return np.memmap(self._file(name), kind, "c", shape=(count, *shape))

    def fill(self, total: int, at_once: int, make: Make, progress: Progress | None = None) -> None:
        """Append `at_once` records of `make` at a time until there are `total` or a few more.

        Raises KeyboardInterrupt after Ctrl-C, when what was begun is written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep(len(self) // at_once * at_once)
        reported = len(self)
        with stopping() as interrupted:
            while (start := len(self)) < total:
                self._append(make(start, at_once))
                done = min(len(self), total)
                if progress and (done - reported >= total / 20 or done == total):
                    progress({self.folder.name: done, "of": total})
                    reported = done
                if interrupted.is_set():
                    raise KeyboardInterrupt

    def _append(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, (shape, kind) in self.layout.items():
            array = np.ascontiguousarray(arrays[name], kind)
            assert array.shape[1:] == shape, (name, array.shape, shape)
            try:
                with self._file(name).open("ab") as file:
                    file.write(array.tobytes())
            except OSError as error:
                raise TrainingError(
                    f"{self._file(name)} cannot be written ({error.strerror}); make room and "
                    f"start again: the run goes on after {len(self)} records"
                ) from error

    def _keep(self, count: int) -> None:
        for name in self.layout:
            if self._file(name).exists():
                with self._file(name).open("r+b") as file:
                    file.truncate(count * self._bytes(name))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.{self.layout[name][1].name}"

    def _bytes(self, name: str) -> int:
        shape, kind = self.layout[name]
        return math.prod(shape) * kind.itemsize

    def _size(self, name: str) -> int:
        return self._file(name).stat().st_size if self._file(name).exists() else 0


# --- degraded, as photographs are ------------------------------------------------------


def degrade(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Degrade pictures, float32 [N, 3, H, W] in [-1, 1]: the same shape, range and device.

    random: a generator on the CPU; what happens to a batch depends on it alone.
    """
    x = (_moved(pictures, random) + 1) / 2
    x = _developed(x, random)
    x = _blurred(x, random)
    amount = NOISE * torch.rand(len(x), 1, 1, 1, generator=random).square()
    x = x + (torch.randn(x.shape, generator=random) * amount).to(x.device)
    return _compressed(x.clamp(0, 1), random) * 2 - 1


def _between(random: torch.Generator, device: torch.device, most: float, *shape: int) -> Tensor:
    """Draw uniformly from -most to most."""
    return ((2 * torch.rand(*shape, generator=random) - 1) * most).to(device)


def _chosen(random: torch.Generator, count: int, share: float) -> list[int]:
    """Choose which of so many, on the CPU, so that a GPU is never waited for."""
    return (torch.rand(count, generator=random) < share).nonzero()[:, 0].tolist()


def _moved(x: Tensor, random: torch.Generator) -> Tensor:
    n = len(x)
    on = (torch.rand(n, generator=random) < MOVED).float().to(x.device)
    angle = on * _between(random, x.device, TURN, n)
    size = 1 + on * _between(random, x.device, RESIZE, n)
    across, down = (on * _between(random, x.device, SHIFT, n) for _ in range(2))
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    theta = torch.stack(
        [torch.stack([cos, -sin, across], 1), torch.stack([sin, cos, down], 1)], dim=1
    )
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _developed(x: Tensor, random: torch.Generator) -> Tensor:
    """Change light and colour, of pictures from 0 to 1."""
    n, device = len(x), x.device
    gamma = torch.exp(_between(random, device, GAMMA, n, 1, 1, 1))
    gain = torch.exp(_between(random, device, LIGHT, n, 1, 1, 1))
    gain = gain * torch.exp(_between(random, device, TINT, n, 3, 1, 1))
    x = x.clamp(1e-4, 1) ** gamma * gain
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * torch.exp(_between(random, device, CONTRAST, n, 1, 1, 1))
    grey = x.mean(dim=1, keepdim=True)
    coloured = (torch.rand(n, 1, 1, 1, generator=random) >= GREY).float().to(device)
    return grey + (x - grey) * coloured * (1 + _between(random, device, SATURATION, n, 1, 1, 1))


def _blurred(x: Tensor, random: torch.Generator) -> Tensor:
    chosen = _chosen(random, len(x), BLURRED)
    sizes = torch.randint(len(SHRUNK), (len(chosen),), generator=random).tolist()
    for which, times in enumerate(SHRUNK):
        rows = [row for row, size in zip(chosen, sizes, strict=True) if size == which]
        if rows:
            small = [round(length / times) for length in x.shape[-2:]]
            y = F.interpolate(x[rows], small, mode="bilinear", antialias=True)
            mode = ("bilinear", "bicubic")[which % 2]  # as different programs enlarge
            x[rows] = F.interpolate(y, x.shape[-2:], mode=mode)
    return x


def _compressed(x: Tensor, random: torch.Generator) -> Tensor:
    """Compress some as JPEG and read them again, on the CPU wherever the pictures are."""
    from torchvision import io

    for row in _chosen(random, len(x), JPEG):
        quality = int(torch.randint(*QUALITY, (), generator=random))
        pixels = (x[row] * 255).round().byte().cpu()
        x[row] = (io.decode_jpeg(io.encode_jpeg(pixels, quality)).float() / 255).to(x.device)
    return x
