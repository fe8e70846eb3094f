"""Checkpoint formats, read without running anything: torch, NVIDIA's pickles, safetensors.

A file is recognised by its content, never by its name. `read` gives plain tensors and values; which
network they make is decided in facegen/models. See docs/checkpoints.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import WeightsError
from .safetensors import write

__all__ = ["Fingerprint", "check_no_web_page", "fingerprint", "read", "write"]


@dataclass(frozen=True)
class Fingerprint:
    """The sha256 of a file and the state it was taken in (device, inode, size, times)."""

    sha256: str
    state: tuple[int, ...]


def fingerprint(path: Path) -> Fingerprint:
    """Hash a file. Raises WeightsError, also for a file that changes meanwhile."""
    with _opened(path) as file:
        state = _state(file)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        _check_unchanged(path, file, state)
    return Fingerprint(digest, state)


def read(path: Path, sha256: str | None = None) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Read (content, metadata) of a checkpoint; nothing in it is executed.

    metadata["file_format"] is "safetensors", "torch", "nvidia" or "onnx". safetensors: flat
    tensors, and what its header says. torch: whatever `torch.load(weights_only=True)` admits.
    NVIDIA's pickle: name -> nvidia.Network. ONNX: onnx.CONTENT -> onnx.Graph. sha256: what the file
    has to have; hashed and read while it is open, in one state. Without it the sums that the format
    itself carries are checked. Tensors of a torch file are mapped from the disk: do not write to it
    while they live. Raises WeightsError naming the file and the reason."""
    with _opened(path) as file:
        state = _state(file)
        if sha256 is not None:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != sha256:
                raise WeightsError(
                    f"{path.name} has the sha256 {digest[:16]}…, expected was {sha256[:16]}…; "
                    "delete it and fetch it again"
                )
        result = _read(path, file, checked=sha256 is not None)
        _check_unchanged(path, file, state)
    return result


def _read(path: Path, file: BinaryIO, checked: bool) -> Any:
    from . import nvidia_pickle, onnx, safetensors, torch_zip  # torch takes long to import

    file.seek(0)
    head = file.read(512)
    file.seek(0)
    if head[:4] == b"PK\x03\x04":
        return torch_zip.read_zip(path, file, checked), {"file_format": "torch"}
    if head.startswith(torch_zip.LEGACY):
        return torch_zip.read_legacy(path, file), {"file_format": "torch"}
    # before the pickle: a header of 128 or 640 bytes begins as a pickle does
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return safetensors.read(path)
    if head[:1] == b"\x80":
        return nvidia_pickle.read(path, file)
    if onnx.looks_like(head):
        return onnx.read(path, file, os.fstat(file.fileno()).st_size)
    raise WeightsError(f"{path.name} {_what(head)}")


def check_no_web_page(path: Path) -> None:
    """Raise WeightsError for what servers send in place of a file: pages, messages, nothing."""
    with _opened(path) as file:
        head = file.read(512)
    if what := _not_the_file(head):
        raise WeightsError(f"{path.name} {what}")


def _what(head: bytes) -> str:
    """Describe a file that is not a checkpoint, and the remedy."""
    if what := _not_the_file(head):
        return what
    if head.startswith(b"\x89HDF"):
        return "is an HDF5 (Keras) file, which is not read; take the PyTorch one"
    if head.startswith((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ")):
        return "is an archive; unpack it and give the file inside"
    return (
        "is neither a safetensors, a torch, an NVIDIA nor an ONNX file; check what was downloaded"
    )


def _not_the_file(head: bytes) -> str | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return "is empty; download it again"
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        return "is a web page saved under a checkpoint's name; download the file itself"
    if text.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file it points to; run 'git lfs pull'"
    if text.startswith((b'{"error', b'{"message')):
        return "is a server's error message; download the file again"
    return None


def _opened(path: Path) -> BufferedReader:
    try:
        if path.is_dir():
            raise WeightsError(f"{path} is a folder; give the checkpoint file in it")
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path} is not a regular file; give a checkpoint file")
        return path.open("rb")
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise WeightsError(
            f"{path} cannot be read ({reason}); check the path and its permissions"
        ) from error


def _state(file: BinaryIO) -> tuple[int, ...]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _check_unchanged(path: Path, file: BinaryIO, state: tuple[int, ...]) -> None:
    """Raise unless the open file is as it was, and the path still leads to it."""
    try:
        there = os.stat(path)
        same = (there.st_dev, there.st_ino) == state[:2] and _state(file) == state
    except OSError:
        same = False
    if not same:
        raise WeightsError(
            f"{path.name} changed while it was being read; wait until nothing writes to it"
        )
