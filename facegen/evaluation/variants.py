"""The usual evaluation's pictures: variants of photos and random faces, made and measured.

Every reference is inverted and varied at each strength; all pictures are measured and kept in a
record (store.py).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import images
from .._version import __version__
from ..errors import FacegenError, ImageError
from ..files import writable
from ..latent.codes import seeds
from ..models.loading import digest_of
from ..options import EvaluateOptions, SampleOptions, VaryOptions
from ..studio import Studio
from .measure import Meter
from .sources import aligned_face, references
from .store import A_RECORD, RANDOM, SOURCE, Row, Rows, Store, row_of

INVERSION = "inversion"
PICTURE = 299  # pixels, at most, of what is kept: what Inception sees

# --- making and measuring ----------------------------------------------------------------


def measure(
    studio: Studio,
    folder: Path | None,
    out: Path,
    options: EvaluateOptions,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Iterator[Rows]:
    """Yield a record a reference and a hundred random faces, read where it was stored.

    A reference's facts have its name, and why where it cannot be used.
    progress: (done, of), in pictures: the model's of each reference, the variants, the samples."""
    paths = references(folder, options.first, options.last) if folder else []
    store, meter = Store(out, settings(studio, options)), Meter(studio)
    each = 1 + len(options.strengths) * options.variants
    of, done = len(paths) * each + options.samples, 0

    def advance(to: int | None = None) -> None:
        nonlocal done
        done = done + 1 if to is None else to
        progress(done, of)

    advance(to=0)
    for index, path in enumerate(paths):
        name = writable(path.name)
        try:
            data = images.read_file(path)
        except ImageError as error:  # gone meanwhile, closed or too large
            yield Rows(facts={"name": name, "why": str(error)})
        else:
            made = partial(_reference, meter, name, data, index, options, advance)
            yield store.once(made, SOURCE, index, name, hashlib.sha256(data).hexdigest())
        advance((index + 1) * each)
    for start in range(0, options.samples, A_RECORD):
        number = min(A_RECORD, options.samples - start)
        made = partial(_samples, meter, start, number, options, advance)
        yield store.once(made, RANDOM, start, number)
        advance(len(paths) * each + start + number)


def settings(studio: Studio, options: EvaluateOptions) -> dict[str, Any]:
    """Return everything that decides the numbers, but the reference."""
    return {
        "version": __version__,
        "weights": digest_of((studio.model.generator, studio.model.encoder)),
        "device": str(studio.device),
        "recognisers": [recogniser.name for recogniser in studio.recognisers],
        **{k: v for k, v in asdict(options).items() if k not in ("first", "last", "samples")},
    }


def _reference(
    meter: Meter,
    name: str,
    data: bytes,
    index: int,
    options: EvaluateOptions,
    advance: Callable[[], None],
) -> Rows:
    studio = meter.studio
    try:
        started = time.perf_counter()
        aligned = aligned_face(studio, images.load(data), options.aligned)
        align_seconds = time.perf_counter() - started
        inversion = studio.invert(aligned, steps=options.steps)
    except FacegenError as error:
        return Rows(facts={"name": name, "why": str(error)})
    advance()
    rows = {SOURCE: _row(meter, aligned.pixels), INVERSION: _row(meter, inversion.pixels)}
    seed, strengths = seeds(options.seed + 100 * index, 1)[0], {}
    for strength in options.strengths:
        selection = studio.select(inversion, VaryOptions(options.variants, strength, seed))
        started = time.perf_counter()
        variants = []
        for variant in selection:
            variants.append(variant)
            advance()
        seconds = time.perf_counter() - started
        for k, variant in enumerate(variants, start=1):
            reached = variant.dial.reached if variant.dial else None
            rows[f"{strength:g} {k}"] = _row(meter, variant.pixels, reached)
        assert selection.report is not None, "it is there when all variants were made"
        strengths[f"{strength:g}"] = {
            "asked": selection.report.asked,
            "tried": selection.report.tried,
            "passed_over": dict(selection.report.passed_over),
            "seconds": seconds,
        }
    return Rows.of(
        rows,
        name=name,
        align_seconds=align_seconds,
        invert_seconds=inversion.seconds,
        distance=inversion.distance,
        strengths=strengths,
    )


def _samples(
    meter: Meter, start: int, number: int, options: EvaluateOptions, advance: Callable[[], None]
) -> Rows:
    rows = {}
    for seed in seeds(options.seed + start, number):
        drawn = meter.studio.draw(SampleOptions(1, seed, options.truncation_psi))
        for portrait in drawn:
            rows[str(seed)] = _row(meter, portrait.pixels)
        advance()
    return Rows.of(rows)


def _row(meter: Meter, pixels: np.ndarray, reached: bool | None = None) -> Row:
    """Measure a picture and keep it, small. reached: whether the dial reached its target."""
    small = images.resize(pixels, min(PICTURE, pixels.shape[0]))
    return meter(pixels) | row_of(
        {"reached": np.nan if reached is None else float(reached), "pixels": small}
    )
