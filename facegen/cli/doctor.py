"""doctor: what this machine has and how fast it is."""

from __future__ import annotations

import argparse
import json

from ..options import check_device
from .flags import Commands, add_model
from .progress import progress_bar, say, show


def add(commands: Commands) -> None:
    parser = commands.add_parser("doctor", help="what this machine has and how fast it is")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--offline", action="store_true", help="do not ask whether the Hub answers")
    add_model(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    check_device(arguments.device)
    if not arguments.offline:
        say("asking the Hugging Face Hub whether it answers; --offline leaves that out")
    with progress_bar("looking") as bar:
        show(bar, "looking", 0, 1, "torch")
        from .. import doctor

        report = doctor.examine(
            arguments.model,
            arguments.device,
            not arguments.offline,
            lambda part: show(bar, "looking", part.done, part.of, part.note),
        )
    print(json.dumps(report, indent=2) if arguments.json else doctor.in_words(report))
