""" "Delete everything now": a visitor's photos and results leave the server at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from ...jobs.job import Code, Source
from .. import texts
from ..run_control import QUICK, cancel
from ..run_state import Run, discard
from ..server import private_files
from ..texts import results
from ..texts.words import Fields
from ..texts.words import Wipe as Words
from ..widgets.photo_input import Photograph
from .people import People
from .tab import Tab


@dataclass(frozen=True)
class Uploads:
    """The places of this visitor's photos, and crops of their faces."""

    files: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    codes: Mapping[str, Code] = field(default_factory=dict, repr=False)  # by a photo's sha256

    def plus(self, file: Path | None, folder: Path | None = None) -> Uploads:
        new = file and file not in self.files and not private_files.shared(file)
        files = (*self.files, file) if file and new else self.files
        folders = (*self.folders, folder) if folder else self.folders
        return replace(self, files=files, folders=folders)

    def coded(self, sha256: str, code: Code) -> Uploads:
        return replace(self, codes={**self.codes, sha256: code})

    def source(self, photo: Photograph, **more: Any) -> Source:
        """Make a job's source of a photo, with its exact code where it is a picture of ours."""
        return replace(photo.source(**more), code=self.codes.get(photo.sha256))


def build(name: str = "") -> tuple[gr.Button, gr.HTML]:
    """Build the consent line, the button below it, and the place of its answer.

    They stand wherever a photo is taken. name: of the tab, to tell the buttons apart.
    """
    minutes = private_files.KEEP_SECONDS // 60
    consent = texts.paragraph(Fields.photo_note.format(minutes=minutes), "fg-consent")
    gr.HTML(consent, padding=False)
    button = gr.Button(Words.button, size="sm", elem_id=f"wipe{name}")
    return button, gr.HTML(padding=False, elem_id=f"wiped{name}")


def connect(asked: Any, uploads: gr.State, tabs: Sequence[Tab], cleared: dict) -> None:
    """Connect a tab's button: end all tabs' jobs, delete all files, say which there were.

    These are all files that the jobs and the visitor left. asked: that tab. cleared: the page
    without them.
    """
    runs = [tab.run for tab in tabs]
    histories = [tab.history.runs for tab in tabs if isinstance(tab, People)]

    def wipe(kept: Uploads | None, *left: Any) -> dict:
        shown, earlier = left[: len(runs)], left[len(runs) :]
        words = wiped(kept or Uploads(), [*shown, *(run for past in earlier for run in past)])
        return {**dict.fromkeys((uploads, *runs)), **cleared, asked.wiped: texts.note(words)}

    cancel(asked.wipe.click, [job for tab in tabs for job in tab.jobs])
    outputs = [uploads, *runs, *cleared, asked.wiped]
    asked.wipe.click(wipe, [uploads, *runs, *histories], outputs, **QUICK)


def wiped(uploads: Uploads, runs: Iterable[Run | None]) -> str:
    """Delete the files; return what was deleted, in a sentence."""
    photos = sum(private_files.forget(file) for file in uploads.files)
    for folder in uploads.folders:
        private_files.discard(folder)
    made = 0
    for run in runs:
        if run is not None:  # one that is gone already, by another name, has no files left
            made += sum(1 for path in run.folder.glob("*") if path.is_file())
            discard(run)
    return results.deleted(photos, made)
