"""The anime stage: any size in, the promised size out, nothing lost at blend 0."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from facegen.errors import OptionError
from facegen.networks.animegan import MIN_SIDE, STRIDE, Generator
from facegen.stylize import MIN_SIZE, Stylizer, enlarge, pad


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


@pytest.mark.parametrize("size", [(256, 256), (257, 301), (1, 300), (299, 3), (511, 258)])
def test_a_picture_large_enough_keeps_its_size_and_place(negative, size):
    pixels = picture(*size)
    assert np.array_equal(negative(pixels), 255 - pixels)


@pytest.mark.parametrize(
    ("size", "enlarged"),
    [((1, 1), (256, 256)), ((64, 64), (256, 256)), ((3, 200), (4, 256)), ((1, 255), (1, 256))],
)
def test_a_small_picture_is_enlarged(negative, anime, size, enlarged):
    assert negative(picture(*size)).shape == (*enlarged, 3)
    drawn = anime(picture(*size))
    assert drawn.shape == (*enlarged, 3) and drawn.dtype == np.uint8


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((64, 64), (128, 128)), ((100, 50), (200, 100)), ((1, 1), (8, 8)), ((130, 256), (132, 256))],
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


@pytest.mark.parametrize("size", [(64, 64), (300, 257)])
def test_blend_0_is_the_enlarged_photo_to_the_byte(anime, size):
    pixels = picture(*size)
    result = anime(pixels, blend=0.0)
    assert np.array_equal(result, enlarge(pixels))
    result[:] = 0
    assert pixels.any(), "the result must not share memory with the photo"


def test_blend_lies_between_photo_and_drawing(negative):
    pixels = picture(256, 256)
    half = negative(pixels, blend=0.5)
    assert abs(half.astype(float) - 127.5).max() <= 0.5
    quarter = negative(pixels, blend=0.25).astype(float)
    assert abs(quarter - (0.75 * pixels + 0.25 * (255.0 - pixels))).max() <= 0.5


def test_a_tiny_blend_is_nearly_the_photo_and_a_full_one_the_drawing(anime):
    pixels = picture(256, 260)
    assert abs(anime(pixels, blend=0.001).astype(int) - pixels).max() <= 1
    nearly, full = anime(pixels, blend=0.9999).astype(int), anime(pixels).astype(int)
    assert abs(nearly - full).max() <= 1


@pytest.mark.parametrize("blend", [-0.1, 1.1, float("nan")])
def test_blend_outside_its_range_is_refused(anime, blend):
    with pytest.raises(OptionError, match="blend is .* between 0.0 and 1.0"):
        anime(picture(64, 64), blend=blend)


def test_read_only_pixels_are_fine_and_stay_as_they_are(anime):
    pixels = picture(256, 256)
    before = pixels.copy()
    pixels.setflags(write=False)
    anime(pixels)
    assert np.array_equal(pixels, before)


def test_padding_repeats_the_border():
    padded = pad(picture(1, 9))
    assert padded.shape == (MIN_SIDE, 12, 3)
    assert (padded == padded[:1]).all()
    assert (padded[:, 8:] == padded[:, 8:9]).all()


def test_the_network_does_not_learn(anime):
    assert not anime.network.training
