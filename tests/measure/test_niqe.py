"""Damage is worse than none."""

import cv2
import numpy as np

from facegen import images
from facegen.evaluation import measure


def test_damage_counts(astronaut):
    crop = astronaut[:256, 100:356]  # as sharp as the camera saw it
    quality = measure.fitted_quality()
    whole = quality(crop)
    rng = np.random.default_rng(0)
    noisy = np.clip(crop + rng.normal(0, 12, crop.shape), 0, 255).astype(np.uint8)
    assert quality(cv2.GaussianBlur(crop, (0, 0), 2)) > whole
    assert quality(noisy) > whole
    flat = quality(np.full((256, 256, 3), 90, np.uint8))
    assert np.isfinite(flat) and flat > whole


def test_the_size_a_picture_comes_with_does_not_matter(astronaut):
    part = astronaut[:256, 100:356]
    assert measure.patch_statistics(part).shape == (16, 36)
    assert measure.patch_statistics(images.resize(part, 512)).shape == (16, 36)
