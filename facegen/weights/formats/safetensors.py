"""safetensors: the format of our own files, with a sum over the tensors in the header."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import OutputError, WeightsError
from ...files import writable

if TYPE_CHECKING:
    from torch import Tensor

SUM = "tensors_sha256"  # the header's key for the sum; files of others have none


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read (tensors, metadata). Raises WeightsError for a damaged file or a wrong sum."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(
            f"{path.name} is a damaged safetensors file ({reason}); get it again"
        ) from error
    if SUM in metadata and metadata[SUM] != tensors_sha256(tensors):
        raise WeightsError(
            f"{path.name} is damaged: its numbers are not those it was written with; get it again"
        )
    return tensors, metadata | {"file_format": "safetensors"}


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, types, shapes and bytes, in the order of the names."""
    import torch  # it takes long to import, and most who ask for weights read none

    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key].detach().cpu().contiguous()
        digest.update(f"{key}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        if value.numel():
            digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file; the old one stays until the new one is complete.

    Raises OutputError.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    about = {key: writable(str(value)) for key, value in metadata.items()}
    about[SUM] = tensors_sha256(tensors)
    # a name of its own: another process may be writing the same file
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        save_file(tensors, partial, about)
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:160]
        raise OutputError(
            f"{path} cannot be written ({reason}); free some space or choose another place"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
