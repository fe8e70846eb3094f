"""Flags and words that several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ImageError, OptionError
from ..options import (
    ATTRIBUTES,
    NOISE_MODES,
    SampleOptions,
    StyleOptions,
    VaryOptions,
    check_device,
    help_of,
    range_in_words,
)


def add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", required=True, metavar="DIR", type=Path, help="the folder for the results"
    )


def add_new_out(parser: argparse.ArgumentParser) -> None:
    """--out for a run that is done in one go, and --overwrite."""
    add_out(parser)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an earlier run's results in a folder that is not empty",
    )


def add_anime(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--anime",
        nargs="?",
        const=StyleOptions.style,
        metavar="STYLE",
        help=f"also as anime: {StyleOptions.style} unless another style or a file is named",
    )
    parser.add_argument(
        "--blend",
        type=float,
        help=f"of the anime style: 0 the photo, 1 all anime; default {StyleOptions.blend:g}",
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


def add_label(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--label", action="store_true", help='write "AI-generated" into a corner of each picture'
    )


def add_signer(parser: argparse.ArgumentParser) -> None:
    """--c2pa-cert and --c2pa-key; see choose_signer."""
    parser.add_argument(
        "--c2pa-cert",
        metavar="FILE",
        help="sign with your own certificate, a PEM chain with yours first, instead of this "
        "installation's",
    )
    parser.add_argument(
        "--c2pa-key", metavar="FILE", help="its key: PEM, PKCS #8, without a password"
    )


def add_making(parser: argparse.ArgumentParser) -> None:
    """What every command that makes pictures takes: which model draws, and where; a visible label;
    whose key signs."""
    add_model(parser)
    add_label(parser)
    add_signer(parser)


def choose_signer(certificates: str | None, key: str | None) -> None:
    """Let the user's own pair sign, if there is one; else look at this installation's, before work
    that takes minutes. Raises OptionError and OutputError."""
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


def load_studio(arguments: argparse.Namespace):
    """The studio that --model and --device ask for; what is fetched is told on standard error.

    Also looks at the signer of what it will make.
    """
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
    """Raise WeightsError or OptionError for a model or a style that nobody knows: before torch,
    which takes long to import."""
    from .. import weights

    if model != "auto":
        weights.which_face(model)
    if style is not None and not _is_file(style):
        weights.check_style(style, weights.anime_styles())


def add_option(
    parser: argparse._ActionsContainer, options: type, name: str, flag: str = "", **more: Any
) -> None:
    """An option's flag, --NAME unless `flag` is another, with its default, words and range."""
    default = getattr(options, name)
    parser.add_argument(
        flag or f"--{name.replace('_', '-')}",
        dest=name,
        type=type(default),
        default=default,
        metavar="N" if isinstance(default, int) else "X",
        help=f"{help_of(options, name)}; {range_in_words(options, name)}",
        **more,
    )


def add_noise(
    parser: argparse.ArgumentParser, options: type[VaryOptions] | type[SampleOptions]
) -> None:
    noises = " or ".join((", ".join(NOISE_MODES[:-1]), NOISE_MODES[-1]))
    parser.add_argument(
        "--noise", default=options.noise_mode, help=f"of fine details (hair, skin): {noises}"
    )


def add_keep(parser: argparse.ArgumentParser) -> None:
    """--keep; see options.kept."""
    names = ",".join(ATTRIBUTES)
    parser.add_argument(
        "--keep",
        default=names,
        metavar="NAMES",
        help=f"what stays as in the photo, of {names}; none: nothing; default all",
    )


def decode(photo: str, data: bytes):
    """The photo's pixels; a complaint about them names the file."""
    from .. import images

    try:
        return images.load(data)
    except ImageError as error:
        raise ImageError(f"{Path(photo).name}: {error}") from error


def style_of(arguments: argparse.Namespace) -> StyleOptions | None:
    """None where none was asked for. Raises OptionError."""
    style, blend = arguments.anime, arguments.blend
    if style is None:
        if blend is not None:
            raise OptionError(f"--blend is {blend:g}, but there is no --anime to blend; add it")
        return None
    return StyleOptions(style, StyleOptions.blend if blend is None else blend)


def add_style(studio, style: StyleOptions | None) -> StyleOptions | None:
    """The style by its name, whether it was named or is a file; checked to be at hand."""
    if style and style.style not in studio.styles and _is_file(style.style):
        style = replace(style, style=studio.add_style(style.style))
    studio.check_style(style)
    return style


def _is_file(style: str) -> bool:
    """Whatever it is called, if it is there; a name like a file's, even if it is not."""
    path = Path(style)
    return path.suffix in (".safetensors", ".pt", ".onnx") or os.path.isfile(path)


def say(text: str) -> None:
    """One line on standard error, above whatever bar stands there."""
    from tqdm import tqdm

    tqdm.write(f"facegen: {' '.join(text.split())}", file=sys.stderr)


def progress_bar(what: str, total: int | None = None):
    """A bar for a person at a terminal that is gone when it is closed; elsewhere nothing."""
    from tqdm import tqdm

    return tqdm(desc=what, total=total, leave=False, disable=None, dynamic_ncols=True)


def show(bar, what: str, done: float, total: int, words: str = "") -> None:
    """Move a bar; where `what` is going on has changed, it begins anew."""
    if bar.disable:
        return
    begins = what != bar.desc or not done
    if begins:
        bar.reset(total)
        bar.set_description_str(what, refresh=False)
    bar.total = total
    bar.set_postfix_str(words, refresh=False)
    bar.update(done - bar.n)
    if begins or words:  # seldom enough: tqdm itself would wait until it can tell a speed
        bar.refresh()
