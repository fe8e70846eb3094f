"""batch: one job for every picture of a folder."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

from .. import images
from ..batch.options import FORMATS, JOBS, BatchOptions, RayOptions
from ..errors import OptionError
from ..options import RESTS, check_device
from .flags import (
    add_making,
    add_option,
    check_names,
    choose_signer,
    progress_bar,
    say,
    show,
)

ENGINES = ("local", "ray")


def add(commands) -> None:
    parser = commands.add_parser("batch", help="one job for every picture of a folder")
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="a folder of pictures; with Ray also of tars and Parquet files, or s3://…",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder for the results")
    parser.add_argument("--job", required=True, choices=JOBS, help="what is done with each picture")
    for name in ("seed", "strength", "steps", "count"):
        add_option(parser, BatchOptions, name)
    add_option(parser, BatchOptions, "truncation_psi", "--psi")
    for name in ("size", "workers"):
        add_option(parser, BatchOptions, name)
    parser.add_argument(
        "--keep-exif",
        action="store_true",
        help="anonymise: facts of the camera stay: exposure, lens, time; no place, no names",
    )
    parser.add_argument(
        "--consistent",
        action="store_true",
        help="anonymise: who is in the pictures more than once has the same new face in all; such "
        "a run cannot be gone on with",
    )
    parser.add_argument(
        "--rest",
        default=RESTS[0],
        choices=RESTS,
        help="anonymise: what becomes of faces that cannot be replaced",
    )
    parser.add_argument(
        "--spare",
        nargs="+",
        default=(),
        metavar="PHOTO",
        help="anonymise: photos of people who stay as they are wherever both recognisers know them",
    )
    add_making(parser)
    _add_ray(parser)
    parser.set_defaults(run=run)


def _add_ray(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("on several machines (docs/scale.md)")
    group.add_argument(
        "--engine", default=ENGINES[0], choices=ENGINES, help="processes of this machine, or Ray"
    )
    for flag, words in {
        "--address": "ray: a cluster's, HOST:PORT or auto; by default one on this machine",
        "--format": f"ray: {' or '.join(FORMATS)}",
        "--bytes-column": "ray: of Parquet files that are read, such as image.bytes",
        "--id-column": "ray: of Parquet files that are read, the pictures' names",
    }.items():
        default = getattr(RayOptions, flag[2:].replace("-", "_"))
        group.add_argument(flag, default=default, metavar="NAME", help=words)
    add_option(group, RayOptions, "cpus")


def run(arguments: argparse.Namespace) -> None:
    names = (
        "job", "seed", "strength", "steps", "count", "truncation_psi", "size", "keep_exif",
        "label", "consistent", "rest", "workers",
    )  # fmt: skip
    spare = tuple(str(Path(path).absolute()) for path in arguments.spare)
    for path in spare:
        images.load(path)  # what is no picture is said before anything is begun
    options = BatchOptions(spare=spare, **{name: getattr(arguments, name) for name in names})
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

    from ..batch.people import Looked
    from ..batch.run import Ended, Event, Finished, Listed
    from ..batch.run import run as batch

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
            if isinstance(event, Looked):
                what = "new faces found" if event.people else "looking at the pictures"
                show(bar, what, event.done, event.count)
                if event.people and event.done == event.count:
                    show(bar, "pictures", 0, pictures)
            elif isinstance(event, Listed):
                pictures = event.pictures
                bar.reset(event.pictures)
                bar.update(event.before)
                if event.before:
                    say(f"{event.before} of {event.pictures} pictures were done before")
                if event.damaged:
                    say(
                        f"{event.damaged} damaged lines of rows.jsonl were taken out; their "
                        "pictures are done again"
                    )
            elif isinstance(event, Finished):
                bar.update()
            elif isinstance(event, Ended):
                ended = event
    words = ", ".join(f"{count} {status}" for status, count in sorted(ended.statuses.items()))
    print(f"{sum(ended.statuses.values())} files ({words or 'none'}); see {ended.manifest}")


def _check_engine(engine: str, told: RayOptions, options: BatchOptions) -> None:
    """Raise OptionError for Ray without Ray, for what Ray does not do, or what is Ray's alone."""
    if engine == "ray":
        if options.consistent:
            raise OptionError(
                "--consistent compares all pictures with each other, which --engine ray does not; "
                "leave one of them out"
            )
        if find_spec("ray") is None or find_spec("ray.data") is None:
            raise OptionError(
                "engine is 'ray', but Ray is not installed; call: pip install -r "
                "requirements-ray.txt, or leave --engine out"
            )
        return
    given = [field.name for field in fields(told) if getattr(told, field.name) != field.default]
    if given:
        flag = "--" + given[0].replace("_", "-")
        raise OptionError(f"{flag} is for --engine ray; add it, or leave {flag} out")


def _model(name: str) -> str:
    """The model by its own name, fetched here once: "auto" may mean another one tomorrow, and the
    workers would all fetch it."""
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
