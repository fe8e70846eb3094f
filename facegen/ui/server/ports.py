"""The port to listen on, settled before anything slow begins."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from ...errors import OptionError

FIRST, LAST = 7860, 7959
_LOCAL = "127.0.0.1"  # Gradio wants the port here, too, whatever the host


def free(host: str, port: int | None) -> Iterator[int]:
    """Return the port, or the free ones of FIRST to LAST. Raises OptionError if none is free."""
    if port is not None:
        _try(host, port)
        yield port
        return
    found = False
    for port in range(FIRST, LAST + 1):
        try:
            _try(host, port)
        except OptionError as error:
            taken = error
        else:
            found = True
            yield port
    if not found:
        raise taken


def _try(host: str, port: int) -> None:
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
