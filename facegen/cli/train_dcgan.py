"""train dcgan: the classroom's network, in minutes on a CPU."""

from __future__ import annotations

import argparse

from .flags import add_out
from .train_flags import (
    Networks,
    add_data,
    add_dry_run,
    add_fields,
    add_resume,
    announce,
    check_data,
    check_resume,
    fields,
    print_facts,
)


def add(networks: Networks) -> None:
    from ..training.options import DcganOptions

    parser = networks.add_parser("dcgan", help="the classroom's network: 32x32, minutes on a CPU")
    add_data(parser)
    add_out(parser)
    add_fields(parser, DcganOptions, skip=("data", "out"))
    add_resume(parser)
    add_dry_run(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from ..training.options import DcganOptions

    options = DcganOptions(
        data=tuple(arguments.data), out=str(arguments.out), **fields(arguments, DcganOptions)
    )
    check_resume(arguments)
    check_data(options)

    from ..training import dcgan  # after the checks: it takes long to import

    announce(dcgan.plan(options), options, arguments.dry_run)
    if not arguments.dry_run:
        print(f"the model is {dcgan.train(options, progress=print_facts)}")
