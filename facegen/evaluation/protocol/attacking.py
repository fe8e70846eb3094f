"""The third stage: the attacker trains against every kind of hiding; its results are stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...files import make_folder, write_file
from . import floor
from .attack import Attack, attack
from .kinds import families, recognisers_of
from .layout import Layout
from .rows import OURS, SOURCE, Kind, Rows, by_kind

VERSION = 3
FLOORS = ("floor", "pose")  # of our own pictures: with one and with two parts of floor.py


def attack_all(
    layout: Layout,
    names: Sequence[str],
    rows: Sequence[Rows],
    progress: Callable[[int, int], None] = lambda done, of: None,
    only_kept: bool = False,
) -> dict[str, dict[str, Attack]]:
    """Attack every kind of hiding. only_kept: nothing is trained.

    Returns kind of hiding -> "identity" (the recognisers' vectors), "all" (the classifier's
    features as well) and FLOORS -> the attack."""
    make_folder(layout.attacks)
    if not rows:
        return {}
    kinds = by_kind(rows)
    hidden = families(kinds)
    vectors = [f"vector {name}" for name in recognisers_of(kinds)]
    found: dict[str, dict[str, Attack]] = {}
    jobs = [
        (family, which, fields)
        for family in hidden
        for which, fields in (
            ("identity", vectors),
            ("all", [*vectors, "look"]),
            *([(which, []) for which in FLOORS] if family == OURS else []),
        )
    ]
    for number, (family, which, fields) in enumerate(jobs):
        progress(number, len(jobs))
        file = layout.attacks / f"{_key(names, rows, family, which)}.json"
        kept = _load(file)
        if kept is None and not only_kept:
            parts = FLOORS.index(which) + 1 if which in FLOORS else 0
            kept = _attack_kind(kinds[SOURCE], hidden[family], fields, parts)
            if kept:
                told = {"kind": family, "features": which, "chance": kept.chance}
                told["found"] = [None if np.isnan(v) else float(v) for v in kept.found]
                write_file(file, (json.dumps(told) + "\n").encode())
        if kept:
            found.setdefault(family, {})[which] = kept
    progress(len(jobs), len(jobs))
    return found


def _attack_kind(
    source: Kind, pictures: Sequence[Kind], fields: Sequence[str], parts: int
) -> Attack | None:
    """Attack with the sources that have a picture of that kind.

    parts: of a floor (floor.py), in place of fields."""
    there = np.any([kind.there for kind in pictures], axis=0)
    if fields:
        own = [source.fields[field] for field in fields]
        shown = [[kind.fields[field] for field in fields] for kind in pictures]
    else:
        own = floor.traits_of(source)[:parts]
        shown = [traits[:parts] for traits in floor.simulated(source, pictures)]
        there &= ~np.isnan(np.concatenate(own, axis=1)).any(axis=1)
    attacked = attack(
        [part[there] for part in own], [[part[there] for part in kind] for kind in shown]
    )
    if attacked is None:
        return None
    found = np.full(len(there), np.nan)
    found[there] = attacked.found
    return Attack(found, attacked.chance)


def _load(file: Path) -> Attack | None:
    try:
        told: Mapping = json.loads(file.read_text(encoding="utf-8"))
        found = [np.nan if v is None else float(v) for v in told["found"]]
        return Attack(np.array(found), float(told["chance"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _key(names: Sequence[str], rows: Sequence[Rows], family: str, which: str) -> str:
    digest = hashlib.sha256(repr((VERSION, list(names), family, which)).encode())
    for one in rows:
        for name, values in sorted(one.fields.items()):
            if name.startswith(("vector", "look", "mesh", "rated")):
                digest.update(values.tobytes())
    return digest.hexdigest()[:24]
