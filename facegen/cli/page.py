"""page: the page in a browser, as app.py serves it."""

from __future__ import annotations

import argparse
import contextlib

from ..ui.server import flags
from .flags import Commands


def add(commands: Commands) -> None:
    parser = commands.add_parser("page", help="the page in a browser")
    flags.add_flags(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from ..ui import start

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        start(flags.of(arguments))
