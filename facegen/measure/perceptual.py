"""The features of refinement: a classifier's, or LPIPS where its weights are available.

EfficientNet-Lite0 (the registry's `efficientnet-lite0`) was trained on ImageNet and knows no faces,
so matching its features does not directly optimise a recogniser.

LPIPS with VGG16: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric", 2018, https://arxiv.org/abs/1801.03924. The network and its linear weights come from the
authors' package; the VGG16 below it is the registry's `vgg16` (553 MB, `weights fetch vgg16`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import weights
from ..errors import MissingExtraError, WeightsError
from ..models.loading import load as load_strictly
from ..networks.photo_encoder import EfficientNetLite0

View = tuple[float, list[Tensor]]  # a weight, and activations from fine to coarse
FACE_BOX = (0.219, 0.297, 0.781, 0.859)  # of an FFHQ crop, brows to chin: left, top, right, bottom
WHOLE_WEIGHT, FACE_WEIGHT = 0.3, 2.0  # people look at the face
WHOLE = 128  # pixels at which the whole is seen: twice as many found no likeness more
SLICE_STARTS = (0, 4, 9, 16, 23)  # of VGG16's `features` in the package's five slices
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # ImageNet's, for [-1, 1]


def features_at_hand(device: torch.device) -> Callable[[Tensor], list[Tensor]] | None:
    """Load EfficientNet-Lite0: images [N, 3, R, R] -> features from fine to coarse.

    None where its weights are not on this machine. Raises WeightsError for a damaged file."""
    entry = weights.find("efficientnet-lite0")
    if not weights.at_hand(entry):
        return None
    path, state, _ = weights.load(entry)
    with torch.device("meta"):
        network = EfficientNetLite0()
    return load_strictly(network, state, path.name, device)


def views_of(features: Callable[[Tensor], list[Tensor]]) -> Callable[[Tensor], list[View]]:
    """Return features of the whole picture and of the face, which is too small in the whole."""
    return lambda images: [
        (WHOLE_WEIGHT, features(F.avg_pool2d(images, max(1, images.shape[-1] // WHOLE)))),
        (FACE_WEIGHT, features(face_of(images))),
    ]


def face_of(images: Tensor) -> Tensor:
    """Cut the face alone from FFHQ crops [N, 3, R, R], enlarged to three quarters of R."""
    size = images.shape[-1]
    left, top, right, bottom = (round(edge * size) for edge in FACE_BOX)
    face = images[:, :, top:bottom, left:right]
    return F.interpolate(face, (size * 3 // 4,) * 2, mode="bilinear", align_corners=False)


def lpips_at_hand(device: torch.device) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Load LPIPS: (images, images) [N, 3, R, R] -> distances [N]; None without VGG16."""
    entry = weights.find("vgg16")
    if weights.locate(entry) is None:
        return None
    path, vgg, _ = weights.load(entry)
    network = build_lpips(vgg, path.name).to(device)
    return lambda a, b: network(a, b).flatten()


def build_lpips(vgg: Mapping[str, Tensor], file: str) -> nn.Module:
    """Build LPIPS from a VGG16 state dict (keys features.N.*; the classifier is ignored)."""
    try:
        import lpips
    except ModuleNotFoundError as error:  # torchvision, perhaps, which it imports
        raise MissingExtraError("refine", error.name) from error

    state = {
        "scaling_layer.shift": torch.tensor(SHIFT)[None, :, None, None],
        "scaling_layer.scale": torch.tensor(SCALE)[None, :, None, None],
    }
    for key, value in vgg.items():
        if key.startswith("features."):
            _, index, name = key.split(".")
            slice_ = sum(int(index) >= start for start in SLICE_STARTS)
            state[f"net.slice{slice_}.{index}.{name}"] = value
    file_ = Path(lpips.__path__[0], "weights", "v0.1", "vgg.pth")
    linear = torch.load(file_, map_location="cpu", weights_only=True)
    for key, value in linear.items():
        state[key] = value
        state[f"lins.{key.removeprefix('lin')}"] = value  # the package lists them twice

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # the package uses torchvision's older names
        network = lpips.LPIPS(net="vgg", pretrained=False, pnet_rand=True, verbose=False)
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise WeightsError(f"{file} is not a VGG16 ({reason}); fetch it again") from error
    return network.eval().requires_grad_(False)
