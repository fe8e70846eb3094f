"""The options of every trainer: no torch in here, so that the command line starts at once."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OptionError
from ..types import MAX_SEED, check_range


@dataclass(frozen=True)
class JointOptions:
    """One run. Counts are in pictures shown, so that the batch size may change.

    discriminator_base, discriminator_rate: its channels as channel_base counts them; its
    learning rate, in units of the generator's. critic_weight: of the critic on a face
    network's features. face_weight: of the
    distance in the features of a face recognition network. jitter: how differently a picture
    is cropped and coloured each time, see training.augment. title, licence,
    licence_meaning, training_data: what the exported model says about itself.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = 64
    w_dim: int = 128
    channel_base: int = 3072
    channel_max: int = 192
    discriminator_base: int = 1536
    total: int = 200_000
    warmup: int = 24_000
    batch: int = 8
    learning_rate: float = 1e-3
    discriminator_rate: float = 2.0
    final_learning_rate: float = 2e-4
    anneal: int = 40_000
    r1_gamma: float = 0.2
    r1_interval: int = 16
    augment_p: float = 0.1
    pixel_weight: float = 3.0
    gan_weight: float = 0.3
    critic_weight: float = 0.1
    face_weight: float = 1.0
    jitter: float = 1.0
    offset_weight: float = 0.05
    w_weight: float = 0.1
    cycle_weight: float = 0.5
    ema_pictures: int = 2_500
    snapshot: int = 4_000
    seed: int = 0
    device: str = "cpu"
    title: str = "a face model"
    licence: str = "unknown"
    licence_meaning: str = "what the owner of the training pictures allows"
    training_data: str = "aligned faces"

    def __post_init__(self):
        check_range("resolution", self.resolution, 16, 1024)
        if self.resolution & (self.resolution - 1):
            raise OptionError(f"resolution is {self.resolution}; it must be a power of two")
        check_range("w_dim", self.w_dim, 1, 4096)
        for name in ("channel_base", "discriminator_base"):
            check_range(name, getattr(self, name), 4 * self.resolution, 2**20)
        check_range("channel_max", self.channel_max, 4, 4096)
        check_range("seed", self.seed, 0, MAX_SEED)
        for name in ("learning_rate", "final_learning_rate"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        for name in ("pixel_weight", "gan_weight", "critic_weight", "face_weight", "jitter"):
            check_range(name, getattr(self, name), 0.0, 100.0)
        for name in ("r1_interval", "ema_pictures", "snapshot"):
            check_range(name, getattr(self, name), 1, 10**9)
        check_range("batch", self.batch, 4, 512)
        check_range("total", self.total, self.batch, 10**9)
        check_range("warmup", self.warmup, 0, 10**9)
        check_range("augment_p", self.augment_p, 0.0, 1.0)


@dataclass(frozen=True)
class AnimeTrainOptions:
    """One style's training run.

    pairs: a folder of NAME-photo.jpg and NAME-anime.jpg, or one that holds such a folder
    named like the style. out: where checkpoint, log, samples and the result go; an
    unfinished run there is continued. width: channels at full size, see Generator. crop:
    side of a training crop in pixels. gradient, colour, structure, features, adversarial:
    weights g, c, s, f and a of the objective (see training.anime); the discriminator joins
    after the share adversarial_from of the steps. start: the checkpoint.pt of another style,
    of the same width, to start from. log_every, save_every: in steps. threads: of the CPU, 0
    for torch's default. licence, licence_meaning, training_data: what the result says about
    itself.
    """

    pairs: str
    out: str
    style: str = "hayao"
    steps: int = 1000
    batch: int = 4
    crop: int = 128
    width: int = 16
    start: str = ""
    learning_rate: float = 1e-3
    gradient: float = 0.5
    colour: float = 0.5
    structure: float = 0.5
    features: float = 0.3
    adversarial: float = 0.03
    adversarial_from: float = 0.5
    log_every: int = 20
    save_every: int = 100
    seed: int = 0
    threads: int = 0
    licence: str = "unknown"
    licence_meaning: str = "what the owner of the pairs allows"
    training_data: str = "photo/anime pairs"

    def __post_init__(self):
        check_range("steps", self.steps, 1, 1_000_000)
        check_range("batch", self.batch, 1, 256)
        check_range("crop", self.crop, 32, 1024)
        check_range("width", self.width, 4, 64)
        check_range("learning_rate", self.learning_rate, 1e-6, 0.1)
        for name in ("gradient", "colour", "structure", "features", "adversarial"):
            check_range(name, getattr(self, name), 0.0, 100.0)
        check_range("adversarial_from", self.adversarial_from, 0.0, 1.0)
        check_range("log_every", self.log_every, 1, 1_000_000)
        check_range("save_every", self.save_every, 1, 1_000_000)
        check_range("seed", self.seed, 0, MAX_SEED)
        check_range("threads", self.threads, 0, 1024)
