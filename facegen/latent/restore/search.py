"""Codes whose pictures, damaged the same way, are the picture that was seen.

Source: Poirier-Ginter and Lalonde, "Robust Unsupervised StyleGAN Image Restoration", CVPR 2023,
https://arxiv.org/abs/2302.06733: phases that free more and more of the code, gradient steps of
fixed length, a loss over a pyramid. Here the phases are W (one change for all places), groups of
places (coarse, middle, fine) and W+ (each its own); theirs end in S. The start is the encoder's
guess; for each further restoration, the guess turned a little towards another stranger.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models import Generator
from ..invert import Prior
from ..vary.perturb import CodeStatistics, stranger
from .damage import Damage

PHASES = ("W", "groups", "W+")
LENGTHS = (0.10, 0.05, 0.025)  # of a step in each phase, in units of w's spread
PRIOR_WEIGHTS = (0.01, 0.005, 0.003)
TURN = 0.45  # radians towards the stranger at which a further restoration starts
FACE_PIXELS = 6.0  # weight of the face's own pixels beside the distance
# Of the way to the average face: what an encoder makes of a spoilt picture overshoots.
SHRINK = 0.15


@dataclass(frozen=True)
class RestoreStep:
    """After a step: the best code so far, its preview and how far it is from what was seen."""

    step: int
    phase: str
    ws: Tensor
    image: Tensor
    distance: float


def starts(
    guess: Tensor, statistics: CodeStatistics, count: int, seed: int, photo: int
) -> list[Tensor]:
    """Codes to start from, the first of them the guess. photo: see perturb.stranger."""
    offset = (guess - statistics.mean) * (1 - SHRINK)
    found = [statistics.mean + offset]
    for number in range(1, count):
        towards = stranger(statistics, seed + number, photo)
        found.append(statistics.mean + math.cos(TURN) * offset + math.sin(TURN) * towards)
    return found


def groups_of(layer_resolutions: Sequence[int]) -> Tensor:
    """[num_ws]: 0 up to 8 pixels, 1 up to 64, 2 above."""
    return torch.tensor([0 if r <= 8 else 1 if r <= 64 else 2 for r in layer_resolutions])


def aim(
    seen: Tensor,
    damage: Damage,
    measure_to: Callable[[Tensor], Callable[[Tensor], Tensor]],
    size: int,
) -> Callable[[Tensor, int], Tensor]:
    """(preview, step) -> distance of the damaged preview from what was seen [1, 3, s, s].

    measure_to: a target -> what measures pictures against it (invert.Distance.to), at `size`.
    """

    def large(picture: Tensor) -> Tensor:
        if picture.shape[-1] == size:
            return picture
        return F.interpolate(picture, (size, size), mode="bicubic", align_corners=False)

    measure = measure_to(large(seen))

    def distance(image: Tensor, step: int) -> Tensor:
        again = damage(image)
        off = F.smooth_l1_loss(face_of(again), face_of(seen), beta=0.1)
        return measure(large(damage.noisy(again, step))) + FACE_PIXELS * off

    return distance


def face_of(pictures: Tensor) -> Tensor:
    """The face and what is next to it, of crops [N, 3, s, s]: the middle three quarters."""
    edge = pictures.shape[-1] // 8
    return pictures[:, :, edge : pictures.shape[-1] - edge, edge : pictures.shape[-1] - edge]


def restore(
    generator: Generator,
    start: Tensor,
    distance_of: Callable[[Tensor, int], Tensor],
    size: int,
    prior: Prior,
    spread: float,
    steps: int,
) -> Iterator[RestoreStep]:
    """One restoration; yields after each step. Whoever iterates may stop at any time."""
    group = groups_of(generator.config.layer_resolutions)
    ws = start.detach().clone()
    best: RestoreStep | None = None
    for step in range(steps + 1):
        number = min(len(PHASES) - 1, step * len(PHASES) // max(steps, 1))
        with torch.enable_grad():
            free = ws.detach().clone().requires_grad_(True)
            image = generator.preview(free, size)
            distance = distance_of(image, step)
            loss = distance + PRIOR_WEIGHTS[number] * prior(free)
        value = float(distance.detach())
        if best is None or value < best.distance:
            best = RestoreStep(step, PHASES[number], free.detach(), image.detach(), value)
        if step:
            yield RestoreStep(step, PHASES[number], best.ws, best.image, best.distance)
        if step == steps:
            return
        (gradient,) = torch.autograd.grad(loss, free)
        if number == 0:
            gradient = gradient.mean(dim=1, keepdim=True).expand_as(gradient)
        elif number == 1:
            gradient = torch.stack(
                [gradient[:, group == group[i]].mean(dim=1) for i in range(len(group))], dim=1
            )
        # a length in every place, whatever the gradient's: theirs, section 3.3
        unit = gradient / gradient.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        within = 1 - 0.7 * (step * len(PHASES) / max(steps, 1) % 1)  # shorter towards a phase's end
        length = LENGTHS[number] * spread * math.sqrt(ws.shape[-1]) * within
        ws = (free - length * unit).detach()


def consistency(restored: Tensor, seen: Tensor, damage: Damage) -> float:
    """PULSE's test: the root mean square difference between the restoration, damaged again, and
    what was seen, on a scale of 0 to 255, in the middle of the crop, where the face is (theirs are
    crops of the face alone); holes do not count."""
    with torch.no_grad():
        difference = face_of(damage(restored) - seen)
        known = 1.0 if damage.known is None else float(face_of(damage.known).mean())
        return float((difference.square().mean() / max(known, 1e-6)).sqrt()) * 127.5


def agrees_below(damage: Damage) -> float:
    """The limit of that test: PULSE's, a mean squared difference of 0.001 in [0, 1], and what the
    input's own noise adds."""
    own = damage.sigma / 2 * 255 if damage.kind == "noise" else 0.0
    return math.sqrt(0.001 * 255**2 + own**2)
