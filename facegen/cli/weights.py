"""weights: the checkpoints that are available, and those that can be downloaded."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .flags import Commands
from .progress import progress_bar, show

if TYPE_CHECKING:
    from ..weights.entry import Package, Weights


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "weights", help="the checkpoints: list, fetch, verify, remove, convert"
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, run: Callable[..., None], help: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=help)
        made.add_argument("--json", action="store_true", help="for machines")
        made.set_defaults(run=run)
        return made

    action("list", _list, "what is available, what can be fetched, how large, under which licence")
    fetch = action("fetch", _fetch, "from where it is published into this user's cache")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="of 'weights list'")
    verify = action("verify", _verify, "hash and read what is available")
    verify.add_argument("names", nargs="*", metavar="NAME", help="all available ones unless named")
    remove = action("remove", _remove, "delete what was fetched")
    remove.add_argument("names", nargs="+", metavar="NAME", help="of what was fetched")
    remove.add_argument(
        "--forget", action="store_true", help="also the sha256 recorded at first use"
    )
    convert = action("convert", _convert, "any readable checkpoint to our format")
    convert.add_argument("source", metavar="IN", help="a name of the list, or a file")
    convert.add_argument("out", metavar="OUT.safetensors", type=Path, help="a new file")
    convert.add_argument("--licence", help="of a file that does not say it")
    convert.add_argument(
        "--align-corners",
        action="store_true",
        default=None,
        help="of a published anime generator that was trained so",
    )


def _list(arguments: argparse.Namespace) -> None:
    from .. import weights

    rows = [_row(entry) for entry in weights.REGISTRY]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        where = "bundled" if row["bundled"] else "fetched" if row["at_hand"] else "can be fetched"
        size = weights.megabytes(row["size"])
        stated = any(source["size"] for source in row["sources"])
        if row["size"] and not row["at_hand"] and not stated:
            size = f"about {size}"
        print(f"{row['name']:20} {row['kind']:9} {where:15} {size:16} {row['licence_meaning']}")
    print(
        "\n'weights fetch NAME' gets one; its licence binds you: see --json or docs/checkpoints.md"
    )
    print(weights.find(weights.DEFAULT).advice.capitalize())


def _row(entry: Weights) -> dict:
    from .. import weights

    path = weights.locate(entry)
    return {
        "name": entry.name,
        "kind": entry.kind,
        "title": entry.title,
        "at_hand": weights.at_hand(entry),
        "bundled": entry.bundled,
        "size": path.stat().st_size if path else entry.size,
        "resolution": entry.resolution,
        "encoder": entry.encoder,
        "contains": entry.contains,
        "inputs": entry.inputs,
        "licence": entry.licence,
        "licence_meaning": entry.licence_meaning,
        "advice": entry.advice,
        "origin": entry.origin,
        "trust": weights.trust(entry),
        "sources": [asdict(source) | {"package": None} for source in entry.sources]
        + ([_package(entry.package)] if entry.package else []),
    }


def _package(package: Package) -> dict:
    """Describe a file of the package index with the keys of a Source; repo: it has none."""
    return {
        "repo": None,
        "file": package.archive,
        "revision": package.version,
        "sha256": package.sha256,
        "size": package.size,
        "package": package.name,
        "members": [asdict(member) for member in package.members],
    }


def _fetch(arguments: argparse.Namespace) -> None:
    from .. import weights
    from ..weights import hub

    entries = [weights.find(name) for name in arguments.names]  # all names before any download
    rows = []
    for entry in entries:
        if not arguments.json:
            advice = f"; {entry.advice}" if entry.advice else ""
            print(f"{entry.name}: {entry.licence} ({entry.licence_meaning}){advice}", flush=True)
        with hub.terminal_bar(entry.name) as bar:
            path = weights.fetch(entry, None if arguments.json else bar)
        rows.append({"name": entry.name, "path": str(path), "licence": entry.licence})
        if not arguments.json:
            print(f"{entry.name} is at {path}")
    if arguments.json:
        print(json.dumps(rows, indent=2))


def _verify(arguments: argparse.Namespace) -> None:
    """Hash and read every available checkpoint; a damaged one is an error."""
    from .. import weights
    from ..errors import WeightsError

    entries = [weights.find(name) for name in arguments.names] or list(weights.REGISTRY)
    rows, wrong = [], []
    with progress_bar("verifying") as bar:
        for done, entry in enumerate(entries):
            show(bar, "verifying", done, len(entries), entry.name)
            if not weights.at_hand(entry):
                if arguments.names:
                    missing = f"{entry.name} is not available; 'weights fetch {entry.name}' gets it"
                    wrong.append(missing)
                continue
            try:
                sha256 = weights.verify(entry)
                path = weights.locate(entry)
                if path and not entry.package:  # of those everything was read and compared
                    weights.read(path, sha256)
                rows.append({"name": entry.name, "sha256": sha256, "trust": weights.trust(entry)})
            except WeightsError as error:
                wrong.append(str(error))
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:20} {row['sha256']}  {row['trust']}")
    if wrong:
        raise WeightsError("; ".join(wrong))


def _remove(arguments: argparse.Namespace) -> None:
    from .. import weights

    rows = []
    for entry in [weights.find(name) for name in arguments.names]:
        gone = weights.remove(entry, arguments.forget)
        rows.append({"name": entry.name, "removed": [str(path) for path in gone]})
        if not arguments.json:
            print(f"{entry.name}: " + (f"removed {gone[0]}" if gone else "was not here"))
    if arguments.json:
        print(json.dumps(rows, indent=2))


def _convert(arguments: argparse.Namespace) -> None:
    from .. import models, weights

    info = models.convert(
        arguments.source, arguments.out, arguments.licence, arguments.align_corners
    )
    size = arguments.out.stat().st_size
    if arguments.json:
        row = {"out": str(arguments.out), "size": size, "resolution": info.resolution}
        print(json.dumps(row | {"title": info.title, "licence": info.licence}, indent=2))
    else:
        print(
            f"{arguments.out} ({weights.megabytes(size)}): {info.title}, {info.licence} "
            f"({info.licence_meaning})"
        )
