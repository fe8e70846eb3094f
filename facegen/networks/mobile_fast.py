"""MobileStyleGAN for finished pictures on a CPU: the plain network's numbers, sooner.

A layer of the highest resolution has 67 MB of activations, and the plain network
(mobile_stylegan.py) passes over them ten times: it waits for memory. Here
  - a block works in bands: some rows run through all its layers while the cache still holds
    them, and each 3x3 convolution keeps the two rows that it needs again;
  - activations are [rows, columns, channels], so that a pointwise convolution is one matrix
    product, which adds to the noise and the bias that lie in its place already;
  - a style goes into a layer's weights, or into the inverse Haar transform's first step;
  - channels stand in the order in which that transform adds and subtracts long runs of memory;
  - the last transform is part of the weights of the picture's layer.
No gradients: the plain network has them, and is the oracle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .mobile_blocks import LRELU_SLOPE, Affine, Block, Conv
from .mobile_stylegan import MobileSynthesis

BAND_BYTES = 4 << 20  # of a band in float32: few beside the cache, many beside a call's cost
Noise = Literal["const", "none"] | Sequence[Tensor]


class FastSynthesis:
    """ws [N, num_ws, w_dim] -> images [N, 3, R, R], both float32 on the CPU.

    noise: "const" for the network's own maps, "none", or one map [H, W] a layer, in the order of
    `random_noise`. dtype: of the blocks' activations and weights; sums, the first layer and the
    picture's stay float32. Weights that have to stand in another order are copied once. May be
    called from several threads.
    """

    def __init__(
        self,
        synthesis: MobileSynthesis,
        dtype: torch.dtype = torch.float32,
        band_bytes: int = BAND_BYTES,
    ):
        self._plain, self._dtype = synthesis, dtype
        sizes = zip(synthesis.config.block_resolutions, synthesis.config.channels, strict=True)
        rows = [band_bytes // (size * channels * 4) for size, channels in sizes]
        self._rows = [max(2, each // 2) for each in rows]  # of a block's input: half as many
        with torch.no_grad():
            self._blocks = [_FastBlock(block, dtype) for block in synthesis.blocks[:-1]]
            self._blocks.append(_FastBlock(synthesis.blocks[-1], dtype, last=True))
            self._picture = _cells(synthesis.to_image.weight[:, :, 0, 0])
            self._picture_bias = _cells(synthesis.to_image.bias[:, None])

    @property
    def _own(self) -> list[Tensor]:
        return [conv.noise for conv in self._plain.convolutions]

    def _noises(self, noise: Noise) -> Sequence[Tensor | None]:
        if not isinstance(noise, str):
            return list(noise)
        assert noise in ("const", "none"), noise
        return self._own if noise == "const" else [None] * len(self._own)

    @torch.no_grad()
    def __call__(self, ws: Tensor, noise: Noise = "const") -> Tensor:
        size = self._plain.config.resolution
        images = ws.new_empty(len(ws), 3, size, size)
        noises = self._noises(noise)
        for code, image in zip(ws, images, strict=True):
            self._paint(self._bands(code, noises, len(self._blocks)), code[-1], image)
        return images

    @torch.no_grad()
    def features(self, ws: Tensor, up_to: int, noise: Noise = "const") -> Tensor:
        """Compute what previews are made of: [N, C, up_to, up_to], channels last."""
        count = self._plain.config.block_resolutions.index(up_to) + 1
        order = self._blocks[count - 1].after.argsort()
        noises = self._noises(noise)
        drawn = [
            torch.cat([band[..., order] for band in self._bands(code, noises, count)])
            for code in ws
        ]
        return torch.stack(drawn).permute(0, 3, 1, 2).float()

    def _bands(self, ws: Tensor, noises: Sequence[Tensor | None], count: int) -> Iterator[Tensor]:
        """Run so many blocks on one code, from the top; each band is good until the next."""
        first = self._plain.first(self._plain.const, ws[None, 0], noises[0])
        first = first[0].permute(1, 2, 0)[..., haar_order(first.shape[1])]
        bands = iter([first.to(self._dtype)])
        for i, block in enumerate(self._blocks[:count]):
            codes = ws[2 * i + 1], ws[2 * i + 2]
            maps = noises[2 * i + 1], noises[2 * i + 2]
            bands = block.bands(_cut(bands, self._rows[i]), 4 << i, codes, maps)
        return bands

    def _paint(self, bands: Iterator[Tensor], w: Tensor, image: Tensor) -> None:
        weight = self._picture * self._plain.to_image.affine(w)
        size = image.shape[1] // 2
        cells = image.view(3, size, 2, size, 2).permute(2, 4, 0, 1, 3)  # row, column, colour, y, x
        y = 0
        for band in bands:
            made = torch.addmm(self._picture_bias, weight, band.flatten(0, 1).float().t())
            cells[..., y : y + len(band), :] = made.view(2, 2, 3, len(band), size)
            y += len(band)


class _FastBlock:
    """One block: [H, W, C] -> [2H, 2W, C'], channels in haar_order; after the last as they are."""

    def __init__(self, block: Block, dtype: torch.dtype, last: bool = False):
        self._up: Affine = block.up.affine
        self._conv1, self._conv2 = block.conv1, block.conv2
        self._order = haar_order(len(self._up.bias))
        outputs = len(block.conv2.bias)
        self.after = after = torch.arange(outputs) if last else haar_order(outputs)
        first, second = (
            conv.pointwise[:, :, 0, 0].to(dtype) for conv in (block.conv1, block.conv2)
        )
        self._first = first.t().contiguous(), block.conv1.bias
        self._second = second[after].t().contiguous(), block.conv2.bias[after]

    def bands(
        self,
        given: Iterator[Tensor],
        size: int,
        codes: tuple[Tensor, Tensor],
        maps: tuple[Tensor | None, Tensor | None],
    ) -> Iterator[Tensor]:
        """Run the block. given: x from the top, at least two rows at a time."""
        style = (self._up(codes[0])[self._order] / 2).to(self._first[0].dtype)
        first = _BandConv(self._conv1, codes[0], *self._first, maps[0], 2 * size)
        second = _BandConv(self._conv2, codes[1], *self._second, maps[1], 2 * size)
        made = style.new_empty(0)
        y = 0
        for part in given:
            y += len(part)
            inverse_haar_rows(part, style, first.room(2 * len(part), end=y == size))
            first.run(second.room(first.ready, end=y == size))
            made = _room(made, second.ready, 2 * size, second.outputs)
            second.run(made[: second.ready])
            yield made[: second.ready]


class _BandConv:
    """A Conv for one code that is fed with rows: ask for room, fill it, run."""

    def __init__(
        self,
        conv: Conv,
        w: Tensor,
        pointwise: Tensor,
        bias: Tensor,
        noise: Tensor | None,
        width: int,
    ) -> None:
        styled = conv.depthwise * conv.affine(w)[:, None, None, None]
        self._depthwise = styled.to(pointwise.dtype, memory_format=torch.channels_last)
        self._pointwise, self._bias, self._noise = pointwise, bias, noise
        self._kept = pointwise.new_zeros(1, width, len(styled))  # the border above the picture
        self._buffer = pointwise.new_empty(0)
        self._done = 0
        self.ready = 0  # rows that can be made now
        self.outputs = len(bias)

    def room(self, rows: int, end: bool) -> Tensor:
        """Return where to write the next rows; after the last ones comes a row of zeros."""
        above = len(self._kept)
        self.ready = above + rows + end - 2
        kept = self._kept.clone()
        self._buffer = _room(self._buffer, above + rows + end, *kept.shape[1:])
        self._buffer[:above] = kept
        if end:
            self._buffer[above + rows] = 0
        self._kept = self._buffer[self.ready : self.ready + 2]
        return self._buffer[above : above + rows]

    def run(self, out: Tensor) -> None:
        """Convolve the rows that are ready into out [ready, width, outputs]."""
        x = self._buffer[None, : self.ready + 2].permute(0, 3, 1, 2)
        x = F.conv2d(x, self._depthwise, padding=(0, 1), groups=x.shape[1])
        x = x[0].permute(1, 2, 0).flatten(0, 1)
        made = out.view(len(x), -1)
        if self._noise is None:
            torch.addmm(self._bias, x, self._pointwise, out=made)
        else:
            noise = self._noise[self._done : self._done + len(out)].reshape(-1, 1)
            torch.add(noise, self._bias, out=made)
            made.addmm_(x, self._pointwise)
        F.leaky_relu_(made, LRELU_SLOPE)
        self._done += len(out)


def _room(buffer: Tensor, rows: int, *row: int) -> Tensor:
    """Reuse the buffer, unless it is too small: fresh memory costs more than its use."""
    return buffer if len(buffer) >= rows else buffer.new_empty(rows, *row)


def _cut(bands: Iterator[Tensor], rows: int) -> Iterator[Tensor]:
    """Cut the rows into bands of at most so many, and of no less than two."""
    for band in bands:
        pieces = max(1, min(-(-len(band) // rows), len(band) // 2))
        yield from band.tensor_split(pieces)


def haar_order(channels: int) -> Tensor:
    """Say where LL, then all b, all a, all d stand among the channels of `inverse_haar`."""
    band = torch.arange(channels // 4, channels).view(-1, 3)
    return torch.cat([torch.arange(channels // 4), band[:, 1], band[:, 0], band[:, 2]])


def inverse_haar_rows(x: Tensor, style: Tensor, out: Tensor) -> None:
    """Compute the inverse Haar transform, times 2, of x * style.

    x: [H, W, 4C] in haar_order, style [4C] likewise; out: [2H, 2W, C], to be written.
    """
    half = len(style) // 2
    left = x[..., :half] * style[:half]  # LL, b
    differences = torch.addcmul(left, x[..., half:], style[half:], value=-1)  # LL - a, b - d
    sums = left.addcmul_(x[..., half:], style[half:])  # LL + a, b + d
    cells = out.view(len(x), 2, x.shape[1], 2, half // 2)
    for row, pair in enumerate((sums, differences)):
        low, high = pair[..., : half // 2], pair[..., half // 2 :]
        torch.add(low, high, out=cells[:, row, :, 0])
        torch.sub(low, high, out=cells[:, row, :, 1])


def _cells(coefficients: Tensor) -> Tensor:
    """Transform weights [12, C] inversely: rows by cell (row, column), then colour."""
    ll, bands = coefficients[:3], coefficients[3:].unflatten(0, (3, 3))
    a, b, d = bands.unbind(1)
    return torch.cat([ll + a + b + d, ll + a - b - d, ll - a + b - d, ll - a - b + d]) / 2
