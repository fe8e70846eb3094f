"""mix and child: two faces crossed over on a board, and their children."""

from __future__ import annotations

import argparse
from functools import partial

from ..jobs.catalogue import find
from . import jobs
from .flags import add_making, add_new_out, load_studio
from .photos import add_photos, check_photos, load_sources

NOUNS = {"mix": "mixtures", "child": "children"}


def add(commands) -> None:
    for name in NOUNS:
        parser = commands.add_parser(name, help=find(name).help)
        add_photos(parser)
        add_new_out(parser)
        jobs.add_options(parser, name)
        add_making(parser)
        parser.set_defaults(run=partial(run, name))


def run(name: str, arguments: argparse.Namespace) -> None:
    options, noun = jobs.given(name, arguments), NOUNS[name]
    check_photos(arguments.photos)
    jobs.check(arguments)
    sources = load_sources(arguments)
    studio = load_studio(arguments)
    first, begin = arguments.photos[0], "finding the faces"
    manifest = jobs.run(studio, name, arguments, sources, options, noun, begin, first)
    if name == "child":
        for entry in manifest["variants"]:
            print(f"{entry['file']}: {genes_in_words(entry['genes'])}; {nearness_in_words(entry)}")
    count, seconds = len(manifest["variants"]), manifest["seconds"]["total"]
    board = " and board.jpg" if name == "mix" else ""
    print(f"{count} {noun}{board} in {arguments.out} after {seconds:.1f} s")


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
