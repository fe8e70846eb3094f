"""The tab "Mix": two faces in, a board of mixtures between them or their children out."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr

from ...errors import FacegenError
from ...jobs import parents
from ...jobs.child import Born, ChildRun, Family
from ...jobs.mix import ROWS, BoardDone, Mixed, MixRun
from ...jobs.source import Source
from ...latent.mix.options import ChildOptions, MixOptions
from ...latent.mix.siblings import Conceived, Nearness
from ...types import Loading
from .. import texts
from ..run_control import QUICK, run_on, said_stopped
from ..run_state import Run, discard, expire, given, zipped
from ..server import private_files
from ..server.model_pool import Studios, make_mixer
from ..widgets import fields
from ..widgets.photo_input import MAX_MEGABYTES, Photo, Photograph, checked
from . import wipe
from .wipe import Uploads

MIXTURES, CHILDREN = "Mixtures", "Children"
PROMISE = (
    "What lies between two faces will appear here: mixtures on a board, or children. "
    "Choose two photos, then press Mix them."
)
HEADINGS = {
    "arc": "From A to B",
    "layers": "The shape of A, the details of B",
    "regions-a": "A with one region of B",
    "regions-b": "B with one region of A",
}
AGE_OF_GENES = "as the genes have it"
DIALS = ("first", "second", "stranger", "sex")


@dataclass(frozen=True)
class Board:
    """What has been made so far: row of ROWS, or CHILDREN -> (file, caption) each."""

    ends: tuple[str, ...] = ()
    rows: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    bars: str = ""

    def plus(self, row: str, path: Path, caption: str) -> Board:
        there = (*self.rows.get(row, ()), (str(path), caption))
        return replace(self, rows={**self.rows, row: there})

    def row(self, name: str) -> list[tuple[str, str]]:
        """With the parents at its edges."""
        made = list(self.rows.get(name, ()))
        if not made or not self.ends:
            return made
        first, second = ((path, name) for path, name in zip(self.ends, "AB", strict=True))
        return [first, *made, second] if name in ROWS else [first, second, *made]


class MixTab:
    def __init__(self, studios: Studios, uploads: gr.State, examples: Sequence[Path] = ()):
        self.studios, self.uploads, self.examples = studios, uploads, list(examples)
        self.run_mix, self.run_child = make_mixer(studios)
        self.run = gr.State(time_to_live=private_files.KEEP_SECONDS, delete_callback=expire)
        with gr.Row(equal_height=False, elem_classes="fg-columns"):
            with gr.Column(scale=5, min_width=300, elem_classes="fg-left"):
                self._build_photos()
                self.wipe, self.wiped = wipe.build("-mix")
                self._build_fields()
                self.go, self.stop = fields.go("Mix them", "mix", "mix-stop")
            with gr.Column(scale=8, min_width=300, elem_classes="fg-right"):
                self._build_results()
        self._connect()

    def _build_photos(self) -> None:
        self.photos: list[Photo] = []
        with gr.Row(elem_classes="fg-pair"):
            for number, name in enumerate("AB"):
                with gr.Column(min_width=130):
                    gr.HTML(f"<p class='fg-named'>Face {name}</p>", padding=False)
                    photo = Photo(
                        label=f"Face {name}",
                        show_label=False,
                        alt_text=f"Face {name}",
                        height=200,
                        sources=["upload", "clipboard"],
                        buttons=[],
                        placeholder=f"Drop a photo\n(up to {MAX_MEGABYTES} MB)",
                        elem_id=f"mix-photo-{name.lower()}",
                    )
                    self.photos.append(photo)
                    if len(self.examples) > number:
                        self._example(photo, number)

    def _example(self, photo: Photo, number: int) -> None:
        button = gr.Button("An invented face", size="sm", elem_id=f"mix-example-{number + 1}")
        path = str(self.examples[number])
        button.click(lambda: path, None, photo, **QUICK)

    def _build_fields(self) -> None:
        self.what = gr.Radio(
            [MIXTURES, CHILDREN], value=MIXTURES, label="What to make", elem_id="mix-what"
        )
        with gr.Column(visible=True) as self.of_mixtures:
            self.between = fields.slider(MixOptions, "steps_between", step=1, info="")
            self.sharpness = fields.slider(MixOptions, "sharpness", step=0.1)
        with gr.Column(visible=False) as self.of_children:
            self.count = fields.slider(ChildOptions, "count", step=1, info="")
            self.dials = {name: fields.slider(ChildOptions, name) for name in DIALS}
            self.by_genes = gr.Checkbox(True, label=f"Age: {AGE_OF_GENES}")
            self.age = gr.Slider(0, 60, 8, step=1, label="Age in years", visible=False)
            self.seed = fields.seed(ChildOptions)
        self.model = fields.model(self.studios)
        self.label = fields.label()

    def _build_results(self) -> None:
        self.status = gr.HTML(padding=False, elem_classes="fg-status")
        self.empty = gr.HTML(texts.empty(PROMISE), padding=False)
        self.headings: dict[str, gr.HTML] = {}
        self.rows: dict[str, gr.Gallery] = {}
        for row in (*ROWS, CHILDREN):
            words = HEADINGS.get(row, "The parents and their children")
            self.headings[row] = gr.HTML(
                f"<h3 class='fg-row'>{words}</h3>", padding=False, visible=False
            )
            self.rows[row] = fields.gallery(
                columns=7 if row in ROWS else 4,
                opens=True,
                looks="fg-board" if row in ROWS else "fg-board fg-children",
                elem_id=f"mix-{row.lower()}",
            )
        self.bars = gr.HTML(padding=False, visible=False, elem_id="mix-bars")
        self.all = gr.DownloadButton(
            "Download all (ZIP)", visible=False, size="md", elem_id="mix-download"
        )

    def _connect(self) -> None:
        self.what.change(
            lambda what: (gr.update(visible=what == MIXTURES), gr.update(visible=what == CHILDREN)),
            self.what,
            [self.of_mixtures, self.of_children],
            **QUICK,
        )
        self.by_genes.change(lambda on: gr.update(visible=not on), self.by_genes, self.age, **QUICK)
        asked = {*self.photos, self.what, self.between, self.sharpness, self.count, self.seed}
        asked |= {*self.dials.values(), self.by_genes, self.age, self.model, self.label}
        asked |= {self.run, self.uploads}
        shown = [self.run, self.uploads, self.status, *self._cleared()]
        self.jobs = [run_on(self.go, self.stop, self._job, asked, shown, self.status)]

    def cleared(self) -> dict:
        """The tab as it was before there was a photo."""
        return {
            **dict.fromkeys(self.photos),
            self.status: "",
            **dict(zip((self.go, self.stop), said_stopped()[:2], strict=True)),
            **self._cleared(),
        }

    def _cleared(self) -> dict:
        hidden = gr.update(visible=False)
        return {
            self.empty: gr.update(visible=True),
            **dict.fromkeys(self.headings.values(), hidden),
            **{row: gr.update(value=None, visible=False) for row in self.rows.values()},
            self.bars: gr.update(value="", visible=False),
            self.all: gr.update(value=None, visible=False),
        }

    # -- a run ---------------------------------------------------------------------------

    def _job(self, asked: dict) -> Iterator[dict]:
        discard(asked[self.run])
        try:
            with private_files.new_run() as folder:
                bar = texts.progress("Finding the faces …", 0.0)
                yield {self.run: Run(folder), self.status: bar} | self._cleared()
                photos = [
                    two(asked[photo], name) for photo, name in zip(self.photos, "AB", strict=True)
                ]
                known = asked[self.uploads] or Uploads()
                for photo in photos:
                    known = known.plus(photo.path)
                yield {self.uploads: known}
                sources = [photo.source() for photo in photos]
                board = Board()
                for event in self._events(asked, sources, folder):
                    board, updates = self._after(event, board, folder)
                    yield updates
        except FacegenError as error:
            yield {self.status: texts.error(error)}

    def _events(self, asked: dict, sources: Sequence[Source], folder: Path) -> Iterator:
        model, label = asked[self.model], bool(asked[self.label])
        if asked[self.what] == MIXTURES:
            mixed = {"steps_between": asked[self.between], "sharpness": asked[self.sharpness]}
            what = MixRun(MixOptions(**given(mixed)), label=label)
            return self.run_mix(model, sources, folder, what)
        told = {"count": asked[self.count], "seed": asked[self.seed]}
        told |= {name: asked[dial] for name, dial in self.dials.items()}
        if not asked[self.by_genes]:
            told["age"] = asked[self.age]
        return self.run_child(
            model, sources, folder, ChildRun(ChildOptions(**given(told)), label=label)
        )

    def _after(self, event: object, board: Board, folder: Path) -> tuple[Board, dict]:
        match event:
            case parents.Found(_, _, paths):
                board = replace(board, ends=tuple(map(str, paths)))
                return board, {self.status: texts.progress("Both faces are found …", 0.5)}
            case Mixed(index, count, recipe, _, path):
                board = board.plus(recipe.row, path, recipe.in_words)
                words = texts.progress(f"Mixture {index} of {count} …", 0.5 + index / count / 2)
                return board, {self.status: words, **self._row(board, recipe.row)}
            case Born(index, count, _, _, to, path):
                board = board.plus(CHILDREN, path, f"child {index}")
                board = replace(board, bars=board.bars + bars(index, to))
                words = texts.progress(f"Child {index} of {count} …", 0.8 + 0.2 * index / count)
                shown = gr.update(value=f"<div class='fg-bars'>{board.bars}</div>", visible=True)
                return board, {self.status: words, **self._row(board, CHILDREN), self.bars: shown}
            case BoardDone() | Family():
                path = zipped(folder)
                return board, {self.status: "", self.all: gr.update(value=str(path), visible=True)}
        return board, {self.status: told(event)}

    def _row(self, board: Board, row: str) -> dict:
        return {
            self.empty: gr.update(visible=False),
            self.headings[row]: gr.update(visible=True),
            self.rows[row]: gr.update(value=board.row(row), visible=True),
        }


def two(photo: Photograph | FacegenError | None, name: str) -> Photograph:
    """The photo of face A or B. Raises FacegenError, which says which one it is about."""
    try:
        return checked(photo)
    except FacegenError as error:
        raise type(error)(f"face {name}: {error}") from error


def told(event: object) -> str:
    """A bar for what comes before the first picture."""
    match event:
        case Loading():
            return texts.loading(event)
        case parents.Searching(face, step, steps, _):
            text = f"Face {'AB'[face]}: refining, step {step} of {steps} …"
            return texts.progress(text, 0.1 + 0.2 * (face + step / steps))
        case parents.Feeling(share):
            text = "First use of this model: which part of a face each number moves …"
            return texts.progress(text, 0.5 + 0.2 * share)
        case Conceived(done, of):
            return texts.progress(f"Looking at candidates, {done} of {of} …", 0.5 + 0.3 * done / of)
    return texts.progress("…", 0.0)


def bars(index: int, to: Mapping[str, Mapping[str, Nearness]]) -> str:
    """How near a child is to each parent, on a scale from the same person to strangers."""
    lines = []
    for parent, ones in to.items():
        if not ones:
            lines.append(f"<p>to {parent.upper()}: no recogniser could tell</p>")
            continue
        name, near = list(ones.items())[-1]  # the one that reports
        longest = 1.3 * near.limit

        def at(distance: float, longest: float = longest) -> str:
            return f"{100 * min(distance / longest, 1):.0f}%"

        verdict = (
            "taken for the parent"
            if near.is_parent
            else f"nearer than {100 - near.strangers:.0f} of 100 pairs of strangers"
        )
        said = f"to {parent.upper()}: {near.distance:.2f}, {verdict} ({texts.titled(name)})"
        lines.append(
            f"<div class='fg-near' role='img' aria-label='{html.escape(said, quote=True)}'>"
            f"<span style='width:{at(near.same)}' title='one person'></span>"
            f"<u style='left:{at(near.limit)}' title='5 in 100 pairs of strangers are nearer'></u>"
            f"<i style='left:{at(near.distance)}'></i></div><p>{said}</p>"
        )
    return f"<section><h4>child {index}</h4>{''.join(lines)}</section>"
