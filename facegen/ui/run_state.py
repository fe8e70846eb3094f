"""One visitor's run: the options it was given, the files it left, and how the page follows it."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..jobs import job
from ..jobs.job import CROP, INVERSION, REFINING, SEARCHING, Event, Finished
from ..measure.identity.dlib_recogniser import DlibRecogniser
from ..measure.identity.sface import SFaceRecogniser
from ..output.manifest import MANIFEST, as_bytes, without_photo
from ..output.staging import zip_folder
from ..types import LOADING, Progress, SelectionReport
from . import texts
from .server import private_files
from .texts import results, words

DRAWING, FACE = "drawing", "face"  # what a card shows
ZIP = "facegen.zip"
_ALL = ("*.png", "*.jpg", "*.webp", MANIFEST)
WHOLE_ZIP = "facegen-with-photo.zip"
OF_THE_PHOTO = ("aligned.png", "inversion.png")  # left out of ZIP
SHOW_EVERY = 0.2  # seconds; refinement makes dozens of steps in a second

# The parts of a run on its bar, about as long as they last with the default model on a CPU;
# learning has a bar of its own, once.
PARTS = {LOADING: (0.0, 0.05), REFINING: (0.05, 0.4), SEARCHING: (0.4, 1.0)}
THRESHOLDS = {kind.name: kind.threshold for kind in (DlibRecogniser, SFaceRecogniser)}


@dataclass(frozen=True)
class Picture:
    """One person: a face and, where a style was asked for, its drawing."""

    path: Path
    anime_path: Path | None
    caption: str
    overlay_path: Path | None = None

    @classmethod
    def of(cls, event: job.Picture) -> Picture:
        """Convert a job's picture."""
        assert event.path is not None, "only a photo of a set has none"
        variant = getattr(event.payload, "variant", None)
        caption = results.caption(event.index, variant) if variant else texts.say(event.caption)
        return cls(event.path, event.files.get("anime"), caption, event.files.get("overlay"))

    @property
    def shown(self) -> Path:
        """The drawing if there is one, else the face."""
        return self.as_seen(DRAWING)

    def as_seen(self, view: str) -> Path:
        """Return the path for a view: DRAWING or FACE."""
        return (self.anime_path if view == DRAWING else None) or self.path

    @property
    def names(self) -> set[str]:
        """The names of all files of this person."""
        return {path.name for path in (self.path, self.anime_path, self.overlay_path) if path}

    @property
    def files(self) -> list[tuple[str, str]]:
        """(path, caption) of all there is of this person."""
        anime = [(str(self.anime_path), results.drawing(self.caption))] if self.anime_path else []
        return [(str(self.path), self.caption), *anime]


@dataclass(frozen=True)
class Run:
    """A run so far. It is kept in the visitor's session, on the server."""

    folder: Path
    aligned: Path | None = None
    inverted: Path | None = None
    inversion_note: str = ""
    distance_note: str = ""
    summary: str = ""
    report_note: str = ""
    pictures: tuple[Picture, ...] = ()
    manifest: dict | None = None
    zip: Path | None = None
    whole_zip: Path | None = None
    codes: Mapping[str, job.Code] = field(default_factory=dict, compare=False)  # by a file's name
    progress: str = field(default="", compare=False)

    @property
    def gallery(self) -> list[tuple[str, str]]:
        """One card for each person."""
        return self.cards(DRAWING)

    @property
    def drawn(self) -> bool:
        return any(picture.anime_path for picture in self.pictures)

    def coded(self, event: job.Picture) -> Run:
        """Keep the exact code of a picture, where there is one."""
        if event.path is None or event.code is None:
            return self
        return replace(self, codes={**self.codes, event.path.name: event.code})

    def cards(self, view: str) -> list[tuple[str, str]]:
        """List the finished people with their captions, each as its face or its drawing."""
        return [(str(picture.as_seen(view)), picture.caption) for picture in self.pictures]


def find(runs: Iterable[Any], folder: object, file: object) -> tuple[Run, Path]:
    """Find a picture by names. Raises gr.Error where there is none.

    runs: the states of a visitor's session, each a run, several, or None. folder, file: what a
    browser sent.
    """
    for one in runs:
        for run in (one,) if isinstance(one, Run) else one or ():
            if run.folder.name == folder:
                for path in run.folder.glob("*.png"):
                    if path.name == file:
                        return run, path
    raise texts.as_error(words.Viewer.gone)


def discard(run: Run | None) -> None:
    private_files.discard(run.folder if run else None)


def expire(run: Run | None) -> None:
    private_files.expire(run.folder if run else None)


