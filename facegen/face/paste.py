"""Pasting of a new face: the way back from the FFHQ crop into the photo.

The new picture has the old one's pose, so only the inside of the head is exchanged: everything
within the outline of both faces, with a soft edge; where one of them has hair on its forehead and
the other has not, only what is below the brows. Before that the new face is fitted to the old one's
outline, and given its tone, its light, its sharpness and its grain. What lies outside the edge is
the photo's, to the byte.

Coordinates are those of face/align.py: a crop of R pixels spans 0 to R, its quad lies in the photo.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .. import images, limits
from . import landmarks, skin

# mediapipe's mesh along the face's outline, from the top of the forehead clockwise.
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
BROWS = np.array(landmarks.MESH_TO_68)[landmarks.BROWS]  # points of the mesh
LEAST_FACE = 12  # pixels from the eyes' outer corners to the chin: smaller ones stay
# Lengths in units of the crop's side.
_FOREHEAD = 0.03  # how much higher than the mesh's top the face goes
_EDGE = 0.04  # over which the new face fades into the photo, about the outline
_FRONT = 0.004  # standard deviation of the edge of what lies in front
_ABOVE_BROWS = 0.015  # from there on a forehead may be hair's or a hat's
_HAIR, _MOST_HAIR = 18.0, 0.05  # in CIELAB, what differs more is not skin; of the forehead
_LEAST_HAIR, _STRAND = 0.0008, 0.012  # of the face: smaller pieces are none; a strand's width
_HAIR_EDGE = 0.015  # standard deviation of the edge of hair that stays
MOUTH_CORNERS = (61, 291)
_MARGIN = 0.02  # of a face at its outline, that is not looked at
INNER_LIPS = (78, 81, 13, 311, 308, 402, 14, 178)
_LIPS_EDGE, _SEEN_LIPS = 0.01, 0.8  # standard deviation; the share of them that has to be seen
_GHOST = 0.07  # how far beyond the mesh an old face turned aside is looked for
_ASIDE = 0.36  # of the face's width between its sides, by which the nose is off their middle then
_TEMPLE = 0.2  # of the way from the forehead's top to the chin: above it there is hair
_FILL = 192  # pixels at which what is behind a head is continued
_GRID = 96  # pixels at which light is smoothed
_BENT = 0.05  # how far around the outline a new face is bent to lie on the old one's
_LIGHT = 0.1  # standard deviation of what counts as light
_RIM = 0.06  # standard deviation of what is carried inward from the edge
_SPREAD = (0.6, 1.2)  # by which contrast may be changed: more would show freckles and pores
_SKIN_SPREAD = 2.0  # standard deviations of skin: what is farther off is none
_USUAL_L = 25.0  # from black or from white, beyond which a face has its usual contrast
_MOST_LIGHT, _MOST_RIM = 60.0, 40.0  # of 255: more is not light but an object
_LEAST_SIZE, _MOST_SIZE = 96, 1024  # pixels that a patch is made at
_COLOURLESS = 4.0  # of 255, between a pixel's largest and smallest channel
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Patch:
    """What is laid over a photo.

    pixels float32 [S, S, 3], 0 to 255; alpha float32 [S, S], 0 to 1, 0 along the border; quad as in
    AlignedFace. own_forehead: whether the photo's stays."""

    pixels: np.ndarray
    alpha: np.ndarray
    quad: np.ndarray
    own_forehead: bool = False


