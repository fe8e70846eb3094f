"""Which port to listen on, settled before anything slow begins."""

from __future__ import annotations

import socket

from ..errors import OptionError

FIRST, LAST = 7860, 7959


def choose(host: str, port: int | None) -> int:
    """The port if it is free; without one, the first free of FIRST to LAST. OptionError."""
    if port is not None:
        _try(host, port)
        return port
    for port in range(FIRST, LAST + 1):
        try:
            _try(host, port)
            return port
        except OptionError as error:
            taken = error
    raise taken


def _try(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will do it: a port whose last connection is just closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise OptionError(
                f"host is {host!r}, which is no address; use 127.0.0.1 for this machine only or "
                "0.0.0.0 for the whole network"
            ) from error
        except OSError as error:
            raise OptionError(
                f"port is {port}, which cannot be used on {host} ({error.strerror}); choose "
                "another with --port"
            ) from error