def archive(folder: Path) -> Path:
    """Zip the new people made so far, with nothing of the photo in it."""
    changed: dict[str, bytes | None] = dict.fromkeys(OF_THE_PHOTO)
    if (path := folder / MANIFEST).is_file():
        told = json.loads(path.read_text(encoding="utf-8"))
        changed[MANIFEST] = as_bytes(without_photo(told))
    return zip_folder(folder, folder / ZIP, changed=changed)


def whole_archive(folder: Path) -> Path:
    """Zip everything, with the photo's crop and hash."""
    return zip_folder(folder, folder / WHOLE_ZIP)


def follow(run: Run, events: Iterator[Event]) -> Iterator[Run]:
    """Update the run after each event; the last one has the manifest and the ZIP."""
    for event in events:
        run = _after(run, event)
        yield run


def _after(run: Run, event: Event) -> Run:
    if isinstance(event, Progress):
        return replace(run, progress=texts.bar(event, PARTS))
    if isinstance(event, Finished):
        if event.payload:
            run = replace(run, summary=report_summary(event.payload))
        note = report_note(event.payload) if event.payload else ""
        whole = whole_archive(run.folder) if run.aligned else None
        run = replace(run, zip=archive(run.folder), whole_zip=whole)
        return replace(run, manifest=event.manifest, report_note=note, progress=run.summary)
    if event.kind == CROP:
        text = texts.progress(words.Run.inverting, PARTS[REFINING][0])
        return replace(run, aligned=event.path, progress=text)
    begin, end = PARTS[SEARCHING] if run.aligned else (0.0, 1.0)
    if event.kind == INVERSION:
        text = texts.progress(words.Run.searching, begin)
        note = results.inversion_note(event.payload)
        run = run.coded(event)
        return replace(run, inverted=event.path, inversion_note=note, progress=text)
    index, count, variant = event.index, event.count, event.payload.variant
    picture = Picture.of(event)
    said = words.Run.number.format(index=index, count=count)
    text = texts.progress(said, begin + (end - begin) * index / count)
    note = run.distance_note + (results.distance_note(index, variant) if variant else "")
    run = run.coded(event)
    return replace(run, pictures=(*run.pictures, picture), distance_note=note, progress=text)


def paced(run: Run, runs: Iterator[Run]) -> Iterator[tuple[Run, Run]]:
    """Yield (now, as last shown): all that brings pictures, and a few mere updates a second."""
    shown, shown_at = run, 0.0
    for now in runs:
        if now == shown and time.monotonic() - shown_at < SHOW_EVERY:
            continue
        yield now, shown
        shown, shown_at = now, time.monotonic()


def zipped(folder: Path) -> Path:
    """Zip a run's pictures, sheet or board, and manifest; no crop. Raises OutputError."""
    out = [*folder.glob("aligned*.png"), *folder.glob("preview-*.jpg")]
    return zip_folder(folder, folder / ZIP, _ALL, dict.fromkeys(path.name for path in out))


def report_summary(report: SelectionReport) -> str:
    """Write how many people there are, and why not all."""
    kind = "fg-note" if report.kept else "fg-note fg-short"
    words = texts.say(report.in_words())
    return words and f"<p class='{kind}' role='status'>{html.escape(words)}</p>"


def report_note(report: SelectionReport) -> str:
    """Write a table for every recogniser that reports."""
    return "".join(
        difference_table(name, rows) for name, rows in report.between.items() if len(rows) > 1
    )


def difference_table(recogniser: str, rows: list[list[float | None]]) -> str:
    """Write HTML of N x N distances by one recogniser; the darker the farther."""
    numbers = range(1, len(rows) + 1)
    least = THRESHOLDS.get(recogniser)
    caption = results.matrix_caption(recogniser, least)
    head = "".join(f"<th scope='col'>{number}</th>" for number in numbers)
    body = "".join(
        f"<tr><th scope='row'>{number}</th>"
        f"{''.join(_cell(cell, i == number) for i, cell in enumerate(row, start=1))}</tr>"
        for number, row in zip(numbers, rows, strict=True)
    )
    return (
        f"<div class='fg-heat'><table><caption>{caption}</caption>"
        f"<tr><td></td>{head}</tr>{body}</table></div>"
    )


def _cell(distance: float | None, itself: bool) -> str:
    if itself:  # not always 0 to the last bit
        return "<td class='self'></td>"
    if distance is None:
        return "<td>?</td>"
    share = round(100 * min(distance, 1.0))
    return f"<td style='--far:{share}%'>{distance:.2f}</td>"