def patch(
    crop: np.ndarray,
    new: np.ndarray,
    outlines: tuple[np.ndarray, np.ndarray],
    quad: np.ndarray,
    seed: int = 0,
    front: np.ndarray | None = None,
    whole: bool = False,
) -> Patch:
    """Prepare the new face for being laid over the photo.

    crop: the aligned photo; new: the new face in the same pose; both uint8 [R, R, 3]. outlines: the
    mesh [468, 2 or 3] of the photo's and of the new face in such a crop. seed: of the grain. front:
    uint8 [R, R], 1 where something lies in front of the face, and stays. whole: replace the
    forehead, too, whatever the hair."""
    side = float(np.linalg.norm(quad[3] - quad[0]))
    size = int(np.clip(round(side), _LEAST_SIZE, _MOST_SIZE))
    scale = size / crop.shape[0]
    photo, face = (images.resize(pixels, size).astype(np.float32) for pixels in (crop, new))
    old, mine = (mesh[:, :2] * scale for mesh in outlines)
    darker = gain(crop, outlines[0])
    photo = np.clip(photo * darker, 0, 255)
    face, mine = _fitted(face, mine, old)
    inside = region([old, mine], size)
    alpha = _faded(inside, _EDGE * size)
    ghost = _ghost(old, mine, size)
    if front is not None:
        alpha, inside = _behind(alpha, inside, front)
    if _colourless(photo, inside):
        face = _grey(face)
    toned = _toned(face, photo, inside, old)
    lit = _lit(toned, photo, inside, alpha, (old, mine))
    own = None if whole else _hair((face, toned, lit), photo, inside, (old, mine))
    if own is not None:
        soft = cv2.GaussianBlur(own.astype(np.float32), (0, 0), _HAIR_EDGE * size)
        alpha, inside = alpha * (1 - soft), inside * (1 - own)
        lit = _lit(_toned(face, photo, inside, old), photo, inside, alpha, (old, mine))
    face = _as_sharp(lit, photo, inside)
    face = face + _grain(photo, face, inside, np.random.default_rng(seed))
    if ghost is not None:
        hole = cv2.dilate(ghost, _disc(_GHOST * size / 4)) | region([old, mine], size)
        head = _faded(region([mine], size), _EDGE * size / 2)[..., None]
        filled = _behind_the_head(photo, hole)
        face = np.where(ghost[..., None] > 0, filled + head * (face - filled), face)
        alpha = np.where(ghost > 0, np.maximum(alpha, _soft(ghost, mine, size)), alpha)
    return Patch(np.clip(face, 0, 255) / darker, alpha, quad, own is not None)


