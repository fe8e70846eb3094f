"""evaluate --protocol anonymisation: its stages, one after the other."""

from __future__ import annotations

import argparse

from ..errors import DataError, OptionError
from ..options import EvaluateOptions, ProtocolOptions, check_device
from .flags import load_studio
from .progress import progress_bar, show


def run(arguments: argparse.Namespace) -> None:
    if arguments.references is None:
        raise OptionError("a protocol needs sources; name --references DIR")
    if len(arguments.strengths) != 1:
        raise OptionError("a protocol has one strength; name one with --strength")
    for name in ("steps",):
        if getattr(arguments, name) != getattr(EvaluateOptions, name, False):
            raise OptionError(f"--{name} is not for a protocol, which takes the defaults; leave it")
    options = ProtocolOptions(
        ProtocolOptions.count if arguments.variants is None else arguments.variants,
        arguments.strengths[0],
        arguments.seed,
        arguments.samples or ProtocolOptions.samples,
        arguments.aligned,
        arguments.first,
        arguments.last,
        tuple(arguments.stages),
    )
    check_device(arguments.device)
    if not arguments.references.is_dir():
        raise DataError(f"{arguments.references} is not a folder; name one with reference photos")

    import json

    from ..evaluation.measuring import references
    from ..evaluation.protocol import attacking, making, measuring, report, summarise
    from ..evaluation.protocol.attack import LEAST
    from ..evaluation.protocol.layout import Layout, check_ids, id_of

    paths = references(
        arguments.references, EvaluateOptions(first=options.first, last=options.last)
    )
    check_ids(paths)
    layout = Layout(arguments.out)
    # what only reads numbers needs no model
    studio = load_studio(arguments) if {"make", "measure"} & set(options.stages) else None
    if studio and "make" in options.stages:
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
    if studio and "measure" in options.stages:
        with progress_bar("looking") as bar:
            measuring.measure(
                studio, paths, layout, options, lambda what, done, of: show(bar, what, done, of)
            )
    names, rows = measuring.measured(paths, layout, options)
    if "measure" in options.stages:
        print(f"measured: {len(names)} of {len(paths)} sources")
    if not {"attack", "summarise"} & set(options.stages):
        return
    if len(rows) < LEAST:
        raise DataError(
            f"{len(rows)} sources were measured in {arguments.out}; {LEAST} are the least of which "
            "anything can be said: run the stages make and measure on more"
        )
    with progress_bar("attacking") as bar:
        attacks = attacking.attack_all(
            layout,
            names,
            rows,
            lambda done, of: show(bar, "attackers at work", done, of),
            only_kept="attack" not in options.stages,
        )
    if "summarise" not in options.stages:
        return
    population = measuring.population(layout, options)
    summary = summarise.summarise(names, rows, attacks, population, options.count)
    written = report.write(summary, layout, {id_of(p): p for p in paths}, options.aligned)
    if arguments.json:
        print(json.dumps(summarise.as_dict(summary)))
        return
    for found in summary.bars:
        reached = "not measured" if found.reached is None else f"{found.reached:.3g}"
        met = "met" if found.met else "MISSED"
        print(f"bar: {found.name}: {reached}, wanted {found.sign} {found.wanted:g}: {met}")
    print(f"the report: {written[0]}")
