"""Check the options of every trainer. No torch in here: the command line starts at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..datasets.listing import list_pairs, list_pictures_in
from ..errors import OptionError
from ..options import MAX_SEED, check_range, check_ranges, option

PRECISIONS = ("float32", "bfloat16")
COMPILE = ("auto", "on", "off")
PICTURES = 10**9  # the most that a run may count
WEIGHT = (0.0, 100.0)  # the range of a loss's weight


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What an exported model says about itself."""

    title: str = "a face model"
    licence: str = "unknown"
    licence_meaning: str = "what the owner of the training pictures allows"
    training_data: str = "aligned faces"


@dataclass(frozen=True, kw_only=True)
class JointOptions(ModelFacts):
    """A run of the joint trainer. Counts are in pictures shown, so that the batch may change.

    encoder_resolution: of the pictures that the encoder reads, 0 for those of the generator.
    passes: how often the encoder corrects its code, see networks.encoder. finetune: a model of
    ours, generator and encoder, to start from; of this resolution or a lower one, from which the
    generator grows. channel_base, channel_max: see GeneratorConfig; discriminator_base: the same
    of the discriminator, discriminator_rate: its learning rate in units of the others'.

    warmup: so long without discriminators. anneal: over how many of the last pictures the
    learning rate falls to its final one. ema_pictures: the half-life of the averaged weights.

    The weights are those of the losses: pixel, the pictures on four scales; contrast, the local
    sharpness of the face; face, the features of a face recognition network; gan and critic, the two
    discriminators; cycle, a drawn face's code found again; offset and w, the size of the codes.
    augment_p: how often each kind of augmentation meets what the discriminator sees. jitter: how
    differently a picture is cropped and coloured each time, see training.augment. w_noise: added
    to the codes that the generator sees, in units of their spread, so that what lies between
    faces is one, too.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = option(64, 16, 1024)
    encoder_resolution: int = 0
    passes: int = option(0, 0, 16)
    finetune: str = ""
    w_dim: int = option(128, 1, 4096)
    channel_base: int = 3072
    channel_max: int = option(192, 4, 4096)
    discriminator_base: int = 1536
    total: int = 200_000
    warmup: int = option(24_000, 0, PICTURES)
    batch: int = option(8, 4, 512)
    learning_rate: float = option(1e-3, 0.0, 1.0)
    discriminator_rate: float = option(2.0, *WEIGHT)
    final_learning_rate: float = option(2e-4, 0.0, 1.0)
    anneal: int = option(40_000, 0, PICTURES)
    r1_gamma: float = option(0.2, 0.0, 1e4)
    r1_interval: int = option(16, 1, PICTURES)
    augment_p: float = option(0.1, 0.0, 1.0)
    pixel_weight: float = option(3.0, *WEIGHT)
    contrast_weight: float = option(0.0, *WEIGHT)
    gan_weight: float = option(0.3, *WEIGHT)
    critic_weight: float = option(0.1, *WEIGHT)
    face_weight: float = option(1.0, *WEIGHT)
    jitter: float = option(1.0, *WEIGHT)
    offset_weight: float = option(0.05, *WEIGHT)
    w_weight: float = option(0.1, *WEIGHT)
    w_noise: float = option(0.1, 0.0, 1.0)
    cycle_weight: float = option(0.5, *WEIGHT)
    ema_pictures: int = option(2_500, 1, PICTURES)
    snapshot: int = option(4_000, 1, PICTURES)
    seed: int = option(0, 0, MAX_SEED)
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_ranges(self)
        check_power_of_two(self, "resolution")
        if not self.encoder_resolution:
            object.__setattr__(self, "encoder_resolution", self.resolution)
        check_range("encoder_resolution", self.encoder_resolution, 16, self.resolution)
        check_power_of_two(self, "encoder_resolution")
        for name in ("channel_base", "discriminator_base"):
            check_range(name, getattr(self, name), 4 * self.resolution, 2**20)
        check_range("total", self.total, self.batch, PICTURES)


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Options(ModelFacts):
    """A run of the StyleGAN2 trainer; the defaults are those of the paper's 256-pixel setup.

    data: folders of pictures, or of what `prepare` made. out: the run's folder; an unfinished
    run there is continued. channel_base, channel_max: see GeneratorConfig; 32768 is config-f.
    accumulate: the parts a batch is computed in, where it does not fit as a whole. r1_gamma 0:
    the heuristic 0.0002 R^2 / batch. ada: "adaptive", or a fixed p from 0 to 1. finetune: a
    checkpoint to start from, of any format that is read, of this resolution or a lower one.
    freeze_d: how many of the discriminator's finest blocks stay as they are. precision: of the
    convolutions from 8 pixels on. compile: auto is where it pays, see training.parallel.
    snapshot, ema, total, ada_horizon: in pictures shown.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = option(128, 32, 1024)
    z_dim: int = option(512, 4, 4096)
    w_dim: int = option(512, 4, 4096)
    mapping_layers: int = option(8, 1, 16)
    channel_base: int = 16384
    channel_max: int = option(512, 4, 4096)
    total: int = option(25_000_000, 1, PICTURES)
    batch: int = option(32, 1, 4096)
    accumulate: int = 1
    learning_rate: float = option(2e-3, 0.0, 1.0)
    discriminator_rate: float = option(1.0, 0.0, 1e4)
    r1_gamma: float = option(0.0, 0.0, 1e4)
    r1_interval: int = option(16, 1, 10**6)
    path_weight: float = option(2.0, 0.0, 1e4)
    path_interval: int = option(4, 1, 10**6)
    path_decay: float = option(0.01, 0.0, 1.0)
    mixing: float = option(0.9, 0.0, 1.0)
    ema: int = option(10_000, 1, PICTURES)
    ada: str = "adaptive"
    ada_target: float = option(0.6, 0.0, 1.0)
    ada_interval: int = option(4, 1, 10**6)
    ada_horizon: int = option(500_000, 1, PICTURES)
    mirror: int = option(1, 0, 1)
    finetune: str = ""
    freeze_d: int = 0
    precision: str = "bfloat16"
    compile: str = "auto"
    snapshot: int = option(200_000, 1, PICTURES)
    seed: int = option(0, 0, MAX_SEED)
    device: str = "auto"

    def __post_init__(self) -> None:
        check_ranges(self)
        check_power_of_two(self, "resolution")
        check_range("channel_base", self.channel_base, 4 * self.resolution, 2**20)
        check_range("freeze_d", self.freeze_d, 0, self.resolution.bit_length() - 3)
        check_range("accumulate", self.accumulate, 1, self.batch)
        if self.batch % self.accumulate:
            raise OptionError(
                f"accumulate is {self.accumulate}; it must divide the batch of {self.batch}"
            )
        if self.precision not in PRECISIONS:
            raise OptionError(f"precision is {self.precision!r}; one of {', '.join(PRECISIONS)}")
        if self.compile not in COMPILE:
            raise OptionError(f"compile is {self.compile!r}; one of {', '.join(COMPILE)}")
        if self.ada != "adaptive":
            try:
                check_range("ada", float(self.ada), 0.0, 1.0)
            except ValueError as error:
                raise OptionError(
                    f"ada is {self.ada!r}; it is 'adaptive' or a probability from 0 to 1"
                ) from error


