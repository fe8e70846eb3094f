"""edit: the same face, older, smiling, turned."""

from __future__ import annotations

import argparse

from ..jobs.options import EditRun
from ..latent.edit.options import NAMES, UNITS, parse, range_text
from ..options import InvertOptions, check_face
from . import jobs, photos
from .flags import (
    add_making,
    add_new_out,
    add_option,
    load_studio,
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
    check_face(arguments.face)
    jobs.check(arguments)
    photo = photos.read(arguments.photo, arguments.face)
    what = EditRun(options, invert, arguments.label)
    studio = load_studio(arguments)
    studio.editor.check(options)
    manifest = jobs.run(studio, "edit", arguments, [photo], what, "pictures", photo=arguments.photo)
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
