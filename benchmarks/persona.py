"""How many of a person's pictures hold, what they cost, and sheets to look at.

    python benchmarks/persona.py [--people 30] [--seed 0] [--model mobilestylegan-1024] --out DIR

Prints, of all pictures that the looks of "sheet" ask for: how many were made (those made are one
person with the front to every recogniser, and moved as asked, or they would not be there), by
group; how many of all were not another person (ages apart), and how many moved as asked; why the
others were left out; seconds a picture, wall and CPU. --out gets a sheet a person.
That a face is lovely is not measured: look at the sheets.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from pathlib import Path

from facegen import Studio
from facegen.errors import NoFaceError
from facegen.latent import persona
from facegen.options import PersonaOptions
from facegen.output import sheet
from facegen.output.sheet import Cell
from facegen.types import drained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="mobilestylegan-1024")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    studio = Studio.load(arguments.model)
    asked: Counter[str] = Counter()
    made: Counter[str] = Counter()
    whys: Counter[str] = Counter()
    other, moved_wrong = 0, 0  # pictures: of another person, ages apart; not as asked
    seconds, finding, nobody = [], [], 0
    cpu = time.process_time()
    for seed in range(arguments.seed, arguments.seed + arguments.people):
        options = PersonaOptions(seed=seed)
        tools = studio.persona_tools(options)
        began = time.perf_counter()
        try:
            person = drained(persona.find(options, tools))
        except NoFaceError:
            nobody += 1
            continue
        finding.append(time.perf_counter() - began)
        looks = persona.looks_of(options, tools.directions, person)
        cells = []
        began = time.perf_counter()
        for shot in persona.shots(person, looks, tools):
            seconds.append(time.perf_counter() - began)
            asked[shot.look.group] += 1
            if shot.why:
                whys[f"{shot.look.name}: {shot.why.split(' by ')[0]}"] += 1
                other += shot.why == persona.OTHER and shot.look.group != "ages"
                moved_wrong += " moved by " in shot.why or "did not change" in shot.why
            else:
                made[shot.look.group] += 1
                cells.append(Cell(shot.pixels, (shot.look.caption,)))
            began = time.perf_counter()
        (arguments.out / f"person-{seed:02d}.jpg").write_bytes(
            sheet.jpeg(cells)  # marked as synthetic
        )
    told = {
        "people": arguments.people, "nobody": nobody,
        "made": f"{sum(made.values())} of {sum(asked.values())}",
        "by_group": {group: f"{made[group]} of {asked[group]}" for group in asked},
        "not_another_person": round(1 - other / (sum(asked.values()) - asked["ages"]), 4),
        "as_asked": round(1 - moved_wrong / sum(asked.values()), 4),
        "left_out": dict(whys.most_common(40)),
        "seconds_find": round(statistics.median(finding), 2),
        "seconds_a_look": round(statistics.median(seconds), 2),
        "cpu_seconds_a_picture": round((time.process_time() - cpu) / max(sum(made.values()), 1), 2),
    }  # fmt: skip
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
