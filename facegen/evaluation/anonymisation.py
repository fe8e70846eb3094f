"""The anonymisation protocol's pictures: variants of every source, made and measured.

    OUT/settings.json          what decides the variants; others need a new folder
    OUT/made.csv               a line a variant: id, k, seed, strength, reached, trouble
    OUT/variants/ID-K.png      the variant, at most PICTURE pixels
    OUT/codes/ID.npy           the source's code, float32 [1, num_ws, w_dim]: for a baseline
    OUT/references/ID.png      the aligned source, only where the sources are not crops already
    OUT/records/               what was made and measured (store.py), and the attackers' results
    OUT/protocol.*             the report

codes/ and references/ are pieces of the sources: delete them once the numbers are read, where
nobody may see the sources. Several processes may make sources of different numbers in one folder at
the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from .. import images
from ..errors import FacegenError, OutputError
from ..face.landmarks import MESH_POINTS
from ..files import make_folder, replacing, write_file
from ..latent.codes import random_offset, seeds
from ..measure import structure
from ..models.loading import digest_of
from ..options import USUAL, ProtocolOptions, SampleOptions, VaryOptions
from ..output import provenance
from ..studio import Studio
from ..types import AlignedFace
from . import report, store
from .measure import SIZE, HidingMeter, face_in, poses
from .sources import aligned_face, id_of, seed_of
from .store import A_RECORD, RANDOM, SOURCE, Row, Rows, Store, row_of

OURS, PLAIN, RANDOM_FACE = "facegen", "plain", "random face"  # kinds of hiding, beside baselines
PICTURE = 512  # pixels of a kept picture: twice what any recogniser here looks at
HALFWAY = 0.5  # to a random person, of the plain way
POOL = 500  # random faces, from which the one that holds its head like the source is chosen
MADE = ("id", "k", "seed", "strength", "reached", "trouble")

# Of the baselines, the traditional ways to hide a face. All get the aligned crop, uint8 [R, R, 3],
# and the mesh found in it, and degrade the face alone, as a user of an editor would.
CELLS = 16  # across the face's box, of the pixelation
SIGMA = 0.08  # of the blur, over the longer side of the face's box
_OVAL = 468  # points of the mesh without the irises
_EYES = (33, 133, 362, 263)  # corners


@dataclass(frozen=True)
class Protocol:
    """One run's folder and options."""

    store: Store
    options: ProtocolOptions

    @classmethod
    def begin(cls, studio: Studio | None, out: Path, options: ProtocolOptions) -> Protocol:
        """Open the folder. None: of what was made and measured, with the settings it has.

        Raises OptionError where it holds another run's, DataError where an earlier version's."""
        if studio:
            return cls(store.begin(out, settings(studio, options)), options)
        return cls(Store(out, store.settings_of(out)), options)

    @property
    def out(self) -> Path:
        return self.store.out

    def variant(self, source: str, k: int) -> Path:
        return self.out / "variants" / f"{source}-{k}.png"

    def code(self, source: str) -> Path:
        return self.out / "codes" / f"{source}.npy"

    def reference(self, source: str) -> Path:
        return self.out / "references" / f"{source}.png"

    def made(self, source: str) -> Rows | None:
        """Load what was made of a source: seed, strength, reached; None if nothing was tried.

        facts: id; asked, how many variants; trouble, why there are fewer."""
        return self.store.load("made", source)

    def measured(self, paths: Sequence[Path]) -> tuple[list[str], list[Rows]]:
        """Return the sources that were measured, and the measurements of each."""
        found = {}
        for source in map(id_of, paths):
            rows = self.store.load(SOURCE, *self._key(source))
            if rows is not None:
                found[source] = rows
        return list(found), list(found.values())

    def population(self, most: int | None = None) -> Rows | None:
        """Return the first `most` measured random faces; None without any. The names are seeds."""
        starts = range(0, min(self.options.samples, most or self.options.samples), A_RECORD)
        parts = (self.store.load(RANDOM, *self._random_key(start)) for start in starts)
        return Rows.joined([part for part in parts if part is not None])

    def _key(self, source: str) -> tuple[object, ...]:
        """List what decides the measurements of a source."""
        made, options = self.made(source), self.options
        samples = min(options.samples, POOL)
        decides = replace(options, first=None, last=None, stages=(), samples=samples)
        rows = made.rows[: options.count] if made else []
        variants = [[(name, float(value)) for name, value in row.items()] for row in rows]
        return source, variants, decides

    def _random_key(self, start: int) -> tuple[int, ...]:
        return self.options.seed, start, min(A_RECORD, self.options.samples - start)

    # --- making --------------------------------------------------------------------------

    def make(
        self, studio: Studio, paths: Sequence[Path], progress: Callable[[int, int], None]
    ) -> tuple[int, int]:
        """Make the variants of each source that has none yet, as a user gets them at the defaults.

        progress: (done, of), in sources. Returns how many variants there are in the folder, and how
        many were asked for; made.csv lists what could not be made."""
        for number, path in enumerate(paths):
            progress(number, len(paths))
            made = self.made(id_of(path))
            if made is None or made.facts["asked"] < self.options.count:
                self.store.save(self._make(studio, path), "made", id_of(path))
        progress(len(paths), len(paths))
        return self._list_made()

    def _make(self, studio: Studio, path: Path) -> Rows:
        source, options = id_of(path), self.options
        wanted = VaryOptions(options.count, options.strength, seed_of(source, options.seed))
        rows: dict[str, Row] = {}
        trouble = "no stranger was found"
        try:
            aligned = aligned_face(studio, images.load(path), options.aligned)
            if not options.aligned:
                _save(self.reference(source), aligned.pixels, {}, synthetic=False)
            inversion = studio.invert(aligned, studio.steps(USUAL, options.strength))
            make_folder(self.code(source).parent)
            with replacing(self.code(source)) as part, part.open("wb") as file:
                np.save(file, inversion.ws.numpy())
            for k, variant in enumerate(studio.select(inversion, wanted), start=1):
                facts = studio.facts() | {"seed": variant.seed, "strength": variant.strength}
                _save(self.variant(source, k), variant.pixels, facts)
                reached = bool(variant.dial and variant.dial.reached)
                made = {"seed": variant.seed, "strength": variant.strength, "reached": reached}
                rows[str(k)] = row_of(made)
        except OutputError:
            raise  # a full disk is not the source's fault
        except FacegenError as error:
            trouble = str(error)
        return Rows.of(rows, id=source, asked=options.count, trouble=trouble)

    def _list_made(self) -> tuple[int, int]:
        lines: list[tuple[str, int, int, float, bool, str]] = []
        for file in sorted((self.out / "records").glob("made-*.npz")):
            if (made := store.load(file)) is None:
                continue
            for k in range(1, made.facts["asked"] + 1):
                source, trouble = made.facts["id"], made.facts["trouble"]
                if str(k) in made.names:
                    seed, strength, reached = (made.row(str(k))[name].item() for name in MADE[2:5])
                    lines.append((source, k, seed, strength, reached, ""))
                else:
                    lines.append((source, k, 0, 0.0, False, trouble))
        write_file(self.out / "made.csv", report.as_csv(MADE, sorted(lines)).encode())
        return sum(not line[-1] for line in lines), len(lines)

    # --- measuring -----------------------------------------------------------------------

    def measure(
        self, studio: Studio, paths: Sequence[Path], progress: Callable[[str, int, int], None]
    ) -> None:
        """Measure the random faces, then each source that has variants.

        progress: (what, done, of). Raises WeightsError where a network is missing."""
        meter = HidingMeter(studio)
        starts = range(0, self.options.samples, A_RECORD)
        for number, start in enumerate(starts):
            progress("looking at random faces", number, len(starts))
            self.store.once(partial(self._random, meter, start), RANDOM, *self._random_key(start))
        pool = self.population(POOL)
        assert pool is not None, "there is at least one random face"
        there = [path for path in paths if self.made(id_of(path)) is not None]
        for number, path in enumerate(there):
            progress("looking at sources", number, len(there))
            key = self._key(id_of(path))
            if self.store.load(SOURCE, *key) is None and (rows := self._source(meter, path, pool)):
                self.store.save(Rows.of(rows), SOURCE, *key)
        progress("looking at sources", len(there), len(there))

    def _random(self, meter: HidingMeter, start: int) -> Rows:
        numbers = seeds(self.options.seed + start, min(A_RECORD, self.options.samples - start))
        model, renderer = meter.studio.model, meter.studio.renderer
        codes = [model.code_of(seed, SampleOptions.truncation_psi) for seed in numbers]
        pictures = zip(numbers, renderer.previews(codes), strict=True)
        return Rows.of({str(seed): meter(pixels, more=False) for seed, pixels in pictures})

    def _source(self, meter: HidingMeter, path: Path, pool: Rows) -> dict[str, Row]:
        """Measure a source and all that hides it; empty where no face is found in it."""
        source, studio = id_of(path), meter.studio
        try:
            aligned = aligned_face(studio, images.load(path), self.options.aligned)
        except FacegenError:
            return {}
        pixels = images.resize(aligned.pixels, SIZE)
        own = meter(pixels)
        if (face := face_in(own["mesh"])) is None:
            return {}
        found = {SOURCE: own}
        made = self.made(source)
        for name in made.names[: self.options.count] if made else ():
            found[f"{OURS} {name}"] = meter(images.load(self.variant(source, int(name))), face)
        for name, degrade in DEGRADED.items():
            degraded = degrade(pixels, own["mesh"])
            # recognisers get the source's landmarks: those found in a degraded face are guesses
            found[name] = meter(degraded, face) | meter.vectors(degraded, face)
        for k, picture in enumerate(self._plain(studio, source, aligned), start=1):
            found[f"{PLAIN} {k}"] = meter(picture, face)
        ws = studio.model.code_of(_nearest_pose(own["mesh"], pool), SampleOptions.truncation_psi)
        found[RANDOM_FACE] = meter(studio.renderer.preview(ws), face)
        return found

    def _plain(self, studio: Studio, source: str, aligned: AlignedFace) -> list[np.ndarray]:
        """Draw previews halfway to a random person, with nothing matched or measured.

        None where the make stage left no code."""
        if not self.code(source).is_file():
            return []
        ws = torch.from_numpy(np.load(self.code(source), allow_pickle=False))
        known, mean = studio.statistics, studio.statistics.mean
        return [
            studio.renderer.preview(
                torch.lerp(ws, mean + random_offset(known, seed, aligned.digest), HALFWAY)
            )
            for seed in seeds(seed_of(source, self.options.seed), self.options.count)
        ]


