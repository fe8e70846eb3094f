"""generate: a photo in, variants out."""

from __future__ import annotations

import argparse
import dataclasses

from ..options import GenerateOptions, InvertOptions, VaryOptions, check_face, kept
from . import jobs, photos
from .flags import (
    add_anime,
    add_keep,
    add_making,
    add_new_out,
    add_noise,
    add_option,
    add_style,
    load_studio,
    style_of,
)


def add(commands) -> None:
    parser = commands.add_parser("generate", help="a photo in, variants out")
    parser.add_argument("photo", metavar="PHOTO", help="a picture file")
    add_new_out(parser)
    for name in ("count", "strength", "seed"):
        add_option(parser, VaryOptions, name)
    photos.add_face(parser)
    add_option(parser, InvertOptions, "steps")
    add_noise(parser, VaryOptions)
    add_keep(parser)
    parser.add_argument("--overlay", action="store_true", help="also draw both meshes")
    add_anime(parser)
    add_making(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    vary = VaryOptions(
        count=arguments.count,
        strength=arguments.strength,
        seed=arguments.seed,
        noise_mode=arguments.noise,
        keep=kept(arguments.keep),
    )
    options = GenerateOptions(
        vary,
        InvertOptions(arguments.steps),
        style_of(arguments),
        overlay=arguments.overlay,
        label=arguments.label,
    )
    check_face(arguments.face)
    jobs.check(arguments)
    photo = photos.read(arguments.photo, arguments.face)
    studio = load_studio(arguments)
    options = dataclasses.replace(options, style=add_style(studio, options.style))
    manifest = jobs.run(
        studio, "generate", arguments, [photo], options, "variants", photo=arguments.photo
    )
    for entry in manifest["variants"]:
        print(_describe(entry))
    if words := manifest["promise"]["in_words"]:
        print(words)
    seconds = manifest["seconds"]
    print(
        f"{len(manifest['variants'])} variants in {arguments.out} after {seconds['total']:.1f} s "
        f"(align {seconds['align']:.2f}, invert {seconds['invert']:.2f}, "
        f"vary {seconds['vary']:.2f}, stylize {seconds['stylize']:.2f})"
    )


def _describe(entry: dict) -> str:
    parts = [entry["file"], f"seed {entry['seed']}"]
    for recogniser, found in entry["identity"].items():
        verdict = "too close to the reference" if found["same_person"] else "a different person"
        parts.append(
            f"{verdict} ({recogniser} {found['distance']:.2f}, same below {found['threshold']})"
        )
    if entry["structure"]:
        parts.append(f"landmarks moved {entry['structure']['landmark_nme']:.3f}")
    if lost := [name for name, shift in entry["attributes"].items() if not shift["kept"]]:
        parts.append(f"not kept: {', '.join(lost)}")
    return ", ".join(parts)
