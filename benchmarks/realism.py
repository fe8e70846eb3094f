"""How near a model's random faces come to a folder of faces as a whole, beside its own two halves.

    python benchmarks/realism.py FACES [--model NAME ...] [--psi 0.7 1]

FACES is a folder of aligned faces. The second half of them judges as many faces: their Fréchet
distance, precision and recall (k-NN, k = 3), in dlib's embedding (128 numbers) and in the last
features of EfficientNet-Lite0, averaged over the picture (192 numbers). The first half of FACES
stands beside them: what is as good as that these measures cannot tell from FACES. Pictures of 256
pixels; of a larger model the previews.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import Studio, images
from facegen.evaluation.metrics import frechet, precision_recall
from facegen.latent.codes import seeds
from facegen.measure.perceptual import features_at_hand

SIZE = 256


class Features:
    def __init__(self, studio: Studio):
        self._studio = studio
        self._classifier = features_at_hand(studio.device)
        if self._classifier is None:
            sys.exit("run `python -m facegen weights fetch efficientnet-lite0` first")

    @torch.no_grad()
    def __call__(self, pictures: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        found: dict[str, list[np.ndarray]] = {"dlib": [], "EfficientNet": []}
        for pixels in pictures:
            pixels = images.resize(pixels, SIZE)
            last = self._classifier(images.to_tensor(pixels))[-1]
            found["EfficientNet"].append(last.mean(dim=(2, 3))[0].double().numpy())
            face = self._studio.detector.landmarks_of_crop(pixels)
            vector = self._studio.recognisers[0].embed(pixels, face)
            if vector is not None:
                found["dlib"].append(vector)
        return {name: np.array(rows) for name, rows in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--model", nargs="+", default=["bundled", "mobilestylegan-1024"])
    parser.add_argument("--psi", type=float, nargs="+", default=[0.7, 1.0])
    arguments = parser.parse_args()
    paths = sorted(arguments.faces.glob("*.jpg"))
    features = Features(Studio.load("bundled", "cpu"))
    first, second = (features(images.load(path) for path in paths[i::2]) for i in (0, 1))
    print(f"{len(paths[1::2])} faces against {len(paths[0::2])}")
    _row("the first half", second, first)
    for name in arguments.model:
        studio = Studio.load(name, "cpu")
        for psi in arguments.psi:
            numbers = seeds(0, len(paths[0::2]))
            codes = [studio.model.code_of(seed, psi) for seed in numbers]
            _row(f"{name}, psi {psi:g}", second, features(studio.renderer.previews(codes)))


def _row(name: str, real: dict[str, np.ndarray], made: dict[str, np.ndarray]) -> None:
    told = []
    for kind, rows in made.items():
        precision, recall = precision_recall(real[kind], rows)
        told.append(
            f"{kind}: Fréchet {frechet(real[kind], rows):.3f}, precision {precision:.1%}, "
            f"recall {recall:.1%}"
        )
    print(f"{name:30} {'; '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
