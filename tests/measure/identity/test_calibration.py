"""Yardsticks of the recognisers: thresholds, shares, words, and that the stored tables are sane."""

import numpy as np
import pytest

from facegen.measure.identity import calibration
from facegen.measure.identity.calibration import Calibration
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.identity.sface import SFaceRecogniser


@pytest.fixture
def even():
    """Strangers spread evenly over 0.4 to 1.4, the same person over 0 to 0.2."""
    impostor, genuine = np.linspace(0.4, 1.4, 10_001), np.linspace(0, 0.2, 1001)
    return Calibration.of(64, impostor, genuine, "a ruler")


def test_thresholds_are_percentiles(even):
    assert even.threshold(1) == pytest.approx(0.41)
    assert even.threshold(50) == pytest.approx(0.9)
    assert even.nearer(0.9) == pytest.approx(50)
    assert even.nearer(0.41) == pytest.approx(1)
    assert even.mean == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0.1, "within what two pictures of one person differ by"),
        (0.3, "nearer than 999 of 1000 pairs of strangers"),
        (0.405, "5 in 1000 pairs are nearer"),
        (0.43, "farther apart than 3 in 100 random pairs of strangers are"),
        (0.9, "farther apart than 50 in 100 random pairs of strangers are"),
    ],
)
def test_words(even, distance, words):
    assert words in even.in_words(distance)


def test_written_and_read(even, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "TABLES", tmp_path / "recognisers.json")
    calibration.tables.cache_clear()
    try:
        calibration.write(calibration.TABLES, {"ruler": [even]})
        again = calibration.find("ruler", 100)
        assert again.threshold(1) == pytest.approx(even.threshold(1), abs=1e-3)
        assert calibration.find("nobody", 64) is None
    finally:
        calibration.tables.cache_clear()


@pytest.mark.parametrize("resolution", [64, 128, 256, 1024])
@pytest.mark.parametrize("recogniser", ["dlib", "sface"])
def test_the_stored_tables_separate_strangers_from_views(recogniser, resolution):
    table = calibration.find(recogniser, resolution)
    assert table.resolution == min(resolution, 256)
    assert table.pairs == 904 * 903 // 2
    assert table.genuine[95] < table.impostor[1] < table.impostor[50]
    if recogniser == "dlib":
        assert 1 < table.nearer(DlibRecogniser.threshold) < 6
    else:  # one in a thousand strangers below it, and every 99th percentile of views
        assert table.threshold(0.1) == pytest.approx(SFaceRecogniser.threshold, abs=0.015)
        assert table.genuine[99] < SFaceRecogniser.threshold


def test_the_stored_table_is_what_the_faces_give(shared):
    """The median of 60 of the faces that were calibrated on."""
    from facegen import images
    from facegen.face.detect import Detector

    paths = sorted((shared / "faces" / "omi-256").glob("*.jpg"))[:60]
    small = [images.resize(images.load(path), 64) for path in paths]
    detector = Detector()
    vectors = DlibRecogniser().embed_all(small, [detector.landmarks_of_crop(one) for one in small])
    distances = [
        np.linalg.norm(a - b) for i, a in enumerate(vectors) for b in vectors[:i]
    ]  # all were seen, or this fails
    assert np.median(distances) == pytest.approx(
        calibration.find("dlib", 64).impostor[50], abs=0.03
    )
