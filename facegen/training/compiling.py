"""torch.compile where it pays: on this machine and this network, measured before a run starts.

What compiling brings depends on the card, the sizes and the versions, and sometimes there is no
compiler at all. So nobody has to know: both ways are timed for some forward and backward passes.
On a CPU it brought nothing but a minute's wait and is not tried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .. import runtime

WORTH = 1.05  # times faster, below which a run stays as it is written

log = logging.getLogger(__name__)


def faster(network: nn.Module, example: Tensor, **settings: object) -> tuple[Callable, float]:
    """The network, or its compiled twin where that is at least WORTH times as fast.

    example: an input of the size that training will use. settings: further arguments of the
    network. Returns what to call and the ratio; 0.0 where the network could not be compiled.
    Leaves the network's gradients cleared and the random numbers where they were.
    """
    devices = [example.device] if example.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        plain = _seconds(network, network, example, settings)
        try:
            twin = torch.compile(network)
            ratio = plain / _seconds(twin, network, example, settings)
        except Exception as error:  # whatever the compiler, or its absence, raises
            log.warning("torch.compile is not used: %s", str(error).strip().partition("\n")[0])
            return network, 0.0
        finally:
            network.zero_grad(set_to_none=True)
    return (twin if ratio >= WORTH else network), ratio


def _seconds(call: Callable, network: nn.Module, example: Tensor, settings: dict) -> float:
    """Of a forward and a backward pass."""

    def once() -> None:
        network.zero_grad(set_to_none=True)
        call(example, **settings).square().mean().backward()

    return runtime.median_seconds(once, example.device)
