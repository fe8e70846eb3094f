"""evaluate: what a model is worth, or how well it hides; walk: until faces stop being faces."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, OptionError, counted, require
from ..files import make_folder
from ..options import (
    PROTOCOLS,
    STAGES,
    EvaluateOptions,
    ProtocolOptions,
    WalkOptions,
    check_device,
    range_in_words,
    spec,
)
from ..output.staging import check_empty, finished_only
from .flags import Commands, add_model, add_new_out, add_options, add_out, add_signer, load_studio
from .progress import progress_bar, say, show

if TYPE_CHECKING:
    from ..evaluation.report import Bar

FEW = 50  # references; below, a bar says little


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "evaluate", help="what a model is worth: one report over a folder of references"
    )
    parser.add_argument("--references", metavar="DIR", type=Path, help="photos of faces")
    add_out(parser)
    parser.add_argument(
        "--variants",
        "--count",
        type=int,
        help=f"of each reference, {range_in_words(EvaluateOptions, 'variants')}; "
        f"default {EvaluateOptions.variants}, in a protocol {ProtocolOptions.count}",
    )
    names = ("strengths", "samples", "seed", "steps", "aligned", "first", "last")
    add_options(parser, EvaluateOptions, *names)
    parser.add_argument("--json", action="store_true", help="the summary on standard output")
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        help="instead: judged as the field judges an anonymiser; see docs/evaluation.md",
    )
    parser.add_argument(
        "--stages",
        nargs="+",
        choices=STAGES,
        default=STAGES,
        help="of a protocol: only these; each reads what those before left in --out",
    )
    add_model(parser)
    parser.set_defaults(run=run)
    _add_walk(commands)


def run(arguments: argparse.Namespace) -> None:
    require("evaluate")
    (_protocol if arguments.protocol else _variants)(arguments)


def _variants(arguments: argparse.Namespace) -> None:
    if tuple(arguments.stages) != STAGES:
        raise OptionError("--stages is about a protocol; name --protocol anonymisation, too")
    named = {one: getattr(arguments, one, None) for one in spec(EvaluateOptions)}
    told = {name: value for name, value in named.items() if value is not None}
    options = EvaluateOptions(**told | {"strengths": tuple(arguments.strengths)})
    if arguments.references is None and not options.samples:
        raise OptionError("there is nothing to measure; name --references DIR or --samples N")
    if arguments.references is None:
        for name in ("aligned", "first", "last"):
            if getattr(options, name) != getattr(EvaluateOptions, name):
                raise OptionError(f"--{name} is about references; name --references DIR, too")
    _check(arguments)

    import json  # after the checks: what else is needed takes long to import

    from ..evaluation import store, variants_report
    from ..evaluation.sources import references
    from ..evaluation.variants import measure

    if arguments.references is not None:  # before the model is loaded
        references(arguments.references, options.first, options.last)
    studio = load_studio(arguments)
    make_folder(arguments.out)
    if store.has_earlier(arguments.out):
        say(f"{arguments.out} has records of an earlier version; they are not used")
    with progress_bar("measuring") as bar:
        progress = partial(show, bar, "measuring pictures")
        records = list(measure(studio, arguments.references, arguments.out, options, progress))
        show(bar, "the report", 0, 2, "numbers")
        found = variants_report.compared(studio, records, options)
        summary = variants_report.summarise(studio, found, options)
        show(bar, "the report", 1, 2, "plots and pages")
        paths = variants_report.write(arguments.out, summary, found)
    if arguments.json:
        print(json.dumps(variants_report.as_json(summary)))
        return
    if summary["strengths"]:
        head, rows = variants_report.table_of(summary)
        for row in [head, *rows]:
            print("  ".join([f"{row[0]:34}", *(f"{cell:>20}" for cell in row[1:])]))
    if samples := summary["samples"]:
        print(f"random faces: {samples['face']:.1%} of {samples['count']} are detected")
    for reference in summary["unusable"]:
        print(f"not used: {reference['name']}: {reference['why']}")
    used = summary["references"]
    if summary["bars"] and used < FEW:
        few = f"{counted(used, 'reference')} {'is' if used == 1 else 'are'} few"
        print(
            f"note: {few}: one face more or less moves these "
            f"shares by {1 / max(used, 1):.2f}; the bars are meant for {FEW} or more"
        )
    _end(summary["bars"], paths)


def _protocol(arguments: argparse.Namespace) -> None:
    if arguments.references is None:
        raise OptionError("a protocol needs sources; name --references DIR")
    if len(arguments.strengths) != 1:
        raise OptionError("a protocol has one strength; name one with --strength")
    if arguments.steps != EvaluateOptions.steps:
        raise OptionError("--steps is not for a protocol, which takes the defaults; leave it")
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
    _check(arguments)

    import json

    from ..evaluation import anonymisation_report, attack
    from ..evaluation.anonymisation import Protocol
    from ..evaluation.sources import check_ids, id_of, references

    paths = references(arguments.references, options.first, options.last)
    check_ids(paths)
    stages = set(options.stages)
    # what only reads numbers needs no model
    studio = load_studio(arguments) if {"make", "measure"} & stages else None
    protocol = Protocol.begin(studio, arguments.out, options)
    if studio and "make" in stages:
        with progress_bar("making") as bar:
            progress = partial(show, bar, "making variants of sources")
            there, asked = protocol.make(studio, paths, progress)
        print(f"made: {there} of {asked} variants in {protocol.out / 'variants'}")
    if studio and "measure" in stages:
        with progress_bar("looking") as bar:
            protocol.measure(studio, paths, partial(show, bar))
    names, rows = protocol.measured(paths)
    if "measure" in stages:
        print(f"measured: {len(names)} of {len(paths)} sources")
    if not {"attack", "summarise"} & stages:
        return
    if len(rows) < attack.LEAST:
        raise DataError(
            f"{len(rows)} sources were measured in {arguments.out}; {attack.LEAST} are the least "
            "of which anything can be said: run the stages make and measure on more"
        )
    with progress_bar("attacking") as bar:
        progress, trained = partial(show, bar, "attackers at work"), "attack" in stages
        attacks = attack.attack_all(protocol.store, names, rows, progress, not trained)
    if "summarise" not in stages:
        return
    summary, numbers = anonymisation_report.summarise(
        names, rows, attacks, protocol.population(), options.count
    )
    sources = {id_of(path): path for path in paths if id_of(path) in set(names)}
    written = anonymisation_report.write(summary, numbers, protocol, sources)
    if arguments.json:
        print(json.dumps(anonymisation_report.as_json(summary)))
        return
    _end(summary["bars"], written)


def _check(arguments: argparse.Namespace) -> None:
    check_device(arguments.device)
    if arguments.references is not None and not arguments.references.is_dir():
        raise DataError(f"{arguments.references} is not a folder; name one with reference photos")


def _end(bars: Sequence[Bar], paths: Sequence[Path]) -> None:
    for bar in bars:
        print(f"bar: {bar.words}: {'met' if bar.met else 'MISSED'}")
    print(f"the report: {paths[0]}")


def _add_walk(commands: Commands) -> None:
    parser = commands.add_parser("walk", help="how far from the average faces are still faces")
    add_new_out(parser)
    add_options(parser, WalkOptions)
    parser.add_argument("--json", action="store_true", help="the summary on standard output")
    add_model(parser)
    add_signer(parser)
    parser.set_defaults(run=_run_walk)


def _run_walk(arguments: argparse.Namespace) -> None:
    require("evaluate")
    options = WalkOptions(**{name: getattr(arguments, name) for name in spec(WalkOptions)})
    check_empty(arguments.out, arguments.overwrite)
    check_device(arguments.device)

    import json  # after the checks: what else is needed takes long to import

    from ..evaluation import walk
    from ..latent.codes import seeds
    from ..types import drained

    studio = load_studio(arguments)
    walks = []
    earlier = walk.PICTURES
    with (
        finished_only(arguments.out, None, earlier, arguments.overwrite) as folder,
        progress_bar("steps") as bar,
    ):
        steps, before = options.walks * (options.steps + 1), 0
        show(bar, "steps", 0, steps)
        for seed in seeds(options.seed, options.walks):
            for state in walk.walk(studio, options, seed):
                show(bar, "steps", before + len(state.distances), steps)
            before += len(state.distances)
            walks.append(state)
        found = drained(
            walk.writing(folder, walks, options, studio),
            lambda part: show(bar, "the report", part.done, part.of, part.stage),
        )
    if arguments.json:
        print(json.dumps(found))
        return
    print(walk.in_words(found))
    print(f"the report: {arguments.out / 'walk.html'}")
