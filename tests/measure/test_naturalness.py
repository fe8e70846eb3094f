"""Natural or not: a regression on pooled features, and what the guarantee makes of its answer."""

import numpy as np
import pytest
import torch

from facegen.measure.comparison import Comparison
from facegen.measure.naturalness import FIELDS, Naturalness, Seer, pooled
from facegen.measure.observation import LOOKED_AT, Observer


def brightness(images: torch.Tensor) -> list[torch.Tensor]:
    """One feature map: the picture's red."""
    return [images[:, :1]]


@pytest.fixture
def natural():
    """Bright pictures are natural: the mean of the red decides, half by the whole and half by
    the face; its deviation does not."""
    numbers = ([0.0] * 4, [1.0] * 4, [1.0, 0.0, 1.0, 0.0], [0.0])
    return Naturalness(Seer(brightness), dict(zip(FIELDS, map(torch.tensor, numbers), strict=True)))


def test_features_are_pooled_to_means_and_then_deviations():
    maps = [torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2)]
    found = pooled(maps)
    assert found.shape == (2, 16)
    torch.testing.assert_close(found[:, :3], maps[0].mean(dim=(2, 3)))
    torch.testing.assert_close(found[:, 11:], maps[1].std(dim=(2, 3)))


def test_the_score_is_the_regressions_at_any_size(natural):
    for size in (64, 512):
        bright, dark = (np.full((size, size, 3), value, np.uint8) for value in (230, 20))
        assert natural(bright) == pytest.approx(2 * (230 / 127.5 - 1), abs=0.02)
        assert natural(dark) < 0 < natural(bright)


def test_the_face_is_looked_at_for_itself(natural):
    dark_face = np.full((256, 256, 3), 230, np.uint8)
    dark_face[80:215, 60:195] = 0
    assert natural(dark_face) < 0 < natural(np.full((256, 256, 3), 230, np.uint8))
    dark_rim = np.zeros((256, 256, 3), np.uint8)
    dark_rim[76:220, 56:200] = 255
    assert natural(dark_rim) > 0


def test_what_is_not_natural_is_in_trouble(astronaut):
    from facegen.face.detect import Detector

    detector = Detector()
    face = detector.detect(astronaut)[0]
    left, top, right, bottom = (int(edge) for edge in face.box)
    margin = (right - left) // 2
    crop = astronaut[max(top - margin, 0) : bottom + margin, left - margin : right + margin]
    asked = []

    def score(pixels):
        asked.append(pixels.shape)
        return -1.0

    assert Comparison(Observer(detector), crop).measure(crop).trouble is None
    judged = Comparison(Observer(detector, natural=score), crop)
    assert judged.measure(crop).trouble == "the face is not natural"
    side = min(LOOKED_AT, crop.shape[1])
    assert set(asked) == {(side, side, 3)}
    # a rough picture is not judged
    assert judged.measure(crop, finished=False).trouble is None


def test_a_picture_is_looked_at_once_by_all_who_ask():
    asked = []

    def features(pictures):
        asked.append(pictures.shape)
        return [pictures]

    seer = Seer(features)
    first, second = (np.full((64, 64, 3), value, np.uint8) for value in (10, 200))
    found = seer(first)
    once = len(asked)
    assert seer(first) is found and len(asked) == once
    assert not torch.equal(seer(second), found) and len(asked) == 2 * once
    assert torch.equal(seer(first), found)
