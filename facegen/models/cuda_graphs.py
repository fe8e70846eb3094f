"""CUDA graphs: what a network asks of the GPU, recorded once and replayed.

The kernels of a small generator take less time than Python takes to start them. A replay runs
the very kernels that were recorded, so no picture changes; hence a stopwatch may decide here,
which it may not where the precision is chosen (runtime.half_dtype).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import runtime

WORTH = 1.1  # times faster, below which a recording's memory is given back
KINDS = 2  # of calls that are recorded, with const noise and with given maps

log = logging.getLogger(__name__)
Draw = Callable[..., Tensor]


class Recording:
    """One call with these inputs' shapes. Raises RuntimeError where it cannot be recorded."""

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
