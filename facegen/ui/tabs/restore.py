"""The tab "Restore": a damaged picture in, several faces that it could be out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ... import images
from ...errors import FacegenError
from ...files import write_file
from ...jobs import catalogue
from ...jobs.job import CROP, Event, Finished
from ...latent.restore.restorations import RESTORING
from ...options import RestoreOptions
from ...output import provenance
from ...types import Progress
from .. import first_sight, texts
from ..run_control import INTERNAL, QUICK
from ..run_state import zipped
from ..server import private_files
from ..texts import results
from ..texts.words import Fields, FirstSight
from ..texts.words import Restore as Words
from ..widgets import fields, holes
from ..widgets.photo_input import Photograph, checked, photo_field
from . import wipe
from .tab import Tab
from .wipe import Uploads

EVERY = 6  # steps between two previews


@dataclass(frozen=True)
class Faces:
    """The pictures so far: (file, caption) of the input and of each restoration."""

    made: tuple[tuple[str, str], ...] = ()
    preview: tuple[tuple[str, str], ...] = ()  # the restoration in progress

    @property
    def gallery(self) -> list[tuple[str, str]]:
        return [*self.made, *self.preview]


class RestoreTab(Tab):
    promise, begun = Words.promise, Words.begun
    sight = "restore"
    options = ("damage", "count", "steps", "seed", "fidelity", "label")

    def _build_left(self) -> None:
        told = (Words.hint, 260, Words.photo, Words.alt, "environment")
        self.photo = photo_field("restore-photo", *told)
        self._build_examples(first_sight.sample("small"), FirstSight.sample, "restore-examples")
        self.wipe, self.wiped = wipe.build("-restore")
        choices = [(said, name) for name, said in Words.damages.items()]
        self.damage = gr.Dropdown(
            choices, value="auto", label=Words.damage, elem_id="restore-damage"
        )
        self.holes = holes.editor("restore-holes")
        with fields.settings():
            self.fidelity = fields.slider(RestoreOptions, "fidelity", step=0.05)
            self.steps = fields.slider(RestoreOptions, "steps", step=3)
            self.seed = fields.seed(RestoreOptions)
            self.model = fields.model(self.studios)
            self.label = fields.label()
        self.go, self.stop = fields.go(Words.go, "restore", "restore-stop")

    def _build_right(self) -> None:
        self.gallery = fields.gallery(elem_id="restored")
        self.count = gr.State(1)
        self.more = gr.Button(Words.more, visible=False, elem_id="restore-more")
        self.words = gr.HTML(padding=False, elem_id="restore-words")
        self.all = gr.DownloadButton(
            Fields.download_all, visible=False, size="md", elem_id="restore-download"
        )

    def _connect(self) -> None:
        self.photo.change(
            self._look,
            [self.photo, self.damage, self.uploads],
            [self.holes, self.uploads],
            show_progress="hidden",
            **INTERNAL,
        )
        self.damage.change(
            lambda kind: gr.update(visible=kind == "holes"), self.damage, self.holes, **QUICK
        )
        self.several = self.more.click(lambda: RestoreOptions.count, None, self.count, **QUICK)
        super()._connect()

    def _keep(self, run: Any) -> None:
        run.then(lambda: 1, None, self.count, **QUICK)  # the next one begins with one again

    def _triggers(self) -> list:
        return [*super()._triggers(), self.several.then]

    def asked(self) -> set:
        return super().asked() | {self.holes}

    def cleared(self) -> dict:
        return super().cleared() | {self.holes: None}

    def _cleared(self) -> dict:
        return super()._cleared() | {
            self.gallery: gr.update(value=None, visible=False),
            self.words: "",
            self.more: gr.update(visible=False),
            self.all: gr.update(value=None, visible=False),
        }

    def _look(
        self, photo: Photograph | FacegenError | None, kind: str, uploads: Uploads | None
    ) -> tuple:
        """Show the picture small, to paint on; as a file, so that it can be deleted."""
        if photo is None or isinstance(photo, FacegenError):
            return gr.update(value=None), gr.skip()
        with private_files.new_run() as folder:
            path = folder / "to-paint-on.png"
            write_file(path, images.encode_png(images.within(photo.pixels, holes.SIDE)))
        known = (uploads or Uploads()).plus(photo.path).plus(None, folder)
        canvas: dict = {"background": str(path), "layers": [], "composite": None}
        return gr.update(value=canvas, visible=kind == "holes"), known

    # -- a run ---------------------------------------------------------------------------

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        photo: Photograph = checked(asked[self.photo])
        what = self.given(catalogue.RESTORE, asked)
        source = photo.source()
        if what.restore.damage == "holes" and asked[self.holes] is not None:
            mask = holes.fitted(asked[self.holes], photo.pixels.shape)
            source = replace(source, mask=mask)
        shown = Faces()
        run = self.studios.run(catalogue.RESTORE, asked[self.model], [source], folder, what)
        with contextlib.closing(run) as events:
            for event in events:
                shown, updates = self._after(event, shown, folder)
                yield updates

    def _in_words(self, error: FacegenError) -> str:
        """Write an error for the page; the job's words name the command line's flag."""
        if "there is no mask" in str(error):
            return Words.not_painted
        return str(error)

    def _after(self, event: Event, shown: Faces, folder: Path) -> tuple[Faces, dict]:
        if isinstance(event, Progress):
            updates: dict = {self.status: texts.bar(event, {RESTORING: (0.1, 1.0)})}
            if event.preview is not None and event.done % EVERY == 1:
                path = folder / f"preview-{event.done}.jpg"
                write_file(path, provenance.jpeg_bytes(event.preview, provenance.TRAINED_MEDIA))
                shown = replace(shown, preview=((str(path), "…"),))
                updates |= self._shown(shown)
            return shown, updates
        if isinstance(event, Finished):
            path = zipped(folder)
            return shown, {
                self.status: "",
                self.words: results.restored(event.manifest, self.studios.first.recognisers),
                self.more: gr.update(visible=len(shown.made) == 2),
                self.all: gr.update(value=str(path), visible=True),
            } | self._shown(shown)
        if event.kind == CROP:
            shown = Faces(((str(event.path), texts.say(event.caption)),))
            said = results.damage(event.payload)
            if not event.payload.found:
                said += f" {Words.no_face}"
            bar = texts.progress(said, 0.1)
            return shown, {self.status: bar} | self._shown(shown)
        caption = results.restoration(event.index, event.entry["agrees"])
        shown = Faces((*shown.made, (str(event.path), caption)))
        return shown, self._shown(shown)

    def _shown(self, shown: Faces) -> dict:
        return {
            self.empty: gr.update(visible=False),
            self.gallery: gr.update(value=shown.gallery, visible=True),
        }
