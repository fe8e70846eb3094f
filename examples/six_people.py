"""Six people who do not exist, in the pose of a photo.

python examples/six_people.py [PHOTO] [OUT]
"""

import sys
from pathlib import Path

from facegen import Studio, images


def main(photo: str = str(Path(__file__).with_name("astronaut.jpg")), out: str = "six") -> None:
    studio = Studio.load()  # the default model, fetched once
    aligned = studio.align(images.load(photo))  # the largest face
    inversion = studio.invert(aligned)
    for number, variant in enumerate(studio.vary(inversion, count=6, seed=7), start=1):
        (path,) = studio.render(variant).save(out, f"person-{number}")
        told = ", ".join(f"{name} {found.distance:.2f}" for name, found in variant.identity.items())
        print(f"{path}: another person: {variant.different_person} ({told})")


if __name__ == "__main__":
    main(*sys.argv[1:])
