"""The options of every trainer: no torch in here, so that the command line starts at once."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import check_range


@dataclass(frozen=True)
class JointOptions:
    """One run. Counts are in pictures shown, so that the batch size may change.

    discriminator_rate: its learning rate, in units of the generator's.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = 64
    w_dim: int = 128
    channel_base: int = 3072
    channel_max: int = 192
    total: int = 200_000
    warmup: int = 24_000
    batch: int = 8
    learning_rate: float = 1e-3
    discriminator_rate: float = 2.0
    final_learning_rate: float = 2e-4
    anneal: int = 40_000
    r1_gamma: float = 0.2
    r1_interval: int = 16
    augment_p: float = 0.5
    pixel_weight: float = 2.0
    feature_weight: float = 2.0
    offset_weight: float = 0.05
    w_weight: float = 0.1
    cycle_weight: float = 0.5
    ema_pictures: int = 2_500
    snapshot: int = 4_000
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self):
        check_range("resolution", self.resolution, 16, 1024)
        check_range("batch", self.batch, 4, 512)
        check_range("total", self.total, self.batch, 10**9)
        check_range("warmup", self.warmup, 0, self.total)
        check_range("augment_p", self.augment_p, 0.0, 1.0)
