"""Fit what separates a generator's natural faces from broken ones, on its own pictures.

Half of the pictures are natural: samples, truncated by .7 to 1; a quarter of them with every place
of W+ moved for itself by .2 or .4 of the spread of w, a quarter mixtures of near samples:
inversions of photographs differ from place to place as well. Samples alone on this side taught that
such differences are faults: 2 of 12 inversions of good photographs were rejected.

The other half is broken in the ways in which a search leaves the faces:
    far    a code that went on in one direction, 1.25 to 2.25 times as far as samples are
    torn   every place of W+ moved for itself, by 1.2 to 2 times the spread of w
    mixed  each run of a few places from another code, 1.2 to 1.6 times as far as samples are
    forced a few steps of inversion, with nothing that keeps the code likely, towards a picture
           that is no photograph: a masked, posterised or veiled face; every other one then turned
           towards a stranger, as variants are
Looked at: nearer codes of these kinds (far to 1.2, torn by .8, mixtures of samples themselves) are
faces that anybody takes for photographs, most of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import images, runtime
from ..measure.naturalness import FIELDS, SIZE, seen
from ..networks.mobile_stylegan import MobileGenerator
from .data import Records
from .run import Progress

TRUNCATED = (0.7, 0.85, 1.0)
SMALL, NEAR = (0.2, 0.4), 0.7  # what natural codes are moved by, and mixtures truncated to
FAR, TORN, APART = (1.25, 2.25), (1.2, 1.6, 2.0), (1.2, 1.6)
BROKEN = ("far", "torn", "mixed", "forced")
FORCED_STEPS, FORCED_RATE, FORCED_SIZE = 16, 0.2, 128  # Adam's rate in units of the spread of w
TURNED = 0.6  # of the quarter turn to a stranger
RUNS = (2, 5)  # the places that a mixture takes from one sample
RIDGE = 1e-2  # on the weights of the regression, in units of the features' spread
# Of the logarithm of the odds. At 0.5, 6 of 68 variants of harsh photographs stayed empty.
LIMIT = -0.5
FOLDS = 5
ROUNDS = 60  # of Newton's method, at most
_KEY = 3  # of the random numbers drawn here

Features = Callable[[Tensor], list[Tensor]]


def fit(
    folder: Path,
    generator: MobileGenerator,
    features: Features,
    seed: int,
    count: int,
    progress: Progress | None = None,
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Fit what Naturalness is made of, by its FIELDS, and measure what it gets wrong.

    features: images [N, 3, SIZE, SIZE] -> a classifier's maps. count: of pictures; their features
    are kept in the folder. Raises KeyboardInterrupt after Ctrl-C.

    Returns the fit, and shares on the wrong side, with each fifth of the pictures judged by a
    regression on the others: `rejected` of the natural ones, and what was accepted of each kind of
    broken ones.
    """
    z = runtime.seeded_normal((512, generator.config.z_dim), seed, _KEY).to(generator.w_avg.device)
    with torch.no_grad():
        spread = float((generator.mapping(z) - generator.w_avg).square().mean().sqrt())
    size = len(_features_of(generator, features, torch.zeros(1, 3, SIZE, SIZE)))
    kept = Records(folder, {"seen": ((size,), "float32")})

    def make(first: int, how_many: int) -> dict[str, np.ndarray]:
        ws = code(generator, seed, first, spread)
        with torch.no_grad():
            picture = generator.synthesize(ws).clamp(-1, 1).cpu()
        return {"seen": _features_of(generator, features, picture)[None].numpy()}

    kept.fill(count, 1, make, progress)
    x = torch.from_numpy(np.array(kept.read("seen", count))).double()
    kinds = [kind_of(index) for index in range(count)]
    natural = torch.tensor([kind == "natural" for kind in kinds])
    return regress(x, natural), _wrong(x, natural, kinds)


