"""From codes to pictures on one device: finished ones one at a time, previews in batches."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .. import images, runtime
from ..errors import OptionError
from .face_model import FaceModel, Generator

PREVIEW = 256  # pixels that a recogniser can use
PREVIEW_BATCH = (2, 16)  # pictures at once on a CPU, on a GPU
_NOISE = 3  # key of the random numbers drawn here
Offsets = Sequence[Tensor]  # one [channels] for each of a generator's style_layers
WORTH = 1.1  # times faster, below which a recording's memory is given back
KINDS = 2  # of calls that are recorded, with const noise and with given maps

log = logging.getLogger(__name__)
Draw = Callable[..., Tensor]


class Renderer:
    """What draws for the stages: they hand over codes and know no network."""

    def __init__(self, model: FaceModel, device: torch.device):
        self.model = model
        self.device = device

    @property
    def resolution(self) -> int:
        return self.model.info.resolution

    @property
    def previewed(self) -> int:
        """Count the pixels of a preview's side."""
        return min(PREVIEW, self.resolution)

    @property
    def at_once(self) -> int:
        """Count the previews that are drawn together; fewer take as long."""
        return PREVIEW_BATCH[self.device.type == "cuda"]

    @torch.no_grad()
    def images(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        seed: int = 0,
        noises: Sequence[Tensor] | None = None,
        offsets: Offsets | None = None,
    ) -> Tensor:
        """Draw the finished picture of ws [1, num_ws, w_dim], float32 [1, 3, R, R], not clamped.

        seed: of the noise, in noise_mode "random"; noises: maps in its place. offsets: on the
        styles, see `shifted`.
        """
        if noise_mode == "random":
            noises, noise_mode = self._noises(seed), "const"
        if offsets is not None:  # a recorded call knows none
            generator = self.model.generator
            with shifted(generator, offsets):
                return generator.synthesize(ws.to(self.device), noise_mode, noises).cpu()
        return self._finished(ws.to(self.device), noise_mode, noises).cpu()

    def pixels(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        seed: int = 0,
        noises: Sequence[Tensor] | None = None,
    ) -> np.ndarray:
        """Draw the same as uint8 [R, R, 3]."""
        return images.to_pixels(self.images(ws, noise_mode, seed, noises))[0]

    @torch.no_grad()
    def preview(self, ws: Tensor) -> np.ndarray:
        """Draw the preview of one code alone, for somebody who waits.

        Half of a batch's time on a CPU, and the same picture but for its last bits.
        """
        return images.to_pixels(self._previewed(ws.to(self.device)))[0]

    @torch.no_grad()
    def previews(self, ws: Sequence[Tensor]) -> list[np.ndarray]:
        """Draw pictures of `previewed` pixels, uint8 [P, P, 3], of many ws [1, num_ws, w_dim].

        All batches have one size, the last one filled up: the kernels that a library chooses,
        and with them the last bits, must not depend on how many pictures are drawn.
        """
        batch = self.at_once
        pictures = []
        for start in range(0, len(ws), batch):
            part = list(ws[start : start + batch])
            filled = torch.cat(part + part[:1] * (batch - len(part))).to(self.device)
            pictures += list(images.to_pixels(self._previewed(filled))[: len(part)])
        return pictures

    def check(self, ws: Tensor) -> None:
        """Raise OptionError unless ws is [N, num_ws, w_dim] of this model."""
        config = self.model.generator.config
        if ws.ndim != 3 or tuple(ws.shape[1:]) != (config.num_ws, config.w_dim):
            raise OptionError(
                f"ws has the shape {tuple(ws.shape)}; {self.model.info.name} takes "
                f"[N, {config.num_ws}, {config.w_dim}]"
            )

    def _noises(self, seed: int) -> list[Tensor]:
        shapes = self.model.generator.noise_shapes
        return [
            runtime.seeded_normal(shape, seed, _NOISE, i).to(self.device)
            for i, shape in enumerate(shapes)
        ]

    @cached_property
    def _finished(self) -> Replayed:
        return Replayed(self.model.generator.synthesize)

    @cached_property
    def _previewed(self) -> Replayed:
        generator, size = self.model.generator, self.previewed

        return Replayed(lambda ws, mode, noises: generator.preview(ws, size, mode, noises))


