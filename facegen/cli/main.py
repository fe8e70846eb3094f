"""The command line: python -m facegen COMMAND.

Defaults come from the option dataclasses and are never repeated here; the help tells them. A
user's mistake ends with exit code 2 and one line on standard error; Ctrl-C with 130. A command may
return an exit code of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import cli, process
from .._version import __version__
from ..errors import FacegenError, OptionError, memory_in_words
from ..files import remedy

EXIT_USER, EXIT_INTERRUPTED = 2, 130


class _Help(argparse.HelpFormatter):
    """A formatter that ends an option's help with its default, if it has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        default, text = action.default, action.help or ""
        if default in (None, argparse.SUPPRESS, "", (), []) or isinstance(default, bool):
            return text
        if isinstance(default, (list, tuple)):
            default = " ".join(map(str, default))
        return f"{text}; default {str(default).replace('%', '%%')}"


class _Parser(argparse.ArgumentParser):
    """An argparse parser with our own errors: one line, exit code 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Help} | options)

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see '{self.prog} --help'")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    process.end_like_interrupted()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is no mistake
            stream.reconfigure(errors="backslashreplace")
    try:
        with memory_in_words():
            arguments = parser().parse_args(argv)
            code = arguments.run(arguments)
        sys.stdout.flush()
        return code or 0
    except FacegenError as error:
        return _say(str(error), EXIT_USER)
    except KeyboardInterrupt:
        # Where it went through an exec of text, as in the making of a dataclass, Python notes it
        # and would end by SIGINT whatever is returned here; the next exec clears the note.
        exec("")
        return _say("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # whoever read our output went away, as `| head` does; that is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(f"{error}; {remedy(error)}", EXIT_USER)


def _say(message: str, code: int) -> int:
    print(f"facegen: {' '.join(message.split())}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="facegen", description="One photo in, several people who do not exist out.")
    top.add_argument("--version", action="version", version=f"facegen {__version__}")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for command in cli.ALL:
        command.add(subparsers)
    return top
