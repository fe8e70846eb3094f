"""The visible label: there when asked for, to be read, and no hindrance to the invisible mark."""

import numpy as np
import pytest

from facegen import images
from facegen.output import watermark
from facegen.output.portrait import Portrait, labelled


@pytest.mark.parametrize("size", [128, 390, 1024])
@pytest.mark.parametrize("level", [0, 127, 255])
def test_it_stands_out_in_the_corner_of_any_picture(size, level):
    plain = np.full((size, size, 3), level, np.uint8)
    shown = labelled(plain)
    assert shown.shape == plain.shape and shown.dtype == np.uint8
    rows, columns = np.nonzero((shown != plain).any(2))
    assert rows.min() > size * (0.75 if size > 128 else 0.65) and columns.min() > 0, (
        "the face is left alone"
    )
    corner = shown[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert corner.max() > 230 and corner.min() < 70, "letters and plate"


def test_letters_are_large_enough_on_a_telephone():
    shown = images.resize(labelled(np.full((1024, 1024, 3), 127, np.uint8)), 390)
    rows = np.nonzero((shown > 200).any((1, 2)))[0]
    assert rows.max() - rows.min() >= 10  # pixels, of the tallest letters


def test_it_is_saved_on_request_with_all_marks(tmp_path, astronaut):
    pixels = np.ascontiguousarray(astronaut[:448, :448])
    portrait = Portrait(pixels, 1, {"seed": 1}, pixels, "cel", {"seed": 1, "style": "cel"})
    plain = portrait.save(tmp_path / "plain")
    for path, unlabelled in zip(portrait.save(tmp_path / "out", label=True), plain, strict=True):
        shown, before = images.load(path), images.load(unlabelled)
        assert np.abs(shown.astype(int) - before)[:224].max() <= 40  # the mark alone
        assert np.abs(shown.astype(int) - before)[400:, 300:].max() > 90
        assert watermark.read(shown)
