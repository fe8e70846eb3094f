"""The part below "Whole photo": a ZIP of photos in, a ZIP of the new ones out."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ...datasets.sources import MAX_PHOTOS, photos_of
from ...errors import ImageError
from ...jobs import catalogue
from ...jobs.job import LOOKING, PHOTOS, STANDING_IN, Event, Finished, Picture
from ...output.manifest import MANIFEST
from ...output.staging import zip_folder
from ...types import Progress
from .. import texts
from ..run_control import QUICK
from ..server.model_pool import Studios
from ..texts import results
from ..texts.words import PhotoZip as Words
from ..widgets import fields
from ..widgets.photo_input import MAX_MEGABYTES, tools
from .tab import Tab
from .whole_photo import WholePhotoTab
from .wipe import Uploads

PARTS = {LOOKING: (0.0, 0.1), STANDING_IN: (0.1, 0.2)}  # of the bar
FILES = ("*.png", "*.jpg", "*.webp", MANIFEST)


class PhotoZip(Tab):
    begun = Words.begun

    def __init__(self, studios: Studios, whole: WholePhotoTab):
        self.whole, self.model = whole, whole.model
        super().__init__(studios, whole.uploads)

    def _build(self) -> None:
        with gr.Accordion(Words.title, open=False, elem_id="many"):
            limits = Words.limits.format(photos=MAX_PHOTOS, megabytes=MAX_MEGABYTES)
            gr.HTML(texts.paragraph(limits), padding=False)
            self.file = gr.File(
                label=Words.file, file_types=[".zip"], height=120, elem_id="many-zip"
            )
            tools("many-zip", "zip")
            self.consistent = gr.Checkbox(
                False,
                label=Words.consistent,
                elem_id="many-consistent",
            )
            self.go, self.stop = fields.go(Words.go, "many-go", "many-stop")
            self.status = gr.HTML(padding=False, elem_classes="fg-status", elem_id="many-status")
            self.rows = gr.HTML(padding=False, elem_id="many-rows")
            self.zip = gr.DownloadButton(
                Words.download, visible=False, size="md", elem_id="many-download"
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
            raise ImageError(Words.missing)
        named = photos_of(Path(asked[self.file]))
        options = self.whole.given(catalogue.ANONYMISE, asked, consistent=asked[self.consistent])
        photos = [photo for _, photo in named]
        names = [name for name, _ in named]
        run = self.studios.run(catalogue.ANONYMISE, asked[self.model], photos, folder, options)
        with contextlib.closing(run) as events:
            yield from self._follow(events, names, folder)

    def _follow(
        self, events: Iterator[Event], names: Sequence[str], folder: Path
    ) -> Iterator[dict]:
        rows: list[str] = []
        for event in events:
            match event:
                case Progress(stage) if stage == PHOTOS:
                    over = event.done / event.of
                    index = min(int(event.done) + 1, event.of)
                    text = Words.working.format(number=index, count=event.of)
                    yield {self.status: texts.progress(text, 0.2 + 0.8 * over)}
                case Progress():
                    yield {self.status: texts.bar(event, PARTS)}
                case Picture():
                    rows.append(_row(event.index, names[event.index - 1], event.entry))
                    yield {self.rows: _table(rows)}
                case Finished(manifest, files):
                    said = results.photos_replaced(len(files), len(names), manifest["summary"])
                    yield {self.status: texts.note(said)}
                    if files:
                        path = zip_folder(folder, folder / "new-photos.zip", FILES)
                        yield {self.zip: gr.update(value=str(path), visible=True)}


def _row(index: int, name: str, row: Mapping[str, Any]) -> str:
    """Write a line of the table: the photo's own name is shown to its sender alone, never kept."""
    told = html.escape(texts.say(row["error"] or row.get("summary", "")))
    file = html.escape(row["file"] or Words.no_file)
    return (
        f"<tr><td>{index}</td><td>{html.escape(name[-60:])}</td><td>{file}</td>"
        f"<td>{html.escape(texts.say(row['status']))}{': ' if told else ''}{told}</td></tr>"
    )


def _table(rows: Sequence[str]) -> str:
    head = "".join(f"<th>{column}</th>" for column in ("", *Words.columns))
    return f"<div class='fg-rows'><table><tr>{head}</tr>{''.join(rows)}</table></div>"
