"""The network of the drawn styles, and the discriminator it is trained with, in miniature."""

import pytest
import torch
import torch.nn.functional as F

from facegen.networks.discriminator import PatchDiscriminator, detail
from facegen.networks.drawing import FACTOR, MARGIN, STRIDE, DrawingNet


@pytest.fixture
def network() -> DrawingNet:
    torch.manual_seed(0)
    network = DrawingNet(width=4).eval()
    torch.nn.init.normal_(network.out.weight, std=0.02)  # as if it had learned
    return network


@pytest.mark.parametrize("size", [(STRIDE, STRIDE), (2 * STRIDE, 5 * STRIDE)])
def test_a_drawing_is_four_times_as_large(network, size):
    drawn = network(torch.zeros(2, 3, *size))
    assert drawn.shape == (2, 3, FACTOR * size[0], FACTOR * size[1])


def test_a_fresh_network_gives_the_photo():
    images = torch.rand(1, 3, 16, 24) * 2 - 1
    enlarged = F.interpolate(images, scale_factor=FACTOR, mode="bilinear")
    assert torch.equal(DrawingNet(width=4)(images), enlarged)


@torch.inference_mode()
def test_a_stroke_does_not_depend_on_what_stands_far_away(network):
    """No statistics over the picture: half a picture is drawn as in the whole one."""
    left, right = torch.rand(1, 3, 64, 256), torch.rand(1, 3, 64, 256)
    whole = network(torch.cat([left, right], dim=3))
    other = network(torch.cat([left, -right], dim=3))
    assert torch.allclose(whole[..., : FACTOR * 64], other[..., : FACTOR * 64], atol=1e-5)


@torch.inference_mode()
def test_it_draws_alike_wherever_a_thing_stands(network):
    images = torch.rand(1, 3, 256, 256)
    whole = network(images)
    part = network(images[:, :, 64:, 64:])  # a multiple of STRIDE: the same grid
    inner = slice(FACTOR * 96, None)
    assert torch.allclose(
        whole[..., FACTOR * 160 :, FACTOR * 160 :], part[..., inner, inner], atol=1e-4
    )
    assert MARGIN % STRIDE == 0, "a margin must not shift the grid"


def test_the_discriminator_recognisers_patches():
    images = torch.zeros(2, 3, 64, 32)
    *features, logits = PatchDiscriminator(width=4)(images, images)
    assert logits.shape == (2, 1, 8, 4)
    assert [tuple(f.shape) for f in features] == [
        (2, 4, 32, 16),
        (2, 8, 16, 8),
        (2, 16, 8, 4),
        (2, 16, 8, 4),
    ]
    alone = PatchDiscriminator(width=4, with_photos=False)(images)
    assert alone[-1].shape == logits.shape


def test_it_sees_strokes_and_no_colours():
    flat = torch.full((1, 3, 32, 32), 0.4)
    assert detail(flat).abs().max() < 1e-5
    flat[..., 16] = -1
    assert detail(flat).abs().max() > 1
