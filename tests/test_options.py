"""An option is written once: flags, the API's arguments and the docs' tables are made of it."""

import dataclasses
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from facegen import options
from facegen.batch.options import BatchOptions, RayOptions
from facegen.cli.main import parser
from facegen.cli.train import NETWORKS
from facegen.errors import OptionError
from facegen.jobs.catalogue import JOBS
from facegen.options import Options, option, spec, table
from facegen.options.prepare import PrepareOptions

ROOT = Path(__file__).parents[1]
OTHERS = (PrepareOptions, BatchOptions, RayOptions)
EVALUATIONS = (options.EvaluateOptions, options.ProtocolOptions, options.WalkOptions)
JOB_OPTIONS = [job.options for job in JOBS.values()]
ALL = [*JOB_OPTIONS, *OTHERS, *EVALUATIONS, *(one.options for one in NETWORKS)]
TABLE = re.compile(r"<!-- options: (\w+) -->\n\n(.*?)\n<!-- /options -->", re.S)


@dataclass(frozen=True)
class Toy(Options):
    size: float = option(1.0, 0, 2, "how large")
    loud: bool = option(False, help="with noise")
    kind: str = option("a", help="which", choices=("a", "b", "c"))
    kinds: tuple[str, ...] = option(("a",), help="which of them", choices=("a", "b"))
    numbers: tuple[int, ...] = option((), 1, 9, "which numbers", flag="--some")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_option_says_what_it_is(kind):
    for name, one in spec(kind).items():
        assert one.help or name in ("data", "source", "out"), name  # a command says what these are
        assert one.kind in (int, float, bool, str), name


def test_a_spec_has_all_that_a_front_shows():
    size, loud, kind, kinds, numbers = spec(Toy).values()
    assert (size.range, size.limits, size.label) == ((0, 2), "0 to 2", "Size")
    assert (loud.kind, loud.default, loud.flag) == (bool, False, "--loud")
    assert (kind.limits, kind.choices) == ("a, b or c", ("a", "b", "c"))
    assert kinds.many and kinds.read("a, b") == ("a", "b") and kinds.read("none") == ()
    assert numbers.flag == "--some" and numbers.read("1,3") == (1, 3) and numbers.read("") == ()
    with pytest.raises(OptionError, match="numbers is 'x'; name numbers with commas"):
        numbers.read("x")
    style = spec(options.GenerateOptions)["style"]
    assert style.default is None and style.owner is options.StyleOptions


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"size": 3}, "size is 3; it must lie between 0 and 2"),
        ({"kind": "x"}, "kind is 'x'; it must be a, b or c"),
        ({"kinds": ("a", "x")}, "kinds is 'x'; it must be a or b"),
        ({"numbers": (1, 10)}, "numbers is 10; it must lie between 1 and 9"),
    ],
)
def test_a_value_that_is_none_of_its_values_is_refused(told, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        Toy(**told)


def test_the_table_is_made_of_the_options():
    rows = table(Toy).splitlines()
    assert rows[2:4] == ["| `--size` | how large | 0 to 2 | 1 |", "| `--loud` | with noise |  |  |"]
    assert rows[5:] == [
        "| `--kinds` | which of them | a or b | a |", "| `--some` | which numbers | 1 to 9 |  |",
    ]  # fmt: skip


def test_the_tables_of_the_docs_are_those_of_the_options():
    found = [
        (path.name, kind, text)
        for path in sorted((ROOT / "docs").glob("*.md"))
        for kind, text in TABLE.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(found) == 5
    for name, kind, text in found:
        assert text == table(getattr(options, kind)), f"{name}: table({kind}) says other things"


def test_every_option_of_a_job_is_a_flag_of_its_command():
    commands = next(iter(parser()._subparsers._group_actions)).choices
    for name, job in JOBS.items():
        flags = {flag for action in commands[name]._actions for flag in action.option_strings}
        for one in spec(job.options).values():
            known = one.flag in flags or one.flag is None or one.owner is options.EditOptions
            assert known, f"{name} has no {one.flag}"
        sliders = [one for one in spec(job.options).values() if one.owner is options.EditOptions]
        settings = any(action.dest == "settings" for action in commands[name]._actions)
        assert settings == bool(sliders)


def test_options_need_no_torch():
    code = "import sys, facegen.options, facegen.batch.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_two_options_of_one_name_are_a_mistake_of_ours():
    twice = dataclasses.make_dataclass("Twice", [("size", float, option(1.0, 0, 1, "again"))])
    with pytest.raises(AssertionError, match="two options have one name"):
        spec(Toy, twice)
