"""Change one thing in the core, run the tests near it, and list the changes that no test notices.

    pip install cosmic-ray  (in an environment that has requirements-dev.txt as well)
    python tools/mutants.py --out mutants.jsonl [--each 3] [--seed 0] [--tests FILE,...] [FILE...]

A sample of `--each` changes a file, cosmic-ray's own (another comparison, number, operator, a
`continue` left out), drawn from the seed; without FILE every file of the core. The tests of a
change are --tests, else those at the file's own path and those that name its module, else its
folder's. It works on a copy of the last commit, and adds a line to --out after each change: a run
that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE = ("latent", "measure", "face", "output", "weights/formats", "ui/server")
SECONDS = 300  # a change that makes the tests run longer than this is noticed
MOST = 4  # test files a change, the nearest first
# What changes nothing (annotations are never evaluated) or is no code of ours.
LEFT_OUT = ("ReplaceBinaryOperator_BitOr", "RemoveDecorator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="default: the core")
    parser.add_argument("--out", type=Path, required=True, help="a line of JSON for each change")
    parser.add_argument("--each", type=int, default=3, help="changes a file; default 3")
    parser.add_argument("--seed", type=int, default=0, help="of the sample; default 0")
    parser.add_argument("--tests", help="with commas between them; default: those near each file")
    arguments = parser.parse_args()
    files = arguments.files or [
        path.relative_to(ROOT)
        for folder in CORE
        for path in sorted((ROOT / "facegen" / folder).rglob("*.py"))
    ]
    done = {(row["file"], row["change"]) for row in rows(arguments.out)}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(copy)], check=True)
        for file in files:
            try_file(copy, file, arguments, done)
    print(json.dumps(Counter(row["end"] for row in rows(arguments.out))))


def try_file(copy: Path, file: Path, arguments: argparse.Namespace, done: set) -> None:
    """Try the sample of one file, a line to --out for each change."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    good = (copy / file).read_text()
    tests = arguments.tests.split(",") if arguments.tests else near(copy, file)
    rng = random.Random(f"{arguments.seed} {file}")
    found = changes(good)
    sample = rng.sample(found, min(arguments.each, len(found)))
    left = [
        (name, occurrence, change)
        for name, occurrence in sample
        if (str(file), change := f"{name.split('/')[1]} {occurrence}") not in done
    ]
    if left and tests and not pass_unchanged(copy, tuple(tests)):
        raise SystemExit(f"{', '.join(tests)} fail without a change; mend them first")
    for name, occurrence, change in left:
        code = mutate_code(good, plugins.get_operator(name)(), occurrence)
        (copy / file).write_text(code)
        try:
            end = "survived" if tests and passes(copy, tests) else "killed"
        except subprocess.TimeoutExpired:
            end = "killed"
        (copy / file).write_text(good)
        end = end if tests else "no test"
        row = {"file": str(file), "change": change, "end": end, "diff": difference(good, code)}
        with arguments.out.open("a") as out:
            out.write(json.dumps(row | {"tests": tests}) + "\n")


def changes(source: str) -> list[tuple[str, int]]:
    """List all that cosmic-ray would change in a file, as (an operator's name, where)."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    nodes = list(ast_nodes(get_ast(source)))
    found = []
    for name in sorted(plugins.operator_names()):
        kind = plugins.get_operator(name)
        if kind.arguments() or any(part in name for part in LEFT_OUT):
            continue
        operator = kind()
        places = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        found += [(name, occurrence) for occurrence in range(places)]
    return found


def near(copy: Path, file: Path) -> list[str]:
    """List the tests of a file: those at its own path, then those that name its module."""
    inside = file.relative_to("facegen")
    own = Path("tests") / inside.parent / f"test_{inside.name}"
    module = ".".join(file.with_suffix("").parts)
    package, name = module.rsplit(".", 1)
    names = re.compile(
        rf"\b{re.escape(module)}\b|from {re.escape(package)} import [^\n]*\b{name}\b"
    )
    named = [
        path.relative_to(copy)
        for path in sorted((copy / "tests").rglob("test_*.py"))
        if names.search(path.read_text())
    ]
    named.sort(key=lambda path: inside.parent.as_posix() not in path.as_posix())
    files = [own, *named] if (copy / own).exists() else named
    if not files:  # those of its folder, whatever they name
        here = copy / "tests" / inside.parent
        files = [path.relative_to(copy) for path in sorted(here.glob("test_*.py"))]
    return [str(path) for path in dict.fromkeys(files)][:MOST]


@functools.cache
def pass_unchanged(copy: Path, tests: tuple[str, ...]) -> bool:
    return passes(copy, [*tests])


def passes(copy: Path, tests: list[str]) -> bool:
    words = ["-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=copy, env=os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, timeout=SECONDS,
    )  # fmt: skip
    return done.returncode == 0


def difference(before: str, after: str) -> str:
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((f"{one.strip()}  ->  {other.strip()}" for one, other in lines if one != other), "")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
