"""The attacker, who has pairs of sources and their pictures and learns to match them.

Two small networks, one for sources and one for the pictures that hide them, bring the features of a
pair together (the contrastive loss of CLIP, Radford et al., https://arxiv.org/abs/2103.00020). They
learn on four fifths of the sources and rank those of the last fifth, five times over, so that each
source is attacked once. Chance is one over the size of the fifth.

The floor: how often the kept traits alone identify the person. A picture that keeps age, pose or
expression reveals them, however well it hides the identity. So the attacker's figure is compared
with a simulation: a new face that has the source's traits, off by as much as another source's new
face is, and nothing else of it. The same attacker learns on these traits alone: on age, gender
presentation and skin (the floor), then with pose, gaze and expression.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..face.landmarks import MESH_POINTS
from ..measure import gaze, structure
from .anonymisation import OURS
from .hiding import Kind, by_kind, families, mean_of, recognisers_of
from .store import SOURCE, Rows, Store

FOLDS = 5
FLOORS = ("floor", "pose")  # of our own pictures: with one and with two parts of traits_of
LEAST = 10  # sources, below which there is nothing to learn from
_WIDTH, _DEPTH_STEPS, _RATE, _DECAY, _DROPOUT = 128, 400, 2e-3, 0.05, 0.3
_COMPONENTS = 96  # principal ones of each kind of features


@dataclass(frozen=True)
class Attack:
    """The result of an attack.

    found: [N], the share of a source's pictures that lead to it; NaN where it has none. chance: the
    result of guessing."""

    found: np.ndarray
    chance: float


def attack(
    sources: Sequence[np.ndarray], pictures: Sequence[Sequence[np.ndarray]], seed: int = 0
) -> Attack | None:
    """Train and test an attacker. None for fewer than LEAST sources.

    sources: kinds of features, [N, D] each; pictures: of each set of variants (the first of every
    source, the second, ...), the same kinds. NaN: no picture."""
    count = len(sources[0])
    if count < LEAST:
        return None
    folds = np.random.default_rng(seed).permutation(count) % FOLDS
    found = np.full((len(pictures), count), np.nan)
    for fold in range(FOLDS):
        inside, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        tell = _learn(sources, pictures, inside, seed * FOLDS + fold)
        gallery = tell(0, [part[held] for part in sources])
        for k, parts in enumerate(pictures):
            own = [part[held] for part in parts]
            there = ~np.isnan(np.concatenate(own, axis=1)).any(axis=1)
            if there.any():
                likeness = tell(1, [part[there] for part in own]) @ gallery.T
                best = likeness.argmax(dim=1).numpy()
                found[k, held[there]] = best == np.flatnonzero(there)
    sizes = np.array([np.sum(folds == fold) for fold in range(FOLDS)])
    return Attack(mean_of([*found]), float(FOLDS / sizes.sum()))


def _learn(
    sources: Sequence[np.ndarray],
    pictures: Sequence[Sequence[np.ndarray]],
    inside: np.ndarray,
    seed: int,
) -> Callable[[int, Sequence[np.ndarray]], Tensor]:
    """Train what maps pictures (side 1) and sources (side 0) into one space."""
    reduce = [_Reduced(part[inside]) for part in sources]
    reduce_pictures = [
        _Reduced(np.concatenate([parts[i][inside] for parts in pictures]))
        for i in range(len(sources))
    ]

    def prepared(side: int, parts: Sequence[np.ndarray]) -> Tensor:
        reducers = reduce_pictures if side else reduce
        joined = [r(part) for r, part in zip(reducers, parts, strict=True)]
        return torch.from_numpy(np.concatenate(joined, axis=1)).float()

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        towards = prepared(0, [part[inside] for part in sources])
        froms = [prepared(1, [part[inside] for part in parts]) for parts in pictures]
        networks = [_network(towards.shape[1]), _network(froms[0].shape[1])]
        scale = nn.Parameter(torch.tensor(2.5))
        parameters = [*networks[0].parameters(), *networks[1].parameters(), scale]
        optimiser = torch.optim.AdamW(parameters, _RATE, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, _DEPTH_STEPS)
        for _ in range(_DEPTH_STEPS):
            k = int(torch.randint(len(froms), (1,), generator=generator))
            there = ~froms[k].isnan().any(dim=1)
            ours = F.normalize(networks[1](froms[k][there]))
            theirs = F.normalize(networks[0](towards[there]))
            likeness = ours @ theirs.T * scale.exp().clamp(max=100)
            right = torch.arange(len(likeness))
            loss = F.cross_entropy(likeness, right) + F.cross_entropy(likeness.T, right)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    for network in networks:
        network.eval()

    @torch.no_grad()
    def tell(side: int, parts: Sequence[np.ndarray]) -> Tensor:
        return F.normalize(networks[side](prepared(side, parts)))

    return tell


def _network(width: int) -> nn.Sequential:
    """Build a linear map with a nonlinear branch: with so few pairs the linear part does most."""
    return nn.Sequential(
        nn.Dropout(_DROPOUT),
        nn.Linear(width, _WIDTH),
        nn.GELU(),
        nn.Dropout(_DROPOUT),
        nn.Linear(_WIDTH, _WIDTH),
    )


class _Reduced:
    """Standardisation, then whitened principal components."""

    def __init__(self, features: np.ndarray):
        features = features[~np.isnan(features).any(axis=1)].astype(np.float64)
        self._mean, self._scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        standard = (features - self._mean) / self._scale
        _, values, axes = np.linalg.svd(standard, full_matrices=False)
        kept = min(_COMPONENTS, max(1, len(features) // 3), len(values))
        self._axes = axes[:kept].T / (values[:kept] / np.sqrt(len(features)) + 0.3)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features.astype(np.float64) - self._mean) / self._scale @ self._axes


# --- the floor ---------------------------------------------------------------------------


def traits_of(kind: Kind) -> list[np.ndarray]:
    """List the kept traits. NaN: no picture.

    Age, gender presentation and skin tone [N, 3]; pose, gaze and expression [N, 8]."""
    pose = np.stack([_of_mesh(mesh.astype(np.float64)) for mesh in kind.fields["mesh"]])
    return [np.asarray(kind.fields["rated"], np.float64), pose]


def simulated(source: Kind, pictures: Sequence[Kind], seed: int = 0) -> list[list[np.ndarray]]:
    """Simulate the traits of pictures that keep as much as these do, and nothing else.

    Of each set of pictures: the source's traits, each part off by as much as another source's."""
    rng, own = np.random.default_rng(seed), traits_of(source)
    drawn = []
    for kind in pictures:
        parts = []
        for mine, theirs in zip(own, traits_of(kind), strict=True):
            there = np.flatnonzero(~np.isnan(theirs - mine).any(axis=1))
            part = np.full_like(mine, np.nan)
            part[there] = mine[there] + (theirs - mine)[rng.permutation(there)]
            parts.append(part)
        drawn.append(parts)
    return drawn


def _of_mesh(mesh: np.ndarray) -> np.ndarray:
    """Measure pose in degrees, gaze in radians and expression of a mesh [478, 3]."""
    if np.isnan(mesh).any():
        return np.full(8, np.nan)
    face = mesh[:MESH_POINTS]
    shown = structure.expression(face)
    pose = (*structure.pose(face), *gaze.direction(mesh), shown.mouth, shown.smile, shown.eyes)
    return np.array(pose)


# --- every kind of hiding ----------------------------------------------------------------


def attack_all(
    store: Store,
    names: Sequence[str],
    rows: Sequence[Rows],
    progress: Callable[[int, int], None] = lambda done, of: None,
    only_kept: bool = False,
) -> dict[str, dict[str, Attack]]:
    """Attack every kind of hiding, or load what an attack came to. only_kept: train nothing.

    Returns kind of hiding -> "identity" (the recognisers' vectors), "all" (the classifier's
    features as well) and FLOORS -> the attack."""
    kinds = by_kind(rows)
    hidden = families(kinds)
    vectors = [f"vector {name}" for name in recognisers_of(kinds)]
    digest = _digest(names, rows)
    features = {"identity": vectors, "all": [*vectors, "look"]}
    jobs = [(family, which) for family in hidden for which in features]
    jobs += [(OURS, which) for which in FLOORS if OURS in hidden]
    found: dict[str, dict[str, Attack]] = {}
    for number, (family, which) in enumerate(jobs):
        progress(number, len(jobs))
        key = ("attack", digest, family, which)
        kept = store.load(*key)
        if kept is None and not only_kept:
            fields, parts = features.get(which), FLOORS.index(which) + 1 if which in FLOORS else 0
            if attacked := _attack_kind(kinds[SOURCE], hidden[family], fields, parts):
                facts = {"kind": family, "features": which, "chance": attacked.chance}
                kept = store.save(Rows((), {"found": attacked.found}, facts), *key)
        if kept:
            result = Attack(kept.fields["found"], kept.facts["chance"])
            found.setdefault(family, {})[which] = result
    progress(len(jobs), len(jobs))
    return found


def _attack_kind(
    source: Kind, pictures: Sequence[Kind], fields: Sequence[str] | None, parts: int
) -> Attack | None:
    """Attack with the sources that have a picture of that kind.

    parts: of a floor (traits_of), in place of fields."""
    there = np.any([kind.there for kind in pictures], axis=0)
    if fields:
        own = [source.fields[field] for field in fields]
        shown = [[kind.fields[field] for field in fields] for kind in pictures]
    else:
        own = traits_of(source)[:parts]
        shown = [traits[:parts] for traits in simulated(source, pictures)]
        there &= ~np.isnan(np.concatenate(own, axis=1)).any(axis=1)
    attacked = attack(
        [part[there] for part in own], [[part[there] for part in kind] for kind in shown]
    )
    if attacked is None:
        return None
    found = np.full(len(there), np.nan)
    found[there] = attacked.found
    return Attack(found, attacked.chance)


def _digest(names: Sequence[str], rows: Sequence[Rows]) -> str:
    digest = hashlib.sha256(repr(list(names)).encode())
    for one in rows:
        for name, values in sorted(one.fields.items()):
            if name.startswith(("vector", "look", "mesh", "rated")):
                digest.update(values.tobytes())
    return digest.hexdigest()
