"""Our AnimeGANv2 generator computes what the published one does."""

import golden
import pytest
import torch

from facegen.networks.animegan import MIN_SIDE, Generator, PatchDiscriminator
from facegen.networks.line_drawing import contours, sketch

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


def test_a_fresh_generator_with_skips_is_the_sketch():
    images = torch.rand(2, 3, 24, 40) * 2 - 1
    assert torch.equal(Generator(width=4, skips=True)(images), sketch(images))


def test_the_sketch_keeps_flat_colour_and_edges_and_drops_texture():
    flat = torch.full((1, 3, 32, 32), 0.3)
    assert torch.allclose(sketch(flat), flat, atol=1e-5)
    noise = 0.05 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert sketch(noise).std() < 0.4 * noise.std()
    edge = torch.full((1, 3, 32, 32), -0.5)
    edge[..., 16:] = 0.5
    drawn = sketch(edge)
    assert (drawn[..., 17:] - 0.5).abs().max() < 0.1, "the bright side stays"
    assert drawn[..., 15].max() < -0.6, "the dark side is inked"
    assert torch.equal(contours(edge)[..., :8], torch.zeros(1, 1, 32, 8))


@pytest.mark.parametrize("size", [(MIN_SIDE, MIN_SIDE), (12, 64), (13, 31)])
@pytest.mark.parametrize("skips", [False, True])
def test_any_size_comes_back(size, skips):
    images = torch.zeros(1, 3, *size)
    assert Generator(width=4, skips=skips)(images).shape == images.shape


def test_the_discriminator_judges_patches():
    images = torch.zeros(2, 3, 64, 32)
    *features, logits = PatchDiscriminator(width=4)(images, images)
    assert logits.shape == (2, 1, 8, 4)
    assert [tuple(f.shape) for f in features] == [
        (2, 4, 32, 16),
        (2, 8, 16, 8),
        (2, 16, 8, 4),
        (2, 16, 8, 4),
    ]
