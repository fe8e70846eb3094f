"""Search for codes whose pictures, degraded the same way, match the input.

Source: Poirier-Ginter and Lalonde, "Robust Unsupervised StyleGAN Image Restoration", CVPR 2023,
https://arxiv.org/abs/2302.06733: phases that free more and more of the code, steps whose length is
not the gradient's, a loss over a pyramid. The phases are theirs: W (one change for all places), W+
(each place its own) and S (offsets on the styles, each layer its own). The start is the encoder's
guess; for each further restoration, the guess turned a little towards another stranger.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...models import Generator
from ...models.renderer import Offsets, shifted
from ..codes import CodeStatistics, random_offset
from ..invert import Prior
from .damage import Damage


@dataclass(frozen=True)
class Phase:
    """A phase of the search.

    until: share of all steps at which it ends. length: of its first step in every number, in units
    of the spread of what is moved. prior: weight of what keeps the code likely: in W and W+ see
    invert.Prior, in S the mean square of the offsets in units of their spread."""

    name: str
    until: float
    length: float
    prior: float


PHASES = (
    Phase("W", 1 / 3, 0.1, 0.04),
    Phase("W+", 2 / 3, 0.06, 0.02),
    Phase("S", 1.0, 0.04, 0.012),
)
FALL = 0.7  # of a step's length, lost within a phase
BETAS, EPSILON = (0.8, 0.9), 1e-12  # of Adam, see _Steps
TURN = 0.45  # radians towards the stranger at which a further restoration starts
FACE_PIXELS = 6.0  # weight of the face's own pixels beside the distance
# Of the way to the average face: what an encoder makes of a damaged picture overshoots.
SHRINK = 0.15


@dataclass(frozen=True)
class RestoreStep:
    """The state after a step: the best code so far, its style offsets, preview and distance."""

    step: int
    phase: str
    ws: Tensor
    offsets: Offsets
    image: Tensor
    distance: float


def starts(
    guess: Tensor, statistics: CodeStatistics, count: int, seed: int, photo: int
) -> list[Tensor]:
    """Return codes to start from, the first of them the guess. photo: see codes.random_offset."""
    offset = (guess - statistics.mean) * (1 - SHRINK)
    found = [statistics.mean + offset]
    for number in range(1, count):
        towards = random_offset(statistics, seed + number, photo)
        found.append(statistics.mean + math.cos(TURN) * offset + math.sin(TURN) * towards)
    return found


def aim(
    seen: Tensor,
    damage: Damage,
    measure_to: Callable[[Tensor], Callable[[Tensor], Tensor]],
    size: int,
) -> Callable[[Tensor, int], Tensor]:
    """Return (preview, step) -> distance of the degraded preview from the input [1, 3, s, s].

    measure_to: a target -> what measures pictures against it (invert.Distance.to), at `size`."""

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
    """Crop [N, 3, s, s] to the face and its surroundings: the middle three quarters."""
    edge = pictures.shape[-1] // 8
    return pictures[:, :, edge : pictures.shape[-1] - edge, edge : pictures.shape[-1] - edge]


def restore(
    generator: Generator,
    start: Tensor,
    distance_of: Callable[[Tensor, int], Tensor],
    size: int,
    prior: Prior,
    spread: float,
    style_spreads: Sequence[Tensor],
    steps: int,
) -> Iterator[RestoreStep]:
    """Search for one restoration; yields after each step. The caller may stop at any time.

    spread: of w. style_spreads: of each layer's styles, see models.styles.spreads."""
    ws = start.detach().clone()
    units = [one.to(ws) for one in style_spreads]
    offsets = [torch.zeros_like(one) for one in units]  # in units of their spread
    best: RestoreStep | None = None
    stepped: _Steps | None = None
    for step in range(steps + 1):
        done = step / max(steps, 1)
        number = next((i for i, one in enumerate(PHASES) if done < one.until), len(PHASES) - 1)
        phase = PHASES[number]
        in_styles = phase.name == "S"
        with torch.enable_grad():
            ws.requires_grad_(not in_styles)
            for offset in offsets:
                offset.requires_grad_(in_styles)
            scaled = [offset * unit for offset, unit in zip(offsets, units, strict=True)]
            with shifted(generator, scaled):
                image = generator.preview(ws, size)
            distance = distance_of(image, step)
            unlikely = _length(offsets) if in_styles else prior(ws)
            loss = distance + phase.prior * unlikely
        value = float(distance.detach())
        if best is None or value < best.distance:
            kept = [one.detach() for one in scaled]
            best = RestoreStep(step, phase.name, ws.detach(), kept, image.detach(), value)
        if step:
            yield replace(best, step=step, phase=phase.name)
        if step == steps:
            return
        begun = PHASES[number - 1].until if number else 0.0
        within = (done - begun) / (phase.until - begun)
        length = phase.length * (1 - FALL * within)
        gradients = torch.autograd.grad(loss, offsets if in_styles else [ws])
        if phase.name == "W":
            gradients = (gradients[0].mean(dim=1, keepdim=True).expand_as(ws),)
        if stepped is None or stepped.phase is not phase:
            stepped = _Steps(phase)
        moves = [length * one for one in stepped(gradients)]
        if in_styles:
            offsets = [(one - move).detach() for one, move in zip(offsets, moves, strict=True)]
        else:
            ws = (ws - spread * moves[0]).detach()


class _Steps:
    """Adam's directions: about 1 in every number, whatever the gradient's size.

    Source: Kingma and Ba 2014, https://arxiv.org/abs/1412.6980. The paper of this search, section
    3.3, divides by the length of the gradient in each place, so that its largest numbers take the
    whole step."""

    def __init__(self, phase: Phase):
        self.phase = phase
        self._mean: list[Tensor] = []
        self._square: list[Tensor] = []
        self._count = 0

    def __call__(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        if not self._count:
            self._mean = [torch.zeros_like(one) for one in gradients]
            self._square = [torch.zeros_like(one) for one in gradients]
        self._count += 1
        first, second = (1 - beta**self._count for beta in BETAS)
        found = []
        for mean, square, one in zip(self._mean, self._square, gradients, strict=True):
            mean.lerp_(one, 1 - BETAS[0])
            square.lerp_(one.square(), 1 - BETAS[1])
            found.append(mean / first / ((square / second).sqrt() + EPSILON))
        return found


def _length(offsets: Sequence[Tensor]) -> Tensor:
    """Return the mean square of the offsets."""
    return torch.cat([one.flatten() for one in offsets]).square().mean()


def consistency(restored: Tensor, seen: Tensor, damage: Damage) -> float:
    """Measure PULSE's test: the root mean square difference, 0 to 255, from the input.

    Between the degraded restoration and the input, in the middle of the crop, where the face is
    (PULSE's are crops of the face alone); holes do not count."""
    with torch.no_grad():
        difference = face_of(damage(restored) - seen)
        known = 1.0 if damage.known is None else float(face_of(damage.known).mean())
        return float((difference.square().mean() / max(known, 1e-6)).sqrt()) * 127.5


def agrees_below(damage: Damage) -> float:
    """Return the limit of that test.

    PULSE's, a mean squared difference of 0.001 in [0, 1], plus the input's own noise."""
    own = damage.sigma / 2 * 255 if damage.kind == "noise" else 0.0
    return math.sqrt(0.001 * 255**2 + own**2)
