"""The visitor's last runs, as thumbnails below the results; a click restores or forgets one.

They are in the visitor's own session and nowhere else: their files are those of the runs, which are
deleted as all files of a visitor are, and at the latest when more than KEPT came after.
"""

from __future__ import annotations

import gradio as gr

from ..run_control import Turn
from ..run_state import Run, discard, expire
from ..server import private_files
from ..texts import paragraph, results, words
from ..widgets import fields

KEPT = 8

Runs = tuple[Run, ...]  # the newest first


class History:
    """The components, built where it is made; hidden while there is no run.

    What a click does to the rest of the page is settings.RestoreRuns.
    """

    def __init__(self, elem_id: str, one_person: bool = False):
        self.one_person = one_person
        self.runs = gr.State((), time_to_live=private_files.KEEP_SECONDS, delete_callback=_expire)
        with gr.Column(visible=False, elem_classes="fg-history", elem_id=elem_id) as self.box:
            gr.HTML(paragraph(words.People.history), padding=False)
            self.gallery = fields.gallery(KEPT, "fg-thumbs", visible=True)
            self.forget = gr.Button(words.People.forget, size="sm")

    @property
    def components(self) -> list:
        return [self.runs, self.box, self.gallery]

    def show(self, runs: Runs) -> dict:
        cards = [
            (str(run.pictures[0].shown), results.run_caption(len(run.pictures), self.one_person))
            for run in runs
        ]
        return {
            self.runs: runs,
            self.box: gr.update(visible=bool(runs)),
            self.gallery: gr.update(value=cards, selected_index=None),
        }

    def added(self, runs: Runs, run: Run | None) -> dict:
        """Add a run that has come to its end."""
        return self.show(with_run(runs, run))


def with_run(runs: Runs, run: Run | None) -> Runs:
    """Put that run in front of the history, and delete the files of those that fall out."""
    runs = tuple(known for known in runs if here(known))
    if run is None or not run.pictures or not here(run):
        return runs
    others = tuple(known for known in runs if known.folder != run.folder)
    for old in others[KEPT - 1 :]:
        discard(old)
    return (run, *others[: KEPT - 1])


def without(runs: Runs, run: Run) -> Runs:
    """Remove that run from the history, and delete its files."""
    discard(run)
    return tuple(known for known in runs if known.folder != run.folder and here(known))


def leave(runs: Runs, run: Run | None) -> None:
    """Delete a run's files as the next one begins, unless the history keeps it."""
    if run is not None and all(known.folder != run.folder for known in runs):
        discard(run)


def here(run: Run) -> bool:
    """Return True if its files still exist: they are deleted some time after they were made."""
    return run.folder.is_dir()


def busy(turn: Turn | None) -> bool:
    """Return True, and tell the visitor, if a run goes on that would show its own pictures."""
    if turn is not None and turn.goes_on():
        gr.Info(words.Run.busy)
        return True
    return False


def _expire(runs: Runs | None) -> None:
    for run in runs or ():
        expire(run)
