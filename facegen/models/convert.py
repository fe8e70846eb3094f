"""Any readable checkpoint as a file of ours, with its licence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from .. import weights
from ..errors import OptionError, WeightsError
from ..files import writable
from ..weights.formats.onnx import CONTENT
from .face_model import ModelInfo
from .families.anime import FIRST_KEY, NETWORKS, anime_generator
from .families.facegen import FACTS, save_as_it_is
from .recognise import face_model

UNKNOWN = ("unknown", "ask whoever made it")


def info_of(entry: weights.Weights, at_hand: bool = True) -> ModelInfo:
    return ModelInfo(
        name=entry.name,
        title=entry.title,
        resolution=entry.resolution or 0,
        licence=entry.licence,
        licence_meaning=entry.licence_meaning,
        training_data=entry.origin,
        at_hand=at_hand,
        advice=entry.advice,
    )


def info_of_file(path: Path) -> ModelInfo:
    """Of a file nobody has said anything about."""
    name = writable(path.stem)
    if name in {entry.name for entry in weights.REGISTRY}:
        name += " (a file)"  # what is known of the registered one does not hold for it
    return ModelInfo(name, name, 0, *UNKNOWN, "unknown")


def convert(
    source: str, out: Path, licence: str | None = None, align_corners: bool | None = None
) -> ModelInfo:
    """Write `source`, a name of the registry or a file, to `out`, computing the same to the bit.

    licence: of a file that does not say it; a file with the bytes of a registered checkpoint is
    known by them. align_corners: of a published anime generator, which does not say it either.
    Raises WeightsError, OptionError, OutputError.
    """
    if out.suffix != ".safetensors":
        raise OptionError(f"the output is {out.name}; its name must end in .safetensors")
    if out.exists():
        raise OptionError(f"{out} exists already; remove it or give another name")
    known = {entry.name: entry for entry in weights.REGISTRY}
    entry = known.get(source)
    if entry is not None:
        path, content, metadata = weights.load(entry)
    else:
        path = Path(source)
        content, metadata = weights.read(path)
        entry = weights.same_bytes(path)
    if CONTENT in content:
        raise WeightsError(
            f"{path.name} is an ONNX network, which is not converted; it is used as it is (--anime)"
        )
    info = info_of(entry) if entry else info_of_file(path)
    written = {key: metadata[key] for key in FACTS if key in metadata}
    if entry is None and "licence" in written:
        info = replace(info, **written)  # type: ignore[arg-type]  # FACTS name texts only
    elif entry is None and licence:
        info = replace(info, licence=licence, licence_meaning="as its licence says")
    if licence and info.licence != licence:
        raise OptionError(f"the licence of {path.name} is known, {info.licence}; leave --licence")
    config = dict(entry.config) if entry else {}
    if align_corners is not None:
        config["align_corners"] = align_corners
    device = torch.device("cpu")
    if metadata.get("network") in NETWORKS or FIRST_KEY in content:
        save_as_it_is(out, anime_generator(content, metadata, path.name, device, config), info)
        return info
    model = face_model(content, metadata, info, path.name, device)
    save_as_it_is(out, model, model.info)
    return model.info
