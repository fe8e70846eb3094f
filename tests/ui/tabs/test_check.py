"""The tab "Check a picture": the answer, in words that a stranger's file cannot break."""

import numpy as np
import pytest

from facegen import images
from facegen.output import provenance
from facegen.ui.tabs.check import answered

PIXELS = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)


def test_what_is_found_is_said_and_the_upload_is_gone(tmp_path):
    path = tmp_path / "one.png"
    provenance.save_png(path, PIXELS, {"seed": 3})
    *_, (said, *_) = answered(str(path))
    assert "This installation of Facegen made this file" in said and said.count("<li") == 4
    assert not path.exists()


def test_a_strangers_words_are_shown_as_words(tmp_path):
    path = tmp_path / "one.png"
    text = {"Software": "Facegen <script>alert(1)</script>", "facegen:model": "<img src=x>"}
    path.write_bytes(images.encode_png(PIXELS, text))
    *_, (said, *_) = answered(str(path))
    assert "<script" not in said and "<img" not in said and "&lt;script" in said


@pytest.mark.parametrize("content", [b"", b"words", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_one_line(tmp_path, content):
    path = tmp_path / "one.png"
    path.write_bytes(content)
    *_, (said, *_) = answered(str(path))
    assert "fg-error" in said and not path.exists()
    *_, (said, *_) = answered(str(path))  # swept away, or chosen twice
    assert "choose it again" in said


def test_nothing_chosen():
    ((said, *_),) = answered(None)
    assert "Choose a picture" in said
