"""The tab "Whole photo": everybody framed, and replaced, covered or kept in their place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np

from ... import images
from ...errors import FacegenError, OptionError
from ...files import write_file
from ...jobs import catalogue
from ...jobs.job import Event, Picture
from ...options import MAX_FACES, AnonymiseOptions
from ...output import provenance
from ...types import Face, Progress
from ...whole_photo import everybody
from ...whole_photo.replace import REPLACING
from .. import first_sight, texts
from ..run_control import INTERNAL, QUICK, sent
from ..server import private_files
from ..texts import results
from ..texts.words import FirstSight, WholePhoto
from ..widgets import fields, frames
from ..widgets.photo_input import Photograph, checked, photo_field
from ..widgets.viewer import compare
from . import wipe
from .tab import Tab
from .wipe import Uploads

_LEAST_FRAME = 2  # pixels, of one that is drawn by hand
SHOWN = 1600  # pixels, the longest side of what the page shows; the download has all


@dataclass(frozen=True)
class Seen:
    """Everybody in the photo with that sha256, and what becomes of them, by number."""

    sha256: str
    faces: tuple[everybody.Someone, ...]
    fates: Mapping[int, everybody.Fate]

    def clicked(self, number: int) -> Seen:
        """Change a face: from replaced to covered to kept and around; no mesh, no replacing."""
        ways = [everybody.REPLACED, everybody.COVERED, everybody.KEPT]
        if not isinstance(self.faces[number - 1], Face):
            ways.remove(everybody.REPLACED)
        what = ways[(ways.index(self.fates[number].what) + 1) % len(ways)]
        why = "" if what == everybody.REPLACED else everybody.AS_ASKED
        return replace(self, fates={**self.fates, number: everybody.Fate(what, why)})

    def drawn(self, face: everybody.Someone) -> Seen:
        """Add a face that was framed by hand."""
        fits = isinstance(face, Face)
        fate = everybody.Fate(everybody.REPLACED if fits else everybody.COVERED,
                              "" if fits else everybody.AS_ASKED)  # fmt: skip
        faces = (*self.faces, face)
        return replace(self, faces=faces, fates={**self.fates, len(faces): fate})

    def numbers(self, what: str) -> tuple[int, ...]:
        """List who is to be replaced, covered or kept as asked."""
        return tuple(number for number, fate in self.fates.items() if fate.what == what)


class WholePhotoTab(Tab):
    promise, begun = WholePhoto.promise, WholePhoto.begun
    sight = "whole"
    options = ("strength", "seed", "label")

    def _build_left(self) -> None:
        hint, alt = WholePhoto.hint, WholePhoto.alt
        self.photo = photo_field("whole-photo", hint, alt=alt, webcam="environment")
        self.seen = gr.State(time_to_live=private_files.KEEP_SECONDS)
        self.frames = frames.build("whole-faces")
        self.counts = gr.HTML(padding=False, elem_classes="fg-status", elem_id="who")
        self._build_examples(first_sight.sample("group"), FirstSight.sample, "whole-examples")
        self.photo_note = gr.HTML(padding=False, elem_classes="fg-status")
        self.wipe, self.wiped = wipe.build("-whole")
        with fields.settings():
            self.strength = fields.slider(AnonymiseOptions, "strength")
            self.seed = fields.seed(AnonymiseOptions)
            self.model = fields.model(self.studios)
            self.label = fields.label()
        self.go, self.stop = fields.go(WholePhoto.go, "replace", "replace-stop")

    def _build_right(self) -> None:
        self.pair = gr.HTML(padding=False, visible=False, elem_id="whole-result")
        self.words = gr.HTML(padding=False, elem_classes="fg-status", elem_id="whole-words")
        gr.HTML(texts.paragraph(WholePhoto.still_tells), padding=False)
        self.one = gr.DownloadButton(
            WholePhoto.download, visible=False, size="md", elem_id="whole-download"
        )

    def _connect(self) -> None:
        self.photo.change(
            self._look,
            [self.photo, self.uploads],
            [self.seen, self.frames, self.counts, self.photo_note, self.uploads],
            show_progress_on=self.photo_note,
            show_progress="minimal",
            **INTERNAL,
        )
        changed = [self.seen, self.frames, self.counts]
        self.frames.select(self._click, [self.photo, self.seen], changed, **QUICK)
        self.frames.input(self._draw, [self.photo, self.seen], changed, **INTERNAL)
        super()._connect()
        self.photo.clear(lambda: "", None, self.photo_note, **QUICK)

    def asked(self) -> set:
        return super().asked() | {self.seen}

    def cleared(self) -> dict:
        return super().cleared() | {
            self.seen: None,
            self.frames: gr.update(value="", visible=False),
            self.counts: "",
            self.photo_note: "",
        }

    def _cleared(self) -> dict:
        return super()._cleared() | {
            self.pair: gr.update(value="", visible=False),
            self.words: "",
            self.one: gr.update(value=None, visible=False),
        }

    def _look(self, photo: Photograph | FacegenError | None, uploads: Uploads | None) -> tuple:
        """Find everybody as soon as there is a photo."""
        hidden = None, gr.update(value="", visible=False), ""
        if photo is None:
            return *hidden, gr.skip(), gr.skip()
        if isinstance(photo, FacegenError):
            return *hidden, texts.error(photo), gr.skip()
        known = (uploads or Uploads()).plus(photo.path)
        detector, what = self.studios.first.detector, AnonymiseOptions()
        try:
            faces = tuple(everybody.find(detector, photo.pixels, what, None))
        except FacegenError as error:
            return *hidden, texts.error(error), known
        seen = Seen(photo.sha256, faces, everybody.plan(faces, what) if faces else {})
        said = [] if faces else [WholePhoto.no_face]
        if not detector.finds_small:
            said.append(WholePhoto.no_small)
        if (count := images.frames(photo.data)) > 1:
            said.append(WholePhoto.first_frame.format(count=count))
        return *_framed(photo, seen), "".join(map(texts.note, said)), known

    @staticmethod
    def _click(
        photo: Photograph | FacegenError | None, seen: Seen | None, event: gr.EventData
    ) -> tuple:
        there, number = _of(photo, seen), sent(event, "face")
        if there is None or type(number) is not int or number not in there[1].fates:
            return gr.skip(), gr.skip(), gr.skip()
        return _framed(there[0], there[1].clicked(number))

    def _draw(
        self, photo: Photograph | FacegenError | None, seen: Seen | None, event: gr.EventData
    ) -> tuple:
        there = _of(photo, seen)
        if there is None or len(there[1].faces) >= MAX_FACES:
            return gr.skip(), gr.skip(), gr.skip()
        pixels = there[0].pixels
        try:
            left, top, right, bottom = frames.box_of(sent(event, "box"), pixels)
        except (TypeError, ValueError):  # no frame of ours
            return gr.skip(), gr.skip(), gr.skip()
        if not min(right - left, bottom - top) >= _LEAST_FRAME:
            return gr.skip(), gr.skip(), gr.skip()
        (face,) = self.studios.first.detector.fit(pixels, [(left, top, right, bottom)])
        return _framed(there[0], there[1].drawn(face))

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        photo: Photograph = checked(asked[self.photo])
        there = _of(photo, asked[self.seen])
        seen = there[1] if there else None
        cover = seen.numbers(everybody.COVERED) if seen else ()
        keep = seen.numbers(everybody.KEPT) if seen else ()
        what = self.given(catalogue.ANONYMISE, asked, cover=cover, keep=keep)
        if seen and 0 < len(seen.faces) == len(keep):
            raise OptionError(WholePhoto.all_kept)
        shown = (seen.faces, seen.fates) if seen else ((), {})
        yield self._place(frames.show(photo.pixels, *shown, still=True))
        source = replace(photo.source(None), faces=list(seen.faces) if seen else None)
        run = self.studios.run(catalogue.ANONYMISE, asked[self.model], [source], folder, what)
        before = folder / "before.png"  # the visitor's own: it claims nothing
        provenance.save_png(before, images.within(photo.pixels, SHOWN), {}, synthetic=False)
        with contextlib.closing(run) as events:
            for event in events:
                yield from self._after(event, folder, before)

    def _after(self, event: Event, folder: Path, before: Path) -> Iterator[dict]:
        if isinstance(event, Progress):
            updates = {self.status: texts.bar(event, {})}
            if event.stage == REPLACING:
                text = WholePhoto.working.format(number=event.done + 1, count=event.of)
                share = 0.1 + 0.9 * event.done / event.of
                updates = {self.status: texts.progress(text, share)}
            if event.preview is not None:
                after = _shown(folder / f"after-{event.done}.jpg", event.preview)
                updates |= self._pair(before, after, event.preview)
            yield updates
        elif isinstance(event, Picture):
            assert event.pixels is not None
            after = _shown(folder / "after.jpg", event.pixels)
            yield {
                self.status: "",
                **self._pair(before, after, event.pixels),
                self.words: results.replaced(event.entry),
                self.one: gr.update(value=str(event.path), visible=True),
            }

    def _pair(self, before: Path, after: Path, pixels: np.ndarray) -> dict:
        height, width = pixels.shape[:2]
        pair = compare(before, after, WholePhoto.before, WholePhoto.after, width / height)
        return {
            self.empty: gr.update(visible=False),
            self.pair: gr.update(value=pair, visible=True),
        }


def _of(photo: object, seen: Seen | None) -> tuple[Photograph, Seen] | None:
    """Return both if these are the faces of that photo."""
    if seen is None or not isinstance(photo, Photograph) or seen.sha256 != photo.sha256:
        return None
    return photo, seen


def _framed(photo: Photograph, seen: Seen) -> tuple:
    """Show everybody, and count what will become of them."""
    picture = frames.show(photo.pixels, seen.faces, seen.fates)
    counts = results.summary(list(seen.fates.values())) if seen.faces else ""
    said = texts.note(counts) + texts.paragraph(WholePhoto.how)
    return seen, gr.update(value=picture, visible=True), said


def _shown(path: Path, pixels: np.ndarray) -> Path:
    write_file(path, provenance.jpeg_bytes(images.within(pixels, SHOWN)))
    return path
