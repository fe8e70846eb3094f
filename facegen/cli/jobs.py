"""The commands of the catalogue: each takes its flags from its record, and one function runs all.

What a command has beside its record is in job_words.EXTRAS; one that has nothing needs no row.
"""

from __future__ import annotations

import argparse
import dataclasses
from functools import partial
from types import SimpleNamespace
from typing import Any

from ..jobs.catalogue import JOBS
from ..jobs.job import Job
from ..options import EditOptions, StyleOptions, check_device, spec
from ..options.background import of_file
from ..options.edit import NAMES, parse, range_text
from ..output.staging import check_empty
from . import photos
from .flags import (
    Commands,
    add_model,
    add_new_out,
    add_signer,
    add_spec,
    add_style,
    load_studio,
    style_of,
)
from .job_words import EXTRAS, Extra
from .progress import progress_bar, run_job, show


def add(commands: Commands) -> None:
    for job in JOBS.values():
        extra = EXTRAS.get(job.name, Extra())
        parser = commands.add_parser(job.name, help=job.help)
        photos.add(parser, job, extra.photo)
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
    sources = extra.change(arguments, photos.read_all(arguments, job))
    studio = load_studio(arguments) if job.model else _detector()
    if style := getattr(options, "style", None):
        options = dataclasses.replace(options, style=add_style(studio, style))
    begin = _begin(job, len(sources)) or extra.noun
    done, count = run_job(
        studio, job.name, arguments, sources, options, extra.noun, begin, extra.tell,
        photos.first(arguments), extra.pictures,
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
