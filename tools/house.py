"""Print the size and the habits of this checkout: files, lines, writers, events, excuses, arrows.

python tools/house.py
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Settings of an override by which mypy checks a module less strictly than the others.
EXCUSES = r"disable_error_code|ignore_errors|disallow_\w+ = false|check_untyped_defs = false"
WRITER = re.compile(r'"facegen":\s*(_version\.)?__version__')  # a manifest's first key
UNION = re.compile(r"^Event = ([\w\s|]+)$", re.M)


def excused(sources: dict[Path, str]) -> int:
    """Count the lines of modules that an override of mypy excuses."""
    config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    patterns = [
        name
        for block in re.split(r"\n(?=\[)", config)
        if block.startswith("[[tool.mypy.overrides]]") and re.search(EXCUSES, block)
        for name in re.findall(r'"(facegen[\w.*]*)"', block)
    ]
    total = 0
    for path, text in sources.items():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if any(fnmatch(module, p) or fnmatch(f"{module}.", p) for p in patterns):
            total += text.count("\n")
    return total


def event_classes(sources: dict[Path, str]) -> int:
    """Count the classes in the modules that have an `Event` union, which it lists."""
    total = 0
    for text in sources.values():
        members = {name for union in UNION.findall(text) for name in re.findall(r"\w+", union)}
        classes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef))
        total += sum(node.name in members for node in classes)
    return total


def without_verb() -> int:
    """Count the docstrings of facegen/ that, by ruff, begin without a verb."""
    report = run("ruff", "check", "--isolated", "--select", "D401", "--output-format", "json",
                "--config", 'lint.pydocstyle.convention="google"', "facegen")  # fmt: skip
    return len(json.loads(report.stdout))


def arrows_up() -> str:
    """Say how many contracts about imports are broken."""
    report = run("lint-imports", "--no-cache").stdout
    match = re.search(r"(\d+) kept, (\d+) broken", report)
    return f"{match[2]} broken contracts of {int(match[1]) + int(match[2])}" if match else "unknown"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this Python's environment in the checkout."""
    path = Path(sys.executable).with_name(program)
    return subprocess.run(
        [str(path if path.exists() else program), *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def main() -> None:
    paths = sorted((ROOT / "facegen").rglob("*.py"))
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    lines = sum(text.count("\n") for text in sources.values())
    writing = {ROOT / "facegen" / room for room in ("jobs", "output", "ui")}
    writers = [
        match
        for path, text in sources.items()
        if writing & set(path.parents)
        for match in WRITER.findall(text)
    ]
    rows = {
        "files in facegen/": len(paths),
        "lines in facegen/": f"{lines:,}",
        "manifest writers": len(writers),
        "event classes": event_classes(sources),
        "lines under a mypy excuse": f"{excused(sources) / lines:.0%}",
        "docstrings without a verb": without_verb(),
        "import arrows up": arrows_up(),
    }
    for name, value in rows.items():
        print(f"{name:28}{value}")


if __name__ == "__main__":
    main()
