"""The DCGAN's options: no torch in here, so that the command line starts at once."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import MAX_SEED, check_range, check_ranges, option
from .options import PICTURES, ModelFacts


@dataclass(frozen=True, kw_only=True)
class DcganOptions(ModelFacts):
    """One run. Counts are in pictures shown.

    data: folders, prepared or not. out: the run's folder. channels: of the layer next to the
    picture, see networks.dcgan. learning_rate: of both networks; discriminator_rate multiplies
    the discriminator's. beta1: Adam's momentum. device: cpu, cuda or auto.
    """

    data: tuple[str, ...]
    out: str
    z_dim: int = option(100, 1, 4096)
    channels: int = option(64, 1, 512)
    total: int = option(60_000, 1, PICTURES)
    batch: int = option(32, 2, 4096)
    learning_rate: float = option(2e-4, 0.0, 1.0)
    discriminator_rate: float = option(1.0, 0.0, 1000.0)
    beta1: float = option(0.5, 0.0, 0.999)
    snapshot: int = option(5_000, 1, PICTURES)
    seed: int = option(0, 0, MAX_SEED)
    device: str = "cpu"
    title: str = "a DCGAN"
    training_data: str = "pictures of 32x32"

    def __post_init__(self):
        check_ranges(self)
        check_range("total", self.total, self.batch, PICTURES)
