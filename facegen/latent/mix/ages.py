"""Age and sex of a face, read from its code and set in it.

Convention
    x = (mean of ws - mean over the places up to 32 pixels, the same over those above), [2 w_dim].
    y = m + B x, for age (years) and sex (0 feminine to 100 masculine): ridge regressions on the
    ratings of One Million Impressions (Peterson et al. 2022), of faces met by the model's encoder;
    benchmarks/children.py --fit. A change sets both by the least one in the sense of the
    covariance C of x:  x' = x + C B^T (B C B^T)^-1 (y' - y).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from ...errors import OptionError

FILE = Path(__file__).parents[2] / "data" / "ages.json"
LOWER_UP_TO = 32  # pixels
FEMININE, MASCULINE = 8.0, 92.0  # of 100: what nearly all people call so


@dataclass(frozen=True)
class Ages:
    """Regressions of age and sex on a model's codes.

    slopes [2, 2 w_dim], B; moves [2 w_dim, 2], C B^T (B C B^T)^-1; offsets [2], m; mean [w_dim]: of
    the codes."""

    slopes: Tensor
    moves: Tensor
    offsets: Tensor
    mean: Tensor

    def read(self, ws: Tensor, layer_resolutions: Sequence[int]) -> tuple[float, float]:
        """Read (age in years, sex 0 to 100) of ws [1, num_ws, w_dim]."""
        below = _below(layer_resolutions)
        offset = ws[0] - self.mean
        x = torch.cat([offset[below].mean(0), offset[~below].mean(0)])
        age, sex = (self.offsets + self.slopes @ x).tolist()
        return age, sex

    def set(
        self,
        ws: Tensor,
        layer_resolutions: Sequence[int],
        age: float | None = None,
        sex: float = 0.0,
    ) -> Tensor:
        """Set the age of ws (None: keep it) and move them towards a feminine or masculine look.

        sex: the share of the way, below 0 to a feminine, above 0 to a masculine look."""
        now_age, now_sex = self.read(ws, layer_resolutions)
        goal = MASCULINE if sex > 0 else FEMININE
        change = torch.tensor([0.0 if age is None else age - now_age, abs(sex) * (goal - now_sex)])
        lower, upper = (self.moves @ change).chunk(2)
        below = _below(layer_resolutions)
        return ws + torch.where(below[:, None], lower, upper)


def _below(layer_resolutions: Sequence[int]) -> Tensor:
    return torch.tensor([size <= LOWER_UP_TO for size in layer_resolutions])


@lru_cache(maxsize=2)
def models() -> list[str]:
    """List the models whose ages and sexes are known."""
    return sorted(json.loads(FILE.read_text(encoding="utf-8")))


def ages_of(model: str) -> Ages:
    """Load a model's regressions. Raises OptionError for a model whose ages were not measured."""
    read = json.loads(FILE.read_text(encoding="utf-8"))
    if model not in read:
        known = ", ".join(read)
        raise OptionError(
            f"model is {model}, of which age and sex are not known; leave --age and --sex out, or "
            f"use one of: {known}"
        )
    return Ages(**{name: torch.tensor(value) for name, value in read[model].items()})
