"""The options of every trainer, checked. No torch in here: the command line starts at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..datasets.sources import list_pairs, list_pictures_in
from ..errors import OptionError
from ..options import MAX_SEED, Options, check_range, option

PRECISIONS = ("float32", "bfloat16")
COMPILE = ("auto", "on", "off")
PICTURES = 10**9  # the most that a run may count
WEIGHT = (0.0, 100.0)  # the range of a loss's weight


@dataclass(frozen=True, kw_only=True)
class ModelFacts(Options):
    """What an exported model says about itself."""

    title: str = option("a face model", help="what the model is called")
    licence: str = option("unknown", help="of the model")
    licence_meaning: str = option(
        "what the owner of the training pictures allows", help="in a few words"
    )
    training_data: str = option("aligned faces", help="what it learned from")


@dataclass(frozen=True, kw_only=True)
class JointOptions(ModelFacts):
    """A run of the joint trainer. Counts are in pictures shown, so that the batch may change."""

    data: tuple[str, ...]
    out: str
    resolution: int = option(64, 16, 1024, "of the pictures, in pixels")
    encoder_resolution: int = option(0, help="of the encoder's pictures; 0: the generator's")
    passes: int = option(0, 0, 16, "how often the encoder corrects its code")
    finetune: str = option(
        "", help="a model of ours to start from, of this resolution or a lower one", metavar="FILE"
    )
    w_dim: int = option(128, 1, 4096, "of the codes")
    channel_base: int = option(3072, help="of the generator, see GeneratorConfig")
    channel_max: int = option(192, 4, 4096, "of the generator, see GeneratorConfig")
    discriminator_base: int = option(1536, help="channel_base of the discriminator")
    total: int = option(200_000, help="pictures shown in all")
    warmup: int = option(24_000, 0, PICTURES, "pictures without discriminators")
    batch: int = option(8, 4, 512, "pictures in a step")
    learning_rate: float = option(1e-3, 0.0, 1.0, "at the beginning")
    discriminator_rate: float = option(2.0, *WEIGHT, "its learning rate, in units of the others'")
    final_learning_rate: float = option(2e-4, 0.0, 1.0, "at the end")
    anneal: int = option(
        40_000, 0, PICTURES, "over so many of the last pictures the rate falls to its final one"
    )
    r1_gamma: float = option(0.2, 0.0, 1e4, "weight of the gradient penalty")
    r1_interval: int = option(16, 1, PICTURES, "steps between two gradient penalties")
    augment_p: float = option(
        0.1, 0.0, 1.0, "how often each augmentation meets what the discriminator sees"
    )
    pixel_weight: float = option(3.0, *WEIGHT, "of the loss of pixels, on four scales")
    contrast_weight: float = option(0.0, *WEIGHT, "of the loss of the face's local sharpness")
    gan_weight: float = option(0.3, *WEIGHT, "of the discriminator, which sees the whole picture")
    critic_weight: float = option(0.1, *WEIGHT, "of the critic on the face network's features")
    face_weight: float = option(
        1.0, *WEIGHT, "of the loss in a face recognition network's features"
    )
    jitter: float = option(1.0, *WEIGHT, "how differently a picture is cropped and coloured")
    offset_weight: float = option(0.05, *WEIGHT, "of the loss of the codes' offsets")
    w_weight: float = option(0.1, *WEIGHT, "of the loss of the codes' size")
    w_noise: float = option(0.1, 0.0, 1.0, "added to the codes, in units of their spread")
    cycle_weight: float = option(0.5, *WEIGHT, "of the loss of a drawn face's code found again")
    ema_pictures: int = option(2_500, 1, PICTURES, "half-life of the averaged weights, in pictures")
    snapshot: int = option(4_000, 1, PICTURES, "pictures between two snapshots")
    seed: int = option(0, 0, MAX_SEED, "of all that is drawn at random")
    device: str = option("cpu", help="where to compute", metavar="cpu|cuda|auto")

    def __post_init__(self) -> None:
        super().__post_init__()
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

    An unfinished run in `out` is resumed. precision, compile: see training.parallel.
    """

    data: tuple[str, ...]
    out: str
    resolution: int = option(128, 32, 1024, "of the pictures, in pixels")
    z_dim: int = option(512, 4, 4096, "of the random vectors")
    w_dim: int = option(512, 4, 4096, "of the codes")
    mapping_layers: int = option(8, 1, 16, "from z to w")
    channel_base: int = option(16384, help="see GeneratorConfig; 32768 is config-f")
    channel_max: int = option(512, 4, 4096, "see GeneratorConfig")
    total: int = option(25_000_000, 1, PICTURES, "pictures shown in all")
    batch: int = option(32, 1, 4096, "pictures in a step")
    accumulate: int = option(1, help="parts a batch is computed in, where it does not fit")
    learning_rate: float = option(2e-3, 0.0, 1.0, "of the generator")
    discriminator_rate: float = option(
        1.0, 0.0, 1e4, "its learning rate, in units of the generator's"
    )
    r1_gamma: float = option(0.0, 0.0, 1e4, "weight of the gradient penalty; 0: 0.0002 R^2 / batch")
    r1_interval: int = option(16, 1, 10**6, "steps between two gradient penalties")
    path_weight: float = option(2.0, 0.0, 1e4, "of the path length penalty")
    path_interval: int = option(4, 1, 10**6, "steps between two path length penalties")
    path_decay: float = option(0.01, 0.0, 1.0, "of the average path length")
    mixing: float = option(0.9, 0.0, 1.0, "how often two codes draw one picture")
    ema: int = option(10_000, 1, PICTURES, "half-life of the averaged weights, in pictures")
    ada: str = option("adaptive", help="how often pictures are augmented: adaptive, or 0 to 1")
    ada_target: float = option(
        0.6, 0.0, 1.0, "sign of the discriminator on photos that adaptive aims at"
    )
    ada_interval: int = option(4, 1, 10**6, "steps between two adaptations")
    ada_horizon: int = option(500_000, 1, PICTURES, "pictures in which it may go from 0 to 1")
    mirror: int = option(1, 0, 1, "1: also every picture's mirror image")
    finetune: str = option(
        "", help="a checkpoint to start from, of this resolution or a lower one", metavar="FILE"
    )
    freeze_d: int = option(0, help="the discriminator's finest blocks that stay as they are")
    precision: str = option(
        "bfloat16", help="of the convolutions from 8 pixels on", choices=PRECISIONS
    )
    compile: str = option("auto", help="the networks; auto: where it pays", choices=COMPILE)
    snapshot: int = option(200_000, 1, PICTURES, "pictures between two snapshots")
    seed: int = option(0, 0, MAX_SEED, "of all that is drawn at random")
    device: str = option("auto", help="where to compute", metavar="cpu|cuda|auto")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_power_of_two(self, "resolution")
        check_range("channel_base", self.channel_base, 4 * self.resolution, 2**20)
        check_range("freeze_d", self.freeze_d, 0, self.resolution.bit_length() - 3)
        check_range("accumulate", self.accumulate, 1, self.batch)
        if self.batch % self.accumulate:
            raise OptionError(
                f"accumulate is {self.accumulate}; it must divide the batch of {self.batch}"
            )
        if self.ada != "adaptive":
            try:
                check_range("ada", float(self.ada), 0.0, 1.0)
            except ValueError as error:
                raise OptionError(
                    f"ada is {self.ada!r}; it is 'adaptive' or a probability from 0 to 1"
                ) from error


