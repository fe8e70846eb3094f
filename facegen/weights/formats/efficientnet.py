"""EfficientNet-Lite0 from its package: a torch file with batch normalisation, unfolded."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import WeightsError

FILE = "efficientnet-lite0-57934424.pth"
EPSILON = 1e-3  # of the batch normalisation
_BLOCKS = 15  # of 16; the last one and the classifier are not used here
# (theirs, ours, the batch normalisation behind it)
_PARTS = (
    ("_expand_conv", "expand", "_bn0"),
    ("_depthwise_conv", "depthwise", "_bn1"),
    ("_project_conv", "project", "_bn2"),
)


def from_package(members: Mapping[str, bytes]) -> dict[str, Tensor]:
    """Convert the package's one file to the state dict of networks.photo_encoder.

    Raises WeightsError."""
    content = members.get(FILE)
    if content is None:
        raise WeightsError(f"the package lacks {FILE}; get it again")
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
            f"{FILE} is damaged or another network ({reason}); get it again"
        ) from error


def _folded(state: Any, convolution: str, norm: str, name: str) -> dict[str, Tensor]:
    """Fold y = (conv(x) - mean) / sqrt(var + eps) * gain + bias into one convolution."""
    gain = state[f"{norm}.weight"] * (state[f"{norm}.running_var"] + EPSILON).rsqrt()
    return {
        f"{name}.weight": state[f"{convolution}.weight"] * gain[:, None, None, None],
        f"{name}.bias": state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain,
    }