def kind_of(index: int) -> str:
    """Name the kind of the picture of that number."""
    return "natural" if index % 2 == 0 else BROKEN[index // 2 % len(BROKEN)]


def code(generator: MobileGenerator, seed: int, index: int, spread: float) -> Tensor:
    """Draw ws [1, num_ws, w_dim] of the number's kind. spread: of a component of w."""
    random = runtime.seeded(seed, _KEY, index)
    config, centre = generator.config, generator.w_avg
    turn = index // 2 // len(BROKEN)  # of this kind

    @torch.no_grad()
    def sample(psi: float = 1.0) -> Tensor:
        z = torch.randn(1, config.z_dim, generator=random).to(centre.device)
        return generator.broadcast(generator.mapping(z, psi)).clone()

    ws = sample(TRUNCATED[index // 2 % len(TRUNCATED)])
    match kind_of(index):
        case "natural" if index // 2 % 4 == 2:
            noise = torch.randn(ws.shape, generator=random).to(ws)
            ws = ws + SMALL[turn % len(SMALL)] * spread * noise
        case "natural" if index // 2 % 4 == 3:
            ws = _mixed(ws, lambda: sample(NEAR), random)
        case "far":
            ws = centre + _between(FAR, random) * (sample() - centre)
        case "torn":
            noise = torch.randn(ws.shape, generator=random).to(ws)
            ws = ws + TORN[turn % len(TORN)] * spread * noise
        case "mixed":
            ws = _mixed(ws, lambda: centre + _between(APART, random) * (sample() - centre), random)
        case "forced":
            other = sample()
            ws = _forced(generator, ws, harsh(generator, ws, other, turn, random), spread)
            if turn % 2:
                angle = TURNED * math.pi / 2
                ws = centre + math.cos(angle) * (ws - centre) + math.sin(angle) * (other - centre)
    return ws


def _mixed(ws: Tensor, another: Callable[[], Tensor], random: torch.Generator) -> Tensor:
    """Take each run of a few places from another code."""
    parts, left = [], ws.shape[1]
    while left > 0:
        run = min(left, int(torch.randint(*RUNS, (), generator=random)))
        place = ws.shape[1] - left
        parts.append(another()[:, place : place + run])
        left -= run
    return torch.cat(parts, dim=1)


def _between(limits: tuple[float, float], random: torch.Generator) -> float:
    low, high = limits
    return low + (high - low) * float(torch.rand((), generator=random))


@torch.no_grad()
def harsh(
    generator: MobileGenerator, ws: Tensor, other: Tensor, turn: int, random: torch.Generator
) -> Tensor:
    """Mask, posterise or veil, in turn, the preview of ws: [1, 3, S, S] in [-1, 1]."""
    size = FORCED_SIZE
    picture = generator.preview(ws, size).clamp(-1, 1)
    axis = torch.linspace(-1, 1, size, device=picture.device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    place = 0.6 * torch.rand(4, generator=random) - 0.3
    if turn % 3 == 0:  # black, or nearly, over a part of the face
        covered = ((x - place[0]) / 0.45) ** 2 + ((y - place[1]) / (0.3 + place[2].abs())) ** 2 < 1
        return torch.where(covered, -0.9 + place[3].abs() / 2, picture)
    if turn % 3 == 1:
        levels = 1 + int(torch.randint(3, (), generator=random))
        return ((picture * 1.6).clamp(-1, 1) * levels).round() / levels
    veil = generator.preview(other, size).clamp(-1, 1).roll(size // 4, dims=-1)
    share = torch.sigmoid(8 * (x + y + place[0]))
    return picture * share + veil.flip(-2) * (1 - share)


def _forced(generator: MobileGenerator, start: Tensor, target: Tensor, spread: float) -> Tensor:
    with torch.enable_grad():
        ws = start.clone().requires_grad_(True)
        optimiser = torch.optim.Adam([ws], FORCED_RATE * spread, betas=(0.8, 0.9))
        for _ in range(FORCED_STEPS):
            apart = generator.preview(ws, target.shape[-1]) - target
            levels = [F.avg_pool2d(apart, 2**level).abs().mean() for level in range(3)]
            loss = torch.stack(levels).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
    return ws.detach()


def _features_of(generator: MobileGenerator, features: Features, pictures: Tensor) -> Tensor:
    """Extract what the regression reads of a picture [1, 3, R, R], as Naturalness does."""
    small = images.to_tensor(images.resize(images.to_pixels(pictures)[0], SIZE))
    with torch.no_grad():
        return seen(features, small.to(generator.w_avg.device))[0].float().cpu()


def regress(x: Tensor, natural: Tensor) -> dict[str, Tensor]:
    """Fit a logistic regression, both classes counting alike, by Newton's method in float64.

    x [N, D]; natural: bool [N]. The score is the logarithm of the odds less LIMIT.
    """
    mean, scale = x.mean(dim=0), x.std(dim=0).clamp_min(1e-6)
    rows = torch.cat([(x - mean) / scale, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    wanted = natural.to(x.dtype)
    share = wanted.mean()
    weights = torch.where(natural, 0.5 / share, 0.5 / (1 - share)) / len(x)
    ridge = torch.full((rows.shape[1],), RIDGE, dtype=x.dtype)
    ridge[-1] = 1e-9
    solution = torch.zeros(rows.shape[1], dtype=x.dtype)
    for _ in range(ROUNDS):
        p = torch.sigmoid(rows @ solution)
        slope = rows.T @ (weights * (p - wanted)) + ridge * solution
        bend = (rows.T * (weights * p * (1 - p))) @ rows + torch.diag(ridge)
        step = torch.linalg.solve(bend, slope)
        solution = solution - step
        if float(step.abs().max()) < 1e-8:
            break
    numbers = (mean, scale, solution[:-1], solution[-1:] - LIMIT)
    return dict(zip(FIELDS, (number.float() for number in numbers), strict=True))


def scores(fitted: dict[str, Tensor], x: Tensor) -> Tensor:
    """Score features [N, D], [N]: above 0 natural."""
    mean, scale, weight, bias = (fitted[name].double() for name in FIELDS)
    return (x.double() - mean) / scale @ weight + bias


def _wrong(x: Tensor, natural: Tensor, kinds: list[str]) -> dict[str, float]:
    score = torch.zeros(len(x), dtype=torch.float64)
    fold = torch.arange(len(x)) // 2 % FOLDS  # natural and broken ones in each
    for number in range(FOLDS):
        left_out = fold == number
        score[left_out] = scores(regress(x[~left_out], natural[~left_out]), x[left_out])
    named = np.array(kinds)
    wrong = {"rejected": float((score[torch.from_numpy(named == "natural")] <= 0).double().mean())}
    for kind in BROKEN:
        mine = score[torch.from_numpy(named == kind)]
        wrong[f"accepted_{kind}"] = float((mine > 0).double().mean())
    return wrong
