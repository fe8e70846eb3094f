"""The commands of the catalogue: each takes its flags from its record, and one function runs all.

What a command has beside its record is in EXTRAS; one that has nothing needs no row.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

from ..errors import ImageError
from ..jobs.catalogue import JOBS
from ..jobs.job import CROP, Job, Picture, Source
from ..options import EditOptions, StyleOptions, check_device, spec
from ..options.background import of_file
from ..options.edit import NAMES, UNITS, parse, range_text
from ..output.staging import check_empty
from . import anonymise, flags
from .flags import (
    Commands,
    add_model,
    add_new_out,
    add_signer,
    add_spec,
    add_style,
    decode,
    load_studio,
    style_of,
)
from .progress import progress_bar, run_job, say, show


def add(commands: Commands) -> None:
    for job in JOBS.values():
        extra = EXTRAS.get(job.name, Extra())
        parser = commands.add_parser(job.name, help=job.help)
        flags.add_photos(parser, job, extra.photo)
        if extra.run is None:
            add_new_out(parser)
        extra.add(parser)
        _add_flags(parser, job)
        if job.model:
            add_model(parser)
            add_signer(parser)
        parser.set_defaults(run=partial(run, job))


def _add_flags(parser: argparse.ArgumentParser, job: Job) -> None:
    """Add a flag for each option; a style and the sliders have flags of their own kind."""
    options = spec(job.options).values()
    for one in options:
        if one.owner is not StyleOptions:
            add_spec(parser, one)
    owners = {one.owner for one in options}
    if StyleOptions in owners:
        _add_anime(parser)
    if EditOptions in owners:
        _add_set(parser)


def _add_anime(parser: argparse.ArgumentParser) -> None:
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


def _add_set(parser: argparse.ArgumentParser) -> None:
    sliders = "; ".join(f"{name} {range_text(name)}" for name in NAMES)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=AMOUNT",
        dest="settings",
        help=f"a slider, such as smile=+0.5 or age=+10y; several times for several: {sliders}",
    )


def given(job: Job, arguments: argparse.Namespace) -> Any:
    """Build a job's options from its flags. Raises OptionError."""
    values: dict[str, Any] = {}
    for name, one in spec(job.options).items():
        value = getattr(arguments, name, None)
        values[name] = one.read(value) if one.many and isinstance(value, str) else value
    if "background" in values and values["background"] is not None:
        values["background"] = of_file(values["background"])
    if hasattr(arguments, "settings"):
        values |= parse(arguments.settings).asked
    if hasattr(arguments, "anime") and (style := style_of(arguments)):
        values |= dataclasses.asdict(style)
    return job.given(values)


def run(job: Job, arguments: argparse.Namespace) -> int:
    """Run a job into the folder --out, and report what it made; -> the exit code."""
    extra = EXTRAS.get(job.name, Extra())
    options = given(job, arguments)
    if job.model:
        check_device(arguments.device)
    if extra.run is not None:
        return extra.run(job, arguments, options)
    check_empty(arguments.out, arguments.overwrite)
    sources = extra.change(arguments, flags.read_photos(arguments, job))
    studio = load_studio(arguments) if job.model else _detector()
    if style := getattr(options, "style", None):
        options = dataclasses.replace(options, style=add_style(studio, style))
    begin = _begin(job, len(sources)) or extra.noun
    done, count = run_job(
        studio, job.name, arguments, sources, options, extra.noun, begin, extra.tell,
        flags.first_photo(arguments), extra.pictures,
    )  # fmt: skip
    for line in extra.lines(done.manifest):
        print(line)
    noun = extra.noun if count != 1 else extra.one or extra.noun.removesuffix("s")
    closing = extra.closing.format(f"{count} {noun}", arguments.out)
    print(closing + _seconds(done.manifest.get("seconds", {})))
    return 0


def _begin(job: Job, photos: int) -> str:
    """Return the bar's first words; "" for what the results are called."""
    if not job.model:
        return "looking for faces"
    return ["", "finding the face"][photos] if photos < 2 else "finding the faces"


def _detector() -> Any:
    """Load what takes the place of a studio in a job without a model."""
    with progress_bar("loading") as bar:
        show(bar, "loading", 0, 1, "the detector")
        from ..face.detect import Detector  # after the checks: it takes long to import

        return SimpleNamespace(detector=Detector())


def _seconds(seconds: dict[str, float]) -> str:
    if not seconds:
        return ""
    stages = ", ".join(f"{name} {value:.2f}" for name, value in seconds.items() if name != "total")
    return f" after {seconds['total']:.1f} s" + (f" ({stages})" if stages else "")


@dataclass(frozen=True)
class Extra:
    """What a job's command adds to its record."""

    noun: str = "pictures"  # what the results are called
    one: str = ""  # what a single one is called, where that is not the noun without its s
    closing: str = "{} in {}"  # the last line: how many of them in which folder
    photo: str = "a picture file"  # what a photo may be
    pictures: Sequence[str] = ()  # file name patterns of a job without a manifest
    add: Callable[[argparse.ArgumentParser], object] = lambda parser: None  # further flags
    # Changes the photos by these flags.
    change: Callable[[argparse.Namespace, list[Source]], list[Source]] = lambda told, given: given
    tell: Callable[[object], object] = lambda event: None  # receives each event
    lines: Callable[[Mapping[str, Any]], Iterable[str]] = lambda manifest: ()  # on a manifest
    run: Callable[..., int] | None = None  # for jobs.run, with its own --out; -> the exit code


