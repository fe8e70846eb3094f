"""The command line: python -m facegen COMMAND.

Defaults come from the option dataclasses in types.py and are never repeated here. A user's
mistake ends with exit code 2 and one line on standard error; Ctrl-C with 130.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import __version__
from .errors import FacegenError, ImageError, OptionError, OutputError
from .types import InvertOptions, SampleOptions, StyleOptions, VaryOptions

EXIT_USER, EXIT_INTERRUPTED = 2, 130
STAGING = ".facegen-"  # prefix of the folder in which a run's files wait until all are there


class _Parser(argparse.ArgumentParser):
    """argparse in our own words: one line, exit code 2."""

    def error(self, message: str):
        raise OptionError(f"{message}; see '{self.prog} --help'")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    _end_like_interrupted("SIGTERM", "SIGHUP")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the terminal cannot show is no mistake
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = parser().parse_args(argv)
        arguments.run(arguments)
        sys.stdout.flush()
        return 0
    except FacegenError as error:
        return _say(str(error), EXIT_USER)
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # whoever read our output went away, as `| head` does; that is no mistake
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _say(f"{error}; free some space or look at the permissions", EXIT_USER)


def _say(message: str, code: int) -> int:
    print(f"facegen: {_one_line(message)}", file=sys.stderr)
    return code


def _end_like_interrupted(*names: str) -> None:
    """Let these signals unwind the stack as Ctrl-C does, so that nothing is left behind."""

    def interrupt(*_):
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for name in names:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), interrupt)


def _one_line(message: str) -> str:
    return " ".join(message.split())


def parser() -> argparse.ArgumentParser:
    top = _Parser(prog="facegen", description="One photo in, several people who do not exist out.")
    top.add_argument("--version", action="version", version=f"facegen {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    one = commands.add_parser("generate", help="a photo in, variants out")
    one.add_argument("photo", metavar="PHOTO")
    _add_out(one)
    one.add_argument("--count", type=int, default=VaryOptions.count, help="1 to 16")
    one.add_argument(
        "--strength",
        type=float,
        default=VaryOptions.strength,
        help="0 (the reconstruction) to 1 (a stranger); default %(default)s",
    )
    one.add_argument("--seed", type=int, default=VaryOptions.seed)
    one.add_argument("--face", type=int, default=0, metavar="K", help="0 is the largest")
    one.add_argument(
        "--steps", type=int, default=InvertOptions.steps, help="refinement steps of the inversion"
    )
    one.add_argument("--psi", type=float, default=VaryOptions.truncation_psi, dest="truncation_psi")
    for group in ("coarse", "middle", "fine"):
        one.add_argument(f"--{group}", type=float, default=getattr(VaryOptions, group))
    one.add_argument("--noise", default=VaryOptions.noise_mode, help="const, random or none")
    _add_anime(one)
    _add_model(one)
    one.set_defaults(run=_generate)

    one = commands.add_parser("random", help="new faces with no reference")
    _add_out(one)
    one.add_argument("--count", type=int, default=SampleOptions.count, help="1 to 16")
    one.add_argument("--seed", type=int, default=SampleOptions.seed)
    one.add_argument(
        "--psi", type=float, default=SampleOptions.truncation_psi, dest="truncation_psi"
    )
    one.add_argument("--noise", default=SampleOptions.noise_mode, help="const, random or none")
    _add_anime(one)
    _add_model(one)
    one.set_defaults(run=_random)

    one = commands.add_parser("align", help="the FFHQ crop of each face")
    one.add_argument("photo", metavar="PHOTO")
    _add_out(one)
    one.add_argument("--size", type=int, default=256, help="pixels; default %(default)s")
    one.set_defaults(run=_align)

    one = commands.add_parser("weights", help="the checkpoints: list, fetch, verify")
    actions = one.add_subparsers(metavar="ACTION", required=True, parser_class=_Parser)
    for name in ("list", "fetch", "verify"):
        action = actions.add_parser(name)
        if name == "fetch":
            action.add_argument("names", nargs="+", metavar="NAME")
        else:
            action.add_argument("--json", action="store_true", help="for machines")
        action.set_defaults(run=globals()[f"_weights_{name}"])

    one = commands.add_parser("train", help="train a network")
    networks = one.add_subparsers(metavar="NETWORK", required=True, parser_class=_Parser)
    _add_train_joint(networks)
    _add_train_anime(networks)

    one = commands.add_parser("doctor", help="what this machine has and how fast it is")
    one.add_argument("--json", action="store_true", help="for machines")
    one.add_argument("--offline", action="store_true", help="do not ask for the Hub")
    _add_model(one)
    one.set_defaults(run=_doctor)
    return top


def _add_out(one: argparse.ArgumentParser) -> None:
    one.add_argument("--out", required=True, metavar="DIR", type=Path)


def _add_anime(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--anime",
        nargs="?",
        const=StyleOptions.style,
        metavar="STYLE",
        help=f"also as anime; default style {StyleOptions.style}",
    )
    one.add_argument("--blend", type=float, default=StyleOptions.blend, help="0 photo, 1 anime")


def _add_model(one: argparse.ArgumentParser) -> None:
    one.add_argument("--model", default="auto", metavar="NAME", help="or a checkpoint's path")
    one.add_argument("--device", default="auto", metavar="cpu|cuda|auto")


# --- commands ----------------------------------------------------------------------------


def _generate(arguments: argparse.Namespace) -> None:
    import hashlib

    from . import images
    from .generate import Done, GenerateOptions, Made, Refining, generate
    from .studio import Studio

    vary = VaryOptions(
        count=arguments.count,
        strength=arguments.strength,
        seed=arguments.seed,
        coarse=arguments.coarse,
        middle=arguments.middle,
        fine=arguments.fine,
        truncation_psi=arguments.truncation_psi,
        noise_mode=arguments.noise,
    )
    options = GenerateOptions(
        vary, InvertOptions(arguments.steps), _style(arguments), arguments.face
    )
    data = images.read_file(arguments.photo)
    pixels = _pixels(arguments.photo, data)
    studio = Studio.load(arguments.model, arguments.device)
    studio.check_style(options.style)
    with _finished_only(arguments.out, arguments.photo) as folder:
        sha256 = hashlib.sha256(data).hexdigest()
        for event in generate(studio, pixels, sha256, folder, options):
            if isinstance(event, Refining):
                _progress(f"refining {event.step}/{event.steps}, distance {event.distance:.3f}")
            elif isinstance(event, Made):
                _progress(f"variant {event.index}/{event.count}")
            elif isinstance(event, Done):
                manifest = event.manifest
    _progress("")
    for entry in manifest["variants"]:
        print(_describe(entry))
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


def _random(arguments: argparse.Namespace) -> None:
    from .studio import Studio

    options = SampleOptions(
        arguments.count, arguments.seed, arguments.truncation_psi, arguments.noise
    )
    style = _style(arguments)
    studio = Studio.load(arguments.model, arguments.device)
    studio.check_style(style)
    with _finished_only(arguments.out) as folder:
        for index, portrait in enumerate(studio.draw(options, style), start=1):
            portrait.save(folder, f"random-{index:02d}")
            _progress(f"face {index}/{options.count}")
    _progress("")
    print(f"{options.count} faces in {arguments.out}")


def _align(arguments: argparse.Namespace) -> None:
    from . import align, detect, images, provenance
    from .types import check_range

    check_range("size", arguments.size, 16, 4096)
    pixels = _pixels(arguments.photo, images.read_file(arguments.photo))
    faces = detect.Detector().detect(pixels)
    detect.pick(faces, 0)
    with _finished_only(arguments.out, arguments.photo) as folder:
        for index, face in enumerate(faces):
            crop, _ = align.align(pixels, face, arguments.size)
            provenance.save_png(folder / f"face-{index:02d}.png", crop, {}, synthetic=False)
    print(f"{len(faces)} faces in {arguments.out}, the largest first")


def _weights_list(arguments: argparse.Namespace) -> None:
    from . import weights

    rows = []
    for entry in weights.REGISTRY:
        path = weights.locate(entry)
        rows.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "at_hand": path is not None,
                "bundled": entry.bundled,
                "size": path.stat().st_size if path else entry.size,
                "licence": entry.licence,
                "licence_meaning": entry.licence_meaning,
                "origin": entry.origin,
            }
        )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        where = "bundled" if row["bundled"] else "fetched" if row["at_hand"] else "not fetched"
        size = f"{row['size'] / 1e6:.1f} MB" if row["size"] else "size not stated"
        print(f"{row['name']:12} {row['kind']:6} {where:12} {size:16} {row['licence_meaning']}")


def _weights_fetch(arguments: argparse.Namespace) -> None:
    from . import weights

    for name in arguments.names:
        entry = weights.find(name)
        print(f"{entry.name}: {entry.licence} ({entry.licence_meaning})")
        print(f"{entry.name} is at {weights.fetch(entry)}")


def _weights_verify(arguments: argparse.Namespace) -> None:
    """Every checkpoint at hand is hashed and read; a damaged one is a mistake."""
    from . import weights

    rows = []
    for entry in weights.REGISTRY:
        path = weights.locate(entry)
        if path is not None:
            weights.fetch(entry)
            weights.read(path)
            rows.append({"name": entry.name, "sha256": weights.sha256_of(path)})
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        for row in rows:
            print(f"{row['name']:12} {row['sha256']}")


def _doctor(arguments: argparse.Namespace) -> None:
    from . import doctor

    report = doctor.examine(arguments.model, arguments.device, ask_hub=not arguments.offline)
    print(json.dumps(report, indent=2) if arguments.json else doctor.in_words(report))


# --- training ----------------------------------------------------------------------------


def _add_train_joint(networks) -> None:
    from .training.options import JointOptions

    one = networks.add_parser("joint", help="generator, encoder and discriminator together")
    one.add_argument("--data", nargs="+", required=True, metavar="DIR")
    _add_out(one)
    _add_fields(one, JointOptions, skip=("data", "out"))
    one.add_argument(
        "--export", type=Path, metavar="FILE", help="write the model as safetensors at the end"
    )
    one.set_defaults(run=_train_joint)


def _train_joint(arguments: argparse.Namespace) -> None:
    from .training import joint
    from .training.options import JointOptions

    options = JointOptions(
        data=tuple(arguments.data), out=str(arguments.out), **_fields(arguments, JointOptions)
    )
    joint.train(options, export=arguments.export, progress=_print_facts)


def _add_train_anime(networks) -> None:
    from .training.options import AnimeTrainOptions

    one = networks.add_parser("anime", help="an anime style from photo/anime pairs")
    one.add_argument("--pairs", required=True, metavar="DIR")
    _add_out(one)
    _add_fields(one, AnimeTrainOptions, skip=("pairs", "out"))
    one.set_defaults(run=_train_anime)


def _train_anime(arguments: argparse.Namespace) -> None:
    from .training import anime
    from .training.options import AnimeTrainOptions

    options = AnimeTrainOptions(
        pairs=arguments.pairs, out=str(arguments.out), **_fields(arguments, AnimeTrainOptions)
    )
    anime.train(options, progress=_print_facts)


def _add_fields(one: argparse.ArgumentParser, options: type, skip: Sequence[str]) -> None:
    """A flag for every int, float and str field of an options dataclass."""
    import dataclasses

    for field in dataclasses.fields(options):
        if field.name not in skip:
            kind = type(field.default)
            one.add_argument(
                f"--{field.name.replace('_', '-')}", type=kind, default=field.default, metavar="X"
            )


def _fields(arguments: argparse.Namespace, options: type) -> dict:
    import dataclasses

    names = (field.name for field in dataclasses.fields(options))
    return {n: getattr(arguments, n) for n in names if n not in ("data", "out", "pairs")}


def _print_facts(facts: dict) -> None:
    print(", ".join(f"{name} {value:.5g}" for name, value in facts.items()), flush=True)


# --- small help ----------------------------------------------------------------------------


def _pixels(photo: str, data: bytes):
    """The photo's pixels; a complaint about them names the file."""
    from . import images

    try:
        return images.load(data)
    except ImageError as error:
        raise ImageError(f"{Path(photo).name}: {error}") from error


