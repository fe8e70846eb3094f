"""A person cut out of a crop, and put before another background."""

import numpy as np
import pytest
from PIL import Image

from facegen import Studio, images
from facegen.errors import OptionError
from facegen.options.background import (
    BackgroundFile,
    check_background,
    colour_of,
    in_words,
    of_file,
)
from facegen.output import backdrop
from facegen.output.check import check
from facegen.output.portrait import Portrait


@pytest.fixture(scope="module")
def bundled():
    return Studio.load("bundled", "cpu")


@pytest.fixture(scope="module")
def crop(bundled, astronaut):
    return images.resize(bundled.align(astronaut).pixels, 256)


@pytest.fixture(scope="module")
def share(bundled, crop):
    return backdrop.matte(crop, bundled.detector)


def test_the_network_gives_what_it_gives_in_mediapipe(bundled, astronaut):
    """Numbers that mediapipe 0.10.21 gave for this crop."""
    found = bundled.detector.person(images.resize(astronaut[:384, 60:444], 256))
    assert found.shape == (256, 256) and found.dtype == np.float32
    places = [(128, 120), (60, 110), (200, 100), (20, 20), (100, 20), (240, 240)]
    assert np.allclose([found[y, x] for y, x in places], (1, 1, 1, 0, 0, 0.675), atol=0.005)


def test_the_face_is_the_persons_and_what_is_beside_it_is_not(share):
    assert share.shape == (256, 256) and share.min() >= 0 and share.max() <= 1
    assert share[100:200, 90:160].min() > 0.95  # eyes, nose and mouth
    assert share[:40, :20].max() < 0.05
    soft = ((share > 0.1) & (share < 0.9)).mean()
    assert 0 < soft < 0.15, "an edge, and not all of it"


def test_the_same_picture_gives_the_same_cut_out(bundled, crop, share):
    assert np.array_equal(backdrop.matte(crop, bundled.detector), share)


def test_the_old_backdrop_is_taken_out_of_the_colours():
    """A grey person with a soft edge before green: their colour comes back."""
    share = np.clip(np.linspace(8, -7, 128), 0, 1).astype(np.float32)[None].repeat(128, 0)
    seen = 90 * share[..., None] + np.array([0, 250, 0]) * (1 - share[..., None])
    front = backdrop.foreground(np.round(seen).astype(np.uint8), share)
    half = (share > 0.4) & (share < 0.9)
    off = np.abs(front[half].astype(int) - 90).mean()
    assert off < np.abs(seen[half] - 90).mean() / 2


@pytest.mark.parametrize("what", ["white", "#204080", "transparent", "transparent-webp", "blur"])
def test_a_portrait_before_another_background(bundled, crop, share, what, tmp_path):
    portrait = bundled.before(Portrait(crop, 1, bundled.facts()), what)
    (path,) = portrait.save(tmp_path)
    backdrop, person = share == 0, share == 1
    shown = np.asarray(images.load(path)).astype(int)  # with its invisible mark
    if what.startswith("transparent"):
        with Image.open(path) as file:
            assert file.format == ("WEBP" if what.endswith("webp") else "PNG")
            alpha = np.asarray(file)[..., 3]
        assert alpha[backdrop].max() == 0 and alpha[person].min() == 255
        told = check(path.read_bytes())
        assert told.made_here and told.synthetic and told.mark and not told.contradictions
        return
    assert np.abs(shown[person] - crop[person]).mean() < 6
    if what == "blur":
        assert shown[backdrop].std() < crop[backdrop].astype(int).std()
    else:
        assert np.abs(shown[backdrop] - colour_of(what)).mean() < 6


def test_a_drawing_gets_the_background_too(bundled, crop):
    drawn = Portrait(crop, 1, {}, images.resize(crop, 512), "cel")
    assert tuple(bundled.before(drawn, "white").stylized[2, 2]) == (255, 255, 255)
    assert bundled.before(drawn, "keep") is drawn


def test_a_file_of_the_command_line_is_behind_it(bundled, crop, share, tmp_path):
    path = tmp_path / "sea.png"
    path.write_bytes(images.encode_png(np.full((90, 160, 3), (10, 60, 120), np.uint8)))
    what = of_file(str(path))
    assert isinstance(what, BackgroundFile) and in_words(what) == "sea.png"
    check_background(what)
    shown = bundled.before(Portrait(crop, 1, {}), what).pixels
    assert np.abs(shown[share == 0].astype(int) - (10, 60, 120)).max() <= 1


def test_a_text_is_never_taken_for_a_file(tmp_path):
    """A request may not read this machine's files."""
    path = tmp_path / "secret.png"
    path.write_bytes(b"x")
    with pytest.raises(OptionError, match="background is .* it must be keep, transparent, .*blur"):
        check_background(str(path))
    assert of_file("white") == "white" and not isinstance(of_file("white"), BackgroundFile)
