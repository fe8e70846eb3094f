"""The second stage: measurement of sources, variants and baselines.

Results lie in OUT/measured, a file a source, named by a digest of its pictures and options; and in
OUT/population, a file a hundred random faces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ... import images
from ...errors import FacegenError
from ...files import make_folder
from ...latent.codes import random_offset
from ...latent.codes import seeds as seeds_of
from ...measure import structure
from ...options import ProtocolOptions, SampleOptions
from ...studio import Studio
from ...types import AlignedFace, Face
from . import rows
from .baselines import DEGRADED
from .layout import Layout, Made, id_of
from .looking import SIZE, Looker, Row
from .making import aligned_source, seed_of
from .rows import OURS, PLAIN, RANDOM, SOURCE, Rows

VERSION = 2  # of what a file of rows holds
EACH = 100  # random faces a file
HALFWAY = 0.5  # to a random person, of the plain way
POOL = 500  # of them, from which the one that holds its head like the source is chosen


def measure(
    studio: Studio,
    paths: list[Path],
    layout: Layout,
    options: ProtocolOptions,
    progress: Callable[[str, int, int], None] = lambda what, done, of: None,
) -> None:
    """Measure the random faces, then each source that has variants.

    progress: (what, done, of)."""
    make_folder(layout.measured)
    make_folder(layout.population)
    looker = Looker(studio)
    starts = range(0, options.samples, EACH)
    for number, start in enumerate(starts):
        progress("looking at random faces", number, len(starts))
        _random(studio, looker, layout, options, start)
    pool = population(layout, options, POOL)
    made = layout.made()
    there = [path for path in paths if id_of(path) in made]
    for number, path in enumerate(there):
        progress("looking at sources", number, len(there))
        lines = [line for line in made[id_of(path)][: options.count] if not line.trouble]
        file = layout.measured_file(id_of(path), _key(lines, options))
        if rows.load(file) is None and (
            found := _source(studio, looker, path, lines, layout, options, pool)
        ):
            Rows.of(found).save(file)
    progress("looking at sources", len(there), len(there))


def measured(
    paths: list[Path], layout: Layout, options: ProtocolOptions
) -> tuple[list[str], list[Rows]]:
    """Return the sources that were measured, and the measurements of each."""
    made, names, found = layout.made(), [], []
    for path in paths:
        lines = [line for line in made.get(id_of(path), ())[: options.count] if not line.trouble]
        file = layout.measured_file(id_of(path), _key(lines, options))
        if id_of(path) in made and (one := rows.load(file)) is not None:
            names.append(id_of(path))
            found.append(one)
    return names, found


def population(layout: Layout, options: ProtocolOptions, most: int | None = None) -> Rows | None:
    """Return the first `most` measured random faces; None without any. The names are seeds."""
    parts = [
        part
        for start in range(0, min(options.samples, most or options.samples), EACH)
        if (part := rows.load(_random_file(layout, options, start))) is not None
    ]
    if not parts:
        return None
    names = tuple(name for part in parts for name in part.names)
    fields = {
        field: np.concatenate([part.fields[field] for part in parts]) for field in parts[0].fields
    }
    return Rows(names, fields)


def _source(
    studio: Studio,
    looker: Looker,
    path: Path,
    lines: list[Made],
    layout: Layout,
    options: ProtocolOptions,
    pool: Rows | None,
) -> Mapping[str, Row] | None:
    """Measure a source; None if it cannot be read or shows no face: made.csv says why."""
    try:
        aligned = aligned_source(studio, path, options.aligned)
    except FacegenError:
        return None
    pixels = images.resize(aligned.pixels, SIZE)
    face, mesh = looker.face(pixels)
    if face is None:
        return None
    found = {SOURCE: looker(pixels, face)}
    for line in lines:
        variant = images.load(layout.variant(id_of(path), line.k))
        found[f"{OURS} {line.k}"] = looker(variant, face)
    for name, degrade in DEGRADED.items():
        degraded = degrade(pixels, mesh)
        # recognisers get the source's landmarks: those found in a degraded face are guesses
        found[name] = looker(degraded, face) | _vectors(studio, degraded, face)
    for k, picture in enumerate(_plain(studio, id_of(path), aligned, layout, options), start=1):
        found[f"{PLAIN} {k}"] = looker(picture, face)
    if pool is not None:
        chosen = _nearest_pose(mesh, pool)
        ws = studio.model.code_of(chosen, SampleOptions.truncation_psi)
        found[RANDOM] = looker(studio.renderer.preview(ws), face)
    return found


def _vectors(studio: Studio, pixels: np.ndarray, face: Face) -> Row:
    found = {}
    for recogniser in studio.recognisers:
        vector = recogniser.embed(pixels, face)
        assert vector is not None, "there is a face"
        found[f"vector {recogniser.name}"] = vector.astype(np.float32)
    return found


def _plain(
    studio: Studio, source: str, aligned: AlignedFace, layout: Layout, options: ProtocolOptions
) -> list[np.ndarray]:
    """Draw previews halfway to a random person, with nothing matched or measured.

    None where the make stage left no code."""
    file = layout.codes / f"{source}.npy"
    if not file.is_file():
        return []
    ws = torch.from_numpy(np.load(file, allow_pickle=False))
    mean = studio.statistics.mean
    codes = [
        torch.lerp(ws, mean + random_offset(studio.statistics, seed, aligned.digest), HALFWAY)
        for seed in seeds_of(seed_of(source, options.seed), options.count)
    ]
    return [studio.renderer.preview(code) for code in codes]


def _nearest_pose(mesh: np.ndarray, pool: Rows) -> int:
    """Return the seed of the random face with the most similar pose."""
    wanted = np.array(structure.pose(mesh[:468]))
    return int(pool.names[int(np.nanargmin(np.linalg.norm(poses(pool) - wanted, axis=1)))])


def poses(pool: Rows) -> np.ndarray:
    """Measure [N, 3] yaw, pitch, roll in degrees; NaN where no face is detected."""
    return np.array(
        [
            (np.nan,) * 3 if np.isnan(mesh).any() else structure.pose(mesh[:468])
            for mesh in pool.fields["mesh"]
        ]
    )


def _random(
    studio: Studio, looker: Looker, layout: Layout, options: ProtocolOptions, start: int
) -> None:
    file = _random_file(layout, options, start)
    if rows.load(file) is not None:
        return
    found = {}
    count = min(EACH, options.samples - start)
    seeds = seeds_of(options.seed + start, count)
    codes = [studio.model.code_of(seed, SampleOptions.truncation_psi) for seed in seeds]
    for seed, pixels in zip(seeds, studio.renderer.previews(codes), strict=True):
        found[str(seed)] = looker(pixels, None, fast=True)
    Rows.of(found).save(file)


def _random_file(layout: Layout, options: ProtocolOptions, start: int) -> Path:
    count = min(EACH, options.samples - start)
    return layout.population / f"{options.seed}-{start}-{count}-{VERSION}.npz"


def _key(lines: list[Made], options: ProtocolOptions) -> str:
    decides = replace(options, first=None, last=None, stages=(), samples=min(options.samples, POOL))
    told = repr((VERSION, lines, decides))
    return hashlib.sha256(told.encode()).hexdigest()[:12]
