"""random: new faces with no reference."""

from __future__ import annotations

import argparse

from ..options import SampleOptions
from ..output.manifest import face_entry, sample_manifest, write_manifest
from ..output.staging import check_empty, finished_only
from .flags import (
    add_anime,
    add_making,
    add_new_out,
    add_noise,
    add_option,
    add_style,
    load_studio,
    progress_bar,
    style_of,
)


def add(commands) -> None:
    parser = commands.add_parser("random", help="new faces with no reference")
    add_new_out(parser)
    for name in ("count", "seed"):
        add_option(parser, SampleOptions, name)
    add_option(parser, SampleOptions, "truncation_psi", "--psi")
    add_noise(parser, SampleOptions)
    parser.add_argument(
        "--balanced",
        action="store_true",
        help="choose seeds so that ages, gender presentations and skin tones are even; looks at "
        "several for each face, which takes seconds",
    )
    add_anime(parser)
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = SampleOptions(
        arguments.count,
        arguments.seed,
        arguments.truncation_psi,
        arguments.noise,
        arguments.balanced,
    )
    check_empty(arguments.out, arguments.overwrite)  # before a model is loaded
    style = style_of(arguments)
    studio = load_studio(arguments)
    style = add_style(studio, style)
    with (
        finished_only(arguments.out, overwrite=arguments.overwrite) as folder,
        progress_bar("faces", options.count) as bar,
    ):
        entries = []
        for index, portrait in enumerate(studio.draw(options, style), start=1):
            paths = portrait.save(folder, f"random-{index:02d}", arguments.label)
            entries.append(face_entry(portrait, paths))
            bar.update()
        licence = studio.style_licence(style.style) if style else None
        device = str(studio.device)
        manifest = sample_manifest(studio.info, device, options, style, entries, licence)
        write_manifest(folder, manifest)
    print(f"{options.count} faces in {arguments.out}")
