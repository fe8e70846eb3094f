"""The anime stage: any size in, the promised size out, nothing lost at blend 0."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from facegen.errors import OptionError
from facegen.networks import drawing
from facegen.networks.animegan import MIN_SIDE, STRIDE, Generator
from facegen.stylize import MIN_SIZE, Stylizer, enlarge, pad, seen_size


class Negative(nn.Module):
    """A style whose right answer is known: every pixel inverted."""

    def forward(self, images):
        assert images.shape[2] % STRIDE == images.shape[3] % STRIDE == 0, images.shape
        assert min(images.shape[2:]) >= MIN_SIDE, images.shape
        return -images


@pytest.fixture(scope="module")
def negative() -> Stylizer:
    return Stylizer(Negative(), "negative")


@pytest.fixture(scope="module")
def anime() -> Stylizer:
    torch.manual_seed(0)
    return Stylizer(Generator(width=4), "tiny")


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(512, 512), (513, 601), (1, 600), (599, 3), (511, 768)])
def test_a_picture_large_enough_keeps_its_size_and_place(negative, size):
    pixels = picture(*size)
    assert np.array_equal(negative(pixels), 255 - pixels)


@pytest.mark.parametrize(
    ("size", "enlarged"),
    [((1, 1), (512, 512)), ((64, 64), (512, 512)), ((3, 400), (4, 512)), ((1, 511), (1, 512))],
)
def test_a_small_picture_is_enlarged(negative, anime, size, enlarged):
    assert negative(picture(*size)).shape == (*enlarged, 3)
    drawn = anime(picture(*size))
    assert drawn.shape == (*enlarged, 3) and drawn.dtype == np.uint8


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((64, 64), (128, 128)), ((100, 50), (200, 100)), ((1, 1), (8, 8)), ((130, 256), (260, 512))],
)
def test_a_small_picture_is_drawn_at_twice_its_size(size, drawn):
    seen = []

    class Looking(nn.Module):
        def forward(self, images):
            seen.append(tuple(images.shape[2:]))
            return images

    pixels = np.full((*size, 3), 90, np.uint8)
    result = Stylizer(Looking(), "looking")(pixels)
    assert seen == [drawn]
    assert max(result.shape[:2]) == MIN_SIZE and (result == 90).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_every_size_works(height, width):
    stylizer = Stylizer(Negative(), "negative")
    pixels = np.full((height, width, 3), 200, np.uint8)
    result = stylizer(pixels)
    assert max(result.shape[:2]) == max(height, width, MIN_SIZE)
    assert (result == 55).all()


@pytest.mark.parametrize("size", [(64, 64), (600, 257)])
def test_blend_0_is_the_enlarged_photo_to_the_byte(anime, size):
    pixels = picture(*size)
    result = anime(pixels, blend=0.0)
    assert np.array_equal(result, enlarge(pixels))
    result[:] = 0
    assert pixels.any(), "the result must not share memory with the photo"


def test_blend_lies_between_photo_and_drawing(negative):
    pixels = picture(512, 512)
    half = negative(pixels, blend=0.5)
    assert abs(half.astype(float) - 127.5).max() <= 0.5
    quarter = negative(pixels, blend=0.25).astype(float)
    assert abs(quarter - (0.75 * pixels + 0.25 * (255.0 - pixels))).max() <= 0.5


def test_a_tiny_blend_is_nearly_the_photo_and_a_full_one_the_drawing(anime):
    pixels = picture(512, 520)
    assert abs(anime(pixels, blend=0.001).astype(int) - pixels).max() <= 1
    nearly, full = anime(pixels, blend=0.9999).astype(int), anime(pixels).astype(int)
    assert abs(nearly - full).max() <= 1


@pytest.mark.parametrize("blend", [-0.1, 1.1, float("nan")])
def test_blend_outside_its_range_is_refused(anime, blend):
    with pytest.raises(OptionError, match="blend is .* between 0.0 and 1.0"):
        anime(picture(64, 64), blend=blend)


def test_read_only_pixels_are_fine_and_stay_as_they_are(anime):
    pixels = picture(512, 512)
    before = pixels.copy()
    pixels.setflags(write=False)
    anime(pixels)
    assert np.array_equal(pixels, before)


def test_padding_repeats_the_border():
    padded = pad(picture(1, 9), 0, STRIDE, MIN_SIDE)
    assert padded.shape == (MIN_SIDE, 12, 3)
    assert (padded == padded[:1]).all()
    assert (padded[:, 8:] == padded[:, 8:9]).all()


def test_the_network_does_not_learn(anime):
    assert not anime.network.training


def test_padding_has_a_margin_at_every_side():
    inner = picture(5, 6)
    padded = pad(inner, 8, 8)
    assert padded.shape == (24, 24, 3)
    assert np.array_equal(padded[8:13, 8:14], inner)
    assert (padded[:9] == padded[8]).all() and (padded[:, 13:] == padded[:, 13:14]).all()


# --- our own networks, which draw larger than they look --------------------------------


class Reporting(drawing.DrawingNet):
    """Gives back what it saw, enlarged, and says how large that was."""

    def forward(self, images):
        self.seen = tuple(images.shape[2:])
        return images.repeat_interleave(drawing.FACTOR, 2).repeat_interleave(drawing.FACTOR, 3)


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((64, 64), (512, 512)), ((1024, 1024), (1024, 1024)), ((700, 1400), (700, 1400))],
)
def test_ours_looks_at_one_size_and_keeps_the_picture_s(size, drawn):
    network = Reporting(4)
    pixels = np.full((*size, 3), (200, 90, 40), np.uint8)
    pixels[: size[0] // 2] = (20, 30, 120)
    result = Stylizer(network, "reporting")(pixels)
    height, width = network.seen
    assert height % drawing.STRIDE == width % drawing.STRIDE == 0
    wanted = [side + 2 * drawing.MARGIN for side in seen_size(size)]
    for seen, side in zip((height, width), wanted, strict=True):
        assert 0 <= seen - side < drawing.STRIDE
    assert result.shape == (*drawn, 3)
    # Upper half and lower half are where they were: the margin is cut at the right place.
    middle = drawn[0] // 2
    assert abs(result[: middle - 32].astype(int) - (20, 30, 120)).max() <= 1
    assert abs(result[middle + 32 :].astype(int) - (200, 90, 40)).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000))
def test_what_is_looked_at_has_as_many_pixels_whatever_the_picture_has(height, width):
    tall, wide = seen_size((height, width, 3))
    assert min(tall, wide) >= 1
    if min(tall, wide) >= 16:
        assert tall * wide == pytest.approx(drawing.SIDE**2, rel=0.05)
        assert tall / wide == pytest.approx(height / width, rel=0.05)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (65, 130)])
def test_ours_draws_every_size(size):
    torch.manual_seed(0)
    drawn = Stylizer(drawing.DrawingNet(4), "tiny")(picture(*size))
    assert drawn.dtype == np.uint8 and max(drawn.shape[:2]) == max(MIN_SIZE, *size)


def test_what_is_finer_than_a_network_wants_to_see_is_not_seen():
    """A pattern of the finest lines is grey to it; a coarse one stays."""
    network = Reporting(4, detail=64)
    fine = np.zeros((256, 256, 3), np.uint8)
    fine[:, ::2] = 255
    assert Stylizer(network, "reporting")(fine).astype(float).std() < 4
    coarse = np.zeros((256, 256, 3), np.uint8)
    coarse[:, 128:] = 255
    assert Stylizer(network, "reporting")(coarse).astype(float).std() > 100
    assert Stylizer(Reporting(4), "reporting")(fine).astype(float).std() > 50