def _lit(
    face: np.ndarray,
    photo: np.ndarray,
    inside: np.ndarray,
    alpha: np.ndarray,
    meshes: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Give the new face, which has the photo's tone, its lips and its light."""
    size, mesh = len(face), meshes[0]
    face = _lips(face, photo, inside, meshes)
    # What is behind the head has a light of its own, and so has what is not skin.
    light = inside.astype(np.float32)
    bare = skin.find(photo, mesh, inside)
    shown = bare.mask.astype(np.float32) if bare.known else light
    face = face + _clipped(_smooth(photo - face, shown, _LIGHT * size), _MOST_LIGHT)
    rim = light * (alpha < 0.9)
    return face + _clipped(_smooth(photo - face, rim, _RIM * size), _MOST_RIM) * _near(inside, size)


def lay(photo: np.ndarray, patch: Patch) -> tuple[np.ndarray, np.ndarray]:
    """Lay a patch over a photo, which is not modified.

    Returns (the photo with the patch on it, where it changed), uint8 and bool [H, W]."""
    height, width = photo.shape[:2]
    size = patch.alpha.shape[0]
    x_axis, y_axis = (patch.quad[3] - patch.quad[0]) / size, (patch.quad[1] - patch.quad[0]) / size
    left, top = np.clip(np.floor(patch.quad.min(axis=0)) - 1, 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(patch.quad.max(axis=0)) + 1, 0, (width, height)).astype(int)
    result, changed = photo.copy(), np.zeros((height, width), bool)
    if right <= left or bottom <= top:
        return result, changed
    turn = np.stack([x_axis, y_axis], axis=1)
    # cv2 counts from the middle of the first pixel, we from its edge: half a pixel each way.
    move = patch.quad[0] + turn @ (0.5, 0.5) - 0.5 - (left, top)
    matrix = np.concatenate([turn, move[:, None]], axis=1)
    place = (int(right - left), int(bottom - top))
    pixels = cv2.warpAffine(
        patch.pixels, matrix, place, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(patch.alpha, matrix, place, flags=cv2.INTER_LINEAR)[..., None]
    below = photo[top:bottom, left:right].astype(np.float32)
    mixed = below + alpha * (pixels - below)
    there = alpha[..., 0] > 0
    region = result[top:bottom, left:right]
    region[there] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)[there]
    changed[top:bottom, left:right] = there
    return result, changed


def region(meshes: list[np.ndarray], size: int) -> np.ndarray:
    """Mark where one of the faces is: uint8 [size, size], 0 or 1."""
    mask = np.zeros((size, size), np.uint8)
    for mesh in meshes:
        outline = mesh[list(OUTLINE)].astype(np.float64)
        up = outline[0] - outline[len(OUTLINE) // 2]  # from the chin to the top
        up /= max(np.linalg.norm(up), 1e-6)
        centre = outline.mean(axis=0)
        height = (outline - centre) @ up
        height = np.clip(height / max(float(height.max()), 1e-6), 0, 1)
        outline = outline + height[:, None] * up * _FOREHEAD * size
        hull = cv2.convexHull(np.rint(outline * 16).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, (1.0,), lineType=cv2.LINE_8, shift=4)
    border = max(2, round(0.02 * size))  # nothing reaches the crop's border
    mask[:border] = mask[-border:] = 0
    mask[:, :border] = mask[:, -border:] = 0
    return mask


def _ghost(old: np.ndarray, mine: np.ndarray, size: int) -> np.ndarray | None:
    """Mark what may be left of a head turned far aside beyond the new one's outline.

    On the side where the mesh ends at the nose: lashes, forehead, chin. None for a head that is
    not. uint8 [size, size], 0 or 1."""
    left, right, nose, top, chin = (old[point] for point in (234, 454, 1, 10, 152))
    across = (right - left) / max(float(np.linalg.norm(right - left)), 1e-6)
    aside = float((nose - left) @ across / max(float(np.linalg.norm(right - left)), 1e-6)) - 0.5
    if abs(aside) < _ASIDE:
        return None
    down = chin - top
    y, x = np.mgrid[:size, :size] + 0.5
    beyond = ((x - top[0]) * across[0] + (y - top[1]) * across[1]) * np.sign(aside)
    along = ((x - top[0]) * down[0] + (y - top[1]) * down[1]) / max(float(down @ down), 1e-6)
    around = cv2.dilate(region([old], size), _disc(_GHOST * size))
    new = region([mine], size)
    band = (around > new) & (beyond > 0) & (along > _TEMPLE) & (along < 1)
    border = max(2, round(0.02 * size))
    band[:border] = band[-border:] = band[:, :border] = band[:, -border:] = False
    return band.astype(np.uint8)


def _behind_the_head(photo: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Inpaint a hole from its surroundings.

    Telea 2004, https://doi.org/10.1080/10867651.2004.10487596, at a small size: only a narrow strip
    along its border is used."""
    size = len(photo)
    small = images.resize(np.clip(photo, 0, 255).astype(np.uint8), _FILL)
    mask = cv2.resize(hole, (_FILL, _FILL), interpolation=cv2.INTER_NEAREST)
    filled = cv2.inpaint(small, cv2.dilate(mask, _disc(2)), 3, cv2.INPAINT_TELEA)
    wide = cv2.resize(filled, (size, size), interpolation=cv2.INTER_CUBIC)
    return wide.astype(np.float32)


def _soft(ghost: np.ndarray, mine: np.ndarray, size: int) -> np.ndarray:
    """Fade towards the photo, and not towards the new head: float32 [S, S], 0 to 1."""
    within = cv2.distanceTransform(ghost | region([mine], size), cv2.DIST_L2, 5)
    t = np.clip(within / max(_GHOST * size / 2, 1.0), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def _faded(inside: np.ndarray, edge: float) -> np.ndarray:
    """Fade from 1, half an `edge` within the outline, to 0 half an edge outside.

    0 at the border of the crop."""
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    t = np.clip(0.5 + (within - outside) / max(edge, 2.0), 0, 1)
    alpha = t * t * (3 - 2 * t)
    ramp = np.minimum(np.arange(len(alpha)), np.arange(len(alpha))[::-1]).astype(np.float32)
    ramp = np.clip(ramp / max(0.02 * len(alpha), 1.0), 0, 1)
    return (alpha * ramp[:, None] * ramp[None, :]).astype(np.float32)


def _behind(
    alpha: np.ndarray, inside: np.ndarray, front: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Take out of both what lies in front.

    Alpha gets a soft edge, inside a margin, so that tone and light are those of the face alone."""
    size = len(inside)
    covered = images.resize(np.repeat(front[..., None] * np.uint8(255), 3, axis=2), size)[..., 0]
    soft = cv2.GaussianBlur(covered.astype(np.float32) / 255, (0, 0), max(_FRONT * size, 0.7))
    margin = cv2.dilate(covered, np.ones((3, 3), np.uint8), iterations=max(1, round(0.02 * size)))
    seen = inside * (margin < 128)
    return alpha * (1 - soft), seen if seen.any() else inside


def _forehead(meshes: tuple[np.ndarray, np.ndarray], size: int) -> np.ndarray:
    """Mark all above both faces' brows, along a straight line: uint8 [size, size], 0 or 1."""
    brows = np.concatenate([mesh[BROWS] for mesh in meshes])
    slope, height = np.polyfit(brows[:, 0], brows[:, 1], 1)
    height += min(0.0, float((brows[:, 1] - slope * brows[:, 0] - height).min()))
    y, x = np.mgrid[:size, :size]
    return (y < slope * x + height - _ABOVE_BROWS * size).astype(np.uint8)


def bareness(pixels: np.ndarray, mesh: np.ndarray) -> float:
    """Measure the share of a face around its features, above the mouth, that is skin, 0 to 1.

    The rest is hair, a hat, or light of two colours. pixels: a crop uint8 [R, R, 3]; mesh: [468, 2
    or 3] in it."""
    size = min(len(pixels), 2 * _GRID)
    mine = mesh[:, :2] * (size / len(pixels))
    inside = region([mine], size)
    around = (_around((mine, mine), inside) & cv2.erode(inside, _disc(_MARGIN * size))) > 0
    if not around.any():
        return 1.0
    return float(skin.find(images.resize(pixels, size), mine, inside).mask[around].mean())


def gain(pixels: np.ndarray, mesh: np.ndarray) -> float:
    """Compute the factor by which an underexposed face in a crop is too dark; 1 for all others.

    The bright parts count: dark skin has them as well."""
    size = min(len(pixels), 2 * _GRID)
    inside = region([mesh[:, :2] * (size / len(pixels))], size) > 0
    luma = (images.resize(pixels, size) @ _LUMA)[inside]
    bright = float(np.quantile(luma, 0.95)) if luma.size else limits.LIT_FACE
    return limits.LIT_FACE / max(bright, 8.0) if bright < limits.DARK_FACE else 1.0


def _hair(
    faces: tuple[np.ndarray, np.ndarray, np.ndarray],
    photo: np.ndarray,
    inside: np.ndarray,
    meshes: tuple[np.ndarray, np.ndarray],
) -> np.ndarray | None:
    """Mark hair or a hat that one of them has where the other has skin: there the photo's stays.

    Above the mouth, where a beard is no reason, outside the features, and coming from the outline.
    On a forehead, all of it. faces: the new one as it is, in the photo's tone, and in its light as
    well. uint8 [S, S], 0 or 1; None without any."""
    face, toned, lit = faces
    size = len(lit)
    bare, there = (skin.find(one, meshes[0], inside).mask for one in (face, photo))
    apart, coarse = _apart(lit, photo), _apart(toned, photo)
    surely = (apart > _HAIR) | ((coarse > _HAIR) & (bare != there))
    perhaps = (surely | (apart > _HAIR / 2)).astype(np.uint8)
    forehead = _forehead(meshes, size) * inside
    around = _around(meshes, inside)
    found = cv2.morphologyEx(perhaps & around, cv2.MORPH_CLOSE, _disc(_STRAND * size / 2))
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(found)
    edge = cv2.dilate(1 - inside, _disc(_STRAND * size)) > 0
    own = np.zeros_like(inside)
    for number in range(1, count):
        piece = pieces == number
        large = stats[number, cv2.CC_STAT_AREA] > _LEAST_HAIR * inside.sum()
        if large and (piece & edge).any() and (piece & surely).any():
            own |= piece.astype(np.uint8)
    kept = cv2.dilate(own, _disc(_HAIR_EDGE * size))
    if forehead.any() and max(surely[forehead > 0].mean(), own[forehead > 0].mean()) > _MOST_HAIR:
        kept = kept | _forehead(meshes, size)  # half a fringe would be obvious
    if not kept.any():
        return None
    return kept | (cv2.dilate(kept, _disc(_EDGE * size)) & (1 - inside))  # where the edge fades


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Measure how far two pictures are apart in CIELAB, [S, S], looked at a little blurred."""
    sigma = max(0.006 * len(first), 0.8)
    labs = [skin.lab_of(cv2.GaussianBlur(one, (0, 0), sigma)) for one in (first, second)]
    return np.linalg.norm(labs[0] - labs[1], axis=2)


def _around(meshes: tuple[np.ndarray, np.ndarray], inside: np.ndarray) -> np.ndarray:
    """Mark the face above the mouth's corners without its features, uint8 [S, S], 0 or 1.

    Its features, from the brows to the mouth, tell who somebody is; below there may be a beard."""
    size = len(inside)
    features = np.zeros((size, size), np.uint8)
    for mesh in meshes:
        skin.fill(features, mesh[[*BROWS, *MOUTH_CORNERS]])
    features &= 1 - _forehead(meshes, size)
    mouth, down = (
        meshes[0][list(MOUTH_CORNERS)].mean(axis=0),
        meshes[0][152] - meshes[0][10],
    )
    y, x = np.mgrid[:size, :size]
    above = (x - mouth[0]) * down[0] + (y - mouth[1]) * down[1] < 0
    return inside & (1 - features) & above.astype(np.uint8)


def _near(inside: np.ndarray, size: int) -> np.ndarray:
    """Return 1 outside and at the outline, fading further in: [S, S, 1]."""
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return np.exp(-depth / (_RIM * size))[..., None].astype(np.float32)


def _smooth(values: np.ndarray, weights: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth values [S, S, 3] by weighted Gaussian means; far from all weight the nearest ones.

    Computed on a small grid: the result is so smooth that it needs no more."""
    size = len(values)
    grid = min(size, _GRID)
    sigma *= grid / size
    all_of_it = np.dstack([values * weights[..., None], weights])
    small = cv2.resize(all_of_it, (grid, grid), interpolation=cv2.INTER_AREA)
    blurs = [  # wider ones where the narrow see nothing
        share * cv2.GaussianBlur(small, (0, 0), step * sigma)
        for step, share in ((1, 1.0), (3, 1e-2), (9, 1e-4))
    ]
    total = np.sum(blurs, axis=0)
    means = total[..., :3] / (total[..., 3:] + 1e-7)
    return cv2.resize(means, (size, size), interpolation=cv2.INTER_CUBIC)


def _fitted(face: np.ndarray, mine: np.ndarray, old: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the new face and its mesh to the old one's outline.

    Shifted, turned and scaled (least squares, Umeyama 1991, https://doi.org/10.1109/34.88573), then
    bent near the outline, so that no background of the stranger lies on the old face's cheeks."""
    outline = list(OUTLINE)
    a, b = mine[outline], old[outline]
    a0, b0 = a - a.mean(axis=0), b - b.mean(axis=0)
    left, values, right = np.linalg.svd(b0.T @ a0)
    flip = np.diag([1.0, np.sign(np.linalg.det(left @ right))])
    turn = left @ flip @ right
    scale = float((values * np.diag(flip)).sum() / max(float(np.square(a0).sum()), 1e-6))
    matrix = scale * turn
    move = b.mean(axis=0) - matrix @ a.mean(axis=0)
    pixel = move + matrix @ (0.5, 0.5) - 0.5  # cv2 counts from the middle of the first pixel
    warped = cv2.warpAffine(
        face,
        np.concatenate([matrix, pixel[:, None]], axis=1),
        face.shape[1::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return _bent(warped, mine @ matrix.T + move, old)


def _bent(face: np.ndarray, mine: np.ndarray, old: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move each point of the new face's outline to the old one's, with the picture and the mesh.

    Farther in than some _BENT of the picture it stays as it is."""
    size, outline = len(face), list(OUTLINE)
    moved = (old - mine)[outline]

    def by(points: np.ndarray, around: np.ndarray) -> np.ndarray:
        """Return the shift at points [N, 2]: the outline's nearby ones, weighted."""
        away = np.square(points[:, None] - around[None]).sum(axis=2)
        weights = np.exp(-away / (2 * (_BENT * size) ** 2))
        return weights @ moved / np.maximum(weights.sum(axis=1, keepdims=True), 1.0)

    steps = (np.arange(_GRID) + 0.5) * size / _GRID
    grid = np.stack(np.meshgrid(steps, steps), axis=2).reshape(-1, 2)
    coarse = by(grid, old[outline]).reshape(_GRID, _GRID, 2).astype(np.float32)
    shift = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    bent = cv2.remap(
        face,
        columns - shift[..., 0],
        rows - shift[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return bent, mine + by(mine, mine[outline])


def _toned(face: np.ndarray, photo: np.ndarray, inside: np.ndarray, mesh: np.ndarray) -> np.ndarray:
    """Give the new face the old one's tone: means and spreads of lightness and colour in CIELAB.

    After Reinhard et al. 2001, https://doi.org/10.1109/38.946629; of skin alone, so that a mask,
    frames, dark lenses and clipped highlights do not count. What is darker or lighter than skin
    keeps its own contrast: black frames stay black."""
    if not inside.any():
        return face
    bare = skin.find(photo, mesh, inside)
    mask = (bare.mask if bare.known else inside) > 0
    lab, wanted = skin.lab_of(face), skin.lab_of(photo)
    new = skin.find(face, mesh, inside)
    mine, theirs = lab[new.mask > 0 if new.known else mask], wanted[mask]
    exposed = _exposed(float(theirs[:, 0].mean()))
    usual = mine.std(axis=0) + 1e-3
    spread = np.clip(theirs.std(axis=0) / usual, _SPREAD[0] * exposed, _SPREAD[1])
    off = lab - mine.mean(axis=0)
    skins = np.clip(off, -_SKIN_SPREAD * usual, _SKIN_SPREAD * usual)
    lab = skins * spread + (off - skins) * np.minimum(exposed, 1) + theirs.mean(axis=0)
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255


def _lips(
    face: np.ndarray, photo: np.ndarray, inside: np.ndarray, meshes: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Give the new lips the old ones' colour: nobody is made up, nor is it taken off.

    Where something hides either, nothing is changed."""
    size, found = len(face), []
    for mesh in meshes:
        lips, hole = np.zeros((2, size, size), np.uint8)
        skin.fill(lips, mesh[list(skin.MOUTH)])
        skin.fill(hole, mesh[list(INNER_LIPS)])
        lips &= 1 - hole
        if (lips & inside).sum() < max(8, _SEEN_LIPS * lips.sum()):
            return face
        found.append(lips)
    lab, (theirs, mine) = skin.lab_of(face), found
    off = np.median(skin.lab_of(photo)[theirs > 0], axis=0) - np.median(lab[mine > 0], axis=0)
    off[0] *= 0.5  # the light on them is the face's
    soft = cv2.GaussianBlur(mine.astype(np.float32), (0, 0), max(_LIPS_EDGE * size, 0.7))
    lab = lab + soft[..., None] * off
    lab[..., 0] = np.clip(lab[..., 0], 0, 100)
    return cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255


def _exposed(lightness: float) -> float:
    """Weigh a face's contrast: 1 in the middle of the scale of L, 0 for nearly black or white.

    Faces at either end have hardly any contrast."""
    return float(np.clip(min(lightness, 100 - lightness) / _USUAL_L, 0.05, 1) ** 2)


def _colourless(pixels: np.ndarray, inside: np.ndarray) -> bool:
    """Test whether the face is on a black and white photo, toned ones excluded."""
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    return bool(inside.any()) and float(np.median(spread[inside > 0])) < _COLOURLESS


def _grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat((pixels @ _LUMA)[..., None], 3, axis=2)


def _clipped(values: np.ndarray, most: float) -> np.ndarray:
    return most * np.tanh(values / most)


def _sharpness(pixels: np.ndarray, inside: np.ndarray) -> float:
    """Measure how sharp a face is: its finest detail over the next coarser, noise taken out.

    A ratio, so that neither contrast nor what the face looks like counts."""
    luma, noise = pixels @ _LUMA, _noise(pixels, inside) ** 2
    one, two = (cv2.GaussianBlur(luma, (0, 0), sigma) for sigma in (1.0, 2.0))
    there = inside > 0
    if not there.any():
        return 0.0
    fine, coarse = (float(np.square(band[there]).mean()) for band in (luma - one, one - two))
    # the shares of white noise that the two bands let through
    return max(fine - 0.761 * noise, 1e-3) / max(coarse - 0.036 * noise, 1e-2)


def _as_sharp(face: np.ndarray, photo: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Blur the new face until it is no sharper than the photo."""
    wanted = _sharpness(photo, inside)
    if _sharpness(face, inside) <= wanted:
        return face
    low, high = 0.0, 4.0
    for _ in range(6):
        middle = (low + high) / 2
        if _sharpness(cv2.GaussianBlur(face, (0, 0), middle), inside) > wanted:
            low = middle
        else:
            high = middle
    return cv2.GaussianBlur(face, (0, 0), high)


def _grain(
    photo: np.ndarray, face: np.ndarray, inside: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Draw noise as strong as what the new face lacks in its smoothest places beside the photo."""
    missing = max(_noise(photo, inside) ** 2 - _noise(face, inside) ** 2, 0.0) ** 0.5
    return random.normal(0.0, missing, photo.shape[:2]).astype(np.float32)[..., None]


def _noise(pixels: np.ndarray, inside: np.ndarray) -> float:
    """Estimate the standard deviation of the noise in luma.

    Immerkaer 1996, its median in place of the mean, https://doi.org/10.1006/cviu.1996.0060."""
    luma = pixels @ _LUMA
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = np.abs(cv2.filter2D(luma, -1, kernel))[inside > 0]
    return float(np.median(found)) / 0.6745 / 6.0 if found.size else 0.0