@dataclass(frozen=True, kw_only=True)
class EncoderTrainOptions(Options):
    """A run of the encoder trainer. Without data it trains on the model's own samples alone.

    passes: see networks.encoder. The last level of a face recognition network is identity.
    """

    data: tuple[str, ...]
    out: str
    model: str = option("bundled", help="name or file of the model that gets an encoder")
    resolution: int = option(64, 32, 512, "of the pictures that the encoder reads")
    passes: int = option(0, 0, 16, "how often the encoder corrects its code")
    channel_base: int = option(4096, help="of the encoder")
    channel_max: int = option(256, 4, 4096, "of the encoder")
    total: int = option(200_000, 1, PICTURES, "pictures shown in all")
    batch: int = option(16, 2, 4096, "pictures in a step")
    samples: float = option(0.5, 0.0, 1.0, "share of a batch that the model draws itself")
    learning_rate: float = option(1e-3, 0.0, 1.0, "at the beginning")
    final_learning_rate: float = option(1e-4, 0.0, 1.0, "at the end")
    latent_weight: float = option(1.0, *WEIGHT, "of the distance to a known code")
    pixel_weight: float = option(2.0, *WEIGHT, "of the loss of pixels, on several scales")
    face_weight: float = option(
        1.0, *WEIGHT, "of the loss in a face recognition network's features"
    )
    offset_weight: float = option(0.05, *WEIGHT, "of the offsets' size, which keeps codes editable")
    jitter: float = option(0.5, *WEIGHT, "how differently a picture is cropped and coloured")
    ema: int = option(2_500, 1, PICTURES, "half-life of the averaged weights, in pictures")
    snapshot: int = option(10_000, 1, PICTURES, "pictures between two snapshots")
    seed: int = option(0, 0, MAX_SEED, "of all that is drawn at random")
    device: str = option("auto", help="where to compute", metavar="cpu|cuda|auto")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_power_of_two(self, "resolution")
        check_range("channel_base", self.channel_base, 4 * self.resolution, 2**20)
        if not self.data and not self.samples:
            raise OptionError(
                f"samples is {self.samples:g} and there is no data: nothing is left to train on; "
                "name --data, or raise samples"
            )


