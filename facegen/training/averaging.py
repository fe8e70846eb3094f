"""The exponential moving average of a network's weights: what a trainer shows and exports."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

RAMP = 0.1  # the half-life is at most this share of what was shown


class Average(AveragedModel):
    """`module` is the averaged network, frozen and in eval mode; its buffers are the network's own.

    It begins as the network is now.
    """

    def __init__(self, network: nn.Module):
        super().__init__(network, use_buffers=False)
        self.requires_grad_(False).eval()
        self.n_averaged.fill_(1)  # at 0 the first update would be a copy

    def update(self, network: nn.Module, keep: float) -> None:
        """average <- keep * average + (1 - keep) * network; keep: 0 to 1."""
        self.multi_avg_fn = get_ema_multi_avg_fn(keep)
        self.update_parameters(network)


def keep_of(batch: int, shown: int, half_life: float, ramp: float = RAMP) -> float:
    """What a step keeps of the average: Karras et al. 2020b, https://arxiv.org/abs/2006.06676,
    appendix C. All in pictures; the half-life is shorter at the start."""
    return 0.5 ** (batch / min(half_life, max(shown * ramp, 1.0)))
