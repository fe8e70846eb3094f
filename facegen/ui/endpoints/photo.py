"""/edit, /anonymise and /restore: a face changed, the faces of a whole photo replaced, and what a
spoilt picture could show."""

from __future__ import annotations

from dataclasses import replace

import gradio as gr

from ...errors import FacegenError, ImageError
from ...jobs.catalogue import find
from ...jobs.options import EditRun
from ...latent.edit.options import NAMES, parse, range_text
from ...latent.restore.options import DAMAGES, RestoreOptions
from ...options import AnonymiseOptions, InvertOptions, numbers
from ..run_state import given, zipped
from ..server import private_files
from ..server.model_pool import Studios
from ..widgets.photo_input import Photo, Photograph, checked
from . import fields


def edit_at(studios: Studios) -> None:
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
        with fields.in_our_words():
            source = checked(photo).source(face=face)
            told = InvertOptions(**given({"steps": steps}))
            what = EditRun(parse((settings or "").split()), told)
            with private_files.new_run() as folder:
                events = studios.run("edit", model, [source], folder, what)
                ((path, _),), manifest = fields.results(events)
                return [(path, "after"), (str(folder / "inversion.png"), "before")], manifest

    fields.tell(edit, InvertOptions, sliders="; ".join(f"{n} {range_text(n)}" for n in NAMES))
    gr.Button().click(
        edit,
        [
            Photo(label="photo"),
            gr.Textbox("smile=+0.5", label="Settings"),
            gr.Number(0, precision=0, label="Which face, 0 is the largest"),
            fields.number(InvertOptions, "steps", whole=True),
            fields.model(studios),
        ],
        [gr.Gallery(label="faces"), gr.JSON(label="manifest")],
        api_name="edit",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def anonymise_at(studios: Studios) -> None:
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
        with fields.in_our_words():
            photo = checked(photo)
            told = {"faces": numbers(faces or ""), "strength": strength, "seed": seed}
            what = find("anonymise").given(told | {"label": label})
            with private_files.new_run() as folder:
                sources = [photo.source(None)]
                events = studios.run("anonymise", model, sources, folder, what)
                ((path, _),), manifest = fields.results(events)
                return path, manifest

    fields.tell(anonymise, AnonymiseOptions)
    gr.Button().click(
        anonymise,
        [
            Photo(label="photo"),
            gr.Textbox("", label="Which faces, from 1; empty: all"),
            fields.number(AnonymiseOptions, "strength"),
            fields.number(AnonymiseOptions, "seed", whole=True),
            gr.Checkbox(False, label="A visible label"),
            fields.model(studios),
        ],
        [gr.File(label="the photo"), gr.JSON(label="manifest")],
        api_name="anonymise",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def restore_at(studios: Studios) -> None:
    def restore(
        photo: Photograph | FacegenError | None,
        mask: Photograph | FacegenError | None,
        damage,
        count,
        steps,
        seed,
        face,
        model,
        label,
        fidelity,
    ) -> tuple:
        """Draw faces that a small, blurred, noisy, compressed or damaged picture could show.

        Each is one of many faces that the picture could be; none tells who it was. Returns them
        with a word on whether each agrees with the picture, a manifest, and a ZIP.

        Args:
            photo: The spoilt picture: {readable}, up to {megabytes} MB.
            mask: For holes: a picture of the same size, white where something is missing.
            damage: What happened to it: {damages}; auto estimates it.
            count: {count}
            steps: {steps}
            seed: {seed}
            face: Which face of the picture, 0 is the largest.
            model: Which face model.
            label: Write AI-generated visibly in a corner of each picture.
            fidelity: {fidelity}
        """
        with fields.in_our_words():
            source = checked(photo).source(face=face)
            told = {"damage": damage, "count": count, "steps": steps, "seed": seed}
            what = find("restore").given(told | {"fidelity": fidelity, "label": label})
            holes = None if mask is None else checked(mask).pixels.max(axis=2)
            if holes is not None and holes.shape != source.pixels.shape[:2]:
                sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (holes, source.pixels)]
                raise ImageError(
                    f"mask has {sizes[0]} pixels, photo {sizes[1]}; make it as large as the photo"
                )
            sources = [replace(source, mask=holes)]
            with private_files.new_run() as folder:
                events = studios.run("restore", model, sources, folder, what)
                return *fields.results(events), str(zipped(folder))

    fields.tell(restore, RestoreOptions, damages=", ".join(DAMAGES))
    gr.Button().click(
        restore,
        [
            Photo(label="photo"),
            Photo(label="mask"),
            fields.choice(DAMAGES, RestoreOptions.damage, "What happened to it"),
            fields.number(RestoreOptions, "count", whole=True),
            fields.number(RestoreOptions, "steps", whole=True),
            fields.number(RestoreOptions, "seed", whole=True),
            gr.Number(0, precision=0, label="Which face, 0 is the largest"),
            fields.model(studios),
            gr.Checkbox(False, label="A visible label"),
            fields.number(RestoreOptions, "fidelity"),
        ],
        [gr.Gallery(label="faces"), gr.JSON(label="manifest"), gr.File(label="ZIP")],
        api_name="restore",
        concurrency_id="gpu",
        concurrency_limit=1,
    )
