"""Names that come from outside: of files, of folders, from the command line."""

from __future__ import annotations


def writable(name: str) -> str:
    """The name as text that any file can hold; a byte that was no UTF-8 shows as its escape.

    Python keeps such bytes of a name as lone surrogates (PEP 383), which no encoder takes.
    """
    return name.encode("utf-8", "backslashreplace").decode()