@dataclass(frozen=True, kw_only=True)
class AnimeTrainOptions(Options):
    """A style's training run, from pairs or from unpaired pictures (see training.strokes).

    An unfinished run in `out` is resumed. Counts are in pictures shown, as in every trainer.
    """

    pairs: str = option(
        "",
        help="of NAME-photo.jpg and NAME-drawn.jpg, or of such a folder named like the style",
        metavar="DIR",
    )
    photos: str = option("", help="in place of pairs: faces", metavar="DIR")
    drawings: str = option("", help="in place of pairs: pictures in the style", metavar="DIR")
    out: str
    style: str = option("cel", help="its name")
    total: int = option(16_000, 1, PICTURES, "pictures shown in all")
    batch: int = option(4, 1, 256, "pictures in a step")
    crop: int = option(128, 32, 256, "side of a crop, in pixels of a face 256 wide")
    tests: int = option(0, 0, 10**6, "the last pairs by name, only measured with; 0: a sixth")
    width: int = option(32, 4, 64, "of the network, see DrawingNet")
    detail: int = option(256, 32, 256, "of the network, see DrawingNet")
    start: str = option(
        "", help="another style's latest.pt, of the same width, to start from", metavar="FILE"
    )
    learning_rate: float = option(1e-3, 1e-6, 0.1, "at the beginning")
    ink: float = option(3.0, *WEIGHT, "more weight of lines in the loss of pixels, from pairs")
    gradient: float = option(2.0, *WEIGHT, "weight, from pairs: outlines")
    structure: float = option(0.3, *WEIGHT, "weight, from pairs: structural similarity")
    perceptual: float = option(0.1, *WEIGHT, "weight, from pairs: a classifier's features")
    features: float = option(0.3, *WEIGHT, "weight, from pairs: the discriminator's features")
    adversarial: float = option(0.03, *WEIGHT, "weight, from pairs: the discriminator")
    unpaired_content: float = option(1.0, *WEIGHT, "weight, unpaired: what is in the photo")
    unpaired_style_grey: float = option(
        1.0, *WEIGHT, "weight, unpaired: the style without its colours"
    )
    unpaired_colour: float = option(1.0, *WEIGHT, "weight, unpaired: the photo's colours")
    unpaired_adversarial: float = option(0.2, *WEIGHT, "weight, unpaired: the discriminator")
    adversarial_from: float = option(
        0.6, 0.0, 1.0, "share of the run after which the discriminator joins"
    )
    snapshot: int = option(400, 1, PICTURES, "pictures between two snapshots")
    seed: int = option(0, 0, MAX_SEED, "of all that is drawn at random")
    device: str = option("auto", help="where to compute", metavar="cpu|cuda|auto")
    threads: int = option(0, 0, 1024, "of the CPU; 0: torch's default")
    licence: str = option("unknown", help="of the style")
    licence_meaning: str = option("what the owner of the pictures allows", help="in a few words")
    training_data: str = option("photos and drawings", help="what it learned from")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop % 16:
            raise OptionError(f"crop is {self.crop}; it must be a multiple of 16")
        unpaired = bool(self.photos), bool(self.drawings)
        if bool(self.pairs) == any(unpaired) or any(unpaired) != all(unpaired):
            raise OptionError("name either pairs, or both photos and drawings, to learn from")

    @property
    def pairs_folder(self) -> Path:
        """The folder of the pairs, which may be one inside `pairs` that is named like the style."""
        inner = Path(self.pairs) / self.style
        return inner if inner.is_dir() else Path(self.pairs)

    def sources(self) -> list[Path]:
        """List the pictures that a run reads.

        Raises DataError for a folder that is missing, or holds nothing to learn from.
        """
        if self.pairs:
            return [path for pair in list_pairs(self.pairs_folder) for path in pair]
        return list_pictures_in(Path(self.photos)) + list_pictures_in(Path(self.drawings))