def _style(arguments: argparse.Namespace) -> StyleOptions | None:
    return StyleOptions(arguments.anime, arguments.blend) if arguments.anime else None


def _progress(text: str) -> None:
    """One line that overwrites itself, for a person at a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _finished_only(out: Path, photo: str | None = None) -> Iterator[Path]:
    """A folder whose files move into `out` at the end: all of them, or none after an error.

    What an earlier run left in `out` by its manifest gives way. photo: the input, which is
    never overwritten.
    """
    try:
        if out.exists() and not out.is_dir():
            raise OutputError(f"{out} is a file; name a folder for the results")
        parent = out if out.is_dir() else _nearest_folder(out)
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=parent))
    except OSError as error:
        raise OutputError(
            f"{out} cannot be made ({error.strerror}); name another folder"
        ) from error
    try:
        yield staging
        _move(staging, out, photo)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move(staging: Path, out: Path, photo: str | None) -> None:
    """Move all files of staging into out, the manifest last, or put everything back."""
    from .portrait import MANIFEST

    files = sorted(staging.iterdir(), key=lambda file: (file.name == MANIFEST, file.name))
    targets = [out / file.name for file in files]
    for target in targets:
        if target.is_dir():
            raise OutputError(f"{target} is a folder; remove it or name another folder")
        if photo and target.exists() and os.path.samefile(target, photo):
            raise OutputError(f"{target} is the photo itself; name another folder")
    aside = staging / "old"
    moved: list[tuple[Path, Path]] = []
    try:
        aside.mkdir()
        out.mkdir(parents=True, exist_ok=True)
        for old in {*_earlier(out, photo), *(t for t in targets if t.exists())}:
            moved.append((old, aside / old.name))
            os.replace(old, aside / old.name)
        for file, target in zip(files, targets, strict=True):
            moved.append((file, target))
            os.replace(file, target)
    except BaseException as error:
        for source, target in reversed(moved):
            with contextlib.suppress(OSError):
                os.replace(target, source)
        if isinstance(error, OSError):
            raise OutputError(
                f"{out} cannot be written ({error.strerror}); close what has its files open, "
                "free some space, or name another folder"
            ) from error
        raise


def _earlier(out: Path, photo: str | None) -> set[Path]:
    """The files of the run before in this folder, as far as its manifest names them."""
    from .portrait import MANIFEST

    try:
        entries = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["variants"]
        names = [entry[key] for entry in entries for key in ("file", "anime_file")]
        paths = {out / name for name in names if name and Path(name).name == name}
        return {p for p in paths if p.is_file() and not (photo and os.path.samefile(p, photo))}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _nearest_folder(path: Path) -> Path:
    path = path.absolute().parent
    while not path.is_dir():
        path = path.parent
    return path
