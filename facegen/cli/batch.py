"""batch: one job for every picture of a folder."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from .. import images
from ..batch.options import BatchOptions, RayOptions, jobs
from ..errors import OptionError, counted, install, missing, require
from ..options import check_device, help_of, spec
from .flags import Commands, add_model, add_options, add_signer, check_names, choose_signer
from .progress import progress_bar, say, show

ENGINES = ("local", "ray")


def add(commands: Commands) -> None:
    parser = commands.add_parser("batch", help="one job for every picture of a folder")
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="a folder of pictures; with Ray also of tars and Parquet files, or s3://…",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder for the results")
    parser.add_argument("--job", required=True, choices=jobs(), help=help_of(BatchOptions, "job"))
    add_options(parser, BatchOptions, *(name for name in spec(BatchOptions) if name != "job"))
    add_model(parser)
    add_signer(parser)
    group = parser.add_argument_group("on several machines (docs/scale.md)")
    group.add_argument(
        "--engine", default=ENGINES[0], choices=ENGINES, help="processes of this machine, or Ray"
    )
    add_options(group, RayOptions)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    require("batch")
    spare = tuple(str(Path(path).absolute()) for path in arguments.spare)
    for path in spare:
        images.load(path)  # what is no picture is said before anything is begun
    named = {name: getattr(arguments, name) for name in spec(BatchOptions)}
    options = BatchOptions(**{**named, "spare": spare})
    check_device(arguments.device)
    choose_signer(arguments.c2pa_cert, arguments.c2pa_key)
    signer = None
    if arguments.c2pa_cert:
        signer = Path(arguments.c2pa_cert).absolute(), Path(arguments.c2pa_key).absolute()
    told = RayOptions(**{name.name: getattr(arguments, name.name) for name in fields(RayOptions)})
    _check_engine(arguments.engine, told, options)
    model, device = "", "cpu"
    if options.needs_model:
        check_names(arguments.model, None)
        model, device = _model(arguments.model), _device(arguments.device)

    from ..batch.run import PEOPLE, Ended, Event, Finished, Listed
    from ..batch.run import run as batch
    from ..types import Progress

    events: Iterator[Event]
    if arguments.engine == "ray":
        from ..batch.ray import run as batch_on_ray

        events = batch_on_ray(arguments.folder, arguments.out, options, told, model, device, signer)
    else:
        source, out = Path(arguments.folder), Path(arguments.out)
        events = batch(source, out, options, model, device, signer)
    pictures = 0
    with progress_bar("pictures") as bar:
        for event in events:
            if isinstance(event, Progress):
                show(bar, event.stage, event.done, event.of)
                if event.stage == PEOPLE and event.done == event.of:
                    show(bar, "pictures", 0, pictures)
            elif isinstance(event, Listed):
                pictures = event.pictures
                bar.reset(event.pictures)
                bar.n = bar.initial = event.before  # what was done before tells no speed
                bar.refresh()
                if event.before:
                    were = "was" if event.pictures == 1 else "were"
                    count = counted(event.pictures, "picture")
                    say(f"{event.before} of {count} {were} done before")
                if event.damaged:
                    say(
                        f"damaged lines of rows.jsonl that were taken out: {event.damaged}; their "
                        "pictures are done again"
                    )
            elif isinstance(event, Finished):
                bar.update()
            elif isinstance(event, Ended):
                ended = event
    words = ", ".join(f"{count} {status}" for status, count in sorted(ended.statuses.items()))
    files = counted(sum(ended.statuses.values()), "file")
    print(f"{files} ({words or 'none'}); see {ended.manifest}")


def _check_engine(engine: str, told: RayOptions, options: BatchOptions) -> None:
    """Raise OptionError if Ray is missing or cannot do it, or for Ray's options without it."""
    if engine == "ray":
        if options.consistent:
            raise OptionError(
                "--consistent compares all pictures with each other, which --engine ray does not; "
                "leave one of them out"
            )
        if missing("ray"):
            raise OptionError(
                f"engine is 'ray', but Ray is not installed; call: {install('ray')}, or in a "
                "checkout pip install -r requirements-ray.txt, or leave --engine out"
            )
        return
    given = [field.name for field in fields(told) if getattr(told, field.name) != field.default]
    if given:
        flag = "--" + given[0].replace("_", "-")
        raise OptionError(f"{flag} is for --engine ray; add it, or leave {flag} out")


def _model(name: str) -> str:
    """Return the model's own name, downloaded here once.

    Tomorrow "auto" may mean another model, and every worker would download it.
    """
    from .. import models, weights

    if name == "auto":
        name = weights.DEFAULT
    if Path(name).is_file():
        return str(Path(name).absolute())
    entry = weights.find(name)
    if not weights.at_hand(entry):
        from ..weights.hub import terminal_bar

        with terminal_bar(name) as fetching:
            weights.fetch(entry, fetching)
    if name == weights.DEFAULT:
        models.fetch_beside(say=say)
    return name


def _device(name: str) -> str:
    from .. import runtime

    return runtime.choose_device(name).type
