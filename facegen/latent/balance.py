"""Balanced random faces: seeds chosen to even out age, gender presentation and skin tone.

A generator mostly draws what it mostly saw in training. Here several seeds are tried for each face
(previews, rated by measure/attributes.py), and the one is taken that leaves the groups of
measure/groups.py most even. Face k is chosen given faces 0 to k - 1 among the first TRIED (k + 1)
seeds, so it is the same whatever the count. This evens out what the model can draw and invents
nobody: a group that the model hardly ever draws has hardly any candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..errors import OptionError
from ..face.detect import Detector
from ..measure.attributes import Attributes
from ..measure.groups import by_attributes
from ..measure.identity.dlib_recogniser import DlibRecogniser, Recogniser
from ..models import FaceModel, Renderer
from ..options import ATTRIBUTES, SampleOptions
from .codes import seeds

TRIED = 16  # seeds tried for each face

Rate = Callable[[Sequence[int]], np.ndarray]


def chosen(seed: int, count: int, rate: Rate) -> Iterator[int]:
    """Choose `count` seeds from `seed` on.

    rate: seeds -> [N, 3], the attributes of their faces, NaN where no face is detected."""
    looked: list[int] = []
    rated = np.empty((0, 3))
    counts = np.zeros(memberships(rated).shape[1])
    taken: set[int] = set()
    for number in range(count):
        more = seeds(seed + TRIED * number, TRIED)
        looked += more
        rated = np.concatenate([rated, rate(more)])
        groups = memberships(rated)
        free = [i for i in range(len(looked)) if i not in taken]
        seen = [i for i in free if not np.isnan(rated[i]).any()] or free
        # The first of those whose groups are the least full; each trait weighs the same.
        best = min(seen, key=lambda i: (float(counts @ groups[i]), i))
        taken.add(best)
        counts = counts + groups[best]
        yield looked[best]


def rating(
    model: FaceModel,
    renderer: Renderer,
    detector: Detector,
    rate: Attributes | None,
    recognisers: Sequence[Recogniser],
    options: SampleOptions,
) -> Rate:
    """Rate previews of a model's random faces. Raises OptionError where nothing can rate them."""
    known = [one for one in recognisers if isinstance(one, DlibRecogniser)]
    if rate is None or not known:
        raise OptionError(
            "balanced faces need dlib, by which their age, gender presentation and skin tone are "
            "seen; run `pip install dlib-bin face_recognition_models`, or ask without it"
        )
    recogniser = known[0]

    def rated(these: Sequence[int]) -> np.ndarray:
        codes = [model.code_of(seed, options.truncation_psi) for seed in these]
        pictures = renderer.previews(codes)
        faces = [detector.landmarks_of_crop(pixels) for pixels in pictures]
        vectors = recogniser.embed_all(pictures, faces)
        assert rate is not None
        nothing = np.full(len(ATTRIBUTES), np.nan)
        return np.array(
            [
                nothing if vector is None else rate(pixels, vector)
                for pixels, vector in zip(pictures, vectors, strict=True)
            ]
        )

    return rated


def memberships(rated: np.ndarray) -> np.ndarray:
    """Weight each face's membership in each group, [N, G].

    0 outside a group, else the root of the number of that trait's groups: a face in the fourth
    group of four is as far from even as one in the second of two."""
    columns = [
        members.astype(np.float64) * np.sqrt(len(groups))
        for groups in by_attributes(rated).values()
        for members in groups.values()
    ]
    return np.stack(columns, axis=1)
