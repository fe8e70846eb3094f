"""The first stage: variants of every source, as a user gets them at the defaults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ... import images
from ...errors import FacegenError, OutputError
from ...files import make_folder, replacing
from ...latent.codes import seeds
from ...models.loading import digest_of
from ...options import USUAL, ProtocolOptions, VaryOptions
from ...output import provenance
from ...studio import Studio
from ...types import AlignedFace
from ..measuring import aligned_face
from .layout import PICTURE, Layout, Made, id_of


def make(
    studio: Studio,
    paths: list[Path],
    layout: Layout,
    options: ProtocolOptions,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Make the variants of each source that has none yet; made.csv lists what cannot be made.

    progress: (done, of), in sources. Raises OptionError where the folder holds another run's."""
    layout.begin(settings(studio, options))
    done = layout.made()
    for number, path in enumerate(paths):
        progress(number, len(paths))
        if len(done.get(id_of(path), ())) < options.count:
            layout.append(_source(studio, path, layout, options))
    progress(len(paths), len(paths))


def settings(studio: Studio, options: ProtocolOptions) -> dict[str, object]:
    """Return everything that decides how a variant looks."""
    asked = asdict(VaryOptions(options.count, options.strength, options.seed))
    del asked["count"]  # a variant is the same whatever the count: a folder may grow
    return {
        "model": studio.info.name,
        "weights": digest_of((studio.model.generator, studio.model.encoder)),
        "recognisers": [recogniser.name for recogniser in studio.recognisers],
        "steps": studio.steps(USUAL, options.strength),
        "aligned": options.aligned,
        "picture": PICTURE,
        **asked,
    }


def seed_of(source: str, seed: int) -> int:
    """Derive a seed of the source's own, independent of the other sources."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).digest()
    return seeds(seed + int.from_bytes(digest[:3], "big"), 1)[0]


def aligned_source(studio: Studio, path: Path, aligned: bool) -> AlignedFace:
    """Load and align a source. Raises ImageError or NoFaceError."""
    return aligned_face(studio, images.load(path), aligned)


def _source(studio: Studio, path: Path, layout: Layout, options: ProtocolOptions) -> list[Made]:
    source = id_of(path)
    seed = seed_of(source, options.seed)
    lines: list[Made] = []
    why = "no stranger was found"
    try:
        aligned = aligned_source(studio, path, options.aligned)
        if not options.aligned:
            make_folder(layout.references)
            _save(layout.references / f"{source}.png", aligned.pixels, {}, synthetic=False)
        inversion = studio.invert(aligned, studio.steps(USUAL, options.strength))
        with replacing(layout.codes / f"{source}.npy") as part, part.open("wb") as file:
            np.save(file, inversion.ws.numpy())
        for variant in studio.select(inversion, VaryOptions(options.count, options.strength, seed)):
            facts = studio.facts() | {"seed": variant.seed, "strength": variant.strength}
            _save(layout.variant(source, len(lines) + 1), variant.pixels, facts)
            reached = bool(variant.dial and variant.dial.reached)
            lines.append(Made(source, len(lines) + 1, variant.seed, variant.strength, reached))
    except OutputError:
        raise  # a full disk is not the source's fault
    except FacegenError as error:
        why = str(error)
    missing = range(len(lines) + 1, options.count + 1)
    return lines + [Made(source, k, trouble=why) for k in missing]


def _save(path: Path, pixels: np.ndarray, facts: dict, *, synthetic: bool = True) -> None:
    small = images.resize(pixels, min(PICTURE, pixels.shape[0]))
    provenance.save_png(path, small, facts, synthetic=synthetic, marked=False)
