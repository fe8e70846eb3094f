"""The encoder of the photorealistic generator: what it begins as, and its looks."""

import pytest
import torch

from facegen.networks.photo_encoder import FEATURES, SIZE, PhotoEncoder, PhotoEncoderConfig


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    made = PhotoEncoder(PhotoEncoderConfig(num_ws=6, w_dim=16, hidden=32))
    made.w_avg.copy_(torch.arange(16.0))
    return made.eval().requires_grad_(False)


@pytest.fixture
def trained(encoder):
    """With heads that say something; the network is given back as it was."""
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    torch.manual_seed(1)
    for head in (encoder.first, encoder.again):
        for layer in (head.w, head.offsets):
            layer.weight.normal_(0, 0.1)
    yield encoder
    encoder.load_state_dict(before)


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2)) * 2 - 1


def never(ws):
    raise AssertionError("one look needs no drawing")


def test_it_begins_at_the_average(encoder, pictures):
    ws = encoder.encode(pictures, lambda ws: pictures, looks=3)
    assert torch.equal(ws, encoder.w_avg.expand(2, 6, 16))
    assert encoder.see(pictures).shape == (2, FEATURES)


def test_looks_are_counted(trained, pictures):
    shown = []

    def draw(ws):
        shown.append(ws)
        return pictures.flip(3)

    one = trained.encode(pictures, never, looks=1)
    w, offsets = trained.guess(trained.see(pictures))
    assert torch.equal(one, w[:, None] + offsets)
    three = trained.encode(pictures, draw)
    assert trained.config.looks == 3 and len(shown) == 2
    assert torch.equal(shown[0], one) and not torch.equal(shown[1], one)
    assert not torch.equal(three, shown[1])


def test_a_perfect_drawing_is_corrected_alike_whatever_it_shows(trained, pictures):
    """A further look sees the difference alone: of two equal pictures it is zero."""
    seen = trained.see(pictures)
    w, offsets = torch.zeros(2, 16), torch.zeros(2, 6, 16)
    changed, _ = trained.correct(seen, w, offsets, pictures)
    torch.testing.assert_close(changed[0], changed[1])


def test_a_code_does_not_depend_on_the_batch(trained, pictures):
    together = trained.encode(pictures, lambda ws: torch.zeros(len(ws), 3, SIZE, SIZE))
    alone = trained.encode(pictures[1:], lambda ws: torch.zeros(len(ws), 3, SIZE, SIZE))
    torch.testing.assert_close(alone, together[1:], rtol=1e-4, atol=1e-4)


def test_each_place_has_its_own_offset(trained, pictures):
    ws = trained.encode(pictures, never, looks=1)
    assert (ws[:, 1:] != ws[:, :-1]).any(dim=2).all()
