"""The ways from any result to any tool: a picture of a run becomes the photo of another tab.

A browser sends the names of a run's folder and of a picture in it; only pictures of the visitor's
own runs are found by them. Where the session knows the exact code of a picture, it goes along.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from .run_control import QUICK, sent
from .run_state import find
from .server import private_files
from .tabs.edit import EditTab
from .tabs.from_photo import FromPhoto
from .tabs.mix import MixTab
from .tabs.people import People
from .tabs.tab import Tab
from .tabs.wipe import Uploads

LIKE = 0.5  # the strength of "More like this": just somebody else


class Handover:
    """The events of the large view (widgets/viewer.py)."""

    def __init__(
        self,
        viewer: gr.HTML,
        places: gr.Tabs,
        photo: FromPhoto,
        edited: EditTab,
        mixed: MixTab,
        tabs: Sequence[Tab],
    ):
        self.places, self.photo, self.edited, self.mixed = places, photo, edited, mixed
        self.uploads = photo.uploads
        runs = [tab.run for tab in tabs]
        runs += [tab.history.runs for tab in tabs if isinstance(tab, People)]
        given = [self.uploads, *runs]
        common = [self.uploads, places]
        viewer.select(self._mix, given, [*common, *mixed.photos], **QUICK)
        outputs = [*common, photo.photo, photo.face, photo.strength]
        begins = ((viewer.edit, self._edit, [*common, edited.photo], edited),
                  (viewer.like, self._more, outputs, photo))  # fmt: skip
        for event, answer, outputs, tab in begins:
            tab.begin_on(event(answer, given, outputs, **QUICK).success)

    def _edit(self, event: gr.EventData, known: Uploads | None, *runs: Any) -> dict:
        path, uploads = taken(event, known, runs)
        return {
            self.uploads: uploads,
            self.places: gr.Tabs(selected="edit"),
            self.edited.photo: str(path),
        }

    def _more(self, event: gr.EventData, known: Uploads | None, *runs: Any) -> dict:
        path, uploads = taken(event, known, runs)
        return {
            self.uploads: uploads,
            self.places: gr.Tabs(selected="photo"),
            self.photo.photo: str(path),
            self.photo.face: 0,
            self.photo.strength: LIKE,
        }

    def _mix(self, event: gr.EventData, known: Uploads | None, *runs: Any) -> dict:
        path, uploads = taken(event, known, runs)
        second = sent(event, "second") == 1
        return {
            self.uploads: uploads,
            self.places: gr.Tabs(selected="mix"),
            self.mixed.photos[second]: str(path),
        }


def taken(event: gr.EventData, known: Uploads | None, runs: Iterable[Any]) -> tuple[Path, Uploads]:
    """Copy the picture that an event names, so that it outlives its run; -> (the copy, uploads).

    Raises gr.Error where there is none.
    """
    run, path = find(runs, sent(event, "folder"), sent(event, "file"))
    uploads = known or Uploads()
    with private_files.new_run() as folder:
        copy = Path(shutil.copyfile(path, folder / path.name))
    uploads = uploads.plus(None, folder)
    if code := run.codes.get(path.name):
        uploads = uploads.coded(hashlib.sha256(copy.read_bytes()).hexdigest(), code)
    return copy, uploads
