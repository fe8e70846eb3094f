"""The flags of app.py and of the command `page`.

Needs neither torch nor gradio, so that a mistake is answered at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NoReturn

from ...errors import OptionError
from ...options import check_range
from .ports import FIRST

SPACE = bool(os.environ.get("SPACE_ID"))  # a Hugging Face Space says who it is
SPACE_PORT = 7860  # the one that a Space shows
MOST_WAITING = 1000


@dataclass(frozen=True)
class Flags:
    """How the page is served. port None: the first free one, see ports.py."""

    host: str = "0.0.0.0" if SPACE else "127.0.0.1"
    port: int | None = SPACE_PORT if SPACE else None
    share: bool = False
    auth: str | None = None
    device: str = "auto"
    model: str = "auto"
    mcp: bool = False
    max_queue: int = 20
    ephemeral: bool = False
    c2pa_cert: str | None = None
    c2pa_key: str | None = None

    def __post_init__(self):
        if self.port is not None:
            check_range("port", self.port, 1, 65535)
        check_range("max-queue", self.max_queue, 1, MOST_WAITING)
        if self.auth is not None and not all(self.auth.partition(":")):
            raise OptionError("auth must be USER:PASS, both not empty, with a colon between them")

        if (self.c2pa_cert is None) != (self.c2pa_key is None):
            raise OptionError("c2pa-cert and c2pa-key belong together; name both or neither")

    @property
    def private(self) -> bool:
        """Whether nobody but this machine's user can reach the page."""
        return self.host in ("127.0.0.1", "localhost", "::1") and not self.share and not SPACE

    @property
    def login(self) -> tuple[str, str] | None:
        if self.auth is None:
            return None
        user, _, password = self.auth.partition(":")
        return user, password


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see --help")


def parse(arguments: Sequence[str] | None = None) -> Flags:
    """The flags of app.py, checked. Raises OptionError; --help exits."""
    parser = _Parser(prog="app.py", description="Facegen's page: one photo in, new people out.")
    add_flags(parser)
    return of(parser.parse_args(arguments))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the page's flags."""
    add = parser.add_argument
    add("--host", default=Flags.host, help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=Flags.port, help=f"default: the first free one from {FIRST}")
    add("--share", action="store_true", help="a public link through Gradio's servers")
    add("--auth", metavar="USER:PASS", help="ask every visitor for this name and password")
    add("--device", default=Flags.device, help="cpu, cuda or auto (default: %(default)s)")
    add(
        "--model",
        default=Flags.model,
        help="a name of 'weights list' or a checkpoint's path (auto: the default of that list)",
    )
    add("--mcp", action="store_true", help="serve tools for agents (MCP), too")
    add(
        "--ephemeral",
        action="store_true",
        help="visitors' pictures and the signing key lie in memory alone, nothing on a disk",
    )
    add("--c2pa-cert", metavar="FILE", help="sign with your own certificate chain (PEM)")
    add("--c2pa-key", metavar="FILE", help="its key (PEM, PKCS #8, without a password)")
    add(
        "--max-queue",
        type=int,
        default=Flags.max_queue,
        help=f"visitors who may wait, 1 to {MOST_WAITING} (default: %(default)s)",
    )


def of(arguments: argparse.Namespace) -> Flags:
    """What was parsed, checked; warns of a share that is open to everybody. Raises OptionError."""
    names = [field.name for field in fields(Flags)]
    flags = Flags(**{name: getattr(arguments, name) for name in names})
    if flags.share and not flags.auth:
        print(
            "facegen: warning: --share without --auth: everybody with the link can use this page",
            file=sys.stderr,
        )
    return flags
