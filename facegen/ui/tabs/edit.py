"""The tab "Edit": sliders with names, and the face that follows them.

Releasing a slider shows a preview at once; when no other is moved for a while, the face is drawn at
full size and measured. The photo's code is kept in the visitor's session, on the server.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...errors import FacegenError
from ...face import detect
from ...files import write_file
from ...jobs import catalogue, edit
from ...jobs.job import CROP, INVERSION, REFINING, Source
from ...latent.edit.answers import Gains
from ...options import EditRun
from ...options.edit import NAMES, EditOptions
from ...output import provenance
from ...studio import Studio
from ...types import Inversion, Progress
from .. import texts
from ..run_control import INTERNAL, QUICK
from ..run_state import Run
from ..server import private_files
from ..server.model_pool import Studios
from ..texts import results
from ..texts.words import Edit as Words
from ..texts.words import FirstSight
from ..widgets import fields, photo_input
from ..widgets.photo_input import Photo, Photograph, checked, photo_field
from ..widgets.viewer import compare
from . import wipe
from .tab import Tab
from .wipe import Uploads

REST = 0.7  # seconds without a slider being moved, after which the face is drawn at full size
GROUPS = (  # of sliders, see Words.groups
    ("smile", "mouth", "eyes", "gaze"),
    ("yaw", "pitch", "light"),
    ("age", "gender", "hair_length", "hair_colour", "skin_tone", "beard", "glasses"),
)


@dataclass
class Session:
    """A visitor's photo and its code."""

    model: str | None
    source: Source
    folder: Path
    inversion: Inversion
    moves: int = 0  # how often a slider was released
    drawn: Path | None = None  # the edited one at full size
    asked: EditOptions = dataclasses.field(default_factory=EditOptions)
    gains: Gains = dataclasses.field(default_factory=dict)  # of the sliders moved so far


