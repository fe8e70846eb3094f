"""Our AnimeGANv2 generator computes what the published one does."""

import golden
import pytest
import torch

from facegen.networks.animegan import MIN_SIDE, Generator

NAME = "animeganv2_generator"
# Measured: equal to the last bit (float32, CPU); other CPUs may round differently.
TOLERANCE = 1e-4


@pytest.mark.parametrize(
    ("align_corners", "expected"), [(False, "stylised"), (True, "stylised_align_corners")]
)
@torch.inference_mode()
def test_output_is_the_published_one(align_corners, expected):
    _, _, arrays = golden.load(NAME)
    generator = Generator(align_corners=align_corners).eval()
    generator.load_state_dict(golden.state_dict(NAME), strict=True)
    output = generator(torch.from_numpy(arrays["image"]))
    assert golden.relative_error(output, arrays[expected]) < TOLERANCE


def test_the_two_ways_of_enlarging_differ():
    # Or the switch would prove nothing.
    _, _, arrays = golden.load(NAME)
    difference = abs(arrays["stylised"] - arrays["stylised_align_corners"]).max()
    assert difference > 100 * TOLERANCE


def test_keys_and_shapes_are_the_published_ones():
    _, entries, _ = golden.load(NAME)
    published = {entry["key"]: tuple(entry["shape"]) for entry in entries}
    assert {k: tuple(v.shape) for k, v in Generator().state_dict().items()} == published


@pytest.mark.parametrize("size", [(MIN_SIDE, MIN_SIDE), (12, 64), (13, 31)])
def test_any_size_comes_back(size):
    images = torch.zeros(1, 3, *size)
    assert Generator(width=4)(images).shape == images.shape
