"""The named API: /generate, /random, /edit and /anonymise, for gradio_client, "Use via API" and
mcp_server.py.

Their fields are typed and hidden; numbers have no limits of their own here, so that one out of
range is answered in the words of the option dataclasses.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields

import gradio as gr

from ..errors import FacegenError
from ..files import write_file
from ..images import READABLE
from ..jobs.anonymise import Done
from ..jobs.edit import EditRun, Source, check
from ..latent.edit.options import NAMES, parse, range_text
from ..options import (
    NOISE_MODES,
    AnonymiseOptions,
    InvertOptions,
    SampleOptions,
    StyleOptions,
    VaryOptions,
    help_of,
    kept,
    numbers,
    range_in_words,
)
from ..output import photo_file, provenance
from . import texts
from .run_state import Run, follow, given, options, paced, style_options
from .server import private_files
from .server.model_pool import Studios, make_editor
from .tabs.random_faces import drawn
from .widgets.photo_input import MAX_MEGABYTES, Photo, Photograph, checked


def build(studios: Studios, generate, draw, anonymise) -> None:
    """Declare the endpoints; shows nothing."""
    with gr.Group(visible=False):
        _generate(studios, generate)
        _random(studios, draw)
        _edit(studios)
        _anonymise(studios, anonymise)


def _tell(endpoint, *kinds: type, **more: str) -> None:
    """Fill the words and ranges of those options into what "Use via API" tells of an endpoint;
    without docstrings (python -OO) nothing."""
    words = {
        option.name: f"{texts.sentence(help_of(kind, option.name))} "
        f"{range_in_words(kind, option.name)}."
        for kind in kinds
        for option in fields(kind)
        if "range" in option.metadata
    }
    endpoint.__doc__ = (endpoint.__doc__ or "").format(
        readable=READABLE, megabytes=MAX_MEGABYTES, **words, **more
    )


def _generate(studios: Studios, run_generate) -> None:
    def generate(
        photo: Photograph | FacegenError | None,
        strength,
        count,
        anime,
        style,
        blend,
        seed,
        face,
        steps,
        truncation_psi,
        coarse,
        middle,
        fine,
        noise_mode,
        keep,
        model,
        label,
    ) -> Iterator[tuple]:
        """Make photos of people who do not exist from one reference photo of a face.

        Finds and aligns the face, looks for it in the model's latent space and varies it. Returns
        the pictures with a verdict on each (a different person, or too close to the reference),
        a manifest with all measurements, and a ZIP of everything.

        Args:
            photo: A picture of a face: {readable}, up to {megabytes} MB.
            strength: {strength}
            count: {count}
            anime: Draw each in an anime style as well.
            style: Which anime style.
            blend: {blend}
            seed: {seed}
            face: Which face of the photo, 0 is the largest.
            steps: {steps}
            truncation_psi: {truncation_psi}
            coarse: {coarse}
            middle: {middle}
            fine: {fine}
            noise_mode: Fine noise: const, random or none.
            keep: What stays as in the photo: age,gender,skin or some of them; none: nothing.
            model: Which face model.
            label: Write AI-generated visibly in a corner of each picture.
        """
        with _in_our_words():
            photo = checked(photo)
            what = options(
                anime=anime,
                style=style,
                blend=blend,
                face=face,
                steps=steps,
                count=count,
                strength=strength,
                seed=seed,
                coarse=coarse,
                middle=middle,
                fine=fine,
                truncation_psi=truncation_psi,
                noise_mode=noise_mode,
                keep=None if keep is None else kept(keep),
                label=label,
            )
            with private_files.new_run() as folder:
                job = model, photo.pixels, photo.sha256, folder, what, None, photo.marks()
                events = run_generate(*job)
                for run, _ in paced(Run(folder), follow(Run(folder), events)):
                    yield _answer(run)

    _tell(generate, VaryOptions, InvertOptions, StyleOptions)
    gr.Button().click(
        generate,
        [
            Photo(label="photo"),
            _number(VaryOptions, "strength"),
            _number(VaryOptions, "count", whole=True),
            *_anime(studios),
            _number(VaryOptions, "seed", whole=True),
            gr.Number(0, precision=0, label="Which face, 0 is the largest"),
            _number(InvertOptions, "steps", whole=True),
            _number(VaryOptions, "truncation_psi"),
            *(_number(VaryOptions, group) for group in ("coarse", "middle", "fine")),
            _noise(VaryOptions),
            gr.Textbox(VaryOptions().kept_in_words, label="Keep as in the photo"),
            _model(studios),
            gr.Checkbox(False, label="A visible label"),
        ],
        [gr.Gallery(label="faces"), gr.JSON(label="manifest"), gr.File(label="ZIP")],
        api_name="generate",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def _anonymise(studios: Studios, run_anonymise) -> None:
    def anonymise(photo: Photograph | FacegenError | None, faces, strength, seed, label, model):
        """Replace the faces in a whole photo, in place, by people who do not exist.

        Returns the photo as a file of its own format, with all that was not replaced as it was
        (PNG: to the byte), and a manifest that says of each face what became of it.

        Args:
            photo: A picture of one or more people: {readable}, up to {megabytes} MB.
            faces: Which faces, as numbers from 1 with commas, the largest first; empty: all.
            strength: {strength}
            seed: {seed}
            label: Write AI-generated visibly in a corner of the photo.
            model: Which face model.
        """
        with _in_our_words():
            photo = checked(photo)
            what = AnonymiseOptions(
                faces=numbers(faces or ""),
                label=bool(label),
                **given({"strength": strength, "seed": seed}),
            )
            kind = photo_file.kind_of(photo.data)
            for event in run_anonymise(model, photo.pixels, what):
                if isinstance(event, Done):
                    with private_files.new_run() as folder:
                        path = folder / f"anonymised{photo_file.KINDS[kind]}"
                        data = photo_file.photo_bytes(event.pixels, event.changed, kind)
                        write_file(path, data)
                    return str(path), event.manifest
            raise AssertionError("the job ended without an end")

    _tell(anonymise, AnonymiseOptions)
    gr.Button().click(
        anonymise,
        [
            Photo(label="photo"),
            gr.Textbox("", label="Which faces, from 1; empty: all"),
            _number(AnonymiseOptions, "strength"),
            _number(AnonymiseOptions, "seed", whole=True),
            gr.Checkbox(False, label="A visible label"),
            _model(studios),
        ],
        [gr.File(label="the photo"), gr.JSON(label="manifest")],
        api_name="anonymise",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def _random(studios: Studios, run_draw) -> None:
    def random(
        count, seed, truncation_psi, noise_mode, anime, style, blend, model, label
    ) -> Iterator[tuple]:
        """Draw faces of people who do not exist, with no reference photo.

        Returns the pictures and a ZIP of all.

        Args:
            count: {count}
            seed: {seed}
            truncation_psi: {truncation_psi}
            noise_mode: Fine noise: const, random or none.
            anime: Draw each in an anime style as well.
            style: Which anime style.
            blend: {blend}
            model: Which face model.
            label: Write AI-generated visibly in a corner of each picture.
        """
        with _in_our_words():
            fields = {"count": count, "seed": seed, "truncation_psi": truncation_psi}
            what = SampleOptions(**given(fields | {"noise_mode": noise_mode}))
            portraits = run_draw(model, what, style_options(anime, style, blend))
            with private_files.new_run() as folder:
                for run in drawn(portraits, folder, what.count, label):
                    yield _files(run), run.zip and str(run.zip)

    _tell(random, SampleOptions, StyleOptions)
    gr.Button().click(
        random,
        [
            _number(SampleOptions, "count", whole=True),
            _number(SampleOptions, "seed", whole=True),
            _number(SampleOptions, "truncation_psi"),
            _noise(SampleOptions),
            *_anime(studios),
            _model(studios),
            gr.Checkbox(False, label="A visible label"),
        ],
        [gr.Gallery(label="faces"), gr.File(label="ZIP")],
        api_name="random",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def _edit(studios: Studios) -> None:
    find, _, draw = make_editor(studios)

    def edit(photo: Photograph | FacegenError | None, settings, face, steps, model) -> tuple:
        """Change a face by name: the same person, older, smiling, turned.

        Returns the edited picture with the model's picture before it, and a manifest with what
        was asked for and what was measured.

        Args:
            photo: A picture of a face: {readable}, up to {megabytes} MB.
            settings: NAME=AMOUNT, several with blanks between: smile=+0.5 age=+10y. {sliders}.
            face: Which face of the photo, 0 is the largest.
            steps: {steps}
            model: Which face model.
        """
        with _in_our_words():
            photo, started = checked(photo), time.perf_counter()
            what = EditRun(
                parse((settings or "").split()),
                InvertOptions(**given({"steps": steps})),
                face or 0,
            )
            check(studios[model], what.edit)
            facts = provenance.facts_in(photo.data)
            source = Source(photo.pixels, photo.sha256, photo.marks(), facts)
            with private_files.new_run() as folder:
                *_, found = find(model, source, folder, what)
                done = draw(model, source, found.inversion, folder, what, started)
                pictures = [(str(done.path), "after"), (str(found.path), "before")]
                return pictures, done.manifest

    _tell(edit, InvertOptions, sliders="; ".join(f"{n} {range_text(n)}" for n in NAMES))
    gr.Button().click(
        edit,
        [
            Photo(label="photo"),
            gr.Textbox("smile=+0.5", label="Settings"),
            gr.Number(0, precision=0, label="Which face, 0 is the largest"),
            _number(InvertOptions, "steps", whole=True),
            _model(studios),
        ],
        [gr.Gallery(label="faces"), gr.JSON(label="manifest")],
        api_name="edit",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


@contextlib.contextmanager
def _in_our_words():
    try:
        yield
    except FacegenError as error:
        raise texts.as_error(error) from error


def _files(run: Run) -> list[tuple[str, str]]:
    return [file for picture in run.pictures for file in picture.files]


def _answer(run: Run) -> tuple:
    return _files(run), run.manifest, run.whole_zip and str(run.whole_zip)


def _number(kind: type, name: str, whole: bool = False) -> gr.Number:
    words = texts.sentence(help_of(kind, name))
    return gr.Number(getattr(kind, name), precision=0 if whole else None, label=words)


def _anime(studios: Studios) -> list:
    styles = studios.first.styles
    # Never empty: a field without a default is one that every caller has to fill.
    default = StyleOptions.style if StyleOptions.style in styles or not styles else styles[0]
    return [
        gr.Checkbox(False, label="Anime as well"),
        _choice(styles or [default], default, "Anime style"),
        _number(StyleOptions, "blend"),
    ]


def _noise(kind: type[VaryOptions] | type[SampleOptions]) -> gr.Dropdown:
    return _choice(NOISE_MODES, kind.noise_mode, "Fine noise")


def _model(studios: Studios) -> gr.Dropdown:
    names = [name for _, name in studios.choices]
    return _choice(names, studios.first.info.name, "Face model")


def _choice(choices: Sequence[str], default: str | None, label: str) -> gr.Dropdown:
    """The schema names the choices; what is none of them is refused in our words, later."""
    return gr.Dropdown(list(choices), value=default, label=label, allow_custom_value=True)
