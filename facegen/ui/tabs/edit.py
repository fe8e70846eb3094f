"""The tab "Edit": sliders with names, and the face that follows them.

A slider that is let go brings a preview at once; when no other is moved for a while, the face is
drawn at full size and measured. What was found of the photo lives in the visitor's session, on the
server.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ...errors import FacegenError
from ...files import write_file
from ...jobs.job import INVERSION, REFINING, Picture, Source
from ...jobs.options import EditRun
from ...latent.edit.answers import Gains
from ...latent.edit.options import NAMES, UNITS, EditOptions
from ...output import provenance
from ...types import Inversion, Progress
from .. import texts
from ..run_control import INTERNAL, QUICK, said_stopped, start, stop_with
from ..run_state import Run, discard, expire, given
from ..server import private_files
from ..server.model_pool import Studios, make_editor
from ..widgets import fields
from ..widgets.photo_input import MAX_MEGABYTES, Photo, Photograph, checked
from . import wipe
from .compare import compare
from .wipe import Uploads

PROMISE = (
    "The face will appear here, and follow the sliders. Choose a photo, then press Find the face."
)
REST = 0.7  # seconds without a slider being moved, after which the face is drawn at full size
GROUPS = (
    ("Expression", ("smile", "mouth", "eyes", "gaze")),
    ("Pose and light", ("yaw", "pitch", "light")),
    ("Looks", ("age", "gender", "hair_length", "hair_colour", "skin_tone", "beard", "glasses")),
)


@dataclass
class Session:
    """What was found of a visitor's photo. moves: how often a slider was let go; before: the
    picture beside the edited one; drawn: that at full size. gains: of the sliders moved so far."""

    model: str | None
    source: Source
    folder: Path
    inversion: Inversion
    before: Path
    moves: int = 0
    drawn: Path | None = None
    asked: EditOptions = field(default_factory=EditOptions)
    gains: Gains = field(default_factory=dict)


class EditTab:
    def __init__(self, studios: Studios, uploads: gr.State):
        self.studios, self.uploads = studios, uploads
        self.find, self.previews, self.draw = make_editor(studios)
        self.run = gr.State(time_to_live=private_files.KEEP_SECONDS, delete_callback=expire)
        self.session = gr.State(time_to_live=private_files.KEEP_SECONDS)
        with gr.Row(equal_height=False, elem_classes="fg-columns fg-below"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self.photo = Photo(
                    label="Photo, or a face of Facegen's",
                    alt_text="The photo",
                    height=240,
                    sources=["upload", "webcam", "clipboard"],
                    buttons=[],
                    placeholder=f"Drop a photo with a face\nor choose one (≤ {MAX_MEGABYTES} MB)",
                    elem_id="edit-photo",
                )
                self.wipe, self.wiped = wipe.build("-edit")
                self.model = fields.model(studios)
                self.go, self.stop = fields.go("Find the face", "find", "find-stop")
                with gr.Column(elem_classes="fg-sliders"):
                    self.sliders = self._build_sliders()
                    self.reset = gr.Button("Reset the sliders", size="sm", elem_id="edit-reset")
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self.status = gr.HTML(padding=False, elem_classes="fg-status")
                self.empty = gr.HTML(texts.empty(PROMISE), padding=False)
                self.pair = gr.HTML(padding=False, visible=False, elem_id="edited")
                self.words = gr.HTML(padding=False, elem_classes="fg-status", elem_id="edit-words")
                with gr.Row(visible=False, elem_classes="fg-downloads") as self.downloads:
                    self.one = gr.DownloadButton(
                        "Download this face (PNG)", size="md", interactive=False, elem_id="edit-one"
                    )
                    self.use = gr.Button(
                        "Use as reference for variants",
                        size="md",
                        interactive=False,
                        elem_id="edit-use",
                    )
        self._connect()

    @staticmethod
    def _build_sliders() -> dict[str, gr.Slider]:
        sliders = {}
        for index, (title, names) in enumerate(GROUPS):
            with gr.Accordion(title, open=index == 0):
                for name in names:
                    step = 0.05 if name not in ("age", "yaw", "pitch") else 1
                    sliders[name] = fields.slider(EditOptions, name, step=step)
        return sliders

    # -- what happens --------------------------------------------------------------------

    def _connect(self) -> None:
        turn = gr.State()
        amounts = [self.sliders[name] for name in NAMES]
        shown = [self.run, self.session, self.status, self.empty, self.pair, self.words]
        shown += [self.downloads, self.one, self.use, self.uploads]
        asked = {self.photo, self.run, self.model, self.uploads, *amounts}
        running = start(
            self.go.click, self._find, asked, shown, self.go, self.stop, self.status, turn
        )
        self.jobs = [running]
        answer = [self.go, self.stop, self.status]
        stop_with(self.stop, [running], said_stopped, [], answer, turn)
        quick: dict[str, Any] = {
            "show_progress": "hidden",
            "concurrency_id": "gpu",
            "trigger_mode": "always_last",
            **INTERNAL,
        }
        seen = [self.pair, self.words, self.one, self.use]
        for slider in amounts:
            slider.release(self._follow, [self.session, *amounts], seen, **quick).then(
                self._rest, self.session, [self.words, self.pair, self.one, self.use], **quick
            )
        self.reset.click(lambda: [0] * len(amounts), None, amounts, **QUICK).then(
            self._follow, [self.session, *amounts], seen, **quick
        ).then(self._rest, self.session, [self.words, self.pair, self.one, self.use], **quick)

    def use_as_reference(self, tabs: gr.Tabs, photo: Photo, face: gr.State) -> None:
        """Let the button put the edited face into the tab "From a photo"."""

        def use(session: Session | None):
            if session is None or session.drawn is None:
                return gr.skip(), gr.skip(), gr.skip()
            return gr.Tabs(selected="photo"), str(session.drawn), 0

        self.use.click(use, self.session, [tabs, photo, face], show_progress="hidden", **INTERNAL)

    def cleared(self) -> dict:
        """The tab as it was before there was a photo."""
        return {
            self.photo: None,
            self.session: None,
            self.status: "",
            **dict(zip((self.go, self.stop), said_stopped()[:2], strict=True)),
            **self._cleared(),
        }

    def _cleared(self) -> dict:
        return {
            self.empty: gr.update(visible=True),
            self.pair: gr.update(value="", visible=False),
            self.words: "",
            self.downloads: gr.update(visible=False),
            self.one: gr.update(value=None, interactive=False),
            self.use: gr.update(interactive=False),
        }

    def _find(self, asked: dict) -> Iterator[dict]:
        discard(asked[self.run])
        try:
            with private_files.new_run() as folder:
                bar = texts.progress("Finding the face …", 0.0)
                begun = {self.run: Run(folder), self.session: None, self.status: bar}
                yield begun | self._cleared()
                photo: Photograph = checked(asked[self.photo])
                known = (asked[self.uploads] or Uploads()).plus(photo.path)
                yield {self.uploads: known}
                source = photo.source()
                inversion = None
                for event in self.find(asked[self.model], source, folder, EditRun()):
                    if isinstance(event, Progress):
                        yield {self.status: texts.bar(event, {REFINING: (0.1, 1.0)})}
                    elif isinstance(event, Picture) and event.kind == INVERSION:
                        inversion = event.payload
                assert inversion is not None, "begin ends with it"
                before = folder / "preview-before.jpg"
                ((plain, _),) = self.previews(asked[self.model], inversion, EditOptions(), {})
                assert plain is not None, "the first one is always a picture"
                write_file(before, provenance.jpeg_bytes(plain, provenance.TRAINED_MEDIA))
                session = Session(asked[self.model], source, folder, inversion, before)
                amounts = [asked[self.sliders[name]] for name in NAMES]
                *_, seen = self._follow(session, *amounts)
                shown = dict(zip((self.pair, self.words, self.one, self.use), seen, strict=True))
                note = texts.note("Move a slider: a preview follows; the full size when it rests.")
                yield {
                    self.session: session,
                    self.empty: gr.update(visible=False),
                    self.downloads: gr.update(visible=True),
                    self.status: note,
                    **shown,
                }
        except FacegenError as error:
            yield {self.status: texts.error(error)}

    def _follow(self, session: Session | None, *amounts: float) -> Iterator[tuple]:
        """The preview for these amounts: (pair, words, download, use). A second one where this face
        turns out to need more of a slider than others."""
        if session is None:
            yield (gr.skip(),) * 4
            return
        off = gr.update(interactive=False)
        try:
            asked = EditOptions(**given(dict(zip(NAMES, amounts, strict=True))))
            words = texts.note(asked.in_words()) if asked.asked else ""
            job = session.model, session.inversion, asked, session.gains
            earlier = [*session.folder.glob("preview-[0-9]*.jpg")]
            for pixels, session.gains in self.previews(*job):
                session.asked = asked
                if pixels is None:  # this face needs no more of the slider than others
                    continue
                pair = self._shown(session, pixels)
                yield gr.update(value=pair, visible=True), words, off, off
            for path in earlier:  # not this move's own: a browser may be about to fetch them
                path.unlink(missing_ok=True)
        except FacegenError as error:
            yield gr.skip(), texts.error(error), off, off

    @staticmethod
    def _shown(session: Session, pixels: np.ndarray) -> str:
        """The preview in a file, beside the face before."""
        data = provenance.jpeg_bytes(pixels, provenance.TRAINED_MEDIA)
        session.moves += 1
        path = session.folder / f"preview-{session.moves}.jpg"
        write_file(path, data)
        return compare(session.before, path, "Before", "After")

    def _rest(self, session: Session | None) -> Iterator[tuple]:
        """When no slider is moved any more: the face at full size, measured, as a file."""
        if session is None or not session.asked.asked:
            return
        mine, since = session.moves, time.perf_counter()
        while time.perf_counter() - since < REST:
            time.sleep(0.05)
            if session.moves != mine:
                return
        options = EditRun(session.asked)
        try:
            done, _ = self.draw(
                session.model,
                session.source,
                session.inversion,
                session.folder,
                options,
                session.gains,
            )
        except FacegenError as error:
            yield texts.error(error), gr.skip(), gr.skip(), gr.skip()
            return
        if session.moves != mine:
            return
        assert done.path is not None
        path = done.path.with_name(f"edited-{mine}.png")  # a name that no browser has cached
        done.path.rename(path)
        if session.drawn:
            session.drawn.unlink(missing_ok=True)
        session.drawn = path
        pair = compare(session.folder / "inversion.png", path, "Before", "After")
        yield (
            _measured(done.entry),
            gr.update(value=pair),
            gr.update(value=str(path), interactive=True),
            gr.update(interactive=True),
        )


def _amount(name: str, value: float) -> str:
    return f"{value:+.{0 if name in UNITS else 2}f}{UNITS.get(name, '')}"


def _measured(entry: Mapping) -> str:
    """What became of the face, in a line."""
    parts = [f"<b>{html.escape(entry['edit'])}</b>"]
    if entry["given"] < 1:
        parts.append(
            f"{entry['given']:.0%} of it: farther out the faces of this model begin to break"
        )
    parts += [f"{name} moved by {_amount(name, v)}" for name, v in entry["reached"].items()]
    for name, found in entry["identity"].items():
        verdict = "the same person" if found["same_person"] else "another person"
        parts.append(f"{verdict} to {html.escape(name)} ({found['distance']:.2f})")
    return f"<p class='fg-note' role='status'>{' · '.join(parts)}</p>"