class EditTab(Tab):
    promise, begun = Words.promise, Words.begun
    look, sight = "fg-below", "edit"

    def __init__(self, studios: Studios, uploads: gr.State, faces: Sequence[Path] = ()):
        self.faces = faces
        super().__init__(studios, uploads)

    def _build_left(self) -> None:
        self.session = gr.State(time_to_live=private_files.KEEP_SECONDS)
        self.looked = gr.State(time_to_live=private_files.KEEP_SECONDS)
        self.face = gr.State(0)
        self.photo = photo_field("edit-photo", height=240, label=Words.photo)
        self.thumbs = photo_input.faces_gallery("edit-faces")
        self._build_examples(self.faces, FirstSight.samples, "edit-examples")
        self.wipe, self.wiped = wipe.build("-edit")
        self.go, self.stop = fields.go(Words.go, "find", "find-stop")
        with gr.Column(elem_classes="fg-sliders"):
            self.sliders = self._build_sliders()
            self.reset = gr.Button(Words.reset, size="sm", elem_id="edit-reset")
            self.model = fields.model(self.studios)

    def _build_right(self) -> None:
        self.pair = gr.HTML(padding=False, visible=False, elem_id="edited")
        self.words = gr.HTML(padding=False, elem_classes="fg-status", elem_id="edit-words")
        with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
            self.one = gr.DownloadButton(
                Words.download, size="md", interactive=False, elem_id="edit-one"
            )
            self.use = gr.Button(Words.use, size="md", interactive=False, elem_id="edit-use")

    @staticmethod
    def _build_sliders() -> dict[str, gr.Slider]:
        sliders = {}
        for title, names in zip(Words.groups, GROUPS, strict=True):
            with gr.Accordion(title, open=names == GROUPS[0]):
                for name in names:
                    step = 0.05 if name not in ("age", "yaw", "pitch") else 1
                    sliders[name] = fields.slider(EditOptions, name, step=step)
        return sliders

    # -- what happens --------------------------------------------------------------------

    def _connect(self) -> None:
        self.chosen = self.thumbs.select(photo_input.face_index, None, self.face, **QUICK)
        super()._connect()
        self.photo.clear(lambda: gr.update(**photo_input.HIDDEN), None, self.thumbs, **QUICK)
        amounts = [self.sliders[name] for name in NAMES]
        quick: dict[str, Any] = {
            "show_progress": "hidden",
            "concurrency_id": "gpu",
            "trigger_mode": "always_last",
            **INTERNAL,
        }
        seen = [self.pair, self.words, self.one, self.use]
        zeros = self.reset.click(lambda: [0] * len(amounts), None, amounts, **QUICK)
        moves: list[Callable] = [*(slider.release for slider in amounts), zeros.then]
        for moved in moves:
            moved(self._follow, [self.session, *amounts], seen, **quick).then(
                self._rest,
                [self.session, self.run],
                [self.words, self.pair, self.one, self.use, self.run],
                **quick,
            )

    def _triggers(self) -> list:
        return [*super()._triggers(), self.photo.upload, self.chosen.then]

    def asked(self) -> set:
        return super().asked() | {*self.sliders.values(), self.looked, self.face}

    def _outputs(self) -> list:
        return [*super()._outputs(), self.looked, self.face, self.thumbs]

    def cleared(self) -> dict:
        hidden = gr.update(**photo_input.HIDDEN)
        return super().cleared() | {self.looked: None, self.face: 0, self.thumbs: hidden}

    def use_as_reference(self, tabs: gr.Tabs, photo: Photo, face: gr.State) -> None:
        """Let the button put the edited face into the tab "From a photo"."""

        def use(session: Session | None) -> tuple:
            if session is None or session.drawn is None:
                return gr.skip(), gr.skip(), gr.skip()
            return gr.Tabs(selected="photo"), str(session.drawn), 0

        self.use.click(use, self.session, [tabs, photo, face], show_progress="hidden", **INTERNAL)

    def _cleared(self) -> dict:
        return super()._cleared() | {
            self.session: None,
            self.pair: gr.update(value="", visible=False),
            self.words: "",
            self.downloads: gr.update(visible=False),
            self.one: gr.update(value=None, interactive=False),
            self.use: gr.update(interactive=False),
        }

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        photo: Photograph = checked(asked[self.photo])
        known = (asked[self.uploads] or Uploads()).plus(photo.path)
        source, model = known.source(photo), asked[self.model]
        if source.code is None:
            source, known, faces = self._chosen(photo, source, known, asked)
            yield faces
        yield {self.uploads: known}
        inversion = None
        run = self.studios.compute(edit.begin, model, source, folder, EditRun())
        with contextlib.closing(run) as events:
            for event in events:
                if isinstance(event, Progress):
                    yield {self.status: texts.bar(event, {REFINING: (0.1, 1.0)})}
                elif event.kind == CROP:
                    yield self._met(event.path)
                elif event.kind == INVERSION:
                    inversion = event.payload
        assert inversion is not None, "begin ends with it"
        session = Session(model, source, folder, inversion)
        *_, seen = self._follow(session, *(asked[self.sliders[name]] for name in NAMES))
        note = texts.note(Words.ready)
        yield {
            self.session: session,
            self.empty: gr.update(visible=False),
            self.downloads: gr.update(visible=True),
            self.status: note,
            **dict(zip((self.pair, self.words, self.one, self.use), seen, strict=True)),
        }

    def _chosen(
        self, photo: Photograph, source: Source, known: Uploads, asked: dict
    ) -> tuple[Source, Uploads, dict]:
        """Take the face that was chosen, the largest of a new photo; show all of them."""
        looked = asked[self.looked]
        if looked is not None and looked.sha256 == photo.sha256:
            return dataclasses.replace(source, faces=looked.faces, face=asked[self.face]), known, {}
        faces = self.studios.first.detector.detect(photo.pixels, detect.MIN_FACE)
        thumbs = gr.update(**photo_input.HIDDEN)
        if len(faces) > 1:
            thumbs, folder = photo_input.faces_shown(photo.pixels, faces)
            known = known.plus(None, folder)
        seen = {
            self.looked: photo_input.Looked(photo.sha256, faces),
            self.face: 0,
            self.thumbs: thumbs,
        }
        return dataclasses.replace(source, faces=faces), known, seen

    def _computed(self, function: Callable, *given: Any) -> Generator[Any, None, None]:
        """Compute a function of the studio; yields its results without the Progress of waiting."""
        with contextlib.closing(self.studios.compute(function, *given, seconds=30)) as events:
            for event in events:
                if not isinstance(event, Progress):
                    yield event

    def _follow(self, session: Session | None, *amounts: float) -> Iterator[tuple]:
        """Draw the preview for these amounts; yields (pair, words, download, use).

        A second one follows if this face needs more of a slider than others.
        """
        if session is None:
            yield (gr.skip(),) * 4
            return
        off = gr.update(interactive=False)
        try:
            asked = self.given(catalogue.EDIT, {}, **dict(zip(NAMES, amounts, strict=True))).edit
            if not asked.asked:
                session.asked, session.moves = asked, session.moves + 1
                yield gr.update(value=self._pair(session), visible=True), "", off, off
                return
            job = session.model, session.inversion, asked, session.gains
            earlier = [*session.folder.glob("preview-[0-9]*.jpg")]
            with contextlib.closing(self._computed(_previews, *job)) as previews:
                for pixels, session.gains in previews:
                    session.asked = asked
                    if pixels is None:  # this face needs no more of the slider than others
                        continue
                    pair = self._shown(session, pixels)
                    yield gr.update(value=pair, visible=True), "", off, off
            for path in earlier:  # not this move's own: a browser may be about to fetch them
                path.unlink(missing_ok=True)
        except FacegenError as error:
            yield gr.skip(), texts.error(error), off, off

    @staticmethod
    def _shown(session: Session, pixels: np.ndarray) -> str:
        """Write the preview to a file, and show it beside the face before."""
        data = provenance.jpeg_bytes(pixels, provenance.TRAINED_MEDIA)
        session.moves += 1
        path = session.folder / f"preview-{session.moves}.jpg"
        write_file(path, data)
        return EditTab._pair(session, path)

    @staticmethod
    def _pair(session: Session, after: Path | None = None) -> str:
        before = session.folder / "inversion.png"
        return compare(before, after or before, Words.before, Words.after)

    def _rest(self, session: Session | None, run: Run | None = None) -> Iterator[tuple]:
        """Draw and measure the face at full size, as a file, once no slider is moved any more."""
        if session is None or not session.asked.asked:
            return
        mine, since = session.moves, time.perf_counter()
        while time.perf_counter() - since < REST:
            time.sleep(0.05)
            if session.moves != mine:
                return
        given = session.source, session.inversion, session.folder, EditRun(session.asked)
        try:
            ((done, _),) = self._computed(_drawn, session.model, *given, session.gains)
        except FacegenError as error:
            yield texts.error(error), gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        if session.moves != mine:
            return
        assert done.path is not None
        path = done.path.with_name(f"edited-{mine}.png")  # a name that no browser has cached
        done.path.rename(path)
        if session.drawn:
            session.drawn.unlink(missing_ok=True)
        session.drawn = path
        pair = self._pair(session, path)
        yield (
            results.edited(done.entry),
            gr.update(value=pair),
            gr.update(value=str(path), interactive=True),
            gr.update(interactive=True),
            run.coded(dataclasses.replace(done, path=path)) if run else gr.skip(),
        )


def _previews(studio: Studio, *given: Any) -> Iterator[tuple]:
    yield from studio.editor.previews(*given)


def _drawn(studio: Studio, *given: Any) -> Iterator[tuple]:
    yield edit.draw(studio, *given)
