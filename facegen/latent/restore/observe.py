"""Observation of a damaged picture: the face's crop, its damage and its unknown parts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ... import images
from ...errors import NoFaceError, OptionError
from ...face import align, detect
from ...options.restore import RestoreOptions
from ...types import AlignedFace, Face
from . import search
from .damage import Damage, estimate, run_on

MARGIN = 2  # of the photo's pixels around a hole that are taken for a part of it
LEAST_SHOWN = 0.1  # of a face
HIDDEN = 128  # of 255: a mask's pixel from there on is a hole
WHOLE = 1.5  # longer side over the shorter, up to which one without a face is taken for a crop


@dataclass(frozen=True, eq=False)
class Observed:
    """A damaged face.

    aligned: its crop. damage: what happened to it. found: whether a face was detected; else the
    whole picture is taken for one. own: pixels of the crop in the photo. known: [1, 1, R, R] as the
    crop, 0 in holes and beyond the photo's edge; None: all is known. whole: the crop, with the
    known parts continued into the rest. damaged: whether any damage was detected or specified."""

    aligned: AlignedFace
    damage: Damage
    found: bool
    own: int
    known: Tensor | None
    whole: np.ndarray
    damaged: bool

    def finest(self) -> Damage:
        """Return the damage that the finished picture has to agree with.

        Around holes the input is kept as fine as the photo; other damage is given for a preview's
        pixels."""
        if self.known is None or self.damage.kind != "holes":
            return self.damage
        size = max(self.damage.size, min(self.own, self.aligned.pixels.shape[0]))
        return replace(self.damage, size=size, known=shrunken(self.known, size))


def observe(
    pixels: np.ndarray,
    mask: np.ndarray | None,
    faces: list[Face],
    face: int,
    options: RestoreOptions,
    size: int,
    side: int,
) -> Observed:
    """Take the face, or the whole picture where there is none, and estimate the damage.

    mask: uint8 [H, W], 255 in holes. faces: of the picture, of which number `face` is taken. size,
    side: pixels of a preview and of a crop. Raises NoFaceError, OptionError."""
    layers = None if mask is None else widened(mask)
    hidden, within = None, np.ones((side, side), bool)
    if faces:
        chosen = detect.numbered(faces, face)  # however small: that is what is mended here
        crop, quad = align.align(pixels, chosen, side)
        aligned = AlignedFace(crop, quad, face, len(faces))
        own = round(float(np.linalg.norm(quad[3] - quad[0])))
        within = align.inside(quad, side, pixels.shape[:2])
        if layers is not None:
            hidden = align.crop(layers, quad, side, fade=False)
        sharp = align.crop(pixels, quad, side, fade=False)
    else:
        height, width = pixels.shape[:2]
        if max(height, width) > WHOLE * min(height, width):
            raise NoFaceError(
                "no face was found, and the picture is too long to be one alone; cut out the face"
            )
        own = min(height, width)
        sharp = images.square(pixels, side)
        aligned = AlignedFace(sharp, None, 0, 0)
        if layers is not None:
            hidden = images.square(layers, side)
    inside = within if hidden is None else within & without(hidden)
    known, whole = None, sharp
    if not inside.all():
        known = torch.from_numpy(inside.astype(np.float32))[None, None]
        whole = images.to_pixels(run_on(images.to_tensor(whole), known))[0]
    asked, holes = options.damage, hidden is not None
    shown = None if known is None else shrunken(known, size)[0, 0].numpy() > 0
    damage = estimate(images.resize(whole, size), own, asked, holes, shown)
    damage = replace(damage, seed=options.seed)
    if known is not None:
        damage = replace(damage, known=shrunken(known, damage.size))
        check_shown(damage)
    damaged = damage.kind != "small" or asked != "auto" or known is not None or own <= size
    return Observed(aligned, damage, bool(faces), own, known, whole, damaged)


def widened(mask: np.ndarray) -> np.ndarray:
    """Widen a mask uint8 [H, W] by MARGIN around each hole: [H, W, 3], 0 and 255.

    A hole's content bleeds into the pixels next to it, and a thin scratch must survive shrinking.
    """
    holes = np.where(mask >= HIDDEN, np.uint8(255), np.uint8(0))
    wider = cv2.dilate(holes, np.ones((2 * MARGIN + 1,) * 2, np.uint8))
    return np.repeat(wider[:, :, None], 3, axis=2)


def without(hidden: np.ndarray) -> np.ndarray:
    """Convert a mask's crop, uint8 [R, R, 3], to what is known, bool [R, R].

    Raises OptionError for a mask that hides nothing of the face."""
    known = hidden[:, :, 0] < HIDDEN // 2
    if known.mean() > 0.999:
        raise OptionError(
            "the mask hides 0% of the face; it must hide some: paint the holes white on black"
        )
    return known


def check_shown(damage: Damage) -> None:
    """Raise OptionError where hardly anything of the face is known."""
    assert damage.known is not None
    share = min(float(damage.known.mean()), float(search.face_of(damage.known).mean()))
    if share < LEAST_SHOWN:
        raise OptionError(
            f"the mask hides {1 - share:.0%} of the face, or the photo ends there; "
            f"{LEAST_SHOWN:.0%} must be seen: take a larger photo, or paint the holes alone white"
        )


def shrunken(known: Tensor, size: int) -> Tensor:
    """Resize a map of known pixels; a pixel is known only if all of it is."""
    return (F.interpolate(known, (size, size), mode="area") > 0.99).float()


def observed(crop: np.ndarray, damage: Damage, size: int) -> Tensor:
    """Return the input, [1, 3, s, s], at the pixels that the damage left; holes are 0.

    size: pixels of a preview."""
    picture = images.to_tensor(images.resize(crop, max(damage.size, size)))
    if picture.shape[-1] != damage.size:
        picture = F.interpolate(picture, (damage.size,) * 2, mode="area")
    return picture if damage.known is None else picture * damage.known


def enlarged(picture: Tensor, size: int) -> Tensor:
    if picture.shape[-1] == size:
        return picture
    return F.interpolate(picture, (size,) * 2, mode="bicubic", align_corners=False).clamp(-1, 1)
