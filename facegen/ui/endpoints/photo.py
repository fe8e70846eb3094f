"""/edit, /anonymise and /restore: a face changed, the faces of a whole photo replaced, and what a
spoilt picture could show."""

from __future__ import annotations

import time

import gradio as gr

from ...errors import FacegenError, ImageError
from ...files import write_file
from ...jobs.anonymise import Done
from ...jobs.edit import EditRun, check
from ...jobs.restore import Restored, RestoreDone, RestoreRun, Spoilt
from ...latent.edit.options import NAMES, parse, range_text
from ...latent.restore.options import DAMAGES, RestoreOptions
from ...options import AnonymiseOptions, InvertOptions, numbers
from ...output import photo_file
from ..run_state import given, zipped
from ..server import private_files
from ..server.model_pool import Studios, make_editor, make_restorer
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
            source = photo.source()
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
                        data = photo_file.made_from(photo.data, event.pixels, event.changed)
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


def restore_at(studios: Studios) -> None:
    run_restore = make_restorer(studios)

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
            photo = checked(photo)
            told = {"damage": damage, "count": count, "steps": steps, "seed": seed}
            told |= {"fidelity": fidelity}
            what = RestoreRun(RestoreOptions(**given(told)), face or 0, bool(label))
            holes = None if mask is None else checked(mask).pixels.max(axis=2)
            if holes is not None and holes.shape != photo.pixels.shape[:2]:
                sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (holes, photo.pixels)]
                raise ImageError(
                    f"mask has {sizes[0]} pixels, photo {sizes[1]}; make it as large as the photo"
                )
            spoilt = Spoilt(photo.pixels, photo.sha256, holes, photo.marks())
            with private_files.new_run() as folder:
                pictures, manifest = [], {}
                for event in run_restore(model, spoilt, folder, what):
                    if isinstance(event, Restored):
                        words = "agrees" if event.agrees else "does not agree"
                        pictures.append((str(event.path), f"{event.index}: {words}"))
                    elif isinstance(event, RestoreDone):
                        manifest = event.manifest
                return pictures, manifest, str(zipped(folder))

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