@torch.no_grad()
def spreads(generator: Generator, w: Tensor) -> list[Tensor]:
    """Measure every channel's standard deviation over samples of w [N, w_dim].

    Returns [channels] a style layer.
    """
    return [layer(w.to(layer.weight)).float().std(dim=0) for layer, _ in generator.style_layers]


@contextlib.contextmanager
def shifted(generator: Generator, offsets: Offsets) -> Iterator[None]:
    """Draw with these offsets on the styles in this thread, with gradients to them.

    A style is an affine map of a place of W+, so a point of the style space S that W+ does not
    reach is a code and offsets that are added to what the maps give. Networks know nothing of it:
    hooks add them. What other threads draw stays as it is.
    """
    owner = threading.get_ident()

    def add(offset: Tensor, made: Tensor) -> Tensor:
        return made + offset.to(made) if threading.get_ident() == owner else made

    handles = [
        layer.register_forward_hook(lambda _, __, made, offset=offset: add(offset, made))
        for (layer, _), offset in zip(generator.style_layers, offsets, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Recording:
    """One call with these inputs' shapes as a CUDA graph: recorded once and replayed.

    The kernels of a small generator take less time than Python takes to start them. A replay runs
    the very kernels that were recorded, so no picture changes; hence a stopwatch may decide here,
    which it may not where the precision is chosen (runtime.half_dtype). Raises RuntimeError where
    it cannot be recorded."""

    def __init__(self, call: Callable[[Sequence[Tensor]], Tensor], inputs: Sequence[Tensor]):
        self._inputs = [tensor.clone() for tensor in inputs]
        beside = torch.cuda.Stream()  # libraries choose their kernels before anything is recorded
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(2):
                call(self._inputs)
        torch.cuda.current_stream().wait_stream(beside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._output = call(self._inputs)

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine.copy_(given)
        self._graph.replay()
        return self._output.clone()  # the next replay writes over it


class Replayed:
    """`draw` (ws, noise_mode, noises) for drawing only; replayed where that is WORTH times as fast.

    Without CUDA, with gradients, or on ZeroGPU, where each request has a process of its own, it
    is `draw` itself. Of each kind of call the first runs as written, the second is recorded
    and timed. Threads take turns.
    """

    def __init__(self, draw: Draw):
        self._draw = draw
        self._seen: set[tuple] = set()
        self._recordings: dict[tuple, Recording | None] = {}  # None: it does not pay
        self._lock = threading.Lock()

    def __call__(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        noises: Sequence[Tensor] | None = None,
    ) -> Tensor:
        if noise_mode == "random" or not self._allowed(ws):
            return self._draw(ws, noise_mode, noises)
        inputs = [ws, *(noises or ())]
        kind = (noise_mode, *(tuple(tensor.shape) for tensor in inputs))

        def draw(inputs: Sequence[Tensor]) -> Tensor:
            given = inputs[1:] if noises is not None else None
            return self._draw(inputs[0], noise_mode, given)

        with self._lock:
            if kind in self._seen and kind not in self._recordings and self._room():
                self._recordings[kind] = _where_it_pays(draw, inputs)
            self._seen.add(kind)
            return (self._recordings.get(kind) or draw)(inputs)

    @staticmethod
    def _allowed(ws: Tensor) -> bool:
        return ws.is_cuda and not torch.is_grad_enabled() and not runtime.on_zero_gpu()

    def _room(self) -> bool:
        return sum(recording is not None for recording in self._recordings.values()) < KINDS


def _where_it_pays(draw: Callable, inputs: Sequence[Tensor]) -> Recording | None:
    """Record the call; None where it cannot be or is hardly faster."""
    try:
        recording = Recording(draw, inputs)
    except RuntimeError as error:
        log.warning("no CUDA graph: %s", str(error).strip().partition("\n")[0])
        return None
    ratio = _seconds(draw, inputs) / _seconds(recording, inputs)
    log.info("a CUDA graph is %.2f times as fast", ratio)
    return recording if ratio >= WORTH else None


def _seconds(call: Callable, inputs: Sequence[Tensor]) -> float:
    return runtime.median_seconds(lambda: call(inputs), inputs[0].device)
