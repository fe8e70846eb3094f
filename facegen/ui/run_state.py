"""One visitor's run: the options it was given, the files it left, and how the page follows it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..jobs.generate import Aligned, Done, Event, Inverted, Learning, Made, Refining
from ..latent.vary.selection import Searching
from ..latent.vary.strangers import LEARNED
from ..options import GenerateOptions, InvertOptions, StyleOptions, VaryOptions
from ..output.manifest import MANIFEST, as_bytes, without_photo
from ..output.staging import zip_folder
from ..types import Loading
from . import texts
from .server import private_files
from .widgets import heatmap
from .widgets.views import DRAWING

ZIP = "facegen.zip"
_ALL = ("*.png", "*.jpg", MANIFEST)
WHOLE_ZIP = "facegen-with-photo.zip"
OF_THE_PHOTO = ("aligned.png", "inversion.png")  # left out of ZIP
SHOW_EVERY = 0.2  # seconds; refinement makes dozens of steps in a second

# The parts of a run on its bar, about as long as they last with the default model on a CPU.
FINDING, REFINING, FINDING_THEM = (0.0, 0.05), (0.05, 0.4), (0.4, 1.0)


@dataclass(frozen=True)
class Picture:
    """One person: a face and, where a style was asked for, its drawing."""

    path: Path
    anime_path: Path | None
    caption: str
    overlay_path: Path | None = None

    @property
    def shown(self) -> Path:
        """The drawing where there is one."""
        return self.as_seen(DRAWING)

    def as_seen(self, view: str) -> Path:
        """view: of widgets.views, DRAWING or FACE."""
        return (self.anime_path if view == DRAWING else None) or self.path

    @property
    def files(self) -> list[tuple[str, str]]:
        """(path, caption) of all there is of this person."""
        anime = [(str(self.anime_path), f"{self.caption} · drawing")] if self.anime_path else []
        return [(str(self.path), self.caption), *anime]


@dataclass(frozen=True)
class Run:
    """A run as far as it has come. Lives in the visitor's session, on the server."""

    folder: Path
    aligned: Path | None = None
    inverted: Path | None = None
    inversion_note: str = ""
    recogniser_note: str = ""
    report_note: str = ""
    pictures: tuple[Picture, ...] = ()
    manifest: dict | None = None
    zip: Path | None = None
    whole_zip: Path | None = None
    progress: str = field(default="", compare=False)

    @property
    def gallery(self) -> list[tuple[str, str]]:
        """One card a person."""
        return self.cards(DRAWING)

    @property
    def drawn(self) -> bool:
        return any(picture.anime_path for picture in self.pictures)

    def cards(self, view: str) -> list[tuple[str, str]]:
        """The finished people with their captions, each as its face or its drawing."""
        return [(str(picture.as_seen(view)), picture.caption) for picture in self.pictures]


def discard(run: Run | None) -> None:
    private_files.discard(run.folder if run else None)


def expire(run: Run | None) -> None:
    private_files.expire(run.folder if run else None)


def archive(folder: Path) -> Path:
    """The ZIP of the new people made so far, with nothing of the photo in it."""
    changed: dict[str, bytes | None] = dict.fromkeys(OF_THE_PHOTO)
    if (path := folder / MANIFEST).is_file():
        told = json.loads(path.read_text(encoding="utf-8"))
        changed[MANIFEST] = as_bytes(without_photo(told))
    return zip_folder(folder, folder / ZIP, changed=changed)


def whole_archive(folder: Path) -> Path:
    """The ZIP of everything, the photo's crop and hash among it."""
    return zip_folder(folder, folder / WHOLE_ZIP)


def follow(run: Run, events: Iterator[Event]) -> Iterator[Run]:
    """The run after each event; the last one has the manifest and the ZIP."""
    for event in events:
        run = _after(run, event)
        yield run


def _after(run: Run, event: Event) -> Run:
    match event:
        case Loading(what, done, of):
            text = f"First use of this model: loading {what}, {done + 1} of {of} …"
            return replace(run, progress=_bar(FINDING, done / of, text))
        case Aligned(_, path):
            text = _bar(REFINING, 0.0, "Meeting the face in the model …")
            return replace(run, aligned=path, progress=text)
        case Refining(step, steps, distance):
            text = f"Refining, step {step} of {steps} (distance {distance:.3f}) …"
            return replace(run, progress=_bar(REFINING, step / steps, text))
        case Inverted(inversion, path):
            text = _bar(FINDING_THEM, 0.0, "Finding people who fit …")
            note = texts.inversion_note(inversion)
            return replace(run, inverted=path, inversion_note=note, progress=text)
        case Learning(share):
            text = (
                "First use of this model: learning who it draws, face "
                f"{round(share * LEARNED)} of {LEARNED} …"
            )
            return replace(run, progress=texts.progress(text, share))  # a bar of its own, once
        case Searching(done, of):
            text = f"Finding people who fit, {done} of {of} …"
            return replace(run, progress=_bar(FINDING_THEM, done / of, text))
        case Made(index, count, portrait, path, anime_path, overlay_path):
            assert portrait.variant is not None, "it was made from one"
            caption = texts.caption(index, portrait.variant)
            picture = Picture(path, anime_path, caption, overlay_path)
            text = _bar(FINDING_THEM, index / count, f"{index} of {count} …")
            pictures = (*run.pictures, picture)
            note = texts.recogniser_note(portrait.variant) or run.recogniser_note
            return replace(run, pictures=pictures, recogniser_note=note, progress=text)
        case Done(manifest, _, report):
            note = heatmap.report_note(report) if report else ""
            run = replace(run, zip=archive(run.folder), whole_zip=whole_archive(run.folder))
            return replace(run, manifest=manifest, report_note=note, progress="")
    raise AssertionError(f"an event that nobody knows: {event}")


def _bar(part: tuple[float, float], share: float, text: str) -> str:
    """The bar of the whole run, with so much of one of its parts done."""
    begin, end = part
    return texts.progress(text, begin + (end - begin) * share)


def paced(run: Run, runs: Iterator[Run]) -> Iterator[tuple[Run, Run]]:
    """(now, as last shown): all that brings pictures, and of mere progress a few a second."""
    shown, shown_at = run, 0.0
    for now in runs:
        if now == shown and time.monotonic() - shown_at < SHOW_EVERY:
            continue
        yield now, shown
        shown, shown_at = now, time.monotonic()


def zipped(folder: Path) -> Path:
    """A run's pictures, its sheet or board and its manifest, in one ZIP: no crop of a photo, no
    preview. Raises OutputError."""
    out = [*folder.glob("aligned*.png"), *folder.glob("preview-*.jpg")]
    return zip_folder(folder, folder / ZIP, _ALL, dict.fromkeys(path.name for path in out))


def options(
    *,
    anime: bool = False,
    style: str | None = None,
    blend: float | None = None,
    face: int | None = None,
    steps: int | None = None,
    overlay: bool = False,
    label: bool = False,
    **vary,
) -> GenerateOptions:
    """GenerateOptions of what the fields say; an empty field (None) means the default.

    Raises OptionError.
    """
    return GenerateOptions(
        vary=VaryOptions(**given(vary)),
        invert=InvertOptions(**given({"steps": steps})),
        style=style_options(anime, style, blend),
        face=face or 0,
        overlay=overlay,
        label=label,
    )


def style_options(anime: bool, style: str | None, blend: float | None) -> StyleOptions | None:
    if not anime:
        return None
    return StyleOptions(**given({"style": style, "blend": blend}))


def given(fields: dict) -> dict:
    return {name: value for name, value in fields.items() if value is not None}
