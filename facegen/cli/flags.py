"""Flags and words that several commands share, and the photos they read."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ImageError, OptionError, require
from ..jobs.job import Job, Source
from ..options import Spec, StyleOptions, check_device, face_index, spec
from .progress import progress_bar, say, show

if TYPE_CHECKING:
    import numpy as np

    from ..studio import Studio

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", required=True, metavar="DIR", type=Path, help="the folder for the results"
    )


def add_new_out(parser: argparse.ArgumentParser) -> None:
    """Add --out for a run that is done in one go, and --overwrite."""
    add_out(parser)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier run's results in a folder that is not empty",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default="auto",
        metavar="NAME",
        help="a name of 'weights list' or a checkpoint's path; auto is the default of that list",
    )
    parser.add_argument(
        "--device", default="auto", metavar="cpu|cuda|auto", help="where to compute"
    )


def add_signer(parser: argparse.ArgumentParser) -> None:
    """Add --c2pa-cert and --c2pa-key; see choose_signer."""
    parser.add_argument(
        "--c2pa-cert",
        metavar="FILE",
        help="sign with your own certificate, a PEM chain with yours first, instead of this "
        "installation's",
    )
    parser.add_argument(
        "--c2pa-key", metavar="FILE", help="its key: PEM, PKCS #8, without a password"
    )


def choose_signer(certificates: str | None, key: str | None) -> None:
    """Choose the user's own signing pair, or else check this installation's.

    It comes before work that takes minutes. Raises MissingExtraError, OptionError and OutputError.
    """
    require("marks")
    if not certificates and not key:
        from ..output import installation

        installation.current()
        return
    if not certificates or not key:
        here, missing = ("cert", "key") if certificates else ("key", "cert")
        raise OptionError(f"--c2pa-{here} needs --c2pa-{missing} beside it; add it")
    from ..output import credentials, installation

    own = installation.given(Path(certificates), Path(key))
    credentials.check_signer(own)
    installation.use(own)


def load_studio(arguments: argparse.Namespace) -> Studio:
    """Load the studio for --model and --device, report downloads, check the signer."""
    check_device(arguments.device)
    check_names(arguments.model, getattr(arguments, "anime", None))
    if hasattr(arguments, "c2pa_cert"):
        choose_signer(arguments.c2pa_cert, arguments.c2pa_key)
    with progress_bar("loading", 2) as bar:
        show(bar, "loading", 0, 2, "torch")
        from ..studio import Studio
        from ..weights.hub import terminal_bar

        show(bar, "loading", 1, 2, "the face model")
        with terminal_bar(arguments.model) as fetching:
            return Studio.load(arguments.model, arguments.device, fetching, say)


def check_names(model: str, style: str | None) -> None:
    """Raise WeightsError or OptionError for an unknown model or style, before torch is imported."""
    from .. import weights

    if model != "auto":
        weights.which_face(model)
    if style is not None and not _is_file(style):
        weights.check_style(style, weights.anime_styles())


def add_options(parser: argparse._ActionsContainer, options: type, *names: str) -> None:
    """Add the flags of these options, or of all."""
    for name, one in spec(options).items():
        if not names or name in names:
            add_spec(parser, one)


def add_spec(parser: argparse._ActionsContainer, one: Spec) -> None:
    """Add an option's flag; several values take commas where they are numbers or known names."""
    if one.flag is None:
        return
    if one.kind is bool:
        action = "store_false" if one.default else "store_true"
        parser.add_argument(one.flag, dest=one.name, action=action, help=one.help)
        return
    more: dict[str, Any] = {"type": one.kind, "default": one.default}
    if one.many and (one.choices or one.kind is int):
        more = {"default": ",".join(map(str, one.default))}
    elif one.many:
        more["nargs"] = "+"
    usual = {int: "N", float: "X"}.get(one.kind) or "|".join(one.choices) or "NAME"
    words = [one.help, one.limits if one.many or one.range else ""]
    parser.add_argument(
        one.flag,
        dest=one.name,
        metavar=one.metavar or usual,
        help="; ".join(filter(None, words)),
        **more,
    )


