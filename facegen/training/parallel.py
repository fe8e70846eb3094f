"""Train one network in several processes, as `torchrun` starts them; compile it where that pays.

Every process holds the whole state and works on its share of each batch; gradients are
averaged in one message. The same on CPUs (gloo) and GPUs (nccl).

What compiling brings depends on the card, the sizes and the versions, and sometimes there is no
compiler at all. So both ways are timed for some forward and backward passes before a run starts.
On a CPU it brought nothing but a minute's wait and is not tried.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .. import runtime
from ..errors import OptionError

WORTH = 1.05  # times faster, below which a run stays as it is written

log = logging.getLogger(__name__)


def started() -> int:
    """Count the processes that torchrun started for this run; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextlib.contextmanager
def processes(device: str) -> Iterator[torch.device]:
    """Join the processes that WORLD_SIZE in the environment names; yields this one's device.

    Raises OptionError if there are more processes than GPUs.
    """
    if started() == 1:
        yield runtime.choose_device(device)
        return
    here = runtime.choose_device(device)
    if here.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise OptionError(
                f"process {local} has no GPU of its own, there are {torch.cuda.device_count()}; "
                "start no more processes than that"
            )
        here = torch.device("cuda", local)
        torch.cuda.set_device(here)
    dist.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        yield here
    finally:
        dist.destroy_process_group()


def rank_and_world() -> tuple[int, int]:
    """Return this process's number and how many there are; (0, 1) when there is only one."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def share(batch: int) -> int:
    """Compute this process's part of a batch. Raises OptionError if it cannot be divided."""
    _, world = rank_and_world()
    if batch % world:
        raise OptionError(f"batch is {batch}; it must be a multiple of the {world} processes")
    return batch // world


def same_everywhere(networks: Iterable[nn.Module]) -> None:
    """Give every process the first one's weights."""
    if dist.is_initialized():
        for network in networks:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Average over all processes, in one message; nothing to do in a single one."""
    if not dist.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def mean_over_processes(value: Tensor) -> Tensor:
    """Average a tensor over all processes."""
    if dist.is_initialized():
        dist.all_reduce(value)
        value = value / dist.get_world_size()
    return value


def anywhere(happened: bool) -> bool:
    """Say whether it happened in any process, so that all of them stop after the same step."""
    if not dist.is_initialized():
        return happened
    where = "cuda" if dist.get_backend() == "nccl" else "cpu"
    flag = torch.tensor(int(happened), device=where)
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag)


def faster(
    network: nn.Module, example: Tensor, **settings: object
) -> tuple[Callable[..., Tensor], float]:
    """Choose the network, or its compiled twin where that is at least WORTH times as fast.

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


def _seconds(
    call: Callable[..., Tensor], network: nn.Module, example: Tensor, settings: dict[str, object]
) -> float:
    """Time a forward and a backward pass."""

    def once() -> None:
        network.zero_grad(set_to_none=True)
        call(example, **settings).square().mean().backward()

    return runtime.median_seconds(once, example.device)
