"""Learn editing directions: what in w makes people rate a face older, happier, longer-haired.

Faces with ratings are encoded, and a ridge regression predicts each rating from w. The direction
stored is not the regression's gradient b but Sigma b, with Sigma the covariance of the codes:
of all steps that raise the predicted rating equally, the one that the model's own distribution
of w finds least surprising. (Minimise d' Sigma^-1 d subject to b'd = 1; d = Sigma b / b' Sigma b.)
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import images, models, weights
from ..errors import DataError
from ..latent.vary.directions import ridge
from ..models.families.facegen import ATTRIBUTES

# our name -> the column of the ratings, the means over raters from 0 to 100
# (One Million Impressions, Peterson et al. 2022, https://doi.org/10.1073/pnas.2115228119)
RATINGS = {
    "age": "age",
    "gender_presentation": "gender",
    "smile": "happy",
    "hair_length": "long-haired",
    "hair_colour": "hair-color",
    "skin_tone": "skin-color",
}


@dataclass(frozen=True)
class Attribute:
    """direction: float32 [w_dim], the step in w that raises the rating by one standard deviation.

    correlation: of the predicted with the true rating over faces that were not fitted.
    """

    name: str
    direction: np.ndarray
    correlation: float


def read_ratings(path: Path) -> dict[int, dict[str, float]]:
    """Read face number -> our name -> mean rating. Raises DataError for a file of another kind."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {
                int(row["stimulus"]): {ours: float(row[theirs]) for ours, theirs in RATINGS.items()}
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not a table of ratings ({type(error).__name__}: {error}); it needs the "
            f"columns stimulus, {', '.join(RATINGS.values())}"
        ) from error


def fit(
    w: np.ndarray, ratings: dict[str, np.ndarray], held_out: np.ndarray
) -> tuple[Attribute, ...]:
    """Fit an Attribute a name to w float64 [N, w_dim] and ratings [N]. held_out: bool [N]."""
    attributes = []
    x = w[~held_out]
    covariance = np.cov(x.T)
    centred = torch.from_numpy(x - x.mean(axis=0))
    for name, values in ratings.items():
        y = values[~held_out]
        y = (y - y.mean()) / max(y.std(), 1e-9)
        gradient = ridge(centred, torch.from_numpy(y)[:, None])[0][0].numpy()
        direction = covariance @ gradient / (gradient @ covariance @ gradient)
        correlation = np.corrcoef(w[held_out] @ gradient, values[held_out])[0, 1]
        attributes.append(Attribute(name, direction.astype(np.float32), float(correlation)))
    return tuple(attributes)


@torch.no_grad()
def encode(model: models.FaceModel, paths: list[Path]) -> np.ndarray:
    """Encode aligned faces: w float64 [N, w_dim], the mean over layers of their codes."""
    assert model.encode is not None
    codes = []
    size = model.generator.config.resolution
    for path in paths:
        pixels = images.resize(images.load(path), size)
        codes.append(model.encode(images.to_tensor(pixels)).mean(dim=1)[0].double().numpy())
    return np.array(codes)


def add_directions(
    file: Path, faces: Path, table: Path, held_out_from: int
) -> tuple[Attribute, ...]:
    """Fit directions for the model in a safetensors file of ours, and write them into it.

    faces: aligned faces named by their number; table: their ratings; faces numbered
    held_out_from and above are not fitted but measured. Raises WeightsError, DataError.
    """
    model = models.load_face_model(str(file), torch.device("cpu"))
    if model.encode is None:
        raise DataError(f"{file.name} has no encoder; train one first")
    rated = read_ratings(table)
    paths = sorted(p for p in faces.glob("*.jpg") if p.stem.isdigit() and int(p.stem) in rated)
    numbers = np.array([int(p.stem) for p in paths])
    held_out = numbers >= held_out_from
    if held_out.sum() < 10 or (~held_out).sum() < 100:
        raise DataError(
            f"{(~held_out).sum()} faces to fit and {held_out.sum()} to measure were found in "
            f"{faces}; 100 and 10 are the least: bring aligned faces named NUMBER.jpg, each with "
            f"its row in {table.name}"
        )
    ratings = {name: np.array([rated[n][name] for n in numbers]) for name in RATINGS}
    attributes = fit(encode(model, paths), ratings, held_out)
    tensors, metadata = weights.read(file)
    tensors = {k: v for k, v in tensors.items() if not k.startswith(ATTRIBUTES)}
    tensors |= {f"{ATTRIBUTES}{a.name}": torch.from_numpy(a.direction) for a in attributes}
    about = {a.name: round(a.correlation, 3) for a in attributes}
    metadata["attribute_correlations"] = json.dumps(about)
    weights.write(file, tensors, {k: v for k, v in metadata.items() if k != "file_format"})
    return attributes
