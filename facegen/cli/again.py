"""again: reproduce a saved picture from the settings in its metadata."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from ..errors import ImageError, OptionError
from . import jobs
from .flags import Commands, add_new_out
from .progress import say

# The facts of a picture, and the flags for them.
_OF_RANDOM = {"seed": "--seed", "truncation_psi": "--psi", "noise_mode": "--noise"}
_OF_VARIANT = {
    "seed": "--seed",
    "noise_mode": "--noise",
    "strength": "--strength",
    "steps": "--steps",
    "keep": "--keep",
}
_WORDS = {"noise_mode", "style", "keep"}  # the others are numbers


def add(commands: Commands) -> None:
    parser = commands.add_parser("again", help="one of our pictures once more, by its own settings")
    parser.add_argument("file", metavar="FILE", help="a PNG that Facegen saved")
    parser.add_argument(
        "photo", nargs="?", metavar="PHOTO", help="the photo it came from, if it came from one"
    )
    add_new_out(parser)
    parser.add_argument("--model", metavar="NAME", help="another than the file names")
    parser.add_argument(
        "--device", default="auto", metavar="cpu|cuda|auto", help="where to compute"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from ..output import provenance

    words = command_of(provenance.read(arguments.file), arguments.file, arguments.photo)
    words += ["--out", str(arguments.out), "--device", arguments.device]
    if arguments.overwrite:
        words.append("--overwrite")
    if arguments.model:
        words += ["--model", arguments.model]
    say(f"again: facegen {' '.join(words)}")

    parser = argparse.ArgumentParser()
    jobs.add(parser.add_subparsers())
    wanted = parser.parse_args(words)
    wanted.run(wanted)


def command_of(facts: Mapping[str, object], file: str, photo: str | None) -> list[str]:
    """Build the command that makes a picture with these facts (of provenance.read).

    The file may come from anybody: what is taken from it is a number, or a name that the command
    knows or refuses. Raises ImageError for a file that does not say how it was made, or was made
    by a command whose pictures keep too little of it, OptionError where a photo is missing or too
    many.
    """
    from ..output.provenance import CHILD, NAME

    ours = str(facts.get("software", "")).startswith(NAME)
    if ours and "edit" in facts:
        return _edited(facts, file, photo)
    if ours and ("mix" in facts or "restored" in facts):
        maker = "restore" if "restored" in facts else "child" if facts["mix"] == CHILD else "mix"
        raise ImageError(
            f"{file} was made by 'facegen {maker}', and only random faces, variants and edited "
            "faces can be made again; name one of these"
        )
    if not ours or "seed" not in facts:
        raise ImageError(
            f"{file} does not say how it was made; name a PNG that Facegen saved, as it was saved"
        )
    if "strength" in facts:
        if photo is None:
            raise OptionError(
                f"{file} was made from a photo, and no file keeps that; name the photo after it"
            )
        words, flags = ["generate", photo], _OF_VARIANT
    else:
        if photo is not None:
            raise OptionError(f"{file} is a random face, made without a photo; leave {photo} out")
        words, flags = ["random"], _OF_RANDOM
    words += ["--count", "1"]
    for name, flag in flags.items():
        if name in facts:
            words.append(f"{flag}={_value(file, name, facts[name])}")
    if "model" in facts:
        words.append(f"--model={facts['model']}")
    if "style" in facts:
        words.append(f"--anime={facts['style']}")
        if "blend" in facts:
            words.append(f"--blend={_value(file, 'blend', facts['blend'])}")
    return words


def _edited(facts: Mapping[str, object], file: str, photo: str | None) -> list[str]:
    if photo is None:
        raise OptionError(
            f"{file} was made from another picture, and no file keeps that; name it after it"
        )
    words = ["edit", photo]
    for setting in str(facts["edit"]).split():
        words.append(f"--set={setting}")  # what is no slider is refused there
    if "steps" in facts:
        words.append(f"--steps={_value(file, 'steps', facts['steps'])}")
    if "model" in facts:
        words.append(f"--model={facts['model']}")
    return words


def _value(file: str, name: str, told: object) -> str:
    """Convert a fact to a flag's value.

    Raises ImageError for what is not a number where one belongs.
    """
    text = str(told)
    if name in _WORDS:
        return text
    try:
        return str(int(text) if name in ("seed", "steps") else float(text))
    except ValueError as error:
        raise ImageError(f"{file} says that {name} is {text!r}, which is not a number") from error
