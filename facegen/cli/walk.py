"""walk: from the average face outwards, until faces stop being faces."""

from __future__ import annotations

import argparse

from ..evaluation.options import WalkOptions
from ..options import range_in_words
from ..output.staging import check_empty, finished_only
from .flags import add_model, add_new_out, add_signer, load_studio, progress_bar

WORDS = {
    "steps": "of a walk",
    "step": "its length, in units of how far the model's own faces are from the average",
    "seed": "of the first walk",
    "walks": "with seeds one after the other",
    "persistence": "towards 0 a walk turns at every step and hardly leaves the average",
}


def add(commands) -> None:
    one = commands.add_parser("walk", help="how far from the average faces are still faces")
    add_new_out(one)
    for name, what in WORDS.items():
        default = getattr(WalkOptions, name)
        words = f"{what}, {range_in_words(WalkOptions, name)}"
        one.add_argument(f"--{name}", type=type(default), default=default, help=words)
    one.add_argument("--json", action="store_true", help="the summary on standard output")
    add_model(one)
    add_signer(one)
    one.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    options = WalkOptions(**{name: getattr(arguments, name) for name in WORDS})
    check_empty(arguments.out, arguments.overwrite)

    import json  # after the checks: what else is needed takes long to import

    from ..evaluation import walk_report
    from ..evaluation.walk import walk
    from ..latent.vary.perturb import seeds

    studio = load_studio(arguments)
    walks = []
    earlier = walk_report.PICTURES
    with finished_only(arguments.out, None, earlier, arguments.overwrite) as folder:
        with progress_bar("steps", options.walks * (options.steps + 1)) as bar:
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
