"""The tab "Restore": a damaged picture in, several faces that it could be out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr

from ... import images
from ...errors import FacegenError
from ...files import write_file
from ...jobs.job import CROP, Event, Finished
from ...jobs.restore import UNSPOILT
from ...latent.restore.observe import Observed
from ...latent.restore.restorations import RESTORING
from ...options import RestoreOptions
from ...output import provenance
from ...types import Progress
from .. import texts
from ..run_control import INTERNAL, QUICK
from ..run_state import zipped
from ..server import private_files
from ..widgets import fields, holes
from ..widgets.photo_input import Photograph, checked, photo_field
from . import wipe
from .tab import Tab
from .wipe import Uploads

MANY = (
    "In each of them what your picture still shows is kept; the rest is drawn by a model that has "
    "never seen the person. So each is one of many faces that the picture could be, and none of "
    "them tells who it was."
)
DAMAGES = {
    "auto": "find out from the picture",
    "small": "it is small",
    "blur": "it is blurred",
    "noise": "it is noisy",
    "jpeg": "it was compressed too much (JPEG)",
    "holes": "parts are missing or scratched: paint over them",
}
NO_FACE = " No face was found: the whole picture is taken for one."
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
    promise = (
        "Faces that your spoilt picture could show will appear here: several, since nobody can "
        "know which one it was. Choose a picture, then press Restore."
    )
    begun = "Looking at the damage …"
    options = ("damage", "count", "steps", "seed", "fidelity", "label")

    def _build_left(self) -> None:
        hint = "Drop a small, blurred or damaged picture of a face"
        self.photo = photo_field("restore-photo", hint, 300, "Picture", "The spoilt picture", False)
        self.wipe, self.wiped = wipe.build("-restore")
        choices = [(words, name) for name, words in DAMAGES.items()]
        self.damage = gr.Dropdown(
            choices, value="auto", label="What happened to it", elem_id="restore-damage"
        )
        self.holes = holes.editor("restore-holes")
        self.count = fields.slider(RestoreOptions, "count", step=1, info="")
        self.fidelity = fields.slider(RestoreOptions, "fidelity", step=0.05)
        self.steps = fields.slider(RestoreOptions, "steps", step=3)
        self.seed = fields.seed(RestoreOptions)
        self.model = fields.model(self.studios)
        self.label = fields.label()
        self.go, self.stop = fields.go("Restore", "restore", "restore-stop")

    def _build_right(self) -> None:
        self.gallery = fields.gallery(opens=True, elem_id="restored")
        self.words = gr.HTML(padding=False, elem_id="restore-words")
        self.all = gr.DownloadButton(
            "Download all (ZIP)", visible=False, size="md", elem_id="restore-download"
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
        super()._connect()

    def asked(self) -> set:
        return super().asked() | {self.holes}

    def cleared(self) -> dict:
        return super().cleared() | {self.holes: None}

    def _cleared(self) -> dict:
        return super()._cleared() | {
            self.gallery: gr.update(value=None, visible=False),
            self.words: "",
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
        what = self.given("restore", asked)
        source = photo.source()
        if what.restore.damage == "holes" and asked[self.holes] is not None:
            mask = holes.fitted(asked[self.holes], photo.pixels.shape)
            source = replace(source, mask=mask)
        shown = Faces()
        run = self.studios.run("restore", asked[self.model], [source], folder, what)
        with contextlib.closing(run) as events:
            for event in events:
                shown, updates = self._after(event, shown, folder)
                yield updates

    def _in_words(self, error: FacegenError) -> str:
        """Write an error for the page; the job's words name the command line's flag."""
        if "there is no mask" in str(error):
            return "nothing is painted yet; paint over what is missing, or choose another damage"
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
                self.words: in_words(event.manifest, self.studios.first.recognisers),
                self.all: gr.update(value=str(path), visible=True),
            } | self._shown(shown)
        if event.kind == CROP:
            shown = Faces(((str(event.path), event.caption),))
            words = "" if event.payload.found else NO_FACE
            bar = texts.progress(f"{damage_in_words(event.payload)}.{words}", 0.1)
            return shown, {self.status: bar} | self._shown(shown)
        agrees = event.entry["agrees"]
        verdict = "✓ agrees with your picture" if agrees else "✗ does not agree with it"
        shown = Faces((*shown.made, (str(event.path), f"{event.index} {verdict}")))
        return shown, self._shown(shown)

    def _shown(self, shown: Faces) -> dict:
        return {
            self.empty: gr.update(visible=False),
            self.gallery: gr.update(value=shown.gallery, visible=True),
        }


def damage_in_words(seen: Observed) -> str:
    """Say what probably happened to the picture."""
    if not seen.spoilt:
        return f"{UNSPOILT[0].upper()}{UNSPOILT[1:]}; if it is spoilt, say how"
    told = seen.damage.describe()
    words = {
        "small": f"The face has about {told['pixels']} pixels",
        "blur": "The picture is blurred",
        "noise": "The picture is noisy",
        "jpeg": f"The picture was compressed (about JPEG quality {told.get('quality')})",
        "holes": f"{told.get('hidden_share', 0):.0%} of the face are hidden",
    }
    return words.get(told["kind"], "The picture is spoilt")


def in_words(manifest: dict, judges: Sequence) -> str:
    """Say what the faces are, how many agree, and how far apart they are."""
    made = manifest["variants"]
    agree = sum(entry["agrees"] for entry in made)
    lines = [
        MANY,
        f"{agree} of {len(made)} agree with your picture: spoilt in the same way, they would look "
        "like it.",
    ]
    for judge in judges:
        if distances := manifest["between"].get(judge.name):
            low, high = min(distances), max(distances)
            lines.append(
                f"Between each other they are {low:.2f} to {high:.2f} apart; below "
                f"{judge.threshold:g} it is one person ({texts.titled(judge.name)})."
            )
    return "".join(texts.note(line) for line in lines)
