"""check: which marks a picture carries, and what they prove."""

from __future__ import annotations

import argparse
import json

from ..errors import ImageError
from .flags import Commands
from .progress import progress_bar, show


def add(commands: Commands) -> None:
    parser = commands.add_parser("check", help="which marks a picture carries: is it one of ours?")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture file")
    parser.add_argument("--json", action="store_true", help="as a list, for a program")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    from .. import images
    from ..files import writable
    from ..output import check

    entries, broken = [], []
    with progress_bar("checking") as bar:
        for done, file in enumerate(arguments.files):
            show(bar, "checking", done, len(arguments.files))
            name = writable(file)
            try:
                report = check.check(images.read_file(file))
            except ImageError as error:
                broken.append(f"{name}: {error}")
                entries.append({"file": name, "error": str(error)})
                continue
            entries.append({"file": name, **report.as_dict()})
            if not arguments.json:
                bar.write(f"{name}: {report.in_words()}")
    if arguments.json:
        print(json.dumps(entries, indent=2))
    elif len(broken) < len(entries):
        print(f"\n{check.PROVES}")
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise ImageError(broken[0] + more)
