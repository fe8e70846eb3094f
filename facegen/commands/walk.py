"""walk: from the average face outwards, until faces stop being faces."""

from __future__ import annotations

import argparse

from ..outputs import finished_only
from .common import add_model, add_out


def add(commands) -> None:
    one = commands.add_parser("walk", help="how far from the average faces are still faces")
    add_out(one)
    one.add_argument("--steps", type=int, help="default 500")
    one.add_argument("--step", type=float, help="its length; 1 is that of the model's own faces")
    one.add_argument("--seed", type=int)
    one.add_argument("--walks", type=int, help="several, with seeds one after the other")
    one.add_argument("--persistence", type=float, help="0 turns at every step, towards 1 rarely")
    one.add_argument("--json", action="store_true", help="the summary on standard output")
    add_model(one)
    one.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    import json

    from tqdm import tqdm

    from ..evaluation import walk_report
    from ..evaluation.walk import WalkOptions, walk
    from ..hub import terminal_bar
    from ..studio import Studio
    from ..vary import seeds

    names = ("steps", "step", "seed", "walks", "persistence")
    given = {name: getattr(arguments, name) for name in names}
    options = WalkOptions(**{name: value for name, value in given.items() if value is not None})
    studio = Studio.load(arguments.model, arguments.device, terminal_bar(arguments.model))
    walks = []
    with finished_only(arguments.out) as folder:
        with tqdm(total=options.walks * (options.steps + 1), desc="steps", disable=None) as bar:
            for seed in seeds(options.seed, options.walks):
                done = 0
                for one in walk(studio, options, seed):
                    bar.update(len(one.distances) - done)
                    done = len(one.distances)
                walks.append(one)
        found = walk_report.write(folder, walks, options, studio)
    if arguments.json:
        print(json.dumps(found))
        return
    print(walk_report.in_words(found))
    print(f"the report: {arguments.out / 'walk.html'}")
