"""The part below "Whole photo": a ZIP of photos in, a ZIP of the new ones out."""

from __future__ import annotations

import contextlib
import html
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio as gr

from ...datasets.photo_zip import MAX_PHOTOS, photos_of
from ...errors import ImageError
from ...jobs.job import LOOKING, PHOTOS, STANDING_IN, Event, Finished, Picture
from ...output.manifest import MANIFEST
from ...output.staging import zip_folder
from ...types import Progress
from .. import texts
from ..run_control import QUICK
from ..server.model_pool import Studios
from ..widgets import fields
from ..widgets.photo_input import MAX_MEGABYTES
from .tab import Tab
from .whole_photo import WholePhotoTab
from .wipe import Uploads

LIMITS = (
    f"Up to {MAX_PHOTOS} photos and {MAX_MEGABYTES} MB. "
    "Strength, seed, model and mark are those above. For more, there is <code>facegen batch</code>."
)
PARTS = {LOOKING: (0.0, 0.1), STANDING_IN: (0.1, 0.2)}  # of the bar
FILES = ("*.png", "*.jpg", "*.webp", MANIFEST)


class PhotoZip(Tab):
    begun = "Opening the ZIP …"

    def __init__(self, studios: Studios, whole: WholePhotoTab):
        self.whole, self.model = whole, whole.model
        super().__init__(studios, whole.uploads)

    def _build(self) -> None:
        with gr.Accordion("Many photos at once (a ZIP)", open=False, elem_id="many"):
            gr.HTML(f"<p class='fg-note'>{LIMITS}</p>", padding=False)
            self.file = gr.File(
                label="ZIP of photos", file_types=[".zip"], height=120, elem_id="many-zip"
            )
            self.consistent = gr.Checkbox(
                False,
                label="Who is in several photos has the same new face in all",
                elem_id="many-consistent",
            )
            self.go, self.stop = fields.go("Replace all faces", "many-go", "many-stop")
            self.status = gr.HTML(padding=False, elem_classes="fg-status", elem_id="many-status")
            self.rows = gr.HTML(padding=False, elem_id="many-rows")
            self.zip = gr.DownloadButton(
                "Download the new photos", visible=False, size="md", elem_id="many-download"
            )

    def _connect(self) -> None:
        self.file.upload(self._sent, [self.file, self.uploads], self.uploads, **QUICK)
        super()._connect()

    def asked(self) -> set:
        whole = {getattr(self.whole, name) for name in self.whole.options}
        return super().asked() | whole | {self.file, self.consistent}

    def cleared(self) -> dict:
        return super().cleared() | {self.file: None}

    def _cleared(self) -> dict:
        return {self.rows: "", self.zip: gr.update(value=None, visible=False)}

    @staticmethod
    def _sent(file: str | None, uploads: Uploads | None) -> Uploads:
        return (uploads or Uploads()).plus(Path(file) if file else None)

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        if not asked[self.file]:
            raise ImageError("choose a ZIP of photos first")
        named = photos_of(Path(asked[self.file]))
        options = self.whole.given("anonymise", asked, consistent=asked[self.consistent])
        photos = [photo for _, photo in named]
        names = [name for name, _ in named]
        run = self.studios.run("anonymise", asked[self.model], photos, folder, options)
        with contextlib.closing(run) as events:
            yield from self._follow(events, names, folder)

    def _follow(
        self, events: Iterator[Event], names: Sequence[str], folder: Path
    ) -> Iterator[dict]:
        rows: list[str] = []
        began = time.monotonic()
        for event in events:
            match event:
                case Progress(stage) if stage == PHOTOS:
                    over = event.done / event.of
                    index = min(int(event.done) + 1, event.of)
                    text = f"Photo {index} of {event.of} …{_left(began, over)}"
                    yield {self.status: texts.progress(text, 0.2 + 0.8 * over)}
                case Progress():
                    yield {self.status: texts.bar(event, PARTS)}
                case Picture():
                    rows.append(_row(event.index, names[event.index - 1], event.entry))
                    yield {self.rows: _table(rows)}
                case Finished(manifest, files):
                    said = f"{len(files)} of {len(names)} photos have other people's faces. "
                    said += f"{manifest['summary']}."
                    yield {self.status: texts.note(said)}
                    if files:
                        path = zip_folder(folder, folder / "new-photos.zip", FILES)
                        yield {self.zip: gr.update(value=str(path), visible=True)}


def _left(began: float, done: float) -> str:
    """Estimate how long it will take, once that is possible."""
    if done < 0.1:
        return ""
    seconds = (time.monotonic() - began) * (1 - done) / done
    return f" about {seconds / 60:.0f} min left" if seconds > 90 else f" about {seconds:.0f} s left"


def _row(index: int, name: str, row) -> str:
    """Write a line of the table: the photo's own name is shown to its sender alone, never kept."""
    told = html.escape(row["error"] or row.get("summary", ""))
    file = html.escape(row["file"] or "no file")
    return (
        f"<tr><td>{index}</td><td>{html.escape(name[-60:])}</td><td>{file}</td>"
        f"<td>{html.escape(row['status'])}{': ' if told else ''}{told}</td></tr>"
    )


def _table(rows: Sequence[str]) -> str:
    head = "<tr><th></th><th>photo</th><th>new file</th><th>what became of it</th></tr>"
    return f"<div class='fg-rows'><table>{head}{''.join(rows)}</table></div>"
