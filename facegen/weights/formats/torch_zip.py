"""torch's own files, today's zip and the older format, through `weights_only` alone."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ...errors import WeightsError

# The pickled number 0x1950a86a20f9469cfc6c, with which files of torch before 1.6 begin.
LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
_BLOCK = 1 << 20
_ALLOWED = threading.Lock()  # what torch lets through is one list for all threads


def read_zip(path: Path, file: BinaryIO, checked: bool) -> Mapping[str, Any]:
    """Read the zip. checked: the file's sha256 is known to be right, so sums are skipped."""
    _check_zip(path, file, checked)
    if path.suffix == ".safetensors":  # torch goes by that name, and would look for no zip
        file.seek(0)
        return _load(path, file, mmap=False)
    return _load(path, str(path), mmap=True)


def read_legacy(path: Path, file: BinaryIO) -> Mapping[str, Any]:
    return _load(path, file, mmap=False)


def _load(path: Path, source: Any, mmap: bool) -> Mapping[str, Any]:
    import argparse

    try:
        # e4e keeps its training options as a Namespace, the one class that is let through
        with _ALLOWED, torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(source, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:
        raise WeightsError(
            f"{path.name} is not a checkpoint that can be read safely ({_reason(error)}); "
            "only tensors and plain values are let through"
        ) from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path.name} holds a {type(content).__name__}, not a dictionary")
    return content


def _reason(error: Exception) -> str:
    """Shorten torch's long messages: which global it refuses, or the first line."""
    text = str(error)
    for mark in ("Unsupported global: ", "Unsupported operand ", "Trying to "):
        if mark in text:
            return " ".join((mark + text.split(mark, 1)[1]).split())[:120]
    lines = text.strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__


def _check_zip(path: Path, file: BinaryIO, checked: bool) -> None:
    """Refuse parts that are compressed or duplicate, unlike torch's own: a bomb or a forgery."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            names = [part.filename for part in parts]
            if len(names) != len(set(names)):
                raise WeightsError(f"{path.name} has two parts of one name; get it again")
            for part in parts:
                if part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size:
                    raise WeightsError(
                        f"{path.name} has a compressed part, {part.filename!r}, as torch never "
                        f"writes it ({part.compress_size:,} bytes that become "
                        f"{part.file_size:,}); get the file from its publisher"
                    )
            if sum(part.file_size for part in parts) > size:
                raise WeightsError(f"{path.name} has parts that overlap; get it again")
            if not any(name.endswith("/data.pkl") for name in names):
                raise WeightsError(f"{path.name} is a zip file, but not one of torch's; unpack it")
            for part in () if checked else parts:
                with archive.open(part) as opened:  # compares the CRC at the end
                    while opened.read(_BLOCK):
                        pass
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(
            f"{path.name} is cut off or damaged ({_reason(error)}); download it again"
        ) from error
