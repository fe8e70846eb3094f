"""The options of every trainer: no torch in here, so that the command line starts at once."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OptionError
from ..types import MAX_SEED, check_range

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class JointOptions:
    """One run. Counts are in pictures shown, so that the batch size may change.

    encoder_resolution: of the pictures that the encoder reads, 0 for those of the generator.
    passes: how often the encoder corrects its code, see networks.encoder.
    finetune: a model of ours, generator and encoder, to start from; of this resolution or a
    lower one, from which the generator grows. discriminator_base, discriminator_rate: its
    channels as channel_base counts them; its learning rate, in units of the generator's.
    critic_weight: of the critic on a face network's features. face_weight: of the distance in
    the features of a face recognition network. jitter: how differently a picture is cropped
    and coloured each time, see training.augment. title, licence, licence_meaning,
    training_data: what the exported model says about itself.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = 64
    encoder_resolution: int = 0
    passes: int = 0
    finetune: str = ""
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
        if self.encoder_resolution:
            check_range("encoder_resolution", self.encoder_resolution, 16, self.resolution)
            if self.encoder_resolution & (self.encoder_resolution - 1):
                raise OptionError(
                    f"encoder_resolution is {self.encoder_resolution}; it must be a power of two"
                )
        check_range("passes", self.passes, 0, 16)
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
class StyleGAN2Options:
    """A run of the StyleGAN2 trainer; the defaults are those of the paper's 256-pixel setup.

    data: folders of pictures, or of what `prepare` made. out: the run's folder; an unfinished
    run there is continued. channel_base, channel_max: see GeneratorConfig; 32768 is config-f.
    accumulate: the parts a batch is computed in, where it does not fit as a whole. r1_gamma 0:
    the heuristic 0.0002 R^2 / batch. ada: "adaptive", or a fixed p from 0 to 1. finetune: a
    checkpoint to start from, of any format that is read, of this resolution or a lower one.
    freeze_d: how many of the discriminator's finest blocks stay as they are. precision: of the
    convolutions from 8 pixels on. snapshot, ema, total, ada_horizon: in pictures shown.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = 128
    z_dim: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    channel_base: int = 16384
    channel_max: int = 512
    total: int = 25_000_000
    batch: int = 32
    accumulate: int = 1
    learning_rate: float = 2e-3
    discriminator_rate: float = 1.0
    r1_gamma: float = 0.0
    r1_interval: int = 16
    path_weight: float = 2.0
    path_interval: int = 4
    path_decay: float = 0.01
    mixing: float = 0.9
    ema: int = 10_000
    ada: str = "adaptive"
    ada_target: float = 0.6
    ada_interval: int = 4
    ada_horizon: int = 500_000
    mirror: int = 1
    finetune: str = ""
    freeze_d: int = 0
    precision: str = "bfloat16"
    compile: int = 0
    snapshot: int = 200_000
    seed: int = 0
    device: str = "auto"
    title: str = "a face model"
    licence: str = "unknown"
    licence_meaning: str = "what the owner of the training pictures allows"
    training_data: str = "aligned faces"

    def __post_init__(self):
        check_range("resolution", self.resolution, 32, 1024)
        if self.resolution & (self.resolution - 1):
            raise OptionError(f"resolution is {self.resolution}; it must be a power of two")
        for name in ("z_dim", "w_dim", "channel_max"):
            check_range(name, getattr(self, name), 4, 4096)
        check_range("mapping_layers", self.mapping_layers, 1, 16)
        check_range("channel_base", self.channel_base, 4 * self.resolution, 2**20)
        check_range("batch", self.batch, 1, 4096)
        check_range("accumulate", self.accumulate, 1, self.batch)
        if self.batch % self.accumulate:
            raise OptionError(
                f"accumulate is {self.accumulate}; it must divide the batch of {self.batch}"
            )
        for name in ("learning_rate", "mixing", "path_decay", "ada_target"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        for name in ("discriminator_rate", "r1_gamma", "path_weight"):
            check_range(name, getattr(self, name), 0.0, 1e4)
        for name in ("r1_interval", "path_interval", "ada_interval"):
            check_range(name, getattr(self, name), 1, 10**6)
        for name in ("total", "ema", "snapshot", "ada_horizon"):
            check_range(name, getattr(self, name), 1, 10**9)
        for name in ("mirror", "compile"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("freeze_d", self.freeze_d, 0, self.resolution.bit_length() - 3)
        check_range("seed", self.seed, 0, MAX_SEED)
        if self.precision not in PRECISIONS:
            raise OptionError(f"precision is {self.precision!r}; one of {', '.join(PRECISIONS)}")
        if self.ada != "adaptive":
            try:
                check_range("ada", float(self.ada), 0.0, 1.0)
            except ValueError as error:
                raise OptionError(
                    f"ada is {self.ada!r}; it is 'adaptive' or a probability from 0 to 1"
                ) from error


@dataclass(frozen=True)
class EncoderTrainOptions:
    """A run of the encoder trainer.

    model: the name or the file of the face model that gets an encoder. data: folders of aligned
    photos; none trains on the model's own samples alone. resolution: of the pictures that the
    encoder reads. samples: the share of each batch that the model draws itself, the codes of
    which are known. latent_weight, pixel_weight, face_weight, offset_weight: of the distance to
    the known code, of L1 on several scales, of the distance in a face recognition network's
    features (its last level is identity), and of the offsets' size, which keeps codes editable.
    """

    data: tuple[str, ...]
    out: str
    model: str = "bundled"
    resolution: int = 64
    channel_base: int = 4096
    channel_max: int = 256
    total: int = 200_000
    batch: int = 16
    samples: float = 0.5
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-4
    latent_weight: float = 1.0
    pixel_weight: float = 2.0
    face_weight: float = 1.0
    offset_weight: float = 0.05
    jitter: float = 0.5
    ema: int = 2_500
    snapshot: int = 10_000
    seed: int = 0
    device: str = "auto"

    def __post_init__(self):
        check_range("resolution", self.resolution, 32, 512)
        if self.resolution & (self.resolution - 1):
            raise OptionError(f"resolution is {self.resolution}; it must be a power of two")
        check_range("channel_base", self.channel_base, 4 * self.resolution, 2**20)
        check_range("channel_max", self.channel_max, 4, 4096)
        check_range("batch", self.batch, 2, 4096)
        for name in ("samples", "learning_rate", "final_learning_rate"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        for name in ("latent_weight", "pixel_weight", "face_weight", "offset_weight", "jitter"):
            check_range(name, getattr(self, name), 0.0, 100.0)
        for name in ("total", "ema", "snapshot"):
            check_range(name, getattr(self, name), 1, 10**9)
        check_range("seed", self.seed, 0, MAX_SEED)


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
