"""The flags of app.py and of the command `page`, without torch or gradio to import."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from ...errors import OptionError
from ...options import check_range

SPACE = bool(os.environ.get("SPACE_ID"))  # a Hugging Face Space says who it is
SPACE_PORT = 7860  # the one that a Space shows
MOST_WAITING = 1000
LOCAL = ("127.0.0.1", "localhost", "::1")
AUTH = "FACEGEN_AUTH"  # the environment's variable; a command line stands in the list of processes
_MOST_AUTH = 4096  # bytes of a file with a name and a password
FIRST, LAST = 7860, 7959
_LOCAL = "127.0.0.1"  # Gradio wants the port here, too, whatever the host


@dataclass(frozen=True)
class Flags:
    """The settings of the server. port None: the first free one."""

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
    auth_file: str | None = None
    allow_host: str | None = None
    root_path: str = ""

    def __post_init__(self) -> None:
        if self.port is not None:
            check_range("port", self.port, 1, 65535)
        check_range("max-queue", self.max_queue, 1, MOST_WAITING)
        given = [self.auth, self.auth_file, os.environ.get(AUTH) or None]
        if sum(value is not None for value in given) > 1:
            raise OptionError(f"give one of --auth, --auth-file and {AUTH}")
        if self._auth is not None and not all(self._auth.partition(":")):
            raise OptionError("auth must be USER:PASS, both not empty, with a colon between them")
        for name in self.hosts[len(LOCAL) :]:
            if not name or name_of(name) != name:
                raise OptionError(
                    f"allow-host is {self.allow_host!r}; give names alone, without http:// and "
                    "port, such as faces.example.org, with commas between them"
                )
        if self.root_path and not self.root_path.startswith(("/", "http://", "https://")):
            raise OptionError(
                f"root-path is {self.root_path!r}; give the path under which a proxy serves the "
                "page, such as /faces, or its whole address"
            )
        if (self.c2pa_cert is None) != (self.c2pa_key is None):
            raise OptionError("c2pa-cert and c2pa-key belong together; name both or neither")

    @property
    def private(self) -> bool:
        """Whether nobody but this machine's user can reach the page."""
        return self.here and not self.allow_host

    @property
    def here(self) -> bool:
        """Whether it is reached through this machine alone: by its user, or by a proxy on it."""
        return self.host in LOCAL and not self.share and not SPACE

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which a page that is `here` may be requested."""
        more = (self.allow_host or "").lower().split(",") if self.allow_host is not None else ()
        return (*LOCAL, *(name.strip() for name in more))

    @property
    def login(self) -> tuple[str, str] | None:
        if self._auth is None:
            return None
        user, _, password = self._auth.partition(":")
        return user, password

    @functools.cached_property
    def _auth(self) -> str | None:
        """The setting USER:PASS, from wherever it was given. Raises OptionError."""
        if self.auth_file is None:
            return self.auth if self.auth is not None else os.environ.get(AUTH) or None
        try:
            with Path(self.auth_file).open("rb") as file:
                return file.readline(_MOST_AUTH).decode().strip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise OptionError(
                f"auth-file is {self.auth_file}, which cannot be read ({reason}); name a file that "
                "has USER:PASS in it"
            ) from error


def name_of(netloc: str) -> str:
    """Return the host of HOST:PORT, as browsers write it; empty if there is none."""
    with contextlib.suppress(ValueError):
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    return ""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message}; see --help")


def parse(arguments: Sequence[str] | None = None) -> Flags:
    """Read and check the flags of app.py. Raises OptionError; --help exits."""
    parser = _Parser(prog="app.py", description="Facegen's page: one photo in, new people out.")
    add_flags(parser)
    return of(parser.parse_args(arguments))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give a parser the page's flags."""
    add = parser.add_argument
    add("--host", default=Flags.host, help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=Flags.port, help=f"default: the first free one from {FIRST}")
    add("--share", action="store_true", help="a public link through Gradio's servers")
    add(
        "--auth",
        metavar="USER:PASS",
        help="ask every visitor for this name and password; others on this machine can read a "
        f"command line, so rather give it as {AUTH} in the environment, or with --auth-file",
    )
    add("--auth-file", metavar="FILE", help="the same, from a file's first line")
    add(
        "--allow-host",
        metavar="NAME,…",
        help="a page on this machine that a proxy on it serves under these names",
    )
    add(
        "--root-path",
        metavar="PATH",
        default=Flags.root_path,
        help="the path, such as /faces, or the whole address under which a proxy serves the page; "
        "the proxy takes it off before it asks here",
    )
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
    """Check parsed flags; warn of a share that is open to everybody. Raises OptionError."""
    names = [field.name for field in fields(Flags)]
    flags = Flags(**{name: getattr(arguments, name) for name in names})
    if flags.share and not flags.login:
        print(
            "facegen: warning: --share without --auth: everybody with the link can use this page",
            file=sys.stderr,
        )
    return flags


def free_ports(host: str, port: int | None) -> Iterator[int]:
    """Return the port, or the free ones of FIRST to LAST. Raises OptionError if none is free."""
    if port is not None:
        _try_port(host, port)
        yield port
        return
    found = False
    for port in range(FIRST, LAST + 1):
        try:
            _try_port(host, port)
        except OptionError as error:
            taken = error
        else:
            found = True
            yield port
    if not found:
        raise taken


def _try_port(host: str, port: int) -> None:
    _bind(host, port)
    _bind(_LOCAL, port)


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will do it: a port whose last connection is just closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise OptionError(
                f"host is {host!r}, which is not an address; use 127.0.0.1 for this machine only "
                "or 0.0.0.0 for the whole network"
            ) from error
        except OSError as error:
            raise OptionError(
                f"port is {port}, which cannot be used on {host} ({error.strerror}); choose "
                "another with --port"
            ) from error
