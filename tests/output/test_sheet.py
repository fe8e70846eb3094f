"""The sheet of a run."""

import io

import numpy as np
from PIL import Image

from facegen.output import sheet
from facegen.output.provenance import COMPOSITE
from facegen.types import IdentityDistance, StructureDelta, Variant

PIXELS = np.full((40, 40, 3), 200, np.uint8)


def variant(seed: int) -> Variant:
    identity = {"dlib": IdentityDistance(0.71, 0.6)}
    return Variant(None, PIXELS, seed, 0.5, identity, StructureDelta(0.03, 1, 1, 1))


def test_everything_of_a_run_is_on_it_with_its_numbers():
    variants, drawings = [variant(7), variant(9)], [PIXELS // 2, None]
    found = sheet.cells(PIXELS, PIXELS, variants, drawings)
    told = [" | ".join(cell.lines) for cell in found]
    assert told[:2] == ["the photo", "the model's picture of it"]
    assert told[4:] == [""] * 6 + ["1, drawn"]
    assert told[2].startswith("1 | seed 7, strength 0.5 | dlib 0.71: another person")
    assert told[3].startswith("2 | seed 9") and "structure kept (NME 0.030)" in told[3]


def test_rows_are_filled_and_nothing_is_cut():
    drawn = sheet.draw(sheet.cells(PIXELS, PIXELS, [variant(i) for i in range(9)], []), columns=4)
    assert drawn.shape[1] == 4 * (sheet.SIDE + sheet.MARGIN) + sheet.MARGIN
    with_numbers = sheet.SIDE + 2 * sheet.MARGIN + 4 * sheet.LINE
    assert drawn.shape[0] == 3 * with_numbers + sheet.MARGIN
    # the third row has 3 of 4: the pictures are grey, what is left is white
    left = np.array([m * (sheet.SIDE + sheet.MARGIN) + 20 for m in range(4)])
    assert drawn[2 * with_numbers + 100, left, 0].tolist() == [200, 200, 200, 255]


def test_it_says_what_it_is():
    data = sheet.jpeg(sheet.cells(PIXELS, PIXELS, [variant(1)], [None]))
    assert COMPOSITE.encode() in data[:2000]
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert picture.format == "JPEG" and COMPOSITE in str(picture.info.get("xmp"))
