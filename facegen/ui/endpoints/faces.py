"""/generate and /random: new faces, from a photo and from nothing."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from ...errors import FacegenError
from ...jobs.options import SampleRun
from ...options import InvertOptions, SampleOptions, StyleOptions, VaryOptions, kept
from ..run_state import Run, follow, given, options, paced, style_options
from ..server import private_files
from ..server.model_pool import Studios
from ..widgets.photo_input import Photo, Photograph, checked
from . import fields


def generate_at(studios: Studios) -> None:
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
        noise_mode,
        keep,
        model,
        label,
    ) -> Iterator[tuple]:
        """Make photos of people who do not exist from one reference photo of a face.

        Finds and aligns the face, looks for it in the model's latent space and varies it. Returns
        the pictures with a verdict on each (a different person, or too close to the reference),
        a manifest with all measurements, and a ZIP of everything. There are fewer pictures than
        asked for where nobody else holds.

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
            noise_mode: Fine noise: const, random or none.
            keep: What stays as in the photo: age,gender,skin or some of them; none: nothing.
            model: Which face model.
            label: Write AI-generated visibly in a corner of each picture.
        """
        with fields.in_our_words():
            photo = checked(photo)
            what = options(
                anime=anime,
                style=style,
                blend=blend,
                steps=steps,
                count=count,
                strength=strength,
                seed=seed,
                noise_mode=noise_mode,
                keep=None if keep is None else kept(keep),
                label=label,
            )
            with private_files.new_run() as folder:
                sources = [photo.source(face=face)]
                events = studios.run("generate", model, sources, folder, what)
                for run, _ in paced(Run(folder), follow(Run(folder), events)):
                    yield fields.answer(run)

    fields.tell(generate, VaryOptions, InvertOptions, StyleOptions)
    gr.Button().click(
        generate,
        [
            Photo(label="photo"),
            fields.number(VaryOptions, "strength"),
            fields.number(VaryOptions, "count", whole=True),
            *fields.anime(studios),
            fields.number(VaryOptions, "seed", whole=True),
            gr.Number(0, precision=0, label="Which face, 0 is the largest"),
            fields.number(InvertOptions, "steps", whole=True),
            fields.noise(VaryOptions),
            gr.Textbox(VaryOptions().kept_in_words, label="Keep as in the photo"),
            fields.model(studios),
            gr.Checkbox(False, label="A visible label"),
        ],
        [gr.Gallery(label="faces"), gr.JSON(label="manifest"), gr.File(label="ZIP")],
        api_name="generate",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def random_at(studios: Studios) -> None:
    def random(
        count, seed, truncation_psi, noise_mode, anime, style, blend, model, label, balanced
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
            balanced: Choose faces so that ages, gender presentations and skin tones are even.
        """
        with fields.in_our_words():
            asked = {"count": count, "seed": seed, "truncation_psi": truncation_psi}
            asked |= {"noise_mode": noise_mode, "balanced": balanced}
            what = SampleOptions(**given(asked))
            told = SampleRun(what, style_options(anime, style, blend), bool(label))
            with private_files.new_run() as folder:
                for run in follow(Run(folder), studios.run("random", model, [], folder, told)):
                    yield fields.files(run), run.zip and str(run.zip)

    fields.tell(random, SampleOptions, StyleOptions)
    gr.Button().click(
        random,
        [
            fields.number(SampleOptions, "count", whole=True),
            fields.number(SampleOptions, "seed", whole=True),
            fields.number(SampleOptions, "truncation_psi"),
            fields.noise(SampleOptions),
            *fields.anime(studios),
            fields.model(studios),
            gr.Checkbox(False, label="A visible label"),
            gr.Checkbox(False, label="Balanced"),
        ],
        [gr.Gallery(label="faces"), gr.File(label="ZIP")],
        api_name="random",
        concurrency_id="gpu",
        concurrency_limit=1,
    )
