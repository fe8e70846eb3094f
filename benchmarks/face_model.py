"""What a face model draws and what it makes of photos: the numbers of its card.

    python benchmarks/face_model.py --training DIR... --held-out DIR [--model auto]
        [--samples 1000] [--psi 0.7] [--first 955 --last 1004] [--sheet FILE]

--training: the pictures it was trained on; --held-out: aligned faces it never saw, of which those
numbered --first to --last are references and the ones before a set to compare with. What becomes
of the references' variants, `python -m facegen evaluate` says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen import Studio, images
from facegen.evaluation.metrics import frechet, precision_recall
from facegen.options import USUAL, SampleOptions
from facegen.output import provenance
from facegen.types import AlignedFace

SHOWN = 24  # samples on the sheet
NEIGHBOURS_OF = 16  # samples whose nearest training picture is looked for
LARGE = 256  # what the detectors are given: at 64 pixels they see nothing


def pictures(folders: list[Path], size: int) -> list[np.ndarray]:
    paths = sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in (".jpg", ".png"))
    return [images.resize(images.load(path), size) for path in paths]


def exactly_one(studio: Studio, drawn: list[np.ndarray]) -> tuple[float, float]:
    """The shares in which dlib's and mediapipe's detectors find one face and no second."""
    import dlib

    frontal = dlib.get_frontal_face_detector()
    by_dlib, by_mediapipe = [], []
    for pixels in drawn:
        large = images.resize(pixels, LARGE)
        by_dlib.append(len(frontal(large, 1)) == 1)
        by_mediapipe.append(len(studio.detector.detect(large)) == 1)
    return float(np.mean(by_dlib)), float(np.mean(by_mediapipe))


def embed(studio: Studio, many: list[np.ndarray]) -> np.ndarray:
    """dlib's vectors of the pictures that show a face, float64 [N, 128]."""
    faces = [studio.detector.landmarks_of_crop(one) for one in many]
    vectors = studio.recognisers[0].embed_all(many, faces)
    return np.array([v for v in vectors if v is not None])


def halves(vectors: np.ndarray) -> float:
    """Frechet distance between two random halves of one set: what nothing can be better than."""
    order = np.random.default_rng(0).permutation(len(vectors))
    return frechet(vectors[order[::2]], vectors[order[1::2]])


def show(name: str, values: list[float]) -> None:
    low, middle, high = np.percentile(values, [10, 50, 90])
    print(f"{name:40} median {middle:.3f}  (10 %: {low:.3f}, 90 %: {high:.3f}, n {len(values)})")


def colour(pixels: np.ndarray) -> np.ndarray:
    """R - Y and B - Y of an aligned picture's middle, where the face is: float64 [H, W, 2]."""
    size = len(pixels)
    face = pixels[size * 5 // 16 : size * 25 // 32, size * 17 // 64 : size * 47 // 64].astype(float)
    luma = face @ images.LUMA
    return np.stack([face[..., 0] - luma, face[..., 2] - luma], axis=-1)


def reconstructions(studio: Studio, references: list[np.ndarray]) -> None:
    recogniser = studio.recognisers[0]
    for steps in dict.fromkeys((0, studio.steps(USUAL))):
        distances, identities, apart, tinted = [], [], [], []
        for pixels in references:
            inversion = studio.invert(AlignedFace(pixels, quad=None), steps=steps)
            distances.append(inversion.distance)
            both = [pixels, inversion.pixels]
            apart.append(float(np.abs(pixels.astype(float) - inversion.pixels).mean()))
            tinted.append(float(np.abs(colour(pixels) - colour(inversion.pixels)).mean()))
            faces = [studio.detector.landmarks_of_crop(one) for one in both]
            if None not in faces:
                identities.append(recogniser.distance(*recogniser.embed_all(both, faces)))
        show(f"inversion distance, {steps} steps", distances)
        show("  mean difference, of 255", apart)
        show("  of the face's colour, of 255", tinted)
        show(f"{recogniser.name}: photo to inversion, {steps} steps", identities)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--training", type=Path, nargs="+", required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--psi", type=float, default=SampleOptions.truncation_psi)
    parser.add_argument("--first", type=int, default=955)
    parser.add_argument("--last", type=int, default=1004)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()

    studio = Studio.load(arguments.model)
    size = studio.resolution
    print(f"{studio.info.name}, {size}x{size}, {studio.device}")
    drawn = [
        next(studio.draw(SampleOptions(1, seed, arguments.psi))).pixels
        for seed in range(arguments.samples)
    ]
    if arguments.sheet:
        rows = [np.concatenate(drawn[i : i + 8], axis=1) for i in range(0, SHOWN, 8)]
        provenance.save_png(arguments.sheet, np.concatenate(rows), studio.facts())
    of = f"of {len(drawn)} samples at psi {arguments.psi}"
    by_dlib, by_mediapipe = exactly_one(studio, drawn)
    print(f"exactly one face, dlib's detector       {by_dlib:.1%} {of}")
    print(f"exactly one face, mediapipe's detector  {by_mediapipe:.1%} {of}")

    samples = embed(studio, drawn)
    paths = sorted(p for p in arguments.held_out.iterdir() if p.stem.isdigit())
    before = [p for p in paths if int(p.stem) < min(arguments.first, 905)]
    real = {
        "training faces": embed(studio, pictures(arguments.training, size)),
        "held-out faces": embed(studio, [images.resize(images.load(p), size) for p in before]),
    }
    for name, vectors in real.items():
        print(
            f"Frechet (dlib) to {len(vectors)} {name}: {frechet(samples, vectors):.4f}, "
            f"between two halves of them {halves(vectors):.4f}"
        )
    precision, recall = precision_recall(real["held-out faces"], samples[: len(before)])
    print(f"precision {precision:.2f}, recall {recall:.2f} in dlib's space, to the held-out faces")

    training = real["training faces"]

    def nearest(vectors: np.ndarray) -> list[float]:
        return [float(np.linalg.norm(training - one, axis=1).min()) for one in vectors]

    show(f"{NEIGHBOURS_OF} samples to the nearest training face", nearest(samples[:NEIGHBOURS_OF]))
    show("held-out faces to the same", nearest(real["held-out faces"]))

    chosen = [p for p in paths if arguments.first <= int(p.stem) <= arguments.last]
    print(f"{len(chosen)} references:")
    reconstructions(studio, [images.resize(images.load(p), size) for p in chosen])
    from skimage.data import astronaut

    print("astronaut:")
    reconstructions(studio, [studio.align(astronaut()).pixels])


if __name__ == "__main__":
    main()
