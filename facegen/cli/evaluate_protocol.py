"""evaluate --protocol anonymisation: its stages, one after the other."""

from __future__ import annotations

import argparse

from ..errors import DataError, OptionError
from ..evaluation.options import EvaluateOptions
from ..evaluation.protocol.options import ProtocolOptions
from ..options import check_device
from .flags import load_studio, progress_bar, show


def run(arguments: argparse.Namespace) -> None:
    if arguments.references is None:
        raise OptionError("a protocol needs sources; name --references DIR")
    if len(arguments.strength) != 1:
        raise OptionError("a protocol has one strength; name one with --strength")
    for name in ("plain", "steps"):
        if getattr(arguments, name) != getattr(EvaluateOptions, name, False):
            raise OptionError(f"--{name} is not for a protocol, which takes the defaults; leave it")
    options = ProtocolOptions(
        ProtocolOptions.count if arguments.variants is None else arguments.variants,
        arguments.strength[0],
        arguments.seed,
        arguments.samples or ProtocolOptions.samples,
        arguments.aligned,
        arguments.first,
        arguments.last,
        tuple(arguments.stages),
    )
    check_device(arguments.device)
    if not arguments.references.is_dir():
        raise DataError(f"{arguments.references} is no folder; name one with reference photos")

    from ..evaluation.measuring import references
    from ..evaluation.protocol import making, measuring
    from ..evaluation.protocol.layout import Layout

    paths = references(
        arguments.references, EvaluateOptions(first=options.first, last=options.last)
    )
    layout = Layout(arguments.out)
    studio = load_studio(arguments)
    if "make" in options.stages:
        with progress_bar("making") as bar:
            making.make(
                studio,
                paths,
                layout,
                options,
                lambda done, of: show(bar, "making variants of sources", done, of),
            )
        made = [line for lines in layout.made().values() for line in lines]
        there = sum(not line.trouble for line in made)
        print(f"made: {there} of {len(made)} variants in {layout.variants}")
    if "measure" in options.stages:
        with progress_bar("looking") as bar:
            measuring.measure(
                studio, paths, layout, options, lambda what, done, of: show(bar, what, done, of)
            )
        names, _ = measuring.measured(paths, layout, options)
        print(f"measured: {len(names)} of {len(paths)} sources")
