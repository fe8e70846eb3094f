"""The tab "From a photo": the main job.

The left side asks, the right side shows. What is shown comes from the visitor's own Run, which
lives in the session on the server: a browser sends numbers, never names of files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np

from ... import images
from ...errors import FacegenError
from ...face import detect
from ...files import write_file
from ...jobs import catalogue
from ...options import USUAL, InvertOptions, VaryOptions, label_of, range_of
from ...output import check
from ...types import Face
from .. import first_visit, texts
from ..run_control import INTERNAL, QUICK, cancel, running, start, stop_with
from ..run_state import Run, archive, expire, follow, paced
from ..server import private_files
from ..server.model_pool import Studios
from ..widgets import fields, views
from ..widgets.photo_input import Photograph, checked, photo_field
from . import wipe
from .history import FORGOTTEN, History, leave
from .results import Results
from .wipe import Uploads

THUMB = 96  # pixels, of the faces to choose from


@dataclass(frozen=True)
class Looked:
    """The faces in the photo with that sha256, and the marks of origin on it."""

    sha256: str
    faces: list[Face]
    marks: dict | None = None


class FromPhoto:
    def __init__(self, studios: Studios, examples: Sequence[Path]):
        self.studios = studios
        self.example_paths = examples
        self.looked = gr.State(time_to_live=private_files.KEEP_SECONDS)
        self.face = gr.State(0)
        self.uploads = gr.State(time_to_live=private_files.KEEP_SECONDS)
        self.run = gr.State(time_to_live=private_files.KEEP_SECONDS, delete_callback=expire)
        with gr.Row(equal_height=False, elem_classes="fg-columns"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self._build_photo()
                self._build_fields()
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.results = Results()
                self.history = History("history")
        self._connect()

    # -- the left side -------------------------------------------------------------------

    def _build_photo(self) -> None:
        self.photo = photo_field("photo")
        self.examples = gr.Dataset(
            components=[self.photo],
            samples=[[str(path)] for path in self.example_paths],
            type="index",
            label="No photo at hand? A click on one of these invented faces begins a run:",
            visible=bool(self.example_paths),
            elem_id="examples",
        )
        self.thumbs = gr.Gallery(
            label="Several faces: which one?",
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
        with gr.Accordion("Advanced", open=False):
            self.model = gr.Dropdown(
                self.studios.choices, value=self.studios.first.info.name, label="Model"
            )
            self.usual = gr.Checkbox(
                True,
                label="Refine as is usual for the model",
                info="More steps bring the model's picture nearer to the photo; each takes time.",
            )
            self.steps = gr.Slider(
                0, range_of(InvertOptions, "steps")[1], 0, step=10, visible=False,
                label=label_of(InvertOptions, "steps"),
            )  # fmt: skip
            self.noise = fields.noise(VaryOptions)
            self.overlay = gr.Checkbox(
                False,
                label="Draw the geometry",
                info="Lays the meshes of the photo and of each new face over each other.",
            )
        self.label = fields.label()
        first_visit.words()
        self.go, self.stop = fields.go("Generate", "generate", "stop")

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
        chosen = self.examples.click(
            lambda index: (str(self.example_paths[index]), 0),
            self.examples,
            [self.photo, self.face],
            show_progress="hidden",
            **INTERNAL,
        )
        asked = {self.photo, self.looked, self.face, self.run, self.strength, self.count}
        asked.add(self.history.runs)
        asked |= {self.anime, self.style, self.blend, self.seed, self.model, self.usual, self.steps}
        asked |= {self.noise, self.keep, self.overlay, self.label}
        shown = self.shown = [self.run, *self.results.components]
        status = self.results.status
        turn = self.turn = gr.State()
        runs = [
            start(trigger, self._job, asked, shown, self.go, self.stop, status, turn)
            for trigger in (self.go.click, chosen.then)
        ]
        for run in runs:
            ended = run.then(self.results.ended, self.run, self.results.last, **QUICK)
            kept = [self.history.runs, self.run]
            ended.then(self.history.added, kept, self.history.components, **QUICK)
        cancel(self.examples.click, runs)  # after `chosen`, before the run that follows it
        answer = [self.go, self.stop, status, self.results.all, self.results.view]
        self.jobs = runs
        stop_with(self.stop, runs, self._stopped, [self.run], answer, turn)
        self.results.gallery.select(
            self._choose,
            [self.run, self.results.view],
            [
                self.results.before_after,
                self.results.meshes,
                self.results.single,
                self.results.chosen,
            ],
            **QUICK,
        )
        self.results.view.input(
            self._turn,
            [self.run, self.results.view, self.results.chosen],
            [self.results.gallery, self.results.single],
            **QUICK,
        )

    def cleared(self) -> dict:
        """The tab as it was before there was a photo."""
        return {
            self.photo: None,
            self.looked: None,
            self.face: 0,
            self.thumbs: gr.update(value=None, visible=False),
            self.photo_note: "",
            self.results.status: "",
            self.results.aligned: None,
            self.results.inverted: None,
            self.results.before_after: "",
            self.results.meshes: gr.update(value=None, visible=False),
            **dict(zip((self.go, self.stop), running(False), strict=True)),
            **self.results.cleared(),
            **self.history.show(()),
        }

    def restored(self, run: Run, looked: Looked | None) -> dict:
        """The tab with an earlier run in the place of the one that is shown."""
        reference = (run.manifest or {}).get("reference") or {}
        same = looked is not None and looked.sha256 == reference.get("sha256")
        other = "This run was made from another photo: choose that one again to go on from here."
        return {
            self.run: run,
            **self.results.cleared(),
            **self.results.show(run),
            **dict(zip(self.results.last, self.results.ended(run), strict=True)),
            self.results.status: "" if same else texts.note(other),
        }

    def forgotten(self) -> dict:
        """The tab without the run that was shown."""
        return {self.run: None, self.results.status: texts.note(FORGOTTEN)} | self.results.cleared()

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
            yield gr.skip(), None, 0, hidden, texts.note("Looking for faces …"), known
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
                thumbs.append((str(path), f"face {i}"))
        shown = gr.update(value=thumbs, visible=True, selected_index=0)
        return (
            looked,
            0,
            shown,
            texts.note(f"{len(faces)} faces were found, the largest first.") + said,
            folder,
        )

    def _job(self, asked: dict) -> Iterator[dict]:
        """The run, from the first look to the ZIP."""
        leave(asked[self.history.runs], asked[self.run])
        try:
            with private_files.new_run() as folder:
                run = Run(folder, progress=texts.progress("Finding the face …", 0.0))
                yield {self.run: run} | self.results.cleared() | self.results.show(run)
                for now, before in paced(run, self._runs(asked, run)):
                    yield {self.run: now} | self.results.show(now, before)
        except FacegenError as error:
            yield {self.results.status: texts.error(error)}

    def _runs(self, asked: dict, run: Run) -> Iterator[Run]:
        photo, looked = checked(asked[self.photo]), asked[self.looked]
        # A fast visitor presses Generate before the new photo was looked at: what was found and
        # chosen then belongs to the photo before.
        known = looked is not None and looked.sha256 == photo.sha256
        told = {
            "steps": USUAL if asked[self.usual] else asked[self.steps],
            "style": asked[self.style] if asked[self.anime] else None,
            "keep": tuple(asked[self.keep]),
            "noise_mode": asked[self.noise],
        }
        for name in ("blend", "count", "strength", "seed", "overlay", "label"):
            told[name] = asked[getattr(self, name)]
        what = catalogue.find("generate").given(told)
        faces, marks = (looked.faces, looked.marks) if known else (None, photo.marks())
        face = asked[self.face] if known else 0
        sources = [replace(photo.source(marks, face), faces=faces)]
        events = self.studios.run("generate", asked[self.model], sources, run.folder, what)
        yield from follow(run, events)

    def _stopped(self, run: Run | None):
        """What was made so far can be had all the same."""
        if run is None or not run.pictures:
            return *running(False), texts.note("Stopped."), gr.skip(), gr.skip()
        try:
            all_so_far = gr.update(value=str(archive(run.folder)), interactive=True)
        except FacegenError as error:
            return *running(False), texts.error(error), gr.skip(), gr.skip()
        text = f"Stopped; {len(run.pictures)} of the faces were finished."
        return *running(False), texts.note(text), all_so_far, views.ended(run.drawn)

    def _choose(self, run: Run | None, view: str, event: gr.SelectData):
        if run is None or event.index >= len(run.pictures):
            return (gr.skip(),) * 4
        return *self.results.choose(run, event.index, view).values(), event.index

    def _turn(self, run: Run | None, view: str, chosen: int):
        """Turn the cards over."""
        if run is None or chosen >= len(run.pictures):
            return gr.skip(), gr.skip()
        cards = gr.update(value=run.cards(view), selected_index=chosen)
        return cards, self.results.download(run, chosen, view)


def _index(event: gr.SelectData) -> int:
    return event.index


def _thumb(pixels: np.ndarray, face: Face) -> np.ndarray:
    """The face with a little around it, upright, as a square of THUMB pixels."""
    left, top, right, bottom = face.box
    x, y, half = (left + right) / 2, (top + bottom) / 2, 0.7 * max(right - left, bottom - top)
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(int(y - half), int(y + half)), 0, height - 1)
    columns = np.clip(np.arange(int(x - half), int(x + half)), 0, width - 1)
    crop = pixels[np.ix_(rows, columns)]
    # rotation: by how much the photo has to turn clockwise; rot90 turns the other way
    return images.resize(np.rot90(crop, -face.rotation // 90), THUMB)
