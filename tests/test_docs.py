"""Every command that the docs show is one: its flags are known, its program is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from facegen.cli.main import parser
from facegen.errors import OptionError
from facegen.ui.server import flags

ROOT = Path(__file__).parents[1]
DOCS = sorted(
    path
    for folder in (".", "docs", "docs/research", "examples", "tools", "weights")
    for path in (ROOT / folder).glob("*.md")
    if path.name != "CHANGELOG.md"
)
SEPARATORS = {"|", "&&", "||", ";", "&", ">", ">>", "<", "2>", "2>&1"}
ASSIGNED = re.compile(r"[A-Z_]+=\S*")


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command in the text's blocks of shell."""
    for block in re.findall(r"^```(?:bash|sh|shell|console)\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in (*lexer, ";"):
                if word in SEPARATORS:
                    if words:
                        yield words
                    words = []
                elif words or not ASSIGNED.fullmatch(word):
                    words.append(word)


def ours(words: list[str]) -> tuple[str, list[str]] | None:
    """(which program of this project, its arguments); None for other programs."""
    while words and words[0] in ("sudo", "time", "nohup", "nice"):
        words = words[1:]
    name = Path(words[0]).name if words else ""
    if name == "facegen":
        return "facegen", words[1:]
    if re.fullmatch(r"python3?", name):
        if words[1:3] == ["-m", "facegen"]:
            return "facegen", words[3:]
        if len(words) > 1 and words[1].endswith(".py"):
            return words[1], words[2:]
    return None


FOUND = [
    pytest.param(program, arguments, id=f"{path.name}: {program} {' '.join(arguments)}"[:100])
    for path in DOCS
    for words in commands(path.read_text(encoding="utf-8"))
    if (found := ours(words)) is not None
    for program, arguments in [found]
]


@pytest.mark.parametrize(("program", "arguments"), FOUND)
def test_a_command_of_the_docs_is_understood(program, arguments):
    if program == "facegen":
        if {"--help", "-h", "--version"} & set(arguments):
            return
        parser().parse_args(arguments)
    elif program == "app.py":
        flags.parse(arguments)
    else:
        assert (ROOT / program).is_file()
        text = (ROOT / program).read_text(encoding="utf-8")
        for flag in (one.partition("=")[0] for one in arguments if one.startswith("--")):
            assert f'"{flag}"' in text, f"{program} knows no {flag}"


def test_commands_are_found_where_they_stand():
    text = (
        "```bash\nA=1 python -m facegen generate 'a b.jpg' \\\n  --out x  # said\n"
        "facegen doctor | less && python benchmarks/x.py --n 3 > y\n```\n```python\nfacegen no\n```"
    )
    assert [ours(words) for words in commands(text)] == [
        ("facegen", ["generate", "a b.jpg", "--out", "x"]),
        ("facegen", ["doctor"]),
        None,
        ("benchmarks/x.py", ["--n", "3"]),
        None,
    ]
    assert len(FOUND) > 80


LINKS = [
    pytest.param(path, link, id=f"{path.relative_to(ROOT)}: {link}")
    for path in (*DOCS, ROOT / "CHANGELOG.md")
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    if not link.startswith(("http://", "https://", "mailto:"))
]


def anchors(path: Path) -> set[str]:
    """Of the headings, as plain files and the site have them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    plain = (re.sub(r"[^\w\s-]", "", line).strip().lower()
             for line in re.findall(r"^#+ (.+)$", text, re.M))  # fmt: skip
    return {re.sub(r"\s", "-", line) for line in plain}


@pytest.mark.parametrize(("path", "link"), LINKS)
def test_a_link_leads_somewhere(path, link):
    target, _, anchor = link.partition("#")
    there = (path.parent / target).resolve() if target else path
    assert there.exists() and there.is_relative_to(ROOT)
    if anchor:
        assert anchor in anchors(there)


def test_every_page_has_its_place_on_the_site():
    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    settings = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    pages, rest = [], [settings["nav"]]
    while rest:
        one = rest.pop()
        if isinstance(one, str):
            pages.append(one)
        else:
            rest += one.values() if isinstance(one, dict) else one
    there = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert sorted(pages) == sorted(there)
    assert settings["strict"] and "mkdocs build --strict" in (ROOT / ".ci/run").read_text()


def test_python_in_the_docs_is_python():
    block = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
    for path in DOCS:
        for code in block.findall(path.read_text(encoding="utf-8")):
            compile(code, path.name, "exec")


def test_a_command_that_is_none_is_not_understood():
    with pytest.raises(OptionError):
        parser().parse_args(["train", "anime", "--steps", "6000", "--out", "run/"])
