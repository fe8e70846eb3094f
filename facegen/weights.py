"""Every checkpoint the project knows: where it comes from, what it may be used for, where it is.

The bundled ones lie in `weights/` and need no network. The others live on the Hugging Face
Hub and are fetched into its cache when somebody asks for them by name.

Trust: where the publisher states a sha256 it is checked after the download. Where none is
stated, the first download's is written beside the cache (trust on first use), and every later
one has to be the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import WeightsError

BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "weights"

NVIDIA_NC = "NVIDIA Source Code License-NC"
RESEARCH_ONLY = "research and evaluation only, no commercial use"
NON_COMMERCIAL = "non-commercial use only"


@dataclass(frozen=True)
class Weights:
    """One checkpoint. kind: face, anime, vgg. repo None: bundled, file lies in weights/.

    size in bytes, where it is stated. fallbacks: (repo, file) tried in order.
    """

    name: str
    kind: str
    title: str
    file: str
    licence: str
    licence_meaning: str
    origin: str
    repo: str | None = None
    revision: str | None = None
    sha256: str | None = None
    size: int | None = None
    resolution: int | None = None
    fallbacks: tuple[tuple[str, str], ...] = ()

    @property
    def bundled(self) -> bool:
        return self.repo is None


REGISTRY: tuple[Weights, ...] = (
    Weights(
        name="bundled",
        kind="face",
        title="Facegen 64",
        file="face-64.safetensors",
        licence="CC BY 4.0",
        licence_meaning="any use, with attribution",
        origin="trained by this project on synthetic faces under the MIT licence",
        resolution=64,
    ),
    Weights(
        name="ffhq-1024",
        kind="face",
        title="StyleGAN2 FFHQ 1024 with the e4e encoder",
        repo="AIRI-Institute/HairFastGAN",
        file="pretrained_models/encoder4editing/e4e_ffhq_encode.pt",
        licence=NVIDIA_NC,
        licence_meaning=RESEARCH_ONLY,
        origin="Karras et al. 2020 (NVIDIA, FFHQ); encoder: Tov et al. 2021",
        resolution=1024,
    ),
    Weights(
        name="hayao",
        kind="anime",
        title="Hayao",
        file="anime-hayao.safetensors",
        licence="non-commercial",
        licence_meaning=NON_COMMERCIAL,
        origin="trained by this project on result pictures of AnimeGANv3",
    ),
    Weights(
        name="shinkai",
        kind="anime",
        title="Shinkai",
        file="anime-shinkai.safetensors",
        licence="non-commercial",
        licence_meaning=NON_COMMERCIAL,
        origin="trained by this project on result pictures of AnimeGANv3",
    ),
    Weights(
        name="vgg16",
        kind="vgg",
        title="VGG16 (ImageNet), for the perceptual distance of the refinement",
        repo="timm/vgg16.tv_in1k",
        file="model.safetensors",
        revision="b8d8aa2dd860af9233c8c67385a8097fd6c35d3f",
        licence="BSD-3-Clause",
        licence_meaning="any use, with attribution",
        origin="torchvision",
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


# --- where it is -------------------------------------------------------------------------


def locate(entry: Weights) -> Path | None:
    """The file on this machine, or None; never asks the network."""
    if entry.repo is None:
        path = BUNDLED_FOLDER / entry.file
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    for repo, file in ((entry.repo, entry.file), *entry.fallbacks):
        revision = entry.revision if repo == entry.repo else None
        path = try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(path, str):
            return Path(path)
    return None


def fetch(entry: Weights) -> Path:
    """The file on this machine, downloaded if need be. Raises WeightsError saying what to do."""
    path = locate(entry)
    if path is None:
        if entry.repo is None:
            raise WeightsError(
                f"the bundled file weights/{entry.file} is missing; get it back with "
                f"'git checkout weights'"
            )
        path = _download(entry)
    _verify(entry, path)
    return path


def _download(entry: Weights) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError

    tried = []
    for repo, file in ((entry.repo, entry.file), *entry.fallbacks):
        revision = entry.revision if repo == entry.repo else None
        try:
            return Path(hf_hub_download(repo, file, revision=revision))
        except GatedRepoError:
            tried.append(f"{repo} asks for consent on its page and a token in HF_TOKEN")
        except Exception as error:  # httpx's and requests' own errors are no OSErrors
            tried.append(f"{repo}: {_first_line(error)}")
    raise WeightsError(
        f"{entry.name} could not be fetched from the Hugging Face Hub ({'; '.join(tried)}); "
        "check the network, or use the bundled model: --model bundled"
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


# --- trust -------------------------------------------------------------------------------


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if _HAS_DIGEST else _digest(file)


_HAS_DIGEST = hasattr(hashlib, "file_digest")  # Python 3.11


def _digest(file) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _trust_store() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / "facegen-first-use.json"


def _verify(entry: Weights, path: Path) -> None:
    """Compare with the stated sha256, or with the one recorded at first use."""
    if entry.bundled:
        return  # part of the checkout, as trustworthy as the code that reads it
    expected, store = entry.sha256, _trust_store()
    recorded: dict[str, str] = {}
    if expected is None and store.is_file():
        try:
            recorded = json.loads(store.read_text())
            expected = recorded.get(entry.name)
        except (OSError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"{store} is damaged ({_first_line(error)}); delete it to trust anew"
            ) from error
    actual = sha256_of(path)
    if expected is None:
        partial = store.with_suffix(".partial")
        with contextlib.suppress(OSError):  # a read-only cache is no reason to refuse
            partial.write_text(json.dumps(recorded | {entry.name: actual}, indent=1) + "\n")
            os.replace(partial, store)
    elif actual != expected:
        raise WeightsError(
            f"{path.name} of {entry.name} has the sha256 {actual[:16]}…, expected was "
            f"{expected[:16]}…; delete {path} and fetch it again"
        )


# --- reading -----------------------------------------------------------------------------


def read(path: Path) -> tuple[Mapping[str, Any], dict[str, str]]:
    """(content, metadata) of a checkpoint, recognised by its content, without running any of it.

    safetensors: flat tensors and the metadata of its header. torch's zip format: whatever
    `torch.load(weights_only=True)` admits, and no metadata. Anything else is a WeightsError.
    """
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({_first_line(error)})") from error
    if head[:4] == b"PK\x03\x04":
        return _read_torch(path), {}
    if len(head) > 9 and head[8:9] == b"{":
        return _read_safetensors(path)
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        what = "is a web page saved under a checkpoint's name; download the file itself"
    elif head.startswith(b"\x80"):
        what = "is a bare pickle, which is not read; convert it to safetensors first"
    elif not head:
        what = "is empty; download it again"
    else:
        what = "is neither a safetensors nor a torch file; check what was downloaded"
    raise WeightsError(f"{path.name} {what}")


def _read_torch(path: Path) -> Mapping[str, Any]:
    import argparse

    try:
        # e4e keeps its training options as a Namespace, the one class that is let through
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise WeightsError(
            f"{path.name} is not a checkpoint that can be read safely ({_first_line(error)}); "
            "only tensors and plain values are let through"
        ) from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path.name} holds a {type(content).__name__}, not a dictionary")
    return content


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path.name} is a damaged safetensors file ({_first_line(error)}); get it again"
        ) from error


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file; the old one stays until the new one is complete."""
    from safetensors.torch import save

    partial = path.with_suffix(".partial")
    partial.write_bytes(save({k: v.contiguous() for k, v in tensors.items()}, dict(metadata)))
    os.replace(partial, path)
