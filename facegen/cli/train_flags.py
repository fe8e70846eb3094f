"""What the trainers' command lines have in common: flags from options, what a run needs."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import OptionError

PICTURES = ("pairs", "photos", "drawings")  # what train anime learns from
Networks: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
KINDS = {int: "a whole number", float: "a number", str: "a text"}


def add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resume", action="store_true", help="only go on with the run in --out")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what a run needs, and stop")


def announce(needs: dict[str, float], options: Any, dry_run: bool) -> None:
    """Print what a run needs, once; then raise OptionError if this machine has less."""
    from ..runtime import choose_device
    from ..training import memory_estimate, parallel

    out, device = Path(options.out), choose_device(options.device)
    speaks = parallel.started() == 1 or os.environ.get("RANK", "0") == "0"  # one of torchrun's
    if speaks:
        free = memory_estimate.free_memory(device)
        print("\n".join(plan(needs, out, free, memory_estimate.free_disk(out))), flush=True)
    memory_estimate.check(needs, out, device)
    if dry_run and speaks:
        print("nothing was started and nothing was written; leave --dry-run out to train")


def plan(needs: dict[str, float], out: Path, free: int | None, disk: int) -> list[str]:
    """What a run needs, in lines for a person. free, disk: bytes that this machine has; None: it
    does not say."""
    lines = []
    for name, value in needs.items():
        if name.endswith("_parameters_millions"):
            what = name.removesuffix("_millions").replace("_", " ")
            lines.append(f"{what}: {value:.1f} million")
    if needs.get("pictures"):
        lines.append(f"training pictures: {needs['pictures']:.0f}")
    there = "" if free is None else f" of {free / 1e6:,.0f} MB that are free"
    lines.append(f"memory: about {needs['memory_mb']:,.0f} MB{there}")
    snapshot = f"{needs['snapshot_mb']:,.0f} MB a snapshot, two while one replaces the other"
    if records := needs.get("records_mb"):
        snapshot += f", and {records:,.0f} MB of drawn pictures"
    lines.append(f"disk: {snapshot}; {disk / 1e6:,.0f} MB are free for {out}")
    return ["what this run needs:", *(f"  {line}" for line in lines)]


def check_resume(arguments: argparse.Namespace, file: str | None = None) -> None:
    """--resume promises that there is something to go on with. file: what shows it; None: the
    state that most trainers save."""
    if not arguments.resume:
        return
    from ..training.run import CHECKPOINT  # it takes long to import

    file = file or CHECKPOINT
    if not (arguments.out / file).is_file():
        raise OptionError(f"there is no {file} in {arguments.out}; leave --resume out to begin")


def check_data(options: Any) -> None:
    """Raises DataError where a folder of pictures is none, and OptionError for the device: before
    what takes long to import."""
    from ..datasets.listing import list_pictures
    from ..options import check_device

    check_device(options.device)
    list_pictures(options.data)


def add_data(parser: argparse.ArgumentParser, required: bool = True) -> None:
    parser.add_argument(
        "--data",
        nargs="+" if required else "*",
        default=[],
        required=required,
        metavar="DIR",
        help="folders of square pictures, prepared or not",
    )


def add_fields(parser: argparse.ArgumentParser, options: type, skip: Sequence[str]) -> None:
    """A flag for every int, float and str field of an options dataclass.

    Its docstring, which tells what they mean, is the description of the command.
    """
    parser.description = inspect.getdoc(options)
    for field in dataclasses.fields(options):
        if field.name not in skip:
            kind = type(field.default)
            limits = "{} to {}".format(*found) if (found := field.metadata.get("range")) else ""
            parser.add_argument(
                f"--{field.name.replace('_', '-')}",
                type=kind,
                default=field.default,
                metavar="X",
                help=limits or KINDS[kind],
            )


def fields(arguments: argparse.Namespace, options: type) -> dict:
    names = (field.name for field in dataclasses.fields(options))
    return {n: getattr(arguments, n) for n in names if n not in ("data", "out", *PICTURES)}


def print_facts(facts: dict) -> None:
    print(", ".join(f"{name} {value:.5g}" for name, value in facts.items()), flush=True)
