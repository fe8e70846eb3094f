"""edit: the same face, older, smiling, turned."""

from __future__ import annotations

import argparse

from ..latent.edit.options import NAMES, UNITS, parse, range_text
from ..options import InvertOptions, check_device
from ..output.staging import check_empty, finished_only
from . import photos
from .flags import (
    add_making,
    add_new_out,
    add_option,
    load_studio,
    progress_bar,
    show,
)


def add(commands) -> None:
    parser = commands.add_parser("edit", help="the same face, older, smiling, turned")
    parser.add_argument("photo", metavar="PHOTO", help="a picture file, or a PNG of Facegen's")
    add_new_out(parser)
    sliders = "; ".join(f"{name} {range_text(name)}" for name in NAMES)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=AMOUNT",
        dest="settings",
        help=f"a slider, such as smile=+0.5 or age=+10y; several times for several: {sliders}",
    )
    photos.add_face(parser)
    add_option(parser, InvertOptions, "steps")
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = parse(arguments.settings)
    invert = InvertOptions(arguments.steps)
    check_device(arguments.device)
    check_empty(arguments.out, arguments.overwrite)

    photo = photos.read(arguments.photo)

    # after the checks: it takes long to import
    from ..jobs.edit import Edited, EditRun, check, edit
    from ..jobs.generate import Aligned, Refining
    from ..types import Loading

    studio = load_studio(arguments)
    what = EditRun(options, invert, arguments.face, arguments.label)
    check(studio, options)
    with (
        finished_only(arguments.out, arguments.photo, overwrite=arguments.overwrite) as folder,
        progress_bar("finding the face", 1) as bar,
    ):
        show(bar, "finding the face", 0, 1)
        for event in edit(studio, photo.source(), folder, what):
            if isinstance(event, Loading):
                show(bar, "loading", event.done, event.of, event.what)
            elif isinstance(event, Aligned):
                show(bar, "refining", 0, max(studio.steps(invert.steps), 1))
            elif isinstance(event, Refining):
                show(bar, "refining", event.step, event.steps, f"distance {event.distance:.3f}")
            elif isinstance(event, Edited):
                manifest = event.manifest
    (entry,) = manifest["variants"]
    print(f"{entry['file']}: {in_words(entry)}")
    print(f"in {arguments.out} after {manifest['seconds']['total']:.1f} s")


def in_words(entry: dict) -> str:
    """What became of the edit, in a line."""
    parts = [entry["edit"]]
    if entry["given"] < 1:
        parts.append(f"{entry['given']:.0%} of it: farther the faces of this model break")
    for name, reached in entry["reached"].items():
        unit = UNITS.get(name, "")
        parts.append(f"{name} moved by {reached:+.{0 if unit else 2}f}{unit}")
    for recogniser, found in entry["identity"].items():
        verdict = "the same person" if found["same_person"] else "another person"
        parts.append(
            f"{verdict} ({recogniser} {found['distance']:.2f}, same below {found['threshold']})"
        )
    return ", ".join(parts)
