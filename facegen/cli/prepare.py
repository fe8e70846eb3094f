"""prepare: any folder or ZIP of pictures becomes a clean, aligned data set."""

from __future__ import annotations

import argparse
from typing import Any

from ..options import spec
from ..options.prepare import AUGMENTATIONS, PrepareOptions
from .flags import Commands, add_options, add_out
from .progress import progress_bar, show


def add(commands: Commands) -> None:
    parser = commands.add_parser("prepare", help="a clean, aligned data set from any pictures")
    parser.add_argument("source", metavar="SOURCE", help="a folder or a ZIP of pictures")
    add_out(parser)
    names = ("size", "align", "faces", "threshold", "enlarge", "seed", "licence", "workers")
    add_options(parser, PrepareOptions, *names)
    parser.add_argument(
        "--augment",
        nargs="*",
        metavar="KIND",
        default=(),
        help=f"add augmented copies: {', '.join(AUGMENTATIONS)}; none named: all of them",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    told = {name: getattr(arguments, name) for name in spec(PrepareOptions)}
    told["augment"] = tuple(AUGMENTATIONS if arguments.augment == [] else arguments.augment)
    options = PrepareOptions(**told | {"out": str(arguments.out)})
    from ..datasets.sources import open_source

    open_source(options.source)  # before what takes long to import
    with progress_bar("loading") as bar:
        show(bar, "loading", 0, 1, "the detector")
        from ..datasets.prepare import prepare

        summary = prepare(
            options,
            lambda done, whole: show(bar, "looking at files", done, whole),
            lambda done, whole: show(bar, "writing pictures", done, whole),
        )
    print(_table(summary))


def _table(summary: Any) -> str:
    rows = [("original files", summary.original)]
    rows += [(f"  left out: {reason}", n) for reason, n in sorted(summary.removed.items())]
    rows += [("cleaned pictures", summary.cleaned), ("augmented pictures", summary.augmented)]
    lines = [f"{name:32} {count:8}" for name, count in rows]
    lines.append(f"near duplicates: {summary.threshold} of 255 bits or fewer differ")
    lines.append(f"{summary.out}/dataset.json, removed.csv, contact-sheet.png, images/")
    return "\n".join(lines)
