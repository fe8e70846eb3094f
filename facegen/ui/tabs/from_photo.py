"""The tab "From a photo": the main job.

The left side holds the input, the right side the results. What is shown comes from the visitor's
own Run, which is in the session on the server: a browser sends numbers, never names of files.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr

from ...errors import FacegenError, ImageError
from ...face import detect
from ...jobs import catalogue
from ...jobs.job import Event
from ...options import USUAL, InvertOptions, VaryOptions, label_of, range_of
from ...output import check
from .. import texts
from ..run_control import INTERNAL, QUICK
from ..run_state import Run
from ..server import private_files
from ..server.model_pool import Studios
from ..texts import results, words
from ..texts.words import Fields
from ..widgets import fields, photo_input
from ..widgets.photo_input import Looked, Photograph, checked, photo_field
from ..widgets.viewer import url
from . import wipe
from .history import History
from .people import People
from .wipe import Uploads


class FromPhoto(People):
    promise = words.FromPhoto.promise
    begun = words.FromPhoto.begun
    options = ("strength", "count", "blend", "seed", "overlay", "label")
    sight = "photo"
    right = (*People.right, "whole", "details")

    def __init__(self, studios: Studios, examples: Sequence[Path]):
        self.faces = examples
        uploads = gr.State(time_to_live=private_files.KEEP_SECONDS)
        super().__init__(studios, uploads)

    # -- the two sides -------------------------------------------------------------------

    def _build_left(self) -> None:
        self.looked = gr.State(time_to_live=private_files.KEEP_SECONDS)
        self.face = gr.State(0)
        self._build_photo()
        self._build_fields()

    def _build_right(self) -> None:
        self._build_cards("variants")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self._build_downloads("all")
            self.whole = gr.DownloadButton(words.FromPhoto.with_photo, size="md")
        self.details = gr.HTML(padding=False, visible=False, elem_id="promise")
        self.history = History("history")

    def _build_photo(self) -> None:
        self.photo = photo_field("photo")
        self._build_examples(self.faces, words.FromPhoto.examples, "examples")
        self.thumbs = photo_input.faces_gallery("faces")
        self.photo_note = gr.HTML(padding=False, elem_classes="fg-status")
        self.wipe, self.wiped = wipe.build()

    def _build_fields(self) -> None:
        with fields.settings():
            self.strength = fields.slider(VaryOptions, "strength")
            self.count = fields.slider(VaryOptions, "count", step=1, info="")
            self.keep = fields.keep()
            self.anime, self.style, self.blend = fields.anime(self.studios.first.styles)
            self.seed = fields.seed(VaryOptions)
            with gr.Accordion(Fields.advanced, open=False):
                self.model = gr.Dropdown(
                    self.studios.choices, value=self.studios.first.info.name, label=Fields.model
                )
                self.usual = gr.Checkbox(
                    True,
                    label=words.FromPhoto.usual,
                    info=words.FromPhoto.usual_info,
                )
                self.steps = gr.Slider(
                    0, range_of(InvertOptions, "steps")[1], 0, step=10, visible=False,
                    label=texts.say(label_of(InvertOptions, "steps")),
                )  # fmt: skip
                self.noise = fields.noise(VaryOptions)
                self.overlay = gr.Checkbox(
                    False,
                    label=words.FromPhoto.overlay,
                    info=words.FromPhoto.overlay_info,
                )
            self.label = fields.label()
        _glossary()
        self.go, self.stop = fields.go(words.FromPhoto.go, "generate", "stop")

    # -- what happens --------------------------------------------------------------------

    def _connect(self) -> None:
        self.usual.change(
            lambda usual: gr.update(visible=not usual), self.usual, self.steps, **QUICK
        )
        self.photo.change(
            self._look,
            [self.photo, self.uploads],
            [self.photo, self.looked, self.face, self.thumbs, self.photo_note, self.uploads],
            show_progress_on=self.photo_note,
            show_progress="minimal",
            **INTERNAL,
        )
        self.thumbs.select(photo_input.face_index, None, self.face, **QUICK)
        self.photo.upload(lambda: "", None, self.wiped, **QUICK)
        self.photo.clear(lambda: "", None, self.photo_note, **QUICK)
        super()._connect()

    def asked(self) -> set:
        asked = {self.looked, self.face, self.anime, self.style, self.usual, self.steps}
        return super().asked() | asked | {self.noise, self.keep}

    def cleared(self) -> dict:
        return super().cleared() | {
            self.looked: None,
            self.face: 0,
            self.thumbs: gr.update(**photo_input.HIDDEN),
            self.photo_note: "",
        }

    def _cleared(self) -> dict:
        return super()._cleared() | {self.details: gr.update(value="", visible=False)}

    def _show(self, run: Run, before: Run) -> dict:
        updates = super()._show(run, before)
        if run.pictures and not before.pictures:
            updates[self.whole] = gr.update(value=None, interactive=False)
        elif not run.pictures and (run.aligned, run.inverted) != (before.aligned, before.inverted):
            updates |= self._met(run.aligned, run.inverted)
        return updates

    @property
    def last(self) -> list:
        return [*super().last, self.whole, self.details]

    def _ended(self, run: Run | None) -> tuple:
        if run is None or run.zip is None or run.manifest is None:
            return super()._ended(None)
        return (
            *super()._ended(run),
            gr.update(value=str(run.whole_zip), interactive=True),
            gr.update(value=_details(run), visible=True),
        )

    def restored(self, run: Run, looked: Looked | None) -> dict:
        reference = (run.manifest or {}).get("reference") or {}
        same = looked is not None and looked.sha256 == reference.get("sha256")
        return super().restored(run, looked) | {
            self.status: run.summary if same else texts.note(words.FromPhoto.other_photo)
        }

    def _look(
        self, photo: Photograph | FacegenError | None, uploads: Uploads | None = None
    ) -> Iterator[tuple]:
        """Find the faces as soon as there is a photo; it takes seconds where there is none."""
        hidden = gr.update(**photo_input.HIDDEN)
        if photo is None:  # what was said of a file that was refused stays
            yield gr.skip(), None, 0, hidden, gr.skip(), gr.skip()
        elif isinstance(photo, FacegenError):  # the browser cannot show it either
            yield None, None, 0, hidden, texts.error(photo), gr.skip()
        else:
            known = (uploads or Uploads()).plus(photo.path)
            yield gr.skip(), None, 0, hidden, texts.note(words.FromPhoto.looking), known
            *found, folder = self._found(photo)
            yield gr.skip(), *found, known.plus(None, folder)

    def _found(self, photo: Photograph) -> tuple:
        hidden = gr.update(**photo_input.HIDDEN)
        looked = None
        try:
            faces = self.studios.first.detector.detect(photo.pixels, detect.MIN_FACE)
            looked = Looked(photo.sha256, faces, photo.marks())
            detect.pick(faces, 0)
        except FacegenError as error:
            return looked, 0, hidden, texts.error(error), None
        said = texts.note(_marked(looked.marks)) if looked.marks else ""
        if len(faces) == 1:
            return looked, 0, hidden, said, None
        shown, folder = photo_input.faces_shown(photo.pixels, faces)
        found = texts.note(words.FromPhoto.found.format(count=len(faces)))
        return looked, 0, shown, found + said, folder

    def _another(self, asked: dict, run: Run) -> dict:
        photo, uploads = checked(asked[self.photo]), asked[self.uploads] or Uploads()
        reference = (run.manifest or {}).get("reference") or {}
        if photo.sha256 != reference.get("sha256"):
            raise ImageError(words.FromPhoto.other_photo)
        if known := run.codes.get("inversion.png"):  # nothing has to be found once more
            uploads = uploads.coded(photo.sha256, known)
        return super()._another(asked, run) | {self.uploads: uploads}

    def _events(self, asked: dict, folder: Path) -> Generator[Event, None, None]:
        photo, looked = checked(asked[self.photo]), asked[self.looked]
        # A fast visitor presses the button before the new photo was looked at: what was found and
        # chosen then belongs to the photo before.
        known = looked is not None and looked.sha256 == photo.sha256
        what = self.given(
            catalogue.GENERATE,
            asked,
            steps=USUAL if asked[self.usual] else asked[self.steps],
            style=asked[self.style] if asked[self.anime] else None,
            keep=tuple(asked[self.keep]),
            noise_mode=asked[self.noise],
        )
        faces, marks = (looked.faces, looked.marks) if known else (None, photo.marks())
        face = asked[self.face] if known else 0
        uploads = asked[self.uploads] or Uploads()
        sources = [replace(uploads.source(photo, marks=marks, face=face), faces=faces)]
        return self.studios.run(catalogue.GENERATE, asked[self.model], sources, folder, what)


def _marked(marks: Mapping) -> str:
    """Say that a photo carries marks; Facegen's own are on nothing else than its pictures."""
    made = check.MARK in marks["found"]
    return words.FromPhoto.made if made else words.FromPhoto.marked


