"""train: the networks of this project, from data that you bring."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..options import check_device
from . import train_anime_pairs, train_dcgan, train_photo_encoder
from .flags import add_out
from .train_flags import (
    PICTURES,
    Networks,
    add_data,
    add_dry_run,
    add_fields,
    add_resume,
    announce,
    check_data,
    check_resume,
    fields,
    print_facts,
)


def add(commands: Networks) -> None:
    parser = commands.add_parser("train", help="train a network")
    networks = parser.add_subparsers(metavar="NETWORK", required=True)
    _add_train_joint(networks)
    _add_train_stylegan2(networks)
    _add_train_encoder(networks)
    train_photo_encoder.add(networks)
    _add_train_directions(networks)
    _add_train_anime(networks)
    train_anime_pairs.add(networks)
    train_dcgan.add(networks)


def _add_train_joint(networks: Networks) -> None:
    from ..training.options import JointOptions

    parser = networks.add_parser("joint", help="generator, encoder and discriminator together")
    add_data(parser)
    add_out(parser)
    add_fields(parser, JointOptions, skip=("data", "out"))
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="write the model as safetensors at the end"
    )
    add_resume(parser)
    add_dry_run(parser)
    parser.set_defaults(run=_train_joint)


def _train_joint(arguments: argparse.Namespace) -> None:
    from ..training.options import JointOptions

    options = JointOptions(
        data=tuple(arguments.data), out=str(arguments.out), **fields(arguments, JointOptions)
    )
    check_resume(arguments)
    check_data(options)

    from ..training import joint  # after the checks: it takes long to import

    announce(joint.plan(options), options, arguments.dry_run)
    if not arguments.dry_run:
        joint.train(options, export=arguments.export, progress=print_facts)


def _add_train_stylegan2(networks: Networks) -> None:
    from ..training.options import StyleGAN2Options

    parser = networks.add_parser("stylegan2", help="StyleGAN2 with adaptive augmentation")
    add_data(parser)
    add_out(parser)
    add_fields(parser, StyleGAN2Options, skip=("data", "out"))
    add_resume(parser)
    add_dry_run(parser)
    parser.set_defaults(run=_train_stylegan2)


def _train_stylegan2(arguments: argparse.Namespace) -> None:
    from ..training.options import StyleGAN2Options

    options = StyleGAN2Options(
        data=tuple(arguments.data), out=str(arguments.out), **fields(arguments, StyleGAN2Options)
    )
    check_resume(arguments)
    check_data(options)

    from ..training import stylegan2  # after the checks: it takes long to import

    announce(stylegan2.plan(options), options, arguments.dry_run)
    if not arguments.dry_run:
        stylegan2.train(options, progress=print_facts, say=print)


def _add_train_encoder(networks: Networks) -> None:
    from ..training.options import EncoderTrainOptions

    parser = networks.add_parser("encoder", help="an encoder for a StyleGAN2 that has none")
    add_data(parser, required=False)
    add_out(parser)
    add_fields(parser, EncoderTrainOptions, skip=("data", "out"))
    add_resume(parser)
    add_dry_run(parser)
    parser.set_defaults(run=_train_encoder)


def _train_encoder(arguments: argparse.Namespace) -> None:
    from ..training.options import EncoderTrainOptions

    options = EncoderTrainOptions(
        data=tuple(arguments.data),
        out=str(arguments.out),
        **fields(arguments, EncoderTrainOptions),
    )
    check_resume(arguments)
    check_data(options)

    from ..training import encoder  # after the checks: it takes long to import

    announce(encoder.plan(options), options, arguments.dry_run)
    if not arguments.dry_run:
        encoder.train(options, progress=print_facts)


def _add_train_directions(networks: Networks) -> None:
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


def _add_train_anime(networks: Networks) -> None:
    from ..training.options import AnimeTrainOptions

    parser = networks.add_parser("anime", help="a drawn style, from pairs or unpaired pictures")
    parser.add_argument(
        "--pairs", default="", metavar="DIR", help="with NAME-photo.jpg and NAME-drawn.jpg"
    )
    parser.add_argument("--photos", default="", metavar="DIR", help="without pairs: of faces")
    parser.add_argument("--drawings", default="", metavar="DIR", help="without pairs: in the style")
    add_out(parser)
    add_fields(parser, AnimeTrainOptions, skip=(*PICTURES, "out"))
    add_resume(parser)
    add_dry_run(parser)
    parser.set_defaults(run=_train_anime)


def _train_anime(arguments: argparse.Namespace) -> None:
    from ..training.options import AnimeTrainOptions

    options = AnimeTrainOptions(
        out=str(arguments.out),
        **{name: getattr(arguments, name) for name in PICTURES},
        **fields(arguments, AnimeTrainOptions),
    )
    check_resume(arguments)
    check_device(options.device)
    options.sources()

    from ..training import anime  # after the checks: it takes long to import

    announce(anime.plan(options), options, arguments.dry_run)
    if not arguments.dry_run:
        print(f"the style is {anime.train(options, progress=print_facts)}")
