"""generate: a photo in, variants out."""

from __future__ import annotations

import argparse
import dataclasses

from ..options import GenerateOptions, InvertOptions, VaryOptions, range_in_words, range_of
from ..output.staging import check_empty, finished_only
from .flags import (
    add_anime,
    add_model,
    add_new_out,
    add_noise,
    add_psi,
    add_signer,
    brought,
    decode,
    load_studio,
    progress_bar,
    show,
    style_of,
)

GROUPS = {
    "coarse": "pose and the shape of the head",
    "middle": "the features",
    "fine": "colours and texture",
}


def add(commands) -> None:
    one = commands.add_parser("generate", help="a photo in, variants out")
    one.add_argument("photo", metavar="PHOTO", help="a picture file")
    add_new_out(one)
    counts = range_in_words(VaryOptions, "count")
    one.add_argument("--count", type=int, default=VaryOptions.count, help=f"variants, {counts}")
    one.add_argument(
        "--strength",
        type=float,
        default=VaryOptions.strength,
        help="0 (the reconstruction), 0.5 (just a different person) to 1 (as far as two strangers "
        "are on average)",
    )
    one.add_argument(
        "--seed", type=int, default=VaryOptions.seed, help="the same seed gives the same variants"
    )
    one.add_argument("--face", type=int, default=0, metavar="K", help="0 is the largest")
    one.add_argument(
        "--steps",
        type=int,
        default=InvertOptions.steps,
        help=f"refinement steps of the inversion, up to {range_of(InvertOptions, 'steps')[1]}; 0 "
        "the encoder alone, -1 what is usual for the model",
    )
    add_psi(one, VaryOptions)
    for group, what in GROUPS.items():
        one.add_argument(
            f"--{group}",
            type=float,
            default=getattr(VaryOptions, group),
            help=f"share of the strength for {what}, {range_in_words(VaryOptions, group)}",
        )
    add_noise(one, VaryOptions)
    one.add_argument(
        "--plain", action="store_true", help="strength is how far along the path, unmeasured"
    )
    one.add_argument("--overlay", action="store_true", help="also draw both meshes")
    add_anime(one)
    add_model(one)
    add_signer(one)
    one.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    vary = VaryOptions(
        count=arguments.count,
        strength=arguments.strength,
        seed=arguments.seed,
        coarse=arguments.coarse,
        middle=arguments.middle,
        fine=arguments.fine,
        truncation_psi=arguments.truncation_psi,
        noise_mode=arguments.noise,
        dial=not arguments.plain,
    )
    options = GenerateOptions(
        vary, InvertOptions(arguments.steps), style_of(arguments), arguments.face, arguments.overlay
    )
    check_empty(arguments.out, arguments.overwrite)

    import hashlib  # after the checks: what else is needed takes long to import

    from .. import images
    from ..generate import Done, Learning, Made, Refining, generate

    data = images.read_file(arguments.photo)
    pixels = decode(arguments.photo, data)
    studio = load_studio(arguments)
    options = dataclasses.replace(options, style=brought(studio, options.style))
    with (
        finished_only(arguments.out, arguments.photo, overwrite=arguments.overwrite) as folder,
        progress_bar("finding the face") as bar,
    ):
        sha256 = hashlib.sha256(data).hexdigest()
        for event in generate(studio, pixels, sha256, folder, options):
            if isinstance(event, Refining):
                show(bar, "refining", event.step, event.steps, f"distance {event.distance:.3f}")
            elif isinstance(event, Learning):
                show(bar, "learning pose and expression, once", round(100 * event.share), 100)
            elif isinstance(event, Made):
                show(bar, "variants", event.index, event.count)
            elif isinstance(event, Done):
                manifest = event.manifest
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
    for judge, one in entry["identity"].items():
        verdict = "too close to the reference" if one["same_person"] else "a different person"
        parts.append(f"{verdict} ({judge} {one['distance']:.2f}, same below {one['threshold']})")
    if entry["structure"]:
        parts.append(f"landmarks moved {entry['structure']['landmark_nme']:.3f}")
    return ", ".join(parts)
