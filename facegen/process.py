"""Settings of the whole process.

The command line and the page call `settle`; the library never does: its importers have a process of
their own.
"""

from __future__ import annotations

import ctypes
import os
import platform

KEEP_BYTES = 256 << 20  # of freed memory that the process may hold on to
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt(3)


def settle() -> None:
    """Keep freed memory for reuse. What the user has set stays."""
    if not any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Stop glibc from returning large blocks at once, which the kernel then clears again.

    That is half the time of a network that makes and drops activations of 67 MB."""
    if libc := _glibc():
        libc.mallopt(_MMAP_THRESHOLD, KEEP_BYTES // 2)
        libc.mallopt(_TRIM_THRESHOLD, KEEP_BYTES)


def give_memory_back() -> None:
    """Return freed memory to the system.

    Each thread of a server keeps its own: after some hundred visitors they keep gigabytes."""
    if libc := _glibc():
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