@dataclass(frozen=True, kw_only=True)
class EncoderTrainOptions:
    """A run of the encoder trainer.

    model: the name or the file of the face model that gets an encoder. data: folders of aligned
    photos; none trains on the model's own samples alone. resolution: of the pictures that the
    encoder reads. passes: how often it corrects its code, see networks.encoder. samples: the
    share of each batch that the model draws itself, the codes of which are known.
    latent_weight, pixel_weight, face_weight, offset_weight: of the distance to the known code,
    of L1 on several scales, of the distance in a face recognition network's features (its last
    level is identity), and of the offsets' size, which keeps codes editable.
    """

    data: tuple[str, ...]
    out: str
    model: str = "bundled"
    resolution: int = option(64, 32, 512)
    passes: int = option(0, 0, 16)
    channel_base: int = 4096
    channel_max: int = option(256, 4, 4096)
    total: int = option(200_000, 1, PICTURES)
    batch: int = option(16, 2, 4096)
    samples: float = option(0.5, 0.0, 1.0)
    learning_rate: float = option(1e-3, 0.0, 1.0)
    final_learning_rate: float = option(1e-4, 0.0, 1.0)
    latent_weight: float = option(1.0, *WEIGHT)
    pixel_weight: float = option(2.0, *WEIGHT)
    face_weight: float = option(1.0, *WEIGHT)
    offset_weight: float = option(0.05, *WEIGHT)
    jitter: float = option(0.5, *WEIGHT)
    ema: int = option(2_500, 1, PICTURES)
    snapshot: int = option(10_000, 1, PICTURES)
    seed: int = option(0, 0, MAX_SEED)
    device: str = "auto"

    def __post_init__(self) -> None:
        check_ranges(self)
        check_power_of_two(self, "resolution")
        check_range("channel_base", self.channel_base, 4 * self.resolution, 2**20)
        if not self.data and not self.samples:
            raise OptionError(
                f"samples is {self.samples:g} and there is no data: nothing is left to train on; "
                "name --data, or raise samples"
            )


