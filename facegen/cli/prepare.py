"""prepare: any folder or ZIP of pictures becomes a clean, aligned data set."""

from __future__ import annotations

import argparse

from ..datasets.options import AUGMENTATIONS, FACES, PrepareOptions
from .flags import add_out
from .progress import progress_bar, show


def add(commands) -> None:
    parser = commands.add_parser("prepare", help="a clean, aligned data set from any pictures")
    parser.add_argument("source", metavar="SOURCE", help="a folder or a ZIP of pictures")
    add_out(parser)
    parser.add_argument("--size", type=int, default=PrepareOptions.size, help="side in pixels")
    parser.add_argument("--no-align", action="store_true", help="no faces: the middle square")
    parser.add_argument("--faces", choices=FACES, default=PrepareOptions.faces, help="of a picture")
    parser.add_argument(
        "--threshold",
        type=int,
        default=PrepareOptions.threshold,
        help="bits of 255 in which near duplicates differ at most",
    )
    parser.add_argument(
        "--enlarge",
        type=float,
        default=PrepareOptions.enlarge,
        help="leave out what must be enlarged more often than this",
    )
    parser.add_argument(
        "--augment",
        nargs="*",
        metavar="KIND",
        default=(),
        help=f"add augmented copies: {', '.join(AUGMENTATIONS)}; none named: all of them",
    )
    parser.add_argument("--seed", type=int, default=PrepareOptions.seed, help="of the augmentation")
    parser.add_argument(
        "--licence", default=PrepareOptions.licence, help="of the pictures, for dataset.json"
    )
    parser.add_argument(
        "--workers", type=int, default=PrepareOptions.workers, help="processes; 0: one a core"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    kinds = arguments.augment
    options = PrepareOptions(
        source=arguments.source,
        out=str(arguments.out),
        size=arguments.size,
        align=not arguments.no_align,
        faces=arguments.faces,
        threshold=arguments.threshold,
        enlarge=arguments.enlarge,
        augment=AUGMENTATIONS if kinds == [] else tuple(kinds),
        seed=arguments.seed,
        licence=arguments.licence,
        workers=arguments.workers,
    )
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


def _table(summary) -> str:
    rows = [("original files", summary.original)]
    rows += [(f"  left out: {reason}", n) for reason, n in sorted(summary.removed.items())]
    rows += [("cleaned pictures", summary.cleaned), ("augmented pictures", summary.augmented)]
    lines = [f"{name:32} {count:8}" for name, count in rows]
    lines.append(f"near duplicates: {summary.threshold} of 255 bits or fewer differ")
    lines.append(f"{summary.out}/dataset.json, removed.csv, contact-sheet.png, images/")
    return "\n".join(lines)
