"""The tab "From a photo": the main job.

The left side holds the input, the right side the results. What is shown comes from the visitor's
own Run, which is in the session on the server: a browser sends numbers, never names of files.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np

from ... import images
from ...errors import FacegenError
from ...face import detect
from ...files import write_file
from ...jobs.job import Event
from ...options import USUAL, InvertOptions, VaryOptions, label_of, range_of
from ...output import check
from ...types import Face
from .. import first_visit, texts
from ..run_control import INTERNAL, QUICK, cancel
from ..run_state import Run
from ..server import private_files
from ..server.model_pool import Studios
from ..texts import results, words
from ..texts.words import Fields
from ..widgets import fields
from ..widgets.photo_input import Photograph, checked, photo_field
from . import wipe
from .compare import compare
from .history import History
from .people import People
from .wipe import Uploads

THUMB = 96  # pixels, of the faces to choose from


@dataclass(frozen=True)
class Looked:
    """The faces in the photo with that sha256, and its marks of origin."""

    sha256: str
    faces: list[Face]
    marks: dict | None = None


class FromPhoto(People):
    promise = words.FromPhoto.promise
    begun = words.FromPhoto.begun
    options = ("strength", "count", "blend", "seed", "overlay", "label")
    right = (
        *People.right, "distances", "report", "times", "whole", "details", "before_after",
        "meshes", "aligned", "inverted", "inversion",
    )  # fmt: skip

    def __init__(self, studios: Studios, examples: Sequence[Path]):
        self.example_paths = examples
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
        self.distances = gr.HTML(padding=False, visible=False)
        self.report = gr.HTML(padding=False, visible=False, elem_id="promise")
        self.times = gr.HTML(padding=False, elem_classes="fg-status")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self._build_downloads("one", "all")
            self.whole = gr.DownloadButton(words.FromPhoto.with_photo, size="md")
        with gr.Row(visible=False, elem_classes="fg-details") as self.details:
            with gr.Column(min_width=260):
                self.before_after = gr.HTML(padding=False)
                self.meshes = fields.picture(
                    words.FromPhoto.meshes,
                    visible=False,
                    elem_id="meshes",
                    elem_classes="fg-captioned",
                )
            with gr.Column(min_width=260):
                with gr.Row(elem_classes="fg-pair"):
                    self.aligned = fields.picture(words.FromPhoto.aligned, min_width=110)
                    self.inverted = fields.picture(words.FromPhoto.inverted, min_width=110)
                self.inversion = gr.HTML(padding=False)
        self.history = History("history")

    def _build_photo(self) -> None:
        self.photo = photo_field("photo")
        self.examples = gr.Dataset(
            components=[self.photo],
            samples=[[str(path)] for path in self.example_paths],
            type="index",
            label=words.FromPhoto.examples,
            visible=bool(self.example_paths),
            elem_id="examples",
        )
        self.thumbs = gr.Gallery(
            label=words.FromPhoto.several,
            columns=5,
            height="auto",
            object_fit="cover",
            allow_preview=False,
            buttons=[],
            format="png",
            interactive=False,
            visible=False,
            elem_id="faces",
            elem_classes="fg-gallery fg-thumbs",
        )
        self.photo_note = gr.HTML(padding=False, elem_classes="fg-status")
        self.wipe, self.wiped = wipe.build()

    def _build_fields(self) -> None:
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
                label=label_of(InvertOptions, "steps"),
            )  # fmt: skip
            self.noise = fields.noise(VaryOptions)
            self.overlay = gr.Checkbox(
                False,
                label=words.FromPhoto.overlay,
                info=words.FromPhoto.overlay_info,
            )
        self.label = fields.label()
        first_visit.words()
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
        self.thumbs.select(_index, None, self.face, **QUICK)
        self.photo.upload(lambda: "", None, self.wiped, **QUICK)
        self.photo.clear(lambda: "", None, self.photo_note, **QUICK)
        self.example = self.examples.click(
            lambda index: (str(self.example_paths[index]), 0),
            self.examples,
            [self.photo, self.face],
            show_progress="hidden",
            **INTERNAL,
        )
        super()._connect()
        cancel(self.examples.click, self.jobs)  # after `example`, before the run that follows it

    def _triggers(self) -> list:
        return [self.go.click, self.example.then]

    def asked(self) -> set:
        asked = {self.looked, self.face, self.anime, self.style, self.usual, self.steps}
        return super().asked() | asked | {self.noise, self.keep}

    def cleared(self) -> dict:
        return super().cleared() | {
            self.looked: None,
            self.face: 0,
            self.thumbs: gr.update(value=None, visible=False),
            self.photo_note: "",
            self.aligned: None,
            self.inverted: None,
            self.before_after: "",
            self.meshes: gr.update(value=None, visible=False),
        }

    def _cleared(self) -> dict:
        hidden = (self.distances, self.report, self.details)
        places: dict = dict.fromkeys(hidden, gr.update(visible=False))
        return super()._cleared() | places | {self.times: ""}

    def _show(self, run: Run, before: Run) -> dict:
        updates = super()._show(run, before)
        if run.pictures != before.pictures:
            note = run.distance_note
            updates[self.distances] = gr.update(value=note, visible=bool(note))
        if run.pictures and not before.pictures:
            # Not before: what is set while its row is hidden never reaches the browser.
            updates |= {self.aligned: str(run.aligned), self.inverted: str(run.inverted)}
            updates[self.inversion] = run.inversion_note
            updates[self.gallery]["selected_index"] = 0
            updates[self.whole] = gr.update(value=None, interactive=False)
            updates[self.details] = gr.update(visible=True)
        return updates

    @property
    def last(self) -> list:
        return [*super().last, self.whole, self.report, self.times]

    def _ended(self, run: Run | None, chosen: int = 0) -> tuple:
        if run is None or run.zip is None or run.manifest is None:
            return super()._ended(None)
        return (
            *super()._ended(run, chosen),
            gr.update(value=str(run.whole_zip), interactive=True),
            gr.update(value=run.report_note, visible=bool(run.report_note)),
            results.times(run.manifest["seconds"]),
        )

    def _chosen(self, run: Run | None, index: int, view: str) -> dict:
        places = super()._chosen(run, index, view)
        if run is None:
            return places | dict.fromkeys((self.before_after, self.meshes))
        picture, name = run.pictures[index], results.number(index + 1)
        if picture.anime_path:
            pair = compare(
                picture.path, picture.anime_path, name.capitalize(), words.FromPhoto.drawing
            )
        else:
            assert run.aligned is not None, "there is no variant before its photo is aligned"
            pair = compare(run.aligned, picture.path, words.FromPhoto.original, name)
        drawn = picture.overlay_path
        meshes = gr.update(value=drawn and str(drawn), visible=drawn is not None)
        return places | {self.before_after: pair, self.meshes: meshes}

    def restored(self, run: Run, looked: Looked | None) -> dict:
        reference = (run.manifest or {}).get("reference") or {}
        same = looked is not None and looked.sha256 == reference.get("sha256")
        return super().restored(run, looked) | {
            self.status: "" if same else texts.note(words.FromPhoto.other_photo)
        }

    def _look(
        self, photo: Photograph | FacegenError | None, uploads: Uploads | None = None
    ) -> Iterator[tuple]:
        """Find the faces as soon as there is a photo; it takes seconds where there is none."""
        hidden = gr.update(value=None, visible=False)
        if photo is None:  # what was said of a file that was refused stays
            yield gr.skip(), None, 0, hidden, gr.skip(), gr.skip()
        elif isinstance(photo, FacegenError):  # the browser cannot show it either
            yield None, None, 0, hidden, texts.error(photo), gr.skip()
        else:
            own = photo.path not in self.example_paths
            known = (uploads or Uploads()).plus(photo.path if own else None)
            yield gr.skip(), None, 0, hidden, texts.note(words.FromPhoto.looking), known
            *found, folder = self._found(photo)
            yield gr.skip(), *found, known.plus(None, folder)

    def _found(self, photo: Photograph) -> tuple:
        hidden = gr.update(value=None, visible=False)
        looked = None
        try:
            faces = self.studios.first.detector.detect(photo.pixels, detect.MIN_FACE)
            looked = Looked(photo.sha256, faces, photo.marks())
            detect.pick(faces, 0)
        except FacegenError as error:
            return looked, 0, hidden, texts.error(error), None
        said = texts.note(check.marks_in_words(looked.marks)) if looked.marks else ""
        if len(faces) == 1:
            return looked, 0, hidden, said, None
        thumbs = []
        with private_files.new_run() as folder:  # as files, so that they can be deleted
            for i, face in enumerate(faces, start=1):
                path = folder / f"face-{i}.png"
                write_file(path, images.encode_png(_thumb(photo.pixels, face)))
                thumbs.append((str(path), results.number(i)))
        shown = gr.update(value=thumbs, visible=True, selected_index=0)
        return (
            looked,
            0,
            shown,
            texts.note(words.FromPhoto.found.format(count=len(faces))) + said,
            folder,
        )

    def _events(self, asked: dict, folder: Path) -> Generator[Event, None, None]:
        photo, looked = checked(asked[self.photo]), asked[self.looked]
        # A fast visitor presses the button before the new photo was looked at: what was found and
        # chosen then belongs to the photo before.
        known = looked is not None and looked.sha256 == photo.sha256
        what = self.given(
            "generate",
            asked,
            steps=USUAL if asked[self.usual] else asked[self.steps],
            style=asked[self.style] if asked[self.anime] else None,
            keep=tuple(asked[self.keep]),
            noise_mode=asked[self.noise],
        )
        faces, marks = (looked.faces, looked.marks) if known else (None, photo.marks())
        face = asked[self.face] if known else 0
        sources = [replace(photo.source(marks, face), faces=faces)]
        return self.studios.run("generate", asked[self.model], sources, folder, what)


def _index(event: gr.SelectData) -> int:
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
