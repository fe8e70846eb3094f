"""weights: the checkpoints that are at hand, and those that can be fetched."""

from __future__ import annotations

import argparse
import json


def add(commands) -> None:
    one = commands.add_parser("weights", help="the checkpoints: list, fetch, verify")
    actions = one.add_subparsers(metavar="ACTION", required=True)
    for name, run in (("list", _list), ("fetch", _fetch), ("verify", _verify)):
        action = actions.add_parser(name)
        if name == "fetch":
            action.add_argument("names", nargs="+", metavar="NAME")
        else:
            action.add_argument("--json", action="store_true", help="for machines")
        action.set_defaults(run=run)


def _list(arguments: argparse.Namespace) -> None:
    from .. import weights

    rows = []
    for entry in weights.REGISTRY:
        path = weights.locate(entry)
        rows.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "at_hand": path is not None,
                "bundled": entry.bundled,
                "size": path.stat().st_size if path else entry.size,
                "licence": entry.licence,
                "licence_meaning": entry.licence_meaning,
                "origin": entry.origin,
            }
        )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        where = "bundled" if row["bundled"] else "fetched" if row["at_hand"] else "not fetched"
        size = f"{row['size'] / 1e6:.1f} MB" if row["size"] else "size not stated"
        print(f"{row['name']:12} {row['kind']:6} {where:12} {size:16} {row['licence_meaning']}")


def _fetch(arguments: argparse.Namespace) -> None:
    from .. import weights

    for name in arguments.names:
        entry = weights.find(name)
        print(f"{entry.name}: {entry.licence} ({entry.licence_meaning})")
        print(f"{entry.name} is at {weights.fetch(entry)}")


def _verify(arguments: argparse.Namespace) -> None:
    """Every checkpoint at hand is hashed and read; a damaged one is a mistake."""
    from .. import weights

    rows = []
    for entry in weights.REGISTRY:
        path = weights.locate(entry)
        if path is not None:
            weights.fetch(entry)
            weights.read(path)
            rows.append({"name": entry.name, "sha256": weights.sha256_of(path)})
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:12} {row['sha256']}")
