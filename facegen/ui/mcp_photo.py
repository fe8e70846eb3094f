"""The photo that an agent names: a data URL, base64, or the path that an upload was given.

Nothing else is read: no address is fetched, and no file of this machine but an upload.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from ..errors import ImageError
from .widgets.photo_input import MAX_MEGABYTES, Photograph

UPLOAD = "/gradio_api/upload"
MAX_BYTES = MAX_MEGABYTES * 2**20
HOW = f"give a data URL, base64, or the path that POST {UPLOAD} answers with"
_DATA_URL = re.compile(r"data:[\w.+-]*(?:/[\w.+-]+)?(?:;[\w.+=-]+)*,", re.ASCII)
_UPLOADED = re.compile(r"[0-9a-f]{64}", re.ASCII)  # Gradio's folder: its content's hash


def photograph(given: object, folder: Path) -> Photograph:
    """Read the photo. folder: the server's private one, where uploads lie. Raises ImageError."""
    text = given.strip() if isinstance(given, str) else ""
    if (path := _uploaded(text, folder)) is not None:
        return Photograph.at(path)
    if text[:8].lower().startswith(("http://", "https://", "file://", "ftp://")):
        raise ImageError(f"it is a web address, and this server fetches nothing; {HOW}")
    return Photograph.of(_decoded(text))


def _uploaded(text: str, folder: Path) -> Path | None:
    """Find the upload of that path; None for no path. Raises ImageError for another file's."""
    root = folder.resolve()
    if not text.startswith(("/", "\\", "~", ".", str(folder), str(root))) or len(text) > 4096:
        return None
    if "\0" in text:
        raise ImageError(f"it is not a path of an upload; {HOW}")
    path = Path(text)
    try:
        parts = path.resolve().relative_to(root).parts
        there = path.is_file() and not path.is_symlink()
    except (ValueError, OSError, RuntimeError):
        parts, there = (), False
    if len(parts) != 2 or not _UPLOADED.fullmatch(parts[0]) or not there:
        # one answer for all: what else lies on this machine is nobody's business
        raise ImageError(f"it is a path, but not that of an upload that is still here; {HOW}")
    return path.resolve()


def _decoded(text: str) -> bytes:
    """Decode base64 or a data URL. Raises ImageError."""
    if text.startswith("data:"):
        head = _DATA_URL.match(text)
        if head is None or not head.group().endswith(";base64,"):
            raise ImageError(f"it is a data URL without ';base64,'; {HOW}")
        text = text[head.end() :]
    text = "".join(text.split())
    size = len(text) * 3 // 4
    if size > MAX_BYTES:
        raise ImageError(
            f"the photo has {size / 2**20:.1f} MB, the limit is {MAX_MEGABYTES}; send a smaller one"
        )
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise ImageError(f"it begins {text[:20]!r} and is not base64; {HOW}")
    return data
