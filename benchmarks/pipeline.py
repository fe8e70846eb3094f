"""How long the main job takes: photo to six variants, with and without anime.

    python benchmarks/pipeline.py [PHOTO] [--repeats 5] [--model auto] [--device auto] [--busy]

Prints the medians of the manifest's seconds after a first request that does not count, of the
processor's and of those to the first person, and the resident memory at the end. Without a photo it
takes scikit-image's astronaut. With --busy each job is done again while another process takes all
of one core.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from pathlib import Path

import common

from facegen import Studio
from facegen.jobs.generate import generate
from facegen.jobs.job import RESULT, Finished, Picture, Source
from facegen.options import GenerateOptions, StyleOptions


def run(studio: Studio, pixels, options: GenerateOptions) -> dict[str, float]:
    """The manifest's seconds, the processor's (all threads), and those to the first person."""
    began, busy, first = time.perf_counter(), time.process_time(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        for event in generate(studio, [Source(pixels, "0" * 64)], Path(folder), options):
            if isinstance(event, Picture) and event.kind == RESULT and event.index == 1:
                first = time.perf_counter() - began
            if isinstance(event, Finished):
                spent = {"cpu": time.process_time() - busy, "first": first}
                return event.manifest["seconds"] | spent
    raise AssertionError("generate ended without an end")


def medians(studio: Studio, pixels, options: GenerateOptions, repeats: int) -> dict[str, float]:
    rounds = [run(studio, pixels, options) for _ in range(repeats)]
    return {stage: statistics.median(r[stage] for r in rounds) for stage in rounds[0]}


def in_words(seconds: dict[str, float]) -> str:
    return ", ".join(f"{stage} {taken:.2f}" for stage, taken in seconds.items())


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--busy", action="store_true", help="also with one core taken away")
    arguments = parser.parse_args()
    pixels = common.photo(arguments)

    started = time.perf_counter()
    studio = common.studio(arguments)
    print(f"{studio.info.name} on {studio.device}: loaded in {time.perf_counter() - started:.2f} s")
    for name, style in (("plain", None), ("anime", StyleOptions())):
        options = GenerateOptions(style=style)
        first = run(studio, pixels, options)["total"]
        alone = medians(studio, pixels, options, arguments.repeats)
        print(f"{name}: first request {first:.2f} s, then medians in seconds: {in_words(alone)}")
        if arguments.busy:
            with common.burning():
                beside = medians(studio, pixels, options, arguments.repeats)
            ratio = beside["total"] / alone["total"]
            print(f"{name}, one core taken: {in_words(beside)}: {ratio:.2f} times as long")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak resident memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
