"""What is seen in pictures, and what the baselines leave of a face."""

import cv2
import numpy as np
import pytest
from conftest import needs_weights, own_cache

from facegen import images
from facegen.evaluation import measure
from facegen.evaluation.anonymisation import DEGRADED, Protocol
from facegen.evaluation.measure import poses
from facegen.options import ProtocolOptions
from facegen.studio import Studio


@pytest.fixture(scope="module")
def crop(astronaut):
    studio = Studio.load("bundled", "cpu")
    pixels = images.resize(studio.align(astronaut).pixels, 256)
    return pixels, studio.detector.mesh_of_crop(pixels)


@pytest.mark.parametrize("name", DEGRADED)
def test_baselines_spoil_the_face_and_nothing_else(crop, name):
    pixels, mesh = crop
    before = pixels.copy()
    degraded = DEGRADED[name](pixels, mesh)
    assert np.array_equal(pixels, before), "the source is left alone"
    eyes = mesh[[33, 263], :2].mean(axis=0).round().astype(int)
    changed = (degraded != pixels).any(axis=2)
    assert changed[eyes[1] - 8 : eyes[1] + 8, eyes[0] - 20 : eyes[0] + 20].mean() > 0.5
    assert not changed[:5].any() and not changed[-5:].any() and 0.02 < changed.mean() < 0.5


def test_a_source_is_looked_at_once_with_all_that_hides_it(astronaut, tmp_path):
    from PIL import Image

    with own_cache():
        needs_weights("efficientnet-lite0")
        folder = tmp_path / "sources"
        folder.mkdir()
        Image.fromarray(astronaut).save(folder / "a.png")
        studio = Studio.load("bundled", "cpu")
        protocol = Protocol.begin(studio, tmp_path / "out", ProtocolOptions(1, samples=3))
        paths = [folder / "a.png"]
        protocol.make(studio, paths, lambda *step: None)
        protocol.measure(studio, paths, lambda *step: None)
        names, (found,) = protocol.measured(paths)
        assert names == ["a"]
        assert found.names == (
            "source", "facegen 1", "blur", "pixelation", "black bar", "plain 1", "random face",
        )  # fmt: skip
        assert found.fields["detected"][0] and found.fields["hog"][0]
        for recogniser in studio.recognisers:
            assert not np.isnan(found.fields[f"vector {recogniser.name}"]).any()
        years = found.fields["rated"][0, 0]
        assert 15 < years < 60
        pool = protocol.population()
        assert pool.names == ("0", "1", "2") and poses(pool.fields).shape == (3, 3)
        kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/records").iterdir()}
        protocol.measure(studio, paths, lambda *step: None)
        assert {path: path.stat().st_mtime_ns for path in kept} == kept and len(kept) == 3


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
