"""PNG files taken apart and put together, chunk by chunk."""

from __future__ import annotations

import struct
import zlib


def chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """(name, content) of each."""
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def of_chunks(found: list[tuple[bytes, bytes]]) -> bytes:
    whole = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in found
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(whole)


def beside_pixels(png: bytes) -> bytes:
    """All that a PNG says but its pixels, in whose bytes a short word may stand by chance."""
    return b"\n".join(name + body for name, body in chunks(png) if name != b"IDAT")
