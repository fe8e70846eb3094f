"""Whether another processor picks the same strangers: float32 or bfloat16, one thread or two.

    python benchmarks/rounding.py FOLDER --first 955 --last 966 --count 3

The choice rests on stored numbers, and the checks leave room; near a limit rounding decides. Prints
the share of strangers that a run shares with the plain one, of all and of the first of each photo.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from unittest import mock

import common  # noqa: F401  (settles the process before torch is loaded)
import torch

from facegen import Studio, images, runtime
from facegen.evaluation.sources import references
from facegen.options import EvaluateOptions, VaryOptions
from facegen.types import AlignedFace

WAYS = {"float32, one thread": (False, 1), "float32, two": (False, 2), "bfloat16": (True, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="aligned faces, FFHQ crops")
    parser.add_argument("--first", type=int)
    parser.add_argument("--last", type=int)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--model", default="auto")
    arguments = parser.parse_args()
    options = EvaluateOptions(first=arguments.first, last=arguments.last)
    paths = references(arguments.folder, options.first, options.last)
    plain = None
    for name, (half, threads) in WAYS.items():
        torch.set_num_threads(threads)
        with mock.patch.object(runtime, "cpu_multiplies_bfloat16", lambda half=half: half):
            studio = Studio.load(arguments.model, "cpu")
            chosen = [strangers(studio, path, arguments.count) for path in paths]
        plain = plain or chosen
        pairs = list(zip(plain, chosen, strict=True))
        kept = sum(len({*one} & {*other}) for one, other in pairs)
        first = sum(one[:1] == other[:1] for one, other in pairs)
        print(
            f"{name:20} {kept} of {sum(map(len, plain))} strangers are the same "
            f"({kept / max(1, sum(map(len, plain))):.0%}), the first of {first} of {len(paths)}",
            flush=True,
        )


def strangers(studio: Studio, path: Path, count: int) -> list[int]:
    """The seeds of the variants of an aligned face."""
    pixels = images.resize(images.load(path), studio.resolution)
    selection = studio.select(studio.without_code(AlignedFace(pixels, None)), VaryOptions(count))
    return [variant.seed for variant in selection]


if __name__ == "__main__":
    main()