def settings(studio: Studio, options: ProtocolOptions) -> dict[str, Any]:
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


def _nearest_pose(mesh: np.ndarray, pool: Rows) -> int:
    """Return the seed of the random face with the most similar pose."""
    away = poses(pool.fields) - np.array(structure.pose(mesh[:MESH_POINTS]))
    return int(pool.names[int(np.nanargmin(np.linalg.norm(away, axis=1)))])


def _save(path: Path, pixels: np.ndarray, facts: dict, *, synthetic: bool = True) -> None:
    small = images.resize(pixels, min(PICTURE, pixels.shape[0]))
    make_folder(path.parent)
    provenance.save_png(path, small, facts, synthetic=synthetic, marked=False)


def blur(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Blur by a Gaussian within the face's outline."""
    left, top, right, bottom = _box(mesh, pixels.shape[0])
    sigma = SIGMA * max(right - left, bottom - top)
    return _within(pixels, cv2.GaussianBlur(pixels, (0, 0), sigma), mesh)


def pixelate(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Pixelate the face's box into squares, CELLS across."""
    left, top, right, bottom = _box(mesh, pixels.shape[0])
    rows = max(1, round(CELLS * (bottom - top) / (right - left)))
    part = pixels[top:bottom, left:right]
    few = cv2.resize(part, (CELLS, rows), interpolation=cv2.INTER_AREA)
    degraded = pixels.copy()
    degraded[top:bottom, left:right] = cv2.resize(
        few, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
    )
    return degraded


def bar(pixels: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Draw a black bar over both eyes, as newspapers did: a quarter of the face's width high."""
    degraded = pixels.copy()
    points = mesh[:, :2]
    eyes = points[list(_EYES)]
    along = eyes[-1] - eyes[0]
    middle = eyes.mean(axis=0)
    half_high = 0.125 * np.ptp(points[:_OVAL, 0])
    down = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6) * half_high
    corners = [middle + side * 0.8 * along + way * down for side, way in _CORNERS]
    cv2.fillPoly(degraded, [np.array(corners).round().astype(np.int32)], (0, 0, 0))
    return degraded


DEGRADED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "blur": blur,
    "pixelation": pixelate,
    "black bar": bar,
}
_CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _box(mesh: np.ndarray, size: int) -> tuple[int, int, int, int]:
    points = mesh[:_OVAL, :2]
    left, top = np.clip(np.floor(points.min(axis=0)).astype(int), 0, size - 2)
    right, bottom = np.clip(np.ceil(points.max(axis=0)).astype(int), 0, size)
    return int(left), int(top), max(int(right), int(left) + 1), max(int(bottom), int(top) + 1)


def _within(pixels: np.ndarray, degraded: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    outline = cv2.convexHull(mesh[:_OVAL, :2].astype(np.float32)).round().astype(np.int32)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, outline, (255,))
    return np.where(mask[:, :, None] > 0, degraded, pixels)
