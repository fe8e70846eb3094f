"""/mix and /child: what lies between two faces, and their children."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from ...errors import FacegenError
from ...jobs.catalogue import find
from ...jobs.job import Source
from ...latent.mix.options import ChildOptions, MixOptions
from ...options import InvertOptions
from ..run_state import zipped
from ..server import private_files
from ..server.model_pool import Studios
from ..tabs.mix import two
from ..widgets.photo_input import Photo, Photograph
from . import fields

Asked = Photograph | FacegenError | None


def both_at(studios: Studios) -> None:
    """Declare both."""

    def mix(photo_a: Asked, photo_b: Asked, steps_between, sharpness, steps, model, label) -> tuple:
        """Cross two faces over: by layers, by region and along the arc between them.

        Returns the mixtures with a word on how each was made, a manifest, and a ZIP with the
        board, both parents among it.

        Args:
            photo_a: Face A, a picture of a face: {readable}, up to {megabytes} MB.
            photo_b: Face B, likewise.
            steps_between: {steps_between}
            sharpness: {sharpness}
            steps: {steps}
            model: Which face model.
            label: Write AI-generated visibly in a corner of each picture.
        """
        with fields.in_our_words():
            sources = _sources(photo_a, photo_b)
            told = {"steps_between": steps_between, "sharpness": sharpness, "steps": steps}
            what = find("mix").given(told | {"label": label})
            with private_files.new_run() as folder:
                events = studios.run("mix", model, sources, folder, what)
                return *fields.results(events), str(zipped(folder))

    def child(
        photo_a: Asked,
        photo_b: Asked,
        count,
        seed,
        first,
        second,
        stranger,
        age,
        sex,
        steps,
        model,
        label,
    ) -> tuple:
        """Draw children of two faces.

        Returns the children, a manifest that says how near each is to either parent beside what
        strangers and pictures of one person are, and a ZIP, both parents among it.

        Args:
            photo_a: Face A, a picture of a face: {readable}, up to {megabytes} MB.
            photo_b: Face B, likewise.
            count: {count}
            seed: {seed}
            first: {first}
            second: {second}
            stranger: {stranger}
            age: {age}
            sex: {sex}
            steps: {steps}
            model: Which face model.
            label: Write AI-generated visibly in a corner of each picture.
        """
        with fields.in_our_words():
            sources = _sources(photo_a, photo_b)
            told = {"count": count, "seed": seed, "first": first, "second": second}
            told |= {"stranger": stranger, "age": age, "sex": sex, "steps": steps, "label": label}
            what = find("child").given(told)
            with private_files.new_run() as folder:
                events = studios.run("child", model, sources, folder, what)
                return *fields.results(events), str(zipped(folder))

    fields.tell(mix, MixOptions, InvertOptions)
    fields.tell(child, ChildOptions, InvertOptions)
    numbers = [
        fields.number(ChildOptions, name, whole=name in ("count", "seed"))
        for name in ("count", "seed", "first", "second", "stranger", "age", "sex")
    ]
    between = fields.number(MixOptions, "steps_between", whole=True)
    _declare(studios, mix, [between, fields.number(MixOptions, "sharpness")])
    _declare(studios, child, numbers)


def _declare(studios: Studios, run, own: Sequence[gr.Number]) -> None:
    gr.Button().click(
        run,
        [
            Photo(label="face A"),
            Photo(label="face B"),
            *own,
            fields.number(InvertOptions, "steps", whole=True),
            fields.model(studios),
            gr.Checkbox(False, label="A visible label"),
        ],
        [gr.Gallery(label="faces"), gr.JSON(label="manifest"), gr.File(label="ZIP")],
        api_name=run.__name__,
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def _sources(first: Asked, second: Asked) -> list[Source]:
    return [two(photo, name).source() for photo, name in zip((first, second), "AB", strict=True)]
