"""Every checkpoint the project knows, as data: where it lies and what it may be used for.

Names, files, sizes and hashes were checked against public code and first-party pages. `size` and
`sha256` stand here only where the publisher states them; `about` is a rounded size for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import WeightsError

NVIDIA_NC = "NVIDIA Source Code License-NC"
RESEARCH_ONLY = "research and evaluation only, no commercial use"
NON_COMMERCIAL = "non-commercial use only"
ATTRIBUTION = "any use, with attribution"

FACE_CROP = "an aligned FFHQ crop, RGB in [-1, 1]"


@dataclass(frozen=True)
class Source:
    """One file on the Hub. revision None: the main branch. size in bytes."""

    repo: str
    file: str
    revision: str | None = None
    sha256: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.repo}:{self.file}"


@dataclass(frozen=True)
class Weights:
    """One checkpoint.

    kind: face, anime, vgg, or identity (a judge: ONNX, which OpenCV reads itself). contains: which
    networks are in it. inputs: what they read. sources: tried in order; empty for a bundled one,
    whose `file` lies in weights/. about: bytes, rounded, where no source states its size. encoder:
    whether a photo can be inverted without optimisation. config: what the file itself does not say
    of its network.
    """

    name: str
    kind: str
    title: str
    licence: str
    licence_meaning: str
    origin: str
    contains: str
    inputs: str
    sources: tuple[Source, ...] = ()
    file: str = ""
    about: int | None = None
    resolution: int | None = None
    encoder: bool = False
    config: Mapping[str, object] = field(default_factory=dict)

    @property
    def bundled(self) -> bool:
        return not self.sources

    @property
    def size(self) -> int | None:
        """Bytes, as stated or rounded; None where nobody says."""
        return next((one.size for one in self.sources if one.size), self.about)


def _our_anime(name: str) -> Weights:
    return Weights(
        name=name,
        kind="anime",
        title=name.capitalize(),
        file=f"anime-{name}.safetensors",
        licence="non-commercial",
        licence_meaning=NON_COMMERCIAL,
        origin="trained by this project on result pictures of AnimeGANv3",
        contains="AnimeGANv2 generator with skip connections",
        inputs="RGB in [-1, 1], any size",
    )


def _animegan_onnx(name: str) -> Weights:
    return Weights(
        name=f"animeganv2-{name.lower()}",
        kind="anime",
        title=f"AnimeGANv2 {name}",
        sources=(Source(f"vumichien/AnimeGANv2_{name}", f"AnimeGANv2_{name}.onnx"),),
        about=8_600_000,
        licence="non-commercial (AnimeGANv2's authors)",
        licence_meaning=NON_COMMERCIAL,
        origin="Chen et al. 2019, AnimeGANv2; converted to ONNX by a third party",
        contains="AnimeGANv2 generator (ONNX)",
        inputs="RGB in [-1, 1], any size",
    )


REGISTRY: tuple[Weights, ...] = (
    Weights(
        name="bundled",
        kind="face",
        title="Facegen 128",
        file="face-128.safetensors",
        licence="CC BY 4.0",
        licence_meaning=ATTRIBUTION,
        origin="trained by this project on synthetic faces under the MIT licence",
        contains="StyleGAN2 generator and encoder",
        inputs=f"128x128, {FACE_CROP}",
        resolution=128,
        encoder=True,
    ),
    Weights(
        name="ffhq-1024",
        kind="face",
        title="StyleGAN2 FFHQ 1024 with the e4e encoder",
        sources=(
            Source(
                "AIRI-Institute/HairFastGAN",
                "pretrained_models/encoder4editing/e4e_ffhq_encode.pt",
            ),
        ),
        about=1_200_000_000,
        licence=NVIDIA_NC,
        licence_meaning=RESEARCH_ONLY,
        origin="Karras et al. 2020 (NVIDIA, FFHQ); encoder: Tov et al. 2021 (code under MIT)",
        contains="e4e encoder (IR-SE50) and StyleGAN2 config-f generator",
        inputs=f"256x256, {FACE_CROP}",
        resolution=1024,
        encoder=True,
    ),
    Weights(
        name="ffhq-1024-generator",
        kind="face",
        title="StyleGAN2 FFHQ 1024, generator alone",
        sources=(
            Source("akhaliq/jojogan-stylegan2-ffhq-config-f", "stylegan2-ffhq-config-f.pt"),
            Source("AIRI-Institute/HairFastGAN", "pretrained_models/StyleGAN/ffhq.pt"),
            Source("aaronb/StyleGAN2", "stylegan2-ffhq-config-f.pt"),
        ),
        about=130_000_000,
        licence=NVIDIA_NC,
        licence_meaning=RESEARCH_ONLY,
        origin="Karras et al. 2020 (NVIDIA, FFHQ), in the community's PyTorch format",
        contains="StyleGAN2 config-f generator",
        inputs="codes; a photo by optimisation only",
        resolution=1024,
    ),
    Weights(
        name="ffhq-1024-ada",
        kind="face",
        title="StyleGAN2-ADA FFHQ 1024, generator alone",
        sources=(
            Source(
                "aaronb/StyleGAN2-pkl",
                "ada/ffhq.pkl",
                sha256="a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c",
                size=381_624_121,
            ),
        ),
        licence=NVIDIA_NC,
        licence_meaning=RESEARCH_ONLY,
        origin="Karras et al. 2020 (NVIDIA, FFHQ), NVIDIA's own pickle",
        contains="StyleGAN2 generator; its discriminator is not used",
        inputs="codes; a photo by optimisation only",
        resolution=1024,
    ),
    Weights(
        name="ffhq-512",
        kind="face",
        title="StyleGAN2 FFHQ 512, generator alone",
        sources=(
            Source(
                "DragGan/DragGan-Models",
                "stylegan2-ffhq-512x512.pkl",
                revision="20dedd0259ff3009fceefa531c3be8ae4f11cd82",
            ),
        ),
        licence=NVIDIA_NC,
        licence_meaning=RESEARCH_ONLY,
        origin="Karras et al. 2020 (NVIDIA, FFHQ), NVIDIA's own pickle",
        contains="StyleGAN2 generator",
        inputs="codes; a photo by optimisation only",
        resolution=512,
    ),
    _our_anime("hayao"),
    _our_anime("shinkai"),
    Weights(
        name="face-paint",
        kind="anime",
        title="Face paint",
        sources=(Source("akhaliq/AnimeGANv2-pytorch", "face_paint_512_v2_0.pt"),),
        about=8_600_000,
        licence="non-commercial (AnimeGANv2's authors); the PyTorch port: MIT",
        licence_meaning=NON_COMMERCIAL,
        origin="Chen et al. 2019, AnimeGANv2; weights by the PyTorch port's author",
        contains="AnimeGANv2 generator",
        inputs="RGB in [-1, 1], any size, made for faces of 512 pixels",
        config={"align_corners": True},
    ),
    _animegan_onnx("Paprika"),
    _animegan_onnx("Shinkai"),
    _animegan_onnx("Hayao"),
    Weights(
        name="vgg16",
        kind="vgg",
        title="VGG16 (ImageNet), for the perceptual distance of the refinement",
        sources=(
            Source(
                "timm/vgg16.tv_in1k",
                "model.safetensors",
                revision="b8d8aa2dd860af9233c8c67385a8097fd6c35d3f",
            ),
        ),
        about=553_500_000,
        licence="BSD-3-Clause",
        licence_meaning=ATTRIBUTION,
        origin="torchvision",
        contains="VGG16 classifier, of which the convolutions are used",
        inputs="RGB, normalised as for ImageNet",
    ),
    Weights(
        name="sface",
        kind="identity",
        title="SFace, a second judge of identity",
        sources=(
            Source(
                "opencv/face_recognition_sface",
                "face_recognition_sface_2021dec.onnx",
                sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
                size=38_696_353,
            ),
        ),
        licence="Apache-2.0",
        licence_meaning=ATTRIBUTION,
        origin="Zhong et al. 2021, OpenCV's port",
        contains="face recognition network (ONNX, run by OpenCV)",
        inputs="112x112, cut out by OpenCV from five landmarks",
    ),
)


def find(name: str) -> Weights:
    """The registry's entry of that name. Raises WeightsError naming the known ones."""
    for entry in REGISTRY:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in REGISTRY)
    raise WeightsError(f"no model is called {name!r}; known are {known}, or give a file's path")


def of_kind(kind: str) -> list[Weights]:
    return [entry for entry in REGISTRY if entry.kind == kind]


def megabytes(size: int | None) -> str:
    """A size for people: "8.6 MB", "1.2 GB", "size not stated"."""
    if size is None:
        return "size not stated"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
