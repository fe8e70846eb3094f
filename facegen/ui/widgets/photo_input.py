"""The photo field: Gradio's picture field with Facegen's own loader behind it.

Gradio would clip 16-bit pictures, reveal hidden colours below transparency, decode a picture of any
size and pass on the camera's metadata.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import gradio as gr
import numpy as np
from gradio.data_classes import ImageData
from gradio_client.utils import is_file_obj_with_meta
from pydantic import ValidationError

from ... import images
from ...errors import FacegenError, ImageError
from ...files import write_file
from ...jobs.job import Source
from ...output import check, provenance
from ...types import Face
from ..server import private_files
from ..texts import results, words
from ..texts.words import FromPhoto
from . import fields

UNREAD: Any = object()  # marks that nobody has looked for yet
MAX_MEGABYTES = 15  # of 2**20 bytes, as Gradio counts
UPLOAD = "/gradio_api/upload"
MAX_BYTES = MAX_MEGABYTES * 2**20
HOW = f"give a data URL, base64, or the path that POST {UPLOAD} answers with"
_DATA_URL = re.compile(r"data:[\w.+-]*(?:/[\w.+-]+)?(?:;[\w.+=-]+)*,", re.ASCII)
_UPLOADED = re.compile(r"[0-9a-f]{64}", re.ASCII)  # Gradio's folder: its content's hash
THUMB = 96  # pixels
HIDDEN: dict = {"value": None, "visible": False}


@dataclass(frozen=True)
class Photograph:
    """An uploaded photo, decoded."""

    pixels: np.ndarray  # uint8 [H, W, 3]
    sha256: str  # of the file, the only trace a result keeps of it
    data: bytes = field(default=b"", repr=False)  # in memory as long as it is in use
    path: Path | None = None  # of the upload

    @classmethod
    def of(cls, data: bytes, path: Path | None = None) -> Photograph:
        """Decode a file's bytes. Raises ImageError."""
        return cls(images.load(data), hashlib.sha256(data).hexdigest(), data, path)

    @classmethod
    def at(cls, path: Path) -> Photograph:
        """Read an upload. Raises ImageError."""
        return cls.of(read(path), path)

    def marks(self) -> dict | None:
        """Read the marks of origin that the file carries, see output.check.marks_entry."""
        return check.marks_entry(self.data, self.pixels) if self.data else None

    def source(self, marks: Any = UNREAD, face: int | None = None) -> Source:
        """Make a job's source.

        marks: those read already, None if there are none. face: which of its faces, None for the
        largest.
        """
        facts = provenance.facts_in(self.data) if self.data else {}
        found = self.marks() if marks is UNREAD else marks
        return Source(self.pixels, self.sha256, found, facts, face or 0, data=self.data)


def read(path: Path) -> bytes:
    """Read an upload's bytes. Raises ImageError."""
    try:
        # Gradio checks what is uploaded, not what it fetches from an address.
        if (size := path.stat().st_size) > MAX_MEGABYTES * 2**20:
            raise ImageError(words.Photo.too_large.format(size=size / 2**20, limit=MAX_MEGABYTES))
        return path.read_bytes()
    except OSError as error:  # swept away: the visitor came back after half an hour
        raise ImageError(words.Photo.gone) from error


class File(ImageData):
    """An uploaded file, or a word on what was given in its place."""

    @classmethod
    def model_validate(cls, given: Any, **more: Any) -> File:  # type: ignore[override]
        """Read a file; of anything else keep no path, so that nothing is ever read there."""
        if is_file_obj_with_meta(given):  # of these alone Gradio checks that they were uploaded
            with contextlib.suppress(ValidationError):
                return super().model_validate(given, **more)
        return cls(path=None, orig_name=str(given))


# Gradio would write a stub, photo.pyi, beside this file whenever it is imported.
with mock.patch("gradio.component_meta.create_or_modify_pyi", create=True):

    class Photo(gr.Image):
        """A field that gives its handler a Photograph, None, or the error for an unusable file.

        The error is handed on, not raised, so that the page can show it where the photo is.
        """

        is_template = True  # the browser shows it with gr.Image's own code
        data_model = File

        # No __init__ here: Gradio reads its signature to learn what to tell the browser.

        def preprocess(self, payload: Any) -> Photograph | FacegenError | None:  # type: ignore[override]
            if payload is None:
                return None
            if not payload.path:
                given = payload.orig_name
                return ImageError(words.Photo.no_file.format(given=given[:40])) if given else None
            try:  # what the browser sent, not what gr.Image would make of it
                return Photograph.at(Path(payload.path))
            except FacegenError as error:
                return error


