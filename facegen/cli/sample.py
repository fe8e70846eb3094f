"""random: new faces with no reference."""

from __future__ import annotations

import argparse

from ..options import SampleOptions, range_in_words
from ..output.manifest import face_entry, sample_manifest, write_manifest
from ..output.staging import check_empty, finished_only
from .flags import (
    add_anime,
    add_model,
    add_new_out,
    add_noise,
    add_psi,
    add_signer,
    brought,
    load_studio,
    progress_bar,
    style_of,
)


def add(commands) -> None:
    one = commands.add_parser("random", help="new faces with no reference")
    add_new_out(one)
    counts = range_in_words(SampleOptions, "count")
    one.add_argument("--count", type=int, default=SampleOptions.count, help=f"faces, {counts}")
    one.add_argument(
        "--seed", type=int, default=SampleOptions.seed, help="of the first; one more for each next"
    )
    add_psi(one, SampleOptions)
    add_noise(one, SampleOptions)
    add_anime(one)
    add_model(one)
    add_signer(one)
    one.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = SampleOptions(
        arguments.count, arguments.seed, arguments.truncation_psi, arguments.noise
    )
    check_empty(arguments.out, arguments.overwrite)  # before a model is loaded
    style = style_of(arguments)
    studio = load_studio(arguments)
    style = brought(studio, style)
    with (
        finished_only(arguments.out, overwrite=arguments.overwrite) as folder,
        progress_bar("faces", options.count) as bar,
    ):
        entries = []
        for index, portrait in enumerate(studio.draw(options, style), start=1):
            paths = portrait.save(folder, f"random-{index:02d}")
            entries.append(face_entry(portrait, paths))
            bar.update()
        licence = studio.style_licence(style.style) if style else None
        device = str(studio.device)
        manifest = sample_manifest(studio.info, device, options, style, entries, licence)
        write_manifest(folder, manifest)
    print(f"{options.count} faces in {arguments.out}")