def _details(run: Run) -> str:
    """Write how the people were made and measured."""
    assert run.manifest is not None
    meshes = "".join(
        texts.figure(url(picture.overlay_path), results.number(number))
        for number, picture in enumerate(run.pictures, start=1)
        if picture.overlay_path
    )
    if meshes:
        explained = texts.paragraph(words.FromPhoto.meshes)
        meshes = f"{explained}<div class='fg-looks' id='meshes'>{meshes}</div>"
    shown = {words.FromPhoto.aligned: run.aligned, words.FromPhoto.inverted: run.inverted}
    faces = "".join(texts.figure(url(path), caption) for caption, path in shown.items() if path)
    notes = run.inversion_note + run.distance_note + run.report_note
    times = results.times(run.manifest["seconds"])
    content = f"<div class='fg-looks'>{faces}</div>{notes}{meshes}{times}"
    return texts.details(words.FromPhoto.details, content)


def _glossary() -> None:
    """Build the meaning of the page's words, for those who ask."""
    rows = "".join(f"<dt>{word}</dt><dd>{why}</dd>" for word, why in words.FromPhoto.terms)
    gr.HTML(
        f"<details class='fg-words'><summary>{words.FromPhoto.glossary}</summary>"
        f"<dl>{rows}</dl></details>",
        padding=False,
        elem_classes="fg-glossary",
    )
