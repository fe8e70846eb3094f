"""What the dial costs: the same variants with and without it.

    python benchmarks/dial.py [PHOTO] [--count 6] [--repeats 5] [--model auto] [--device auto]

Prints medians of the processor's seconds for all variants of one inversion, which other load
hardly changes, and their ratio. Without a photo it takes scikit-image's astronaut.
"""

from __future__ import annotations

import statistics
import time

import common

from facegen.options import VaryOptions


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--count", type=int, default=VaryOptions.count)
    arguments = parser.parse_args()
    studio = common.studio(arguments)
    inversion = studio.invert(studio.align(common.photo(arguments)))
    started = time.perf_counter()
    _ = studio.statistics, studio.directions
    print(f"once per model: {time.perf_counter() - started:.2f} s for the directions")
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(arguments.repeats + 1):  # in turn, so that other load hits both alike
        for dial in seconds:
            started = time.process_time()
            selection = studio.select(inversion, VaryOptions(arguments.count, dial=dial))
            made = list(selection)
            seconds[dial].append(time.process_time() - started)
    plain, dialled = (statistics.median(seconds[dial][1:]) for dial in (False, True))
    print(
        f"{studio.info.name} on {studio.device}, {len(made)} variants, "
        f"{selection.report.tried} seeds tried"
    )
    print(f"plain {plain:.3f} s, with the dial {dialled:.3f} s: {dialled / plain:.2f} times")


if __name__ == "__main__":
    main()
