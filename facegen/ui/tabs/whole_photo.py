"""The tab "Whole photo": every face found, ticked or not, replaced in its place."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import gradio as gr
import numpy as np

from ... import images
from ...errors import FacegenError
from ...files import write_file
from ...jobs import everybody
from ...jobs.anonymise import Done, Event, Found, Replaced, Replacing
from ...options import AnonymiseOptions
from ...output import photo_file, provenance
from ...types import Face, Loading
from .. import texts
from ..run_control import INTERNAL, QUICK, run_on, said_stopped
from ..run_state import Run, discard, expire, given
from ..server import private_files
from ..server.model_pool import Studios
from ..widgets import fields
from ..widgets.photo_input import MAX_MEGABYTES, Photo, Photograph, checked
from . import wipe
from .compare import compare
from .wipe import Uploads

PROMISE = (
    "Your photo will appear here, its faces replaced by people who do not exist. "
    "Choose a photo, then press Replace the faces."
)
STILL_TELLS = (
    "Only faces are replaced. Hair, clothes, the place and the other people stay, and may still "
    "tell who somebody is to whoever knows them."
)
SHOWN = 1600  # pixels, the longest side of what the page shows; the download has all


@dataclass(frozen=True)
class Seen:
    """The faces of the photo with that sha256."""

    sha256: str
    faces: Sequence[Face]


class WholePhotoTab:
    def __init__(self, studios: Studios, anonymise, uploads: gr.State):
        self.studios, self.anonymise, self.uploads = studios, anonymise, uploads
        self.run = gr.State(time_to_live=private_files.KEEP_SECONDS, delete_callback=expire)
        self.seen = gr.State(time_to_live=private_files.KEEP_SECONDS)
        with gr.Row(equal_height=False, elem_classes="fg-columns"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self.photo = Photo(
                    label="Photo",
                    alt_text="The whole photo",
                    height=300,
                    sources=["upload", "webcam", "clipboard"],
                    buttons=["fullscreen"],
                    placeholder=f"Drop a photo of one or more people\nor choose one (up to "
                    f"{MAX_MEGABYTES} MB)",
                    elem_id="whole-photo",
                )
                self.photo_note = gr.HTML(padding=False, elem_classes="fg-status")
                self.wipe, self.wiped = wipe.build("-whole")
                self.faces = gr.CheckboxGroup(
                    [], label="Whom to replace", visible=False, elem_id="whole-faces"
                )
                self.strength = fields.slider(AnonymiseOptions, "strength")
                self.seed = fields.seed(AnonymiseOptions)
                self.model = fields.model(studios)
                self.label = fields.label()
                self.go, self.stop = fields.go("Replace the faces", "replace", "replace-stop")
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.status = gr.HTML(padding=False, elem_classes="fg-status")
                self.empty = gr.HTML(texts.empty(PROMISE), padding=False)
                self.pair = gr.HTML(padding=False, visible=False, elem_id="whole-result")
                self.words = gr.HTML(padding=False, elem_classes="fg-status", elem_id="whole-words")
                gr.HTML(f"<p class='fg-note'>{STILL_TELLS}</p>", padding=False)
                self.one = gr.DownloadButton(
                    "Download the photo", visible=False, size="md", elem_id="whole-download"
                )
        self._connect()

    def _connect(self) -> None:
        self.photo.change(
            self._look,
            [self.photo, self.uploads],
            [self.seen, self.faces, self.photo_note, self.uploads],
            show_progress_on=self.photo_note,
            show_progress="minimal",
            **INTERNAL,
        )
        asked = {self.photo, self.seen, self.faces, self.run, self.strength, self.seed, self.model}
        asked.add(self.label)
        shown = [self.run, self.status, self.empty, self.pair, self.words, self.one]
        self.jobs = [run_on(self.go, self.stop, self._job, asked, shown, self.status)]
        self.photo.clear(lambda: "", None, self.photo_note, **QUICK)

    def cleared(self) -> dict:
        """The tab as it was before there was a photo."""
        return {
            self.photo: None,
            self.seen: None,
            self.faces: gr.update(choices=[], value=[], visible=False),
            self.photo_note: "",
            self.status: "",
            **dict(zip((self.go, self.stop), said_stopped()[:2], strict=True)),
            **self._cleared(),
        }

    def _cleared(self) -> dict:
        return {
            self.empty: gr.update(visible=True),
            self.pair: gr.update(value="", visible=False),
            self.words: "",
            self.one: gr.update(value=None, visible=False),
        }

    def _look(self, photo: Photograph | FacegenError | None, uploads: Uploads | None) -> tuple:
        """Find the faces as soon as there is a photo, and number them."""
        hidden = gr.update(choices=[], value=[], visible=False)
        if photo is None:
            return None, hidden, gr.skip(), gr.skip()
        if isinstance(photo, FacegenError):
            return None, hidden, texts.error(photo), gr.skip()
        known = (uploads or Uploads()).plus(photo.path)
        try:
            what = AnonymiseOptions()
            faces = everybody.find(self.studios.first.detector, photo.pixels, what, None)
            numbers = tuple(everybody.plan(faces, what))
        except FacegenError as error:
            return None, hidden, texts.error(error), known
        choices = [(f"face {number}", number) for number in numbers]
        ticks = gr.update(choices=choices, value=list(numbers), visible=len(numbers) > 1)
        looked = Seen(photo.sha256, faces)
        said = "1 face was found." if len(faces) == 1 else f"{len(faces)} faces were found:"
        note = texts.note(said) + (_numbered(photo.pixels, faces) if len(faces) > 1 else "")
        return looked, ticks, note, known

    def _job(self, asked: dict) -> Iterator[dict]:
        discard(asked[self.run])
        try:
            with private_files.new_run() as folder:
                bar = texts.progress("Finding the faces …", 0.0)
                yield {self.run: Run(folder), self.status: bar} | self._cleared()
                photo: Photograph = checked(asked[self.photo])
                seen: Seen | None = asked[self.seen]
                known = seen is not None and seen.sha256 == photo.sha256
                ticked = tuple(sorted(asked[self.faces] or ())) if known else ()
                what = AnonymiseOptions(
                    faces=ticked,
                    label=asked[self.label],
                    **given({"strength": asked[self.strength], "seed": asked[self.seed]}),
                )
                faces = seen.faces if known and seen is not None else None
                events = self.anonymise(asked[self.model], photo.pixels, what, faces)
                before = folder / "before.png"  # the visitor's own: it claims nothing
                provenance.save_png(before, _small(photo.pixels, SHOWN), {}, synthetic=False)
                for event in events:
                    yield from self._after(event, folder, before, photo)
        except FacegenError as error:
            yield {self.status: texts.error(error)}

    def _after(self, event: Event, folder: Path, before: Path, photo: Photograph) -> Iterator[dict]:
        match event:
            case Loading():
                yield {self.status: texts.loading(event)}
            case Found(_, numbers):
                yield {self.status: texts.progress(f"Face 1 of {len(numbers)} …", 0.1)}
            case Replacing(_, index, count):
                text = f"Face {index} of {count}: somebody else is looked for …"
                yield {self.status: texts.progress(text, 0.1 + 0.9 * (index - 1) / count)}
            case Replaced(_, index, count, pixels, _):
                after = _shown(folder / f"after-{index}.jpg", pixels)
                yield {
                    self.status: texts.progress(f"{index} of {count} …", 0.1 + 0.9 * index / count),
                    self.empty: gr.update(visible=False),
                    self.pair: gr.update(value=_pair(before, after, pixels), visible=True),
                }
            case Done(pixels, changed, manifest):
                kind = photo_file.kind_of(photo.data)
                path = folder / f"anonymised{photo_file.KINDS[kind]}"
                write_file(path, photo_file.made_from(photo.data, pixels, changed))
                after = _shown(folder / "after.jpg", pixels)
                yield {
                    self.status: "",
                    self.empty: gr.update(visible=False),
                    self.pair: gr.update(value=_pair(before, after, pixels), visible=True),
                    self.words: in_words(manifest),
                    self.one: gr.update(value=str(path), visible=True),
                }


def in_words(manifest: dict) -> str:
    """What became of each face, in sentences."""
    lines = []
    for face in manifest["faces"]:
        name = f"Face {face['face']}"
        if face["status"] == "replaced":
            lines.append(f"✓ {name} is somebody else.")
        elif face.get("recognised_by"):
            lines.append(f"✗ {name} may still be recognised: raise the strength, or try a seed.")
        elif face["status"].startswith("replaced"):
            lines.append(f"✗ {name} was replaced, but is hardly seen as a face: try another seed.")
        else:
            lines.append(f"✗ {name} stayed as it was: {face.get('why', face['status'])}.")
    missing = manifest["faces_found"] - len(manifest["faces"])
    if missing:
        lines.append(f"{missing} stayed as they were, as you asked.")
    lines.append("Look for faces that were not found: nobody but you can see those.")
    return "".join(f"<p class='fg-note'>{html.escape(line)}</p>" for line in lines)


def _pair(before: Path, after: Path, pixels: np.ndarray) -> str:
    height, width = pixels.shape[:2]
    return compare(before, after, "Your photo", "with new faces", width / height)


def _shown(path: Path, pixels: np.ndarray) -> Path:
    write_file(path, provenance.jpeg_bytes(_small(pixels, SHOWN)))
    return path


def _small(pixels: np.ndarray, longest: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    return images.resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))


def _numbered(pixels: np.ndarray, faces: Sequence[Face], longest: int = 480) -> str:
    """The photo, small, with a number on each face: an image that lies in the page itself."""
    small = _small(pixels, longest).copy()
    scale = small.shape[1] / pixels.shape[1]
    for number, face in enumerate(faces, start=1):
        left, top, right, bottom = (round(edge * scale) for edge in face.box)
        cv2.rectangle(small, (left, top), (right, bottom), (255, 255, 255), 3)
        cv2.rectangle(small, (left, top), (right, bottom), (13, 118, 110), 2)
        place, font = (left + 3, max(top - 4, 14)), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(small, str(number), place, font, 0.6, (255, 255, 255), 4, cv2.LINE_AA)
        cv2.putText(small, str(number), place, font, 0.6, (13, 118, 110), 2, cv2.LINE_AA)
    data = base64.b64encode(images.encode_jpeg(small, "")).decode()
    return (
        f"<img class='fg-numbered' alt='The photo with its {len(faces)} faces numbered' "
        f"src='data:image/jpeg;base64,{data}'>"
    )
