"""A person cut out, and a portrait before another background.

mediapipe's selfie segmentation sees 256 pixels, and people who are farther away than in a crop; it
says roughly who is a person. Colours then decide (GrabCut, Rother et al., SIGGRAPH 2004,
https://doi.org/10.1145/1015706.1015720), and a guided filter (He, Sun, Tang, IEEE TPAMI 2013,
https://doi.org/10.1109/TPAMI.2012.213), whose guide is the picture, lays the edge on the picture's
own. What hair lets through of the old backdrop is taken out of its colour (Forte,
https://arxiv.org/abs/2011.02208, "blur fusion").
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .. import images
from ..face.detect import Detector
from ..options.background import BLUR, TRANSPARENT, WEBP, BackgroundFile, colour_of
from .portrait import Portrait

_BLUR = 0.03  # over the side: the deviation
_SIZE = 256  # pixels at which people are told from backdrops
_BESIDE = 0.25  # of a side: what is put beside a crop, for the person to seem farther away
_LIKELY, _NOT = 0.5, 0.03  # how sure the network has to be for a first guess; for what stays
_ROUNDS = 3  # of GrabCut
_RADIUS, _EPSILON = 0.012, 1e-4  # of the guided filter: over the side; of a brightness from 0 to 1
_LOW, _HIGH = 0.15, 0.9  # of the filtered mask, that count as nothing and all
_WIDE, _NARROW = 0.18, 0.03  # over the side: how far colours are taken from, at first and then


def before(portrait: Portrait, front: np.ndarray, share: np.ndarray, what: str) -> Portrait:
    """Return the portrait before another background, its drawing as well.

    front, share: of `foreground` and `matte`, uint8 [R, R, 3] and float32 [R, R]. what: see
    options/background.py. Raises OptionError and, for a file that is no picture, ImageError."""
    if what in (TRANSPARENT, WEBP):
        alpha = np.round(share * 255).astype(np.uint8)
        return replace(portrait, pixels=front, alpha=alpha, webp=what == WEBP)
    pixels = _laid(front, share, _behind(portrait.pixels, share, what))
    stylized = portrait.stylized
    if stylized is not None:
        wide = cv2.resize(share, stylized.shape[1::-1])
        stylized = _laid(stylized, wide, _behind(stylized, wide, what))
    return replace(portrait, pixels=pixels, stylized=stylized)


def _laid(front: np.ndarray, share: np.ndarray, behind: np.ndarray) -> np.ndarray:
    alpha = share[..., None]
    return np.round(front * alpha + behind * (1 - alpha)).astype(np.uint8)


def _behind(pixels: np.ndarray, share: np.ndarray, what: str) -> np.ndarray:
    side = pixels.shape[0]
    if isinstance(what, BackgroundFile):
        return images.square(images.load(Path(what)), side)
    if what == BLUR:  # of the backdrop alone, or the person would bleed into it
        weight = (1 - share)[..., None] + 1e-3
        deviation = max(1.0, _BLUR * side)
        blurred = cv2.GaussianBlur(pixels * weight, (0, 0), deviation)
        spread = cv2.GaussianBlur(weight, (0, 0), deviation)
        return blurred / spread[..., None]
    return np.full_like(pixels, colour_of(what))


def matte(pixels: np.ndarray, detector: Detector) -> np.ndarray:
    """Compute how much of each pixel is the person's, float32 [R, R], 0 to 1.

    pixels: an aligned crop, uint8 [R, R, 3]."""
    size = pixels.shape[1]
    small = images.resize(pixels, _SIZE)
    mask = _by_colour(small, _sure(small, detector), detector.mesh_of_crop(small))
    mask = cv2.resize(
        cv2.GaussianBlur(mask, (5, 5), 0), (size, size), interpolation=cv2.INTER_CUBIC
    )
    guide = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    refined = _guided(guide, np.clip(mask, 0, 1), max(2, round(_RADIUS * size)))
    return np.clip((refined - _LOW) / (_HIGH - _LOW), 0, 1)


def _sure(small: np.ndarray, detector: Detector) -> np.ndarray:
    """Return how sure each place is a person's, float32 [_SIZE, _SIZE], 0 to 1."""
    edge = round(_BESIDE * _SIZE)
    wide = cv2.copyMakeBorder(small, edge, 0, edge, edge, cv2.BORDER_REPLICATE)
    side = _SIZE + 2 * edge
    found = cv2.resize(detector.person(wide[:side, :side]), (side, side))
    return found[edge : edge + _SIZE, edge : edge + _SIZE]


def _by_colour(small: np.ndarray, sure: np.ndarray, mesh: np.ndarray | None) -> np.ndarray:
    """Decide by colour, float32 [_SIZE, _SIZE] of 0 and 1. The face, if any, is the person's."""
    labels = np.where(sure > _LIKELY, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    if mesh is not None:
        hull = cv2.convexHull(mesh[:, :2].astype(np.int32))
        cv2.fillConvexPoly(labels, hull, (cv2.GC_FGD,))
    labels[sure < _NOT] = cv2.GC_BGD
    mine = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    if mine.all() or not mine.any():
        return mine.astype(np.float32)
    back, front = np.zeros((1, 65)), np.zeros((1, 65))  # of the colours; GrabCut's own
    cv2.setRNGSeed(0)
    blue_first = np.ascontiguousarray(small[:, :, ::-1])
    whole = (0, 0, _SIZE, _SIZE)  # is not read where there is a mask
    cv2.grabCut(blue_first, labels, whole, back, front, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)


def _guided(guide: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """Filter a mask by a guide, both float32 [H, W]: q = mean(a) I + mean(b), equations 5 to 8."""

    def mean(values: np.ndarray) -> np.ndarray:
        side = (2 * radius + 1,) * 2
        return cv2.boxFilter(values, -1, side, borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_mask = mean(guide), mean(mask)
    covariance = mean(guide * mask) - mean_guide * mean_mask
    slope = covariance / (mean(guide * guide) - mean_guide**2 + _EPSILON)
    offset = mean_mask - slope * mean_guide
    return mean(slope) * guide + mean(offset)


def foreground(pixels: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Estimate the person's own colours, uint8 [R, R, 3], where the old backdrop shows through.

    pixels: uint8 [R, R, 3]. share: `matte`'s. Equations 3 and 5 of blur fusion, run twice."""
    seen = pixels.astype(np.float32)
    alpha = share[..., None].astype(np.float32)
    front = back = seen
    for reach in (_WIDE, _NARROW):
        side = (2 * max(1, round(reach * pixels.shape[1])) + 1,) * 2
        weight = cv2.blur(alpha, side)[..., None]
        blurred = cv2.blur(front * alpha, side) / (weight + 1e-5)
        behind = cv2.blur(back * (1 - alpha), side) / (1 - weight + 1e-5)
        front = np.clip(blurred + alpha * (seen - alpha * blurred - (1 - alpha) * behind), 0, 255)
        back = behind
    return np.round(front).astype(np.uint8)
