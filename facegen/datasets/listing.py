"""List the pictures of a folder: a data set that `prepare` made, or any folder of pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError
from ..images import SUFFIXES

DATASET = "dataset.json"  # describes the pictures; with it the data set is complete
UNFINISHED = ".prepare"  # the folder in it where `prepare` works until then


def list_pictures(folders: Sequence[Path | str]) -> list[Path]:
    """List all pictures below the folders, sorted, so that the order never depends on the disk.

    Of a data set the files that its dataset.json names; of other folders all pictures, with or
    without a subfolder for each class as torchvision has them. Raises DataError.
    """
    paths: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(f"{folder} is not a folder; name one that holds aligned face pictures")
        paths += _of_dataset(folder) if (folder / DATASET).is_file() else _below(folder)
    return paths


def _below(folder: Path) -> list[Path]:
    paths = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES]
    if any(UNFINISHED in p.relative_to(folder).parts for p in paths):
        raise DataError(
            f"{folder} holds a data set that 'prepare' has not finished; call it again "
            f"with the same options, or delete the folder {UNFINISHED}"
        )
    # what lies beside a dataset.json further down is its contact sheet, no picture of it
    return sorted(p for p in paths if not (p.parent / DATASET).is_file())


def _of_dataset(folder: Path) -> list[Path]:
    """List what a data set's dataset.json names, augmented pictures included, in its order."""
    path = folder / DATASET
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        names = [entry["file"] for entry in (*facts["pictures"], *facts["augmented"])]
        paths = [folder / name for name in names]
        inside = all(p.resolve().is_relative_to(folder.resolve()) for p in paths)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is not a data set's description ({type(error).__name__}); prepare the data "
            "set again, or delete this file to read every picture in the folder"
        ) from error
    if not inside:
        raise DataError(f"{path} names files outside its folder; prepare the data set again")
    return paths


def list_pictures_in(folder: Path) -> list[Path]:
    """List the pictures in a folder itself, by name. Raises DataError if there are none."""
    paths = _directly_in(folder)
    if not paths:
        raise DataError(f"{folder} holds no pictures; put some in or name another folder")
    return paths


def list_pairs(folder: Path) -> list[tuple[Path, Path]]:
    """List photo and drawing of each pair in a folder, by name: NAME-photo and NAME-drawn.

    Each may have any format. Raises DataError for a folder without pairs, or a photo without its
    drawing.
    """
    photos = [path for path in _directly_in(folder) if path.stem.endswith("-photo")]
    if not photos:
        raise DataError(
            f"{folder} holds no pairs; it needs at least two, named NAME-photo.jpg and "
            "NAME-drawn.jpg"
        )
    return [(photo, _drawing_of(photo)) for photo in photos]


def _directly_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one that holds pictures")
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)


def _drawing_of(photo: Path) -> Path:
    name = photo.stem.removesuffix("-photo")
    beside = [photo.with_name(f"{name}-drawn{s}") for s in (photo.suffix, *SUFFIXES)]
    drawing = next((file for file in beside if file.is_file()), None)
    if drawing is None:
        raise DataError(f"{photo.name} has no drawing; put {beside[0].name} beside it")
    return drawing