@dataclass(frozen=True, kw_only=True)
class AnimeTrainOptions:
    """One style's training run, from pairs or from unpaired pictures.

    pairs: a folder of NAME-photo.jpg and NAME-drawn.jpg, or one that holds such a folder named
    like the style. photos, drawings: in place of pairs, two folders of pictures that need not
    show the same. out: where state, log, sheets and the result go; an unfinished run there
    is continued. tests: how many pairs, the last by name, are only measured with; 0 for a sixth.
    width, detail: of the network, see DrawingNet. crop: side of a training crop in pixels of the
    photo, for a face 256 of them wide. ink, gradient, structure, perceptual, features,
    adversarial: the weights of the objective from pairs; unpaired_content, unpaired_style_grey,
    unpaired_colour, unpaired_adversarial: of that from unpaired pictures (see training.strokes).
    The discriminator joins after the share adversarial_from of the run. start: the latest.pt of
    another style, of the same width, to start from. total, snapshot: in pictures shown, as in
    every trainer. threads: of the CPU, 0 for torch's default. licence, licence_meaning,
    training_data: what the result says about itself.
    """

    pairs: str = ""
    photos: str = ""
    drawings: str = ""
    out: str
    style: str = "cel"
    total: int = option(16_000, 1, PICTURES)
    batch: int = option(4, 1, 256)
    crop: int = option(128, 32, 256)
    tests: int = option(0, 0, 10**6)
    width: int = option(32, 4, 64)
    detail: int = option(256, 32, 256)
    start: str = ""
    learning_rate: float = option(1e-3, 1e-6, 0.1)
    ink: float = option(3.0, *WEIGHT)
    gradient: float = option(2.0, *WEIGHT)
    structure: float = option(0.3, *WEIGHT)
    perceptual: float = option(0.1, *WEIGHT)
    features: float = option(0.3, *WEIGHT)
    adversarial: float = option(0.03, *WEIGHT)
    unpaired_content: float = option(1.0, *WEIGHT)
    unpaired_style_grey: float = option(1.0, *WEIGHT)
    unpaired_colour: float = option(1.0, *WEIGHT)
    unpaired_adversarial: float = option(0.2, *WEIGHT)
    adversarial_from: float = option(0.6, 0.0, 1.0)
    snapshot: int = option(400, 1, PICTURES)
    seed: int = option(0, 0, MAX_SEED)
    device: str = "auto"
    threads: int = option(0, 0, 1024)
    licence: str = "unknown"
    licence_meaning: str = "what the owner of the pictures allows"
    training_data: str = "photos and drawings"

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.crop % 16:
            raise OptionError(f"crop is {self.crop}; it must be a multiple of 16")
        unpaired = bool(self.photos), bool(self.drawings)
        if bool(self.pairs) == any(unpaired) or any(unpaired) != all(unpaired):
            raise OptionError("name either pairs, or both photos and drawings, to learn from")

    @property
    def pairs_folder(self) -> Path:
        """The folder of the pairs, which may be one named like the style inside of `pairs`."""
        inner = Path(self.pairs) / self.style
        return inner if inner.is_dir() else Path(self.pairs)

    def sources(self) -> list[Path]:
        """The pictures that a run reads. Raises DataError for a folder that is missing, or holds
        nothing to learn from."""
        if self.pairs:
            return [path for pair in list_pairs(self.pairs_folder) for path in pair]
        return list_pictures_in(Path(self.photos)) + list_pictures_in(Path(self.drawings))


@dataclass(frozen=True, kw_only=True)
class PhotoEncoderOptions:
    """A run for the companion of a MobileStyleGAN: its preview head, its encoder and the
    directions of pose and expression, from the generator's own pictures alone.

    model: the generator, by its name. preview_samples: finished pictures that the head learns
    from, preview_crops: of them, until it is done. samples: codes and previews that the encoder
    learns from. first_views, further_views: previews shown to it, at the first look and at all
    looks. looks: the most that the encoder may take; as many are kept as help on held-out codes.
    natural_samples: pictures, natural and broken ones, by which they are told apart.
    snapshot: in steps. Counts may grow from call to call, but only those of the stage that is
    not yet done, samples and natural_samples.
    """

    out: str
    model: str = "mobilestylegan-1024"
    preview_samples: int = option(700, 16, 10**6)
    preview_crops: int = option(28_000, 1, PICTURES)
    preview_batch: int = option(8, 1, 4096)
    samples: int = option(15_000, 16, 10**8)
    first_views: int = option(100_000, 1, PICTURES)
    first_batch: int = option(32, 1, 4096)
    further_views: int = option(14_400, 1, PICTURES)
    further_batch: int = option(16, 1, 4096)
    looks: int = option(3, 1, 16)
    natural_samples: int = option(800, 40, 10**6)
    snapshot: int = option(100, 1, PICTURES)
    seed: int = option(0, 0, MAX_SEED)
    device: str = "auto"

    def __post_init__(self) -> None:
        check_ranges(self)


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

    def __post_init__(self) -> None:
        check_ranges(self)
        check_range("total", self.total, self.batch, PICTURES)


def check_power_of_two(options: object, name: str) -> None:
    """Raise OptionError unless that option is a power of two."""
    value = getattr(options, name)
    if value & (value - 1):
        raise OptionError(f"{name} is {value}; it must be a power of two")
