"""evaluate: what a model is worth, over a folder of references, in one report."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import DataError, OptionError, counted, require
from ..files import make_folder
from ..options import (
    PROTOCOLS,
    STAGES,
    EvaluateOptions,
    ProtocolOptions,
    check_device,
    range_in_words,
    spec,
)
from . import evaluate_protocol
from .flags import Commands, add_model, add_options, add_out, load_studio
from .progress import progress_bar, show

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


def run(arguments: argparse.Namespace) -> None:
    require("evaluate")
    if arguments.protocol:
        evaluate_protocol.run(arguments)
        return
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

    check_device(arguments.device)
    if arguments.references is not None and not arguments.references.is_dir():
        raise DataError(f"{arguments.references} is not a folder; name one with reference photos")

    import json  # after the checks: what else is needed takes long to import

    from ..evaluation import report, table
    from ..evaluation.measuring import measure, references
    from ..evaluation.summarise import summarise

    if arguments.references is not None:
        references(arguments.references, options)  # before the model is loaded
    studio = load_studio(arguments)
    make_folder(arguments.out)
    with progress_bar("measuring") as bar:

        def progress(done: int, of: int) -> None:
            show(bar, "measuring pictures", done, of)

        records = list(measure(studio, arguments.references, arguments.out, options, progress))
        show(bar, "the report", 0, 2, "numbers")
        summary = summarise(studio, records, options)
        show(bar, "the report", 1, 2, "plots and pages")
        paths = report.write(arguments.out, summary, records)
    if arguments.json:
        print(json.dumps(summary.as_dict()))
        return
    if summary.strengths:
        head, rows = table.of_strengths(summary)
        for row in [head, *rows]:
            print("  ".join([f"{row[0]:34}", *(f"{cell:>20}" for cell in row[1:])]))
    if found := summary.samples:
        print(f"random faces: {table.percent(found.face)} of {found.count} are detected")
    for reference in summary.unusable:
        print(f"not used: {reference.name}: {reference.why}")
    if summary.bars and summary.references < FEW:
        print(
            f"note: {counted(summary.references, 'reference')} "
            f"{'is' if summary.references == 1 else 'are'} few: one face more or less moves these "
            f"shares by {1 / max(summary.references, 1):.2f}; the bars are meant for {FEW} or more"
        )
    for bar in summary.bars:
        met = "met" if bar.met else "MISSED"
        print(f"bar: {bar.bar}: {bar.reached:.3f}, wanted {bar.wanted:g}: {met}")
    print(f"the report: {paths[0]}")