def decode(photo: str, data: bytes) -> np.ndarray:
    """Decode the photo's pixels; errors name the file."""
    from .. import images

    try:
        return images.load(data)
    except ImageError as error:
        raise ImageError(f"{Path(photo).name}: {error}") from error


def style_of(arguments: argparse.Namespace) -> StyleOptions | None:
    """Return the style; None without one. Raises OptionError."""
    style, blend = arguments.anime, arguments.blend
    if style is None:
        if blend is not None:
            raise OptionError(f"--blend is {blend:g}, but there is no --anime to blend; add it")
        return None
    return StyleOptions(style, StyleOptions.blend if blend is None else blend)


def add_style(studio: Studio, style: StyleOptions | None) -> StyleOptions | None:
    """Add the style, by its name or its file; check that it is available."""
    if style and style.style not in studio.styles and _is_file(style.style):
        style = replace(style, style=studio.add_style(style.style))
    studio.check_style(style)
    return style


def _is_file(style: str) -> bool:
    """Return True for an existing path, or any name with a suffix of weights."""
    path = Path(style)
    return path.suffix in (".safetensors", ".pt", ".onnx") or os.path.isfile(path)


def add_photos(parser: argparse.ArgumentParser, job: Job, words: str) -> None:
    """Add a job's photos, and which face of each, where it takes one of it."""
    most = job.photos[-1]
    if most == 1:
        wanted = None if job.photos[0] else "?"  # or may be left out
        parser.add_argument("photo", metavar="PHOTO", nargs=wanted, help=words)
        if job.model:
            parser.add_argument("--face", type=int, default=1, metavar="K", help="1 is the largest")
    elif most == 2:
        parser.add_argument(
            "photos", nargs="+", metavar="PHOTO", help=f"{words}, A, and another, B"
        )
        for name in ("a", "b"):
            parser.add_argument(
                f"--face-{name}",
                type=int,
                default=1,
                metavar="K",
                help=f"which face of {name.upper()}; 1 is the largest",
            )
    elif most:
        parser.add_argument("photos", nargs="+", metavar="PHOTO", help=f"{words}, or several")


def first_photo(arguments: argparse.Namespace) -> str | None:
    """Return the first photo's path; None without a photo."""
    paths: list[str | None] = [getattr(arguments, "photo", None), *getattr(arguments, "photos", [])]
    return next(filter(None, paths), None)


def read_photos(arguments: argparse.Namespace, job: Job) -> list[Source]:
    """Read a command's photos. Raises OptionError and ImageError."""
    paths = getattr(arguments, "photos", [])
    if hasattr(arguments, "photo"):
        paths = [arguments.photo] if arguments.photo else []
    job.check_photos(len(paths))
    flags = ("face",) if hasattr(arguments, "face") else ("face_a", "face_b")
    faces = [
        _face_index(f"--{flag.replace('_', '-')}", getattr(arguments, flag, 1)) for flag in flags
    ]
    if not job.model:
        from .. import images

        return [Source(decode(path, images.read_file(path))) for path in paths]
    return [replace(read_photo(path), face=face) for path, face in zip(paths, faces, strict=False)]


def _face_index(flag: str, number: int) -> int:
    if number == 0:
        say(f"{flag} is 0; faces are counted from 1, and this is taken as 1, the largest")
    return face_index(number, flag)


def read_photo(path: str) -> Source:
    """Read a photo; report its marks of origin. Raises ImageError."""
    import hashlib

    from .. import images

    data = images.read_file(path)
    pixels: Any = decode(path, data)
    if (frames := images.frames(data)) > 1:
        say(f"{path} has {frames} frames; the first one is taken")

    from ..output import check, provenance  # after the photo: it takes long to import

    if marks := check.marks_entry(data, pixels):
        say(check.marks_in_words(marks))
    sha256, facts = hashlib.sha256(data).hexdigest(), provenance.facts_in(data)
    return Source(pixels, sha256, marks, facts, data=data)
