"""Make the examples that the page's tabs show before a visitor's first run.

    python tools/first_sight.py [--only photo,group,random,persona,smile,child,restored]

Written to facegen/data/first_sight, small, as WebP that say they are AI-generated. The photo is
scikit-image's portrait of an astronaut (NASA, public domain); everybody else is drawn by the model,
from the seeds below; of two runs on the photo, of the children and of the restorations those are
kept that look best. Prints each file's size.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from facegen import Studio, images
from facegen.latent.persona import Shot
from facegen.options import (
    AnonymiseOptions,
    ChildOptions,
    PersonaOptions,
    RestoreOptions,
    SampleOptions,
    VaryOptions,
)
from facegen.options.edit import EditOptions
from facegen.output import provenance
from facegen.types import AlignedFace, Inversion, Progress

TARGET = Path(__file__).parents[1] / "facegen" / "data" / "first_sight"
SIDE, LARGE = 320, 480  # pixels, of a face among several, and of one of two
PSI = 0.7
PEOPLE = {3: (1, 2, 4, 5, 6), 7: (3,)}  # a run's seed: who of its six is kept
RANDOM = (28, 21, 14, 26, 25, 15)
CALL, CALL_SEED, TILE, GAP, SCREEN = (14, 26, 28, 21), 5, 384, 6, (28, 30, 33)
PERSONA, PERSONA_SEED = "woman, 30", 3
PERSONA_LOOKS = ("front", "laugh", "left-15", "age-45", "light-right", "fair-hair")
SMILING, SMILES, FRAME = 0, (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0), 256
PARENTS, CHILD_AGE, CHILD_SEED, CHILD = (21, 25), 9, 4, 2  # the second one of three
SMALL, RESTORED_SEED = 54, 0  # pixels, of the face that is restored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--model", default="mobilestylegan-1024")
    arguments = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    studio = Studio.load(arguments.model, "cpu")
    for name in arguments.only.split(","):
        PARTS[name](studio)
    total = sum(path.stat().st_size for path in TARGET.glob("*.webp"))
    print(f"all: {total / 1000:.0f} kB")


def photo(studio: Studio) -> None:
    """Make the photo's face, and people who do not exist."""
    save("photo", aligned(studio).pixels, SIDE, synthetic=False)
    inversion = studio.invert(aligned(studio), studio.steps(strength=VaryOptions.strength))
    kept = []
    for seed, wanted in PEOPLE.items():
        people = list(studio.select(inversion, VaryOptions(count=6, seed=seed)))
        kept += [people[number - 1].pixels for number in wanted]
    for number, pixels in enumerate(kept, start=1):
        save(f"photo-{number}", pixels, SIDE)


def group(studio: Studio) -> None:
    """Put four people in a call, and four others in their places."""
    tiles = [images.resize(one, TILE) for one in drawn(studio, CALL)]
    side = 2 * TILE + 3 * GAP
    before = np.full((side, side, 3), SCREEN, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = (GAP + at * (TILE + GAP) for at in divmod(index, 2))
        before[top : top + TILE, left : left + TILE] = tile
    done = studio.anonymise(before, AnonymiseOptions(seed=CALL_SEED))
    print(done.summary)
    save("group", before, side)
    save("group-after", done.pixels, side)


def random(studio: Studio) -> None:
    """Draw people from nowhere."""
    for number, pixels in enumerate(drawn(studio, RANDOM), start=1):
        save(f"random-{number}", pixels, SIDE)


def persona(studio: Studio) -> None:
    """Show one person in six pictures."""
    shots = {
        one.look.name: one
        for one in studio.persona(PersonaOptions(like=PERSONA, set="all", seed=PERSONA_SEED))
        if isinstance(one, Shot)
    }
    for number, name in enumerate(PERSONA_LOOKS, start=1):
        if why := shots[name].why:
            print(f"{name}: {why}")
        save(f"persona-{number}", shots[name].pixels, SIDE)


def smile(studio: Studio) -> None:
    """Make a face smile, its frames side by side."""
    inversion = own(studio, SMILING)
    frames = [inversion.pixels] + [
        studio.edit(inversion, EditOptions(smile=amount)).pixels for amount in SMILES[1:]
    ]
    row = np.concatenate([images.resize(one, FRAME) for one in frames], axis=1)
    save("smile", row, None)


def child(studio: Studio) -> None:
    """Draw two parents, and their child."""
    parents = [own(studio, seed) for seed in PARENTS]
    for name, one in zip("ab", parents, strict=True):
        save(f"parent-{name}", one.pixels, SIDE)
    options = ChildOptions(count=3, seed=CHILD_SEED, age=CHILD_AGE)
    for one in studio.children(*parents, options):
        if not isinstance(one, Progress) and one.index == CHILD:
            save("child", one.pixels, LARGE)


def restored(studio: Studio) -> None:
    """Make a picture of a face small, and restore it."""
    small = images.resize(aligned(studio).pixels, SMALL)
    save("small", small, None, quality=92, synthetic=False)
    seen = studio.observe(small, RestoreOptions())
    for one in studio.restore(seen, RestoreOptions(count=1, seed=RESTORED_SEED)):
        if not isinstance(one, Progress):
            print("agrees with it" if one.agrees else "does not agree with it")
            save("restored", one.pixels, LARGE)


PARTS: dict[str, Callable[[Studio], None]] = {
    one.__name__: one for one in (photo, group, random, persona, smile, child, restored)
}


def aligned(studio: Studio) -> AlignedFace:
    from skimage import data

    return studio.align(data.astronaut())


def drawn(studio: Studio, seeds: Sequence[int]) -> list[np.ndarray]:
    return [images.to_pixels(studio.sample(1, seed, PSI))[0] for seed in seeds]


def own(studio: Studio, seed: int) -> Inversion:
    (portrait,) = studio.draw(SampleOptions(count=1, seed=seed, truncation_psi=PSI))
    facts = {name: str(value) for name, value in portrait.facts.items()}
    found = studio.code_of_own(portrait.pixels, facts)
    assert found is not None, "the model drew it a moment ago"
    return found


def save(
    name: str, pixels: np.ndarray, side: int | None, quality: int = 80, synthetic: bool = True
) -> None:
    """Write NAME.webp, `side` pixels wide, or as wide as it is."""
    small = images.resize(pixels, side) if side and side != pixels.shape[0] else pixels
    content = io.BytesIO()
    told = {"xmp": provenance.xmp_packet(provenance.NAME, provenance.TRAINED_MEDIA)}
    more = {"xmp": told["xmp"].encode()} if synthetic else {}
    Image.fromarray(small).save(content, "WEBP", quality=quality, method=6, **more)
    (TARGET / f"{name}.webp").write_bytes(content.getvalue())
    print(f"{name}.webp: {len(content.getvalue()) / 1000:.1f} kB", flush=True)


if __name__ == "__main__":
    main()
