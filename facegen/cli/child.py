"""child: children of two faces."""

from __future__ import annotations

import argparse

from ..jobs.options import ChildRun
from ..latent.mix.options import ChildOptions
from ..options import InvertOptions
from . import jobs
from .flags import (
    add_making,
    add_new_out,
    add_option,
    load_studio,
)
from .photos import add_photos, check_photos, load_sources

OPTIONS = ("count", "seed", "first", "second", "stranger", "age", "sex")


def add(commands) -> None:
    parser = commands.add_parser("child", help="children of two faces")
    add_photos(parser)
    add_new_out(parser)
    for name in OPTIONS:
        add_option(parser, ChildOptions, name)
    add_option(parser, InvertOptions, "steps")
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = ChildOptions(**{name: getattr(arguments, name) for name in OPTIONS})
    invert = InvertOptions(arguments.steps)
    check_photos(arguments.photos)
    jobs.check(arguments)
    sources = load_sources(arguments)
    studio = load_studio(arguments)
    manifest = jobs.run(
        studio,
        "child",
        arguments,
        sources,
        ChildRun(options, invert, arguments.label),
        "children",
        "finding the faces",
        arguments.photos[0],
    )
    for entry in manifest["variants"]:
        print(f"{entry['file']}: {genes_in_words(entry['genes'])}; {nearness_in_words(entry)}")
    count, seconds = len(manifest["variants"]), manifest["seconds"]["total"]
    print(f"{count} children in {arguments.out} after {seconds:.1f} s")


def genes_in_words(genes: dict[str, str]) -> str:
    """eyes, nose of A; mouth of B"""
    whose = {"first": "A", "second": "B", "stranger": "a stranger"}
    parts = []
    for key, name in whose.items():
        regions = [region for region, one in genes.items() if one == key]
        if regions:
            parts.append(f"{', '.join(regions)} of {name}")
    return "; ".join(parts)


def nearness_in_words(entry: dict) -> str:
    """How near a child is to both parents, beside strangers."""
    parts = []
    for parent, ones in entry["nearness"].items():
        for name, one in ones.items():
            parts.append(
                f"{name} {one['distance']:.2f} to {parent.upper()} (nearer than "
                f"{100 - one['strangers_nearer_percent']:.0f} of 100 pairs of strangers)"
            )
    return ", ".join(parts) or "no recogniser could tell"
