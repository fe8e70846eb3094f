"""How long the main job takes: photo to six variants, with and without anime.

    python benchmarks/pipeline.py [PHOTO] [--repeats 5] [--model auto] [--device auto]

Prints the medians of the manifest's seconds after a first request that does not count, and the
resident memory at the end. Without a photo it takes scikit-image's astronaut.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from pathlib import Path

import common

from facegen import Studio
from facegen.generate import Done, GenerateOptions, generate
from facegen.types import StyleOptions


def run(studio: Studio, pixels, options: GenerateOptions) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        for event in generate(studio, pixels, "0" * 64, Path(folder), options):
            if isinstance(event, Done):
                return event.manifest["seconds"]
    raise AssertionError("generate ended without Done")


def main() -> None:
    arguments = common.parser(__doc__).parse_args()
    pixels = common.photo(arguments)

    started = time.perf_counter()
    studio = common.studio(arguments)
    print(f"{studio.info.name} on {studio.device}: loaded in {time.perf_counter() - started:.2f} s")
    for name, style in (("plain", None), ("anime", StyleOptions())):
        options = GenerateOptions(style=style)
        first = run(studio, pixels, options)["total"]
        rounds = [run(studio, pixels, options) for _ in range(arguments.repeats)]
        medians = {stage: statistics.median(r[stage] for r in rounds) for stage in rounds[0]}
        stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in medians.items())
        print(f"{name}: first request {first:.2f} s, then medians in seconds: {stages}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak resident memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
