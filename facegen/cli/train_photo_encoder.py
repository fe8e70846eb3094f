"""train photo-encoder: what the photorealistic generator needs to answer a photograph."""

from __future__ import annotations

import argparse
from pathlib import Path

from .flags import add_out
from .train_flags import (
    Networks,
    add_dry_run,
    add_fields,
    add_resume,
    announce,
    check_resume,
    fields,
    print_facts,
)


def add(networks: Networks) -> None:
    from ..training.options import PhotoEncoderOptions

    parser = networks.add_parser(
        "photo-encoder", help="preview head, encoder and directions of a MobileStyleGAN"
    )
    add_out(parser)
    add_fields(parser, PhotoEncoderOptions, skip=("out",))
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the companion there as well"
    )
    add_resume(parser)
    add_dry_run(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from ..training.options import PhotoEncoderOptions

    options = PhotoEncoderOptions(
        **(fields(arguments, PhotoEncoderOptions) | {"out": str(arguments.out)})
    )
    check_resume(arguments, "options.json")

    from ..training import photo_encoder  # after the checks: it takes long to import

    announce(photo_encoder.plan(options), options, arguments.dry_run)
    if not arguments.dry_run:
        path = photo_encoder.train(options, arguments.export, print_facts, print)
        print(f"the companion is {path}")
