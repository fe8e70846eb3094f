"""train: the networks of this project, from data that you bring."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import OptionError
from . import train_anime_pairs, train_dcgan, train_photo_encoder
from .common import add_out

PICTURES = ("pairs", "photos", "drawings")  # what train anime learns from
KINDS = {int: "a whole number", float: "a number", str: "a text"}


def add(commands) -> None:
    one = commands.add_parser("train", help="train a network")
    networks = one.add_subparsers(metavar="NETWORK", required=True)
    _add_train_joint(networks)
    _add_train_stylegan2(networks)
    _add_train_encoder(networks)
    train_photo_encoder.add(networks)
    _add_train_directions(networks)
    _add_train_anime(networks)
    train_anime_pairs.add(networks)
    train_dcgan.add(networks)


def _add_train_joint(networks) -> None:
    from ..training.options import JointOptions

    one = networks.add_parser("joint", help="generator, encoder and discriminator together")
    add_data(one)
    add_out(one)
    add_fields(one, JointOptions, skip=("data", "out"))
    one.add_argument(
        "--export", type=Path, metavar="FILE", help="write the model as safetensors at the end"
    )
    add_resume(one)
    one.set_defaults(run=_train_joint)


def _train_joint(arguments: argparse.Namespace) -> None:
    from ..training import joint
    from ..training.options import JointOptions

    options = JointOptions(
        data=tuple(arguments.data), out=str(arguments.out), **fields(arguments, JointOptions)
    )
    check_resume(arguments)
    joint.train(options, export=arguments.export, progress=print_facts)


def _add_train_stylegan2(networks) -> None:
    from ..training.options import StyleGAN2Options

    one = networks.add_parser("stylegan2", help="StyleGAN2 with adaptive augmentation")
    add_data(one)
    add_out(one)
    add_fields(one, StyleGAN2Options, skip=("data", "out"))
    add_resume(one)
    add_dry_run(one)
    one.set_defaults(run=_train_stylegan2)


def _train_stylegan2(arguments: argparse.Namespace) -> None:
    from ..training import stylegan2
    from ..training.options import StyleGAN2Options

    options = StyleGAN2Options(
        data=tuple(arguments.data), out=str(arguments.out), **fields(arguments, StyleGAN2Options)
    )
    check_resume(arguments)
    announce(stylegan2.plan(options), options)
    if not arguments.dry_run:
        stylegan2.train(options, progress=print_facts, say=print)


def _add_train_encoder(networks) -> None:
    from ..training.options import EncoderTrainOptions

    one = networks.add_parser("encoder", help="an encoder for a StyleGAN2 that has none")
    add_data(one, required=False)
    add_out(one)
    add_fields(one, EncoderTrainOptions, skip=("data", "out"))
    add_resume(one)
    add_dry_run(one)
    one.set_defaults(run=_train_encoder)


def _train_encoder(arguments: argparse.Namespace) -> None:
    from ..training import encode
    from ..training.options import EncoderTrainOptions

    options = EncoderTrainOptions(
        data=tuple(arguments.data),
        out=str(arguments.out),
        **fields(arguments, EncoderTrainOptions),
    )
    check_resume(arguments)
    announce(encode.plan(options), options)
    if not arguments.dry_run:
        encode.train(options, progress=print_facts)


def _add_train_directions(networks) -> None:
    one = networks.add_parser("directions", help="editing directions from rated faces")
    one.add_argument("model", metavar="FILE", type=Path, help="a model of ours, which gets them")
    one.add_argument(
        "--faces", required=True, metavar="DIR", type=Path, help="aligned ones, NUMBER.jpg"
    )
    one.add_argument(
        "--ratings", required=True, metavar="CSV", type=Path, help="of each face, by its number"
    )
    one.add_argument(
        "--held-out-from", type=int, default=905, metavar="N", help="measured from this face on"
    )
    one.set_defaults(run=_train_directions)


def _train_directions(arguments: argparse.Namespace) -> None:
    from ..training.attributes import add_directions

    for one in add_directions(
        arguments.model, arguments.faces, arguments.ratings, arguments.held_out_from
    ):
        print(f"{one.name:20} held-out correlation {one.correlation:.2f}")


def add_resume(one: argparse.ArgumentParser) -> None:
    one.add_argument("--resume", action="store_true", help="only go on with the run in --out")


def add_dry_run(one: argparse.ArgumentParser) -> None:
    one.add_argument("--dry-run", action="store_true", help="say what a run needs, and stop")


def announce(needs: dict[str, float], options) -> None:
    """Print what a run needs, once; then raise OptionError if this machine has less."""
    from ..runtime import choose_device
    from ..training import memory

    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes the first one speaks
        print_facts(needs)
    memory.check(needs, Path(options.out), choose_device(options.device))


def check_resume(arguments: argparse.Namespace, file: str | None = None) -> None:
    """--resume promises that there is something to go on with. file: what shows it; None: the
    state that most trainers save."""
    from ..training.run import CHECKPOINT

    file = file or CHECKPOINT
    if arguments.resume and not (arguments.out / file).is_file():
        raise OptionError(f"there is no {file} in {arguments.out}; leave --resume out to begin")


def _add_train_anime(networks) -> None:
    from ..training.options import AnimeTrainOptions

    one = networks.add_parser("anime", help="a drawn style, from pairs or unpaired pictures")
    one.add_argument(
        "--pairs", default="", metavar="DIR", help="with NAME-photo.jpg and NAME-drawn.jpg"
    )
    one.add_argument("--photos", default="", metavar="DIR", help="without pairs: of faces")
    one.add_argument("--drawings", default="", metavar="DIR", help="without pairs: in the style")
    add_out(one)
    add_fields(one, AnimeTrainOptions, skip=(*PICTURES, "out"))
    one.set_defaults(run=_train_anime)


def _train_anime(arguments: argparse.Namespace) -> None:
    from ..training import anime
    from ..training.options import AnimeTrainOptions

    options = AnimeTrainOptions(
        out=str(arguments.out),
        **{name: getattr(arguments, name) for name in PICTURES},
        **fields(arguments, AnimeTrainOptions),
    )
    anime.train(options, progress=print_facts)


def add_data(one: argparse.ArgumentParser, required: bool = True) -> None:
    one.add_argument(
        "--data",
        nargs="+" if required else "*",
        default=[],
        required=required,
        metavar="DIR",
        help="folders of square pictures, prepared or not",
    )


def add_fields(one: argparse.ArgumentParser, options: type, skip: Sequence[str]) -> None:
    """A flag for every int, float and str field of an options dataclass.

    Its docstring, which tells what they mean, is the description of the command.
    """
    one.description = inspect.getdoc(options)
    for field in dataclasses.fields(options):
        if field.name not in skip:
            kind = type(field.default)
            limits = "{} to {}".format(*found) if (found := field.metadata.get("range")) else ""
            one.add_argument(
                f"--{field.name.replace('_', '-')}",
                type=kind,
                default=field.default,
                metavar="X",
                help=limits or KINDS[kind],
            )


def fields(arguments: argparse.Namespace, options: type) -> dict:
    names = (field.name for field in dataclasses.fields(options))
    return {n: getattr(arguments, n) for n in names if n not in ("data", "out", *PICTURES)}


def print_facts(facts: dict) -> None:
    print(", ".join(f"{name} {value:.5g}" for name, value in facts.items()), flush=True)