def _generated(manifest: Mapping[str, Any]) -> Iterable[str]:
    for entry in manifest["variants"]:
        parts = [entry["file"], f"seed {entry['seed']}"]
        parts += _judged(entry, "too close to the reference", "a different person")
        if entry["structure"]:
            parts.append(f"landmarks moved {entry['structure']['landmark_nme']:.3f}")
        if lost := [name for name, shift in entry["attributes"].items() if not shift["kept"]]:
            parts.append(f"not kept: {', '.join(lost)}")
        yield ", ".join(parts)
    if words := manifest["promise"]["in_words"]:
        yield words


def _edited(manifest: Mapping[str, Any]) -> Iterable[str]:
    for entry in manifest["variants"]:
        parts = [entry["edit"]]
        if entry["given"] < 1:
            parts.append(f"{entry['given']:.0%} of it: farther the faces of this model break")
        for name, reached in entry["reached"].items():
            unit = UNITS.get(name, "")
            parts.append(f"{name} moved by {reached:+.{0 if unit else 2}f}{unit}")
        parts += _judged(entry, "the same person", "another person")
        yield f"{entry['file']}: {', '.join(parts)}"


def _judged(entry: Mapping[str, Any], same: str, other: str) -> list[str]:
    """Say what each recogniser takes a face for."""
    return [
        f"{same if opinion['same_person'] else other} ({recogniser} {opinion['distance']:.2f}, "
        f"same below {opinion['threshold']})"
        for recogniser, opinion in entry["identity"].items()
    ]


def _children(manifest: Mapping[str, Any]) -> Iterable[str]:
    for entry in manifest["variants"]:
        genes, nearness = _genes(entry["genes"]), _nearness(entry["nearness"])
        yield f"{entry['file']}: {genes}; {nearness}"


def _genes(genes: Mapping[str, str]) -> str:
    """List the genes: eyes, nose of A; mouth of B."""
    parts = []
    for key, name in {"first": "A", "second": "B", "stranger": "a stranger"}.items():
        if regions := [region for region, parent in genes.items() if parent == key]:
            parts.append(f"{', '.join(regions)} of {name}")
    return "; ".join(parts)


def _nearness(nearness: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how near a child is to both parents, compared with strangers."""
    parts = [
        f"{name} {one['distance']:.2f} to {parent.upper()} (nearer than "
        f"{100 - one['strangers_nearer_percent']:.0f} of 100 pairs of strangers)"
        for parent, ones in nearness.items()
        for name, one in ones.items()
    ]
    return ", ".join(parts) or "no recogniser could tell"


def _restored(manifest: Mapping[str, Any]) -> Iterable[str]:
    from ..jobs.restore import words

    for entry in manifest["variants"]:
        yield f"{entry['file']}: {manifest['says']}; {words(entry)}"
    for name, distances in manifest["between"].items():
        if distances:
            yield f"{name} between them: {min(distances):.2f} to {max(distances):.2f}"


def _left_out(manifest: Mapping) -> Iterator[str]:
    for one in manifest["left_out"]:
        yield f"left out: {one['look']} ({one['why']})"


def _add_mask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mask", metavar="FILE", help="a picture as large as PHOTO, white where it has holes"
    )


def _masked(arguments: argparse.Namespace, sources: list[Source]) -> list[Source]:
    """Put the mask of --mask on the photo. Raises ImageError for one of another size."""
    if not arguments.mask:
        return sources
    from .. import images

    (photo,) = sources
    mask = decode(arguments.mask, images.read_file(arguments.mask)).max(axis=2)
    if mask.shape != photo.pixels.shape[:2]:
        raise ImageError(
            f"the mask has {mask.shape[1]}x{mask.shape[0]} pixels, the photo "
            f"{photo.pixels.shape[1]}x{photo.pixels.shape[0]}; make it as large as the photo"
        )
    return [replace(photo, mask=mask)]


def _say_damage(event: object) -> None:
    if isinstance(event, Picture) and event.kind == CROP:
        from ..jobs.restore import UNDAMAGED

        seen = event.payload
        words = ", ".join(f"{name} {value}" for name, value in seen.damage.describe().items())
        none = "" if seen.damaged else f"; {UNDAMAGED}"
        whole = "" if seen.found else "; no face was found, the whole picture is taken"
        say(f"the damage: {words}{whole}{none}")


EXTRAS: Mapping[str, Extra] = {
    "generate": Extra("variants", lines=_generated),
    "random": Extra("faces"),
    "edit": Extra(photo="a picture file, or a PNG of Facegen's", lines=_edited),
    "mix": Extra("mixtures", closing="{} and board.jpg in {}"),
    "child": Extra("children", "child", lines=_children),
    "persona": Extra(
        "pictures",
        photo="a photo whose stranger it is to be, or a PNG of Facegen's; left out: anybody",
        closing="{} of one person and sheet.jpg in {}",
        lines=_left_out,
    ),
    "restore": Extra("faces", add=_add_mask, change=_masked, tell=_say_damage, lines=_restored),
    "anonymise": Extra(add=anonymise.add, run=anonymise.run),
    "align": Extra("faces", closing="{} in {}, the largest first", pictures=("face-*.png",)),
}
