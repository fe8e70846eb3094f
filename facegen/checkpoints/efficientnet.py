"""EfficientNet-Lite0 as its package carries it: a state dict in torch's own format."""

from __future__ import annotations

import io
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import WeightsError

FILE = "efficientnet-lite0-57934424.pth"


def from_package(members: Mapping[str, bytes]) -> dict[str, Tensor]:
    """The state dict, its keys as they are. members: file name -> bytes. Raises WeightsError."""
    if FILE not in members:
        raise WeightsError(f"the network lacks {FILE}; get it again")
    try:
        state = torch.load(io.BytesIO(members[FILE]), map_location="cpu", weights_only=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(
            f"{FILE} is not a checkpoint that can be read safely ({type(error).__name__}: "
            f"{reason}); get it again"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{FILE} holds something else than tensors; get it again")
    return {str(key): value.detach().clone() for key, value in state.items()}
