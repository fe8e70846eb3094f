"""doctor: what this machine has and how fast it is."""

from __future__ import annotations

import argparse
import json

from .flags import add_model, say


def add(commands) -> None:
    parser = commands.add_parser("doctor", help="what this machine has and how fast it is")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--offline", action="store_true", help="do not ask whether the Hub answers")
    add_model(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from .. import doctor

    if not arguments.offline:
        say("asking the Hugging Face Hub whether it answers; --offline leaves that out")
    report = doctor.examine(arguments.model, arguments.device, ask_hub=not arguments.offline)
    print(json.dumps(report, indent=2) if arguments.json else doctor.in_words(report))