@dataclass(frozen=True, kw_only=True)
class PhotoEncoderOptions(Options):
    """A run for the companion of a MobileStyleGAN.

    That is its preview head, its encoder and the directions of pose and expression, from the
    generator's own pictures alone.

    As many looks are kept as help on held-out codes. Counts may grow from call to call, but only
    those of the stage that is not yet done, samples and natural_samples.
    """

    out: str
    model: str = option("mobilestylegan-1024", help="the generator's name")
    preview_samples: int = option(
        700, 16, 10**6, "finished pictures that the preview head learns from"
    )
    preview_crops: int = option(28_000, 1, PICTURES, "of them, until the head is done")
    preview_batch: int = option(8, 1, 4096, "crops in a step of the head")
    samples: int = option(15_000, 16, 10**8, "codes and previews that the encoder learns from")
    first_views: int = option(100_000, 1, PICTURES, "previews shown to the first look")
    first_batch: int = option(32, 1, 4096, "previews in a step of the first look")
    further_views: int = option(14_400, 1, PICTURES, "previews shown to all further looks")
    further_batch: int = option(16, 1, 4096, "previews in a step of further looks")
    looks: int = option(3, 1, 16, "the most that the encoder may take")
    natural_samples: int = option(
        800, 40, 10**6, "pictures by which natural ones are told from broken ones"
    )
    snapshot: int = option(100, 1, PICTURES, "steps between two snapshots")
    seed: int = option(0, 0, MAX_SEED, "of all that is drawn at random")
    device: str = option("auto", help="where to compute", metavar="cpu|cuda|auto")


@dataclass(frozen=True, kw_only=True)
class DcganOptions(ModelFacts):
    """A run of the DCGAN trainer, see networks.dcgan. Counts are in pictures shown."""

    data: tuple[str, ...]
    out: str
    z_dim: int = option(100, 1, 4096, "of the random vectors")
    channels: int = option(64, 1, 512, "of the layer next to the picture")
    total: int = option(60_000, 1, PICTURES, "pictures shown in all")
    batch: int = option(32, 2, 4096, "pictures in a step")
    learning_rate: float = option(2e-4, 0.0, 1.0, "of both networks")
    discriminator_rate: float = option(
        1.0, 0.0, 1000.0, "its learning rate, in units of the other's"
    )
    beta1: float = option(0.5, 0.0, 0.999, "Adam's momentum")
    snapshot: int = option(5_000, 1, PICTURES, "pictures between two snapshots")
    seed: int = option(0, 0, MAX_SEED, "of all that is drawn at random")
    device: str = option("cpu", help="where to compute", metavar="cpu|cuda|auto")
    title: str = option("a DCGAN", help="what the model is called")
    training_data: str = option("pictures of 32x32", help="what it learned from")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("total", self.total, self.batch, PICTURES)


def check_power_of_two(options: object, name: str) -> None:
    """Raise OptionError unless that option is a power of two."""
    value = getattr(options, name)
    if value & (value - 1):
        raise OptionError(f"{name} is {value}; it must be a power of two")
