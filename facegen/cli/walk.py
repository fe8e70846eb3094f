"""walk: from the average face outwards, until faces stop being faces."""

from __future__ import annotations

import argparse

from ..errors import require
from ..options import WalkOptions, check_device, spec
from ..output.staging import check_empty, finished_only
from .flags import Commands, add_model, add_new_out, add_options, add_signer, load_studio
from .progress import progress_bar, show


def add(commands: Commands) -> None:
    parser = commands.add_parser("walk", help="how far from the average faces are still faces")
    add_new_out(parser)
    add_options(parser, WalkOptions)
    parser.add_argument("--json", action="store_true", help="the summary on standard output")
    add_model(parser)
    add_signer(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    require("evaluate")
    options = WalkOptions(**{name: getattr(arguments, name) for name in spec(WalkOptions)})
    check_empty(arguments.out, arguments.overwrite)
    check_device(arguments.device)

    import json  # after the checks: what else is needed takes long to import

    from ..evaluation import walk_report
    from ..evaluation.walk import walk
    from ..latent.codes import seeds
    from ..types import drained

    studio = load_studio(arguments)
    walks = []
    earlier = walk_report.PICTURES
    with (
        finished_only(arguments.out, None, earlier, arguments.overwrite) as folder,
        progress_bar("steps") as bar,
    ):
        steps, before = options.walks * (options.steps + 1), 0
        show(bar, "steps", 0, steps)
        for seed in seeds(options.seed, options.walks):
            for state in walk(studio, options, seed):
                show(bar, "steps", before + len(state.distances), steps)
            before += len(state.distances)
            walks.append(state)
        found = drained(
            walk_report.writing(folder, walks, options, studio),
            lambda part: show(bar, "the report", part.done, part.of, part.stage),
        )
    if arguments.json:
        print(json.dumps(found))
        return
    print(walk_report.in_words(found))
    print(f"the report: {arguments.out / 'walk.html'}")
