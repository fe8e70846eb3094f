"""One person who does not exist, in several pictures: serious, smiling, turned, older.

python examples/character.py [OUT]

The recognisers say of each picture whether it still shows the same person.
"""

import sys

from facegen import Studio
from facegen.options import EditOptions, SampleOptions
from facegen.output.portrait import Portrait

SCENES = {
    "serious": {"smile": -0.6},
    "smiling": {"smile": 0.7},
    "turned": {"yaw": 12.0},
    "looking-down": {"pitch": 5.0},
    "evening": {"light": 0.8},
}


def main(out: str = "character", seed: int = 8) -> None:
    studio = Studio.load("mobilestylegan-1024")
    (portrait,) = studio.draw(SampleOptions(count=1, seed=seed))
    portrait.save(out, "first")
    face = studio.code_of_own(portrait.pixels, portrait.facts)  # exact: nothing is searched
    first = studio.compare(portrait.pixels)
    for name, sliders in SCENES.items():
        options = EditOptions(**sliders)
        pixels = studio.edit(face, options).pixels
        facts = {**studio.facts(), "edit": options.in_words()}
        (path,) = Portrait(pixels, seed, facts).save(out, name)
        judged = first.measure(pixels).identity
        told = ", ".join(
            f"{recogniser}: {'the same' if found.same_person else 'another'} person "
            f"({found.distance:.2f}, the same below {found.threshold})"
            for recogniser, found in judged.items()
        )
        print(f"{path}: {told}")


if __name__ == "__main__":
    main(*sys.argv[1:])
