"""batch: one job for every picture of a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..batch.options import JOBS, BatchOptions
from ..options import check_device
from .flags import (
    add_making,
    add_option,
    add_out,
    check_names,
    choose_signer,
    progress_bar,
    say,
    show,
)


def add(commands) -> None:
    parser = commands.add_parser("batch", help="one job for every picture of a folder")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="a folder of pictures")
    add_out(parser)
    parser.add_argument("--job", required=True, choices=JOBS, help="what is done with each picture")
    for name in ("seed", "strength", "steps", "count"):
        add_option(parser, BatchOptions, name)
    add_option(parser, BatchOptions, "truncation_psi", "--psi")
    for name in ("size", "workers"):
        add_option(parser, BatchOptions, name)
    parser.add_argument(
        "--keep-exif",
        action="store_true",
        help="anonymise: what the camera wrote stays, but for place, thumbnail and maker's notes",
    )
    parser.add_argument(
        "--consistent",
        action="store_true",
        help="anonymise: who is in the pictures more than once has the same new face in all; such "
        "a run cannot be gone on with",
    )
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    names = (
        "job", "seed", "strength", "steps", "count", "truncation_psi", "size", "keep_exif",
        "label", "consistent", "workers",
    )  # fmt: skip
    options = BatchOptions(**{name: getattr(arguments, name) for name in names})
    check_device(arguments.device)
    choose_signer(arguments.c2pa_cert, arguments.c2pa_key)
    signer = None
    if arguments.c2pa_cert:
        signer = Path(arguments.c2pa_cert).absolute(), Path(arguments.c2pa_key).absolute()
    model, device = "", "cpu"
    if options.needs_model:
        check_names(arguments.model, None)
        model, device = _model(arguments.model), _device(arguments.device)

    from ..batch.people import Looked
    from ..batch.run import Ended, Finished, Listed
    from ..batch.run import run as batch

    pictures = 0
    with progress_bar("pictures") as bar:
        for event in batch(arguments.folder, arguments.out, options, model, device, signer):
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
            elif isinstance(event, Finished):
                bar.update()
            elif isinstance(event, Ended):
                ended = event
    told = ", ".join(f"{count} {status}" for status, count in sorted(ended.statuses.items()))
    print(f"{sum(ended.statuses.values())} pictures ({told or 'none'}); see {ended.manifest}")


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
