"""/edit and /anonymise: a face changed, and the faces of a whole photo replaced."""

from __future__ import annotations

import time

import gradio as gr

from ...errors import FacegenError
from ...files import write_file
from ...jobs.anonymise import Done
from ...jobs.edit import EditRun, Source, check
from ...latent.edit.options import NAMES, parse, range_text
from ...options import AnonymiseOptions, InvertOptions, numbers
from ...output import photo_file, provenance
from ..run_state import given
from ..server import private_files
from ..server.model_pool import Studios, make_editor
from ..widgets.photo_input import Photo, Photograph, checked
from . import fields


def edit_at(studios: Studios) -> None:
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
        with fields.in_our_words():
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


def anonymise_at(studios: Studios, run_anonymise) -> None:
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
