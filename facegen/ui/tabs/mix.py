"""The tab "Mix": two faces in, a board of mixtures between them or their children out."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

from ...errors import FacegenError
from ...jobs import catalogue
from ...jobs.job import CROP, INVERSION, REFINING, RESULT, Event, Finished, Picture
from ...latent.mix import offspring
from ...latent.mix.children import CHOOSING
from ...latent.mix.crossover import ROWS
from ...latent.mix.regions import MEASURING
from ...options import ChildOptions, MixOptions
from ...types import Progress
from .. import texts
from ..run_control import QUICK
from ..run_state import Run, zipped
from ..server.model_pool import Studios
from ..texts import results
from ..texts.words import Fields
from ..texts.words import Mix as Words
from ..widgets import fields, photo_input
from ..widgets.photo_input import MAX_MEGABYTES, Photo, Photograph, checked
from . import wipe
from .tab import Tab
from .wipe import Uploads

MIXTURES, CHILDREN = "Mixtures", "Children"  # what to make
# Of the bar, before the first picture.
PARTS = {REFINING: (0.1, 0.3), MEASURING: (0.5, 0.7), CHOOSING: (0.5, 0.8)}
AGE = 9  # of children: old enough for a face of their own, and the model's best
DIALS = ("first", "second", "stranger", "sex")


@dataclass(frozen=True)
class Board:
    """The results so far: row of ROWS, or CHILDREN -> (file, caption) each."""

    ends: tuple[str, ...] = ()
    rows: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    bars: str = ""

    def plus(self, row: str, path: Path, caption: str) -> Board:
        there = (*self.rows.get(row, ()), (str(path), caption))
        return replace(self, rows={**self.rows, row: there})

    def row(self, name: str) -> list[tuple[str, str]]:
        """Return a row with the parents at its edges."""
        made = list(self.rows.get(name, ()))
        if not made or not self.ends:
            return made
        first, second = ((path, name) for path, name in zip(self.ends, "AB", strict=True))
        return [first, *made, second] if name in ROWS else [first, second, *made]


class MixTab(Tab):
    sight = "mix"
    promise, begun = Words.promise, Words.begun

    def __init__(self, studios: Studios, uploads: gr.State, examples: Sequence[Path] = ()):
        self.faces = list(examples)
        super().__init__(studios, uploads)

    def _build_left(self) -> None:
        self._build_photos()
        self.wipe, self.wiped = wipe.build("-mix")
        self._build_fields()
        self.go, self.stop = fields.go(Words.go, "mix", "mix-stop")

    def _build_photos(self) -> None:
        self.photos: list[Photo] = []
        with gr.Row(elem_classes="fg-pair"):
            for number, name in enumerate("AB"):
                with gr.Column(min_width=130):
                    said = Words.face.format(name=name)
                    gr.HTML(f"<p class='fg-named'>{said}</p>", padding=False)
                    photo = Photo(
                        label=said,
                        show_label=False,
                        alt_text=said,
                        height=200,
                        sources=["upload", "clipboard"],
                        buttons=[],
                        placeholder=Words.hint.format(megabytes=MAX_MEGABYTES),
                        elem_id=f"mix-photo-{name.lower()}",
                    )
                    photo_input.tools(str(photo.elem_id))
                    self.photos.append(photo)
                    if len(self.faces) > number:
                        path, name = str(self.faces[number]), f"mix-example-{number + 1}"
                        button = gr.Button(Words.example, size="sm", elem_id=name)
                        button.click(lambda path=path: path, None, photo, **QUICK)

    def _build_fields(self) -> None:
        self.what = gr.Radio(
            [(Words.children, CHILDREN), (Words.mixtures, MIXTURES)],
            value=CHILDREN,
            label=Words.what,
            elem_id="mix-what",
        )
        with fields.settings():
            with gr.Column(visible=False) as self.of_mixtures:
                self.between = fields.slider(MixOptions, "steps_between", step=1, info="")
                self.sharpness = fields.slider(MixOptions, "sharpness", step=0.1)
            with gr.Column() as self.of_children:
                self.count = fields.slider(ChildOptions, "count", step=1, info="")
                self.dials = {name: fields.slider(ChildOptions, name) for name in DIALS}
                self.age = gr.Slider(0, 60, AGE, step=1, label=Words.age)
                self.by_genes = gr.Checkbox(False, label=Words.by_genes)
                self.seed = fields.seed(ChildOptions)
            self.model = fields.model(self.studios)
            self.label = fields.label()

    def _build_right(self) -> None:
        self.headings: dict[str, gr.HTML] = {}
        self.rows: dict[str, gr.Gallery] = {}
        for row in (*ROWS, CHILDREN):
            heading = f"<h3 class='fg-row'>{Words.headings[row]}</h3>"
            self.headings[row] = gr.HTML(heading, padding=False, visible=False)
            self.rows[row] = fields.gallery(
                columns=7 if row in ROWS else 4,
                looks="fg-board" if row in ROWS else "fg-board fg-children",
                elem_id=f"mix-{row.lower()}",
            )
        self.bars = gr.HTML(padding=False, visible=False, elem_id="mix-bars")
        self.all = gr.DownloadButton(
            Fields.download_all, visible=False, size="md", elem_id="mix-download"
        )

    def _connect(self) -> None:
        self.what.change(
            lambda what: (gr.update(visible=what == MIXTURES), gr.update(visible=what == CHILDREN)),
            self.what,
            [self.of_mixtures, self.of_children],
            **QUICK,
        )
        self.by_genes.change(lambda on: gr.update(visible=not on), self.by_genes, self.age, **QUICK)
        super()._connect()

    def asked(self) -> set:
        asked = {*self.photos, self.what, self.between, self.sharpness, self.count, self.seed}
        asked |= {*self.dials.values(), self.by_genes, self.age, self.label}
        return super().asked() | asked

    def cleared(self) -> dict:
        return super().cleared() | dict.fromkeys(self.photos)

    def _cleared(self) -> dict:
        hidden = gr.update(visible=False)
        places: dict = dict.fromkeys(self.headings.values(), hidden)
        places |= dict.fromkeys(self.rows.values(), gr.update(value=None, visible=False))
        places[self.bars] = gr.update(value="", visible=False)
        places[self.all] = gr.update(value=None, visible=False)
        return super()._cleared() | places

    # -- a run ---------------------------------------------------------------------------

    def _work(self, asked: dict, folder: Path) -> Iterator[dict]:
        photos = [two(asked[photo], name) for photo, name in zip(self.photos, "AB", strict=True)]
        known = asked[self.uploads] or Uploads()
        for photo in photos:
            known = known.plus(photo.path)
        yield {self.uploads: known}
        sources = [known.source(photo) for photo in photos]
        told: dict = {"label": asked[self.label]}
        if asked[self.what] == MIXTURES:
            job = catalogue.MIX
            told |= {"steps_between": asked[self.between], "sharpness": asked[self.sharpness]}
        else:
            job = catalogue.CHILD
            told |= {"count": asked[self.count], "seed": asked[self.seed]}
            told |= {name: asked[dial] for name, dial in self.dials.items()}
            # A model whose ages are not known draws children as their genes say.
            if not asked[self.by_genes] and asked[self.model] in offspring.models():
                told["age"] = asked[self.age]
        what = self.given(job, asked, **told)
        board, mine = Board(), Run(folder)
        met: list[Path] = []
        run = self.studios.run(job, asked[self.model], sources, folder, what)
        with contextlib.closing(run) as events:
            for event in events:
                board, updates = self._after(event, board, folder)
                if isinstance(event, Picture) and event.kind == RESULT:
                    mine = mine.coded(event)
                    updates[self.run] = mine
                elif isinstance(event, Picture) and event.path:
                    met.append(event.path)
                    updates |= self._met(*met)
                yield updates

    def _after(self, event: Event, board: Board, folder: Path) -> tuple[Board, dict]:
        if isinstance(event, Progress):
            return board, {self.status: texts.bar(event, PARTS)}
        if isinstance(event, Finished):
            path = zipped(folder)
            return board, {self.status: "", self.all: gr.update(value=str(path), visible=True)}
        if event.kind == CROP:
            return replace(board, ends=(*board.ends, str(event.path))), {}
        if event.kind == INVERSION:
            return board, {}
        assert event.path is not None
        row = event.entry["mix"]["row"] if "mix" in event.entry else CHILDREN
        board = board.plus(row, event.path, texts.say(event.caption))
        words = results.mixture_made(event.caption, event.index, event.count)
        updates: dict = {self.status: texts.progress(words, 0.7 + 0.3 * event.index / event.count)}
        if row == CHILDREN:
            board = replace(board, bars=board.bars + bars(event.index, event.entry["nearness"]))
            legend = texts.paragraph(Words.legend)
            shown = gr.update(
                value=legend + f"<div class='fg-bars'>{board.bars}</div>", visible=True
            )
            updates[self.bars] = shown
        return board, updates | self._row(board, row)

    def _row(self, board: Board, row: str) -> dict:
        return {
            self.empty: gr.update(visible=False),
            self.headings[row]: gr.update(visible=True),
            self.rows[row]: gr.update(value=board.row(row), visible=True),
        }


def two(photo: Photograph | FacegenError | None, name: str) -> Photograph:
    """Return the photo of face A or B. Raises FacegenError, which names the face."""
    try:
        return checked(photo)
    except FacegenError as error:
        raise type(error)(
            Words.wrong_face.format(name=name, error=texts.say(str(error)))
        ) from error


def bars(index: int, nearness: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Draw how near a child is to each parent, from the same person to strangers."""
    lines = []
    for parent, ones in nearness.items():
        if not ones:
            lines.append(f"<p>{results.nobody_told(parent)}</p>")
            continue
        near = list(ones.values())[-1]  # of the one that reports
        distance, limit = near["distance"], near["five_percent_of_strangers_below"]
        same = near["same_person_below"]
        at = [f"{100 * min(one / (1.3 * limit), 1):.0f}%" for one in (same, limit, distance)]
        said = results.nearness(parent, near)
        lines.append(
            f"<div class='fg-near' role='img' aria-label='{html.escape(said, quote=True)}'>"
            f"<span style='width:{at[0]}' title='{Words.one_person}'></span>"
            f"<u style='left:{at[1]}' title='{Words.strangers}'></u>"
            f"<i style='left:{at[2]}'></i></div><p>{said}</p>"
        )
    return f"<section><h4>{results.child_heading(index)}</h4>{''.join(lines)}</section>"