def photo_field(
    elem_id: str,
    hint: str = "",
    height: int = 260,
    label: str = "",
    alt: str = "",
    webcam: str = "user",
) -> Photo:
    """Build the photo field of a tab, and what stands below it.

    webcam: the side of a telephone that takes a photo, user or environment; "": none.
    """
    or_choose = words.Photo.or_choose.format(megabytes=MAX_MEGABYTES)
    photo = Photo(
        label=label or words.Photo.label,
        alt_text=alt or words.Photo.alt,
        height=height,
        sources=["upload", "webcam", "clipboard"] if webcam else ["upload", "clipboard"],
        buttons=["fullscreen"] if height >= 260 else [],
        placeholder=f"{hint or words.Photo.hint}\n{or_choose}",
        elem_id=elem_id,
    )
    tools(elem_id, webcam=webcam)
    return photo


def tools(elem_id: str, kind: str = "photo", webcam: str = "") -> None:
    """Build what stands below a field for files: what is said of a file before it is sent.

    page.js does it, and makes a photo that is too large smaller. elem_id: the field's. kind: photo,
    file (a picture whose bytes count) or zip. webcam: see photo_field.
    """
    said = words.Photo
    told = {
        "kind": kind,
        "limit": MAX_MEGABYTES,
        "pixels": images.MAX_PIXELS,
        "words": {
            "wrong": said.no_zip if kind == "zip" else said.wrong_kind,
            "over": said.over,
            "unshrunk": said.unshrunk,
            "shrunk": said.shrunk,
            "nothing": said.nothing_pasted,
        },
    }
    data = html.escape(json.dumps(told), quote=True)
    button = f"<button type='button' class='fg-camera'>{said.camera}</button>" if webcam else ""
    gr.HTML(
        f"<div class='fg-tools' data-for='{elem_id}' data-capture='{webcam}' data-told='{data}'>"
        f"{button}<p role='alert' hidden></p></div>",
        padding=False,
    )


def checked(photo: Photograph | FacegenError | None) -> Photograph:
    """Return the photograph, or raise its error."""
    if photo is None:
        raise ImageError(words.Photo.missing)
    if isinstance(photo, FacegenError):
        raise photo
    return photo


def photograph(given: object, folder: Path) -> Photograph:
    """Read the photo that an agent names: a data URL, base64, or the path of its upload.

    Nothing else is read: no address is fetched, and no file of this machine but an upload. folder:
    the server's private one, where uploads lie. Raises ImageError."""
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


@dataclass(frozen=True)
class Looked:
    """The faces in the photo with that sha256, and its marks of origin."""

    sha256: str
    faces: list[Face]
    marks: dict | None = None


def faces_gallery(elem_id: str) -> gr.Gallery:
    """Build the pictures, hidden: there is no photo with several faces yet."""
    return fields.gallery(
        5, "fg-thumbs fg-faces", elem_id=elem_id, format="png",
        label=FromPhoto.several, show_label=True, container=True,
    )  # fmt: skip


def faces_shown(pixels: np.ndarray, faces: Sequence[Face]) -> tuple[dict, Path]:
    """Write the pictures; -> (update of `faces_gallery`, their folder). Raises OutputError."""
    thumbs = []
    with private_files.new_run() as folder:  # as files, so that they can be deleted
        for i, face in enumerate(faces, start=1):
            path = folder / f"face-{i}.png"
            write_file(path, images.encode_png(_thumb(pixels, face)))
            thumbs.append((str(path), results.number(i)))
    return gr.update(value=thumbs, visible=True, selected_index=0), folder


def face_index(event: gr.SelectData) -> int:
    """Return which one was clicked."""
    return event.index


def _thumb(pixels: np.ndarray, face: Face) -> np.ndarray:
    """Cut out the face with a little around it, upright, as a square of THUMB pixels."""
    left, top, right, bottom = face.box
    x, y, half = (left + right) / 2, (top + bottom) / 2, 0.7 * max(right - left, bottom - top)
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(int(y - half), int(y + half)), 0, height - 1)
    columns = np.clip(np.arange(int(x - half), int(x + half)), 0, width - 1)
    crop = pixels[np.ix_(rows, columns)]
    # rotation: by how much the photo has to turn clockwise; rot90 turns the other way
    return images.resize(np.rot90(crop, -face.rotation // 90), THUMB)
