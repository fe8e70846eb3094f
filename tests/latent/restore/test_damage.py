"""What a picture still shows, kept in what is drawn."""

import pytest
import torch

from facegen import images
from facegen.latent.restore.damage import Damage, faithful, run_on
from facegen.latent.restore.search import consistency

SIZE = 64


@pytest.fixture(scope="module")
def truth(astronaut):
    return images.to_tensor(images.resize(astronaut[:256, 128:384], SIZE))


@pytest.fixture(scope="module")
def drawn(truth):
    """Somebody like the one who was seen: mirrored, and darker."""
    return truth.flip(-1) * 0.8 - 0.1


def holes() -> torch.Tensor:
    known = torch.ones(1, 1, SIZE, SIZE)
    known[..., 20:44, 24:40] = 0
    return known


DAMAGES = [
    Damage("small", 16),
    Damage("blur", SIZE, sigma=3.0),
    Damage("noise", SIZE, sigma=0.2),
    Damage("jpeg", SIZE, quality=10),
    Damage("holes", SIZE, known=holes()),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.kind)
def test_what_was_seen_is_there_again_and_the_truth_is_nearer(truth, drawn, damage):
    seen = damage.noisy(damage(truth), 0)
    made = faithful(drawn, seen, damage, SIZE)
    assert consistency(made, seen, damage) < 0.8 * consistency(drawn, seen, damage)
    assert (made - truth).abs().mean() < 0.6 * (drawn - truth).abs().mean()
    assert torch.equal(faithful(drawn, seen, damage, SIZE, fidelity=0), drawn)
    half = faithful(drawn, seen, damage, SIZE, fidelity=0.5)
    assert torch.allclose(half, (made + drawn) / 2, atol=1e-6)


def test_noise_is_not_kept(truth, drawn):
    damage = DAMAGES[2]
    clean, noisy = (
        faithful(drawn, one, damage, SIZE) for one in (truth, damage.noisy(truth, 0).clamp(-1, 1))
    )
    assert (clean - noisy).square().mean().sqrt() < 0.2 * damage.sigma


def test_around_a_hole_everything_stays_and_in_it_the_drawing_is_fitted_in(truth, drawn):
    damage = DAMAGES[4]
    made = faithful(drawn, damage(truth), damage, SIZE)
    known = damage.known.bool().expand_as(truth)
    assert torch.allclose(made[known], truth[known], atol=1e-5)
    flat = torch.full_like(truth, 0.3)  # drawn too bright all over: in the hole, too, it is mended
    mended = faithful(flat + 0.4, damage(flat), damage, SIZE)
    assert torch.allclose(mended, flat, atol=1e-5)


def test_a_picture_larger_than_a_preview_keeps_what_is_finer(truth, drawn):
    large = torch.nn.functional.interpolate(drawn, scale_factor=4, mode="bilinear")
    grain = torch.tensor([0.1, -0.1]).repeat(2 * SIZE)
    damage = Damage("small", 16)
    made = faithful(large + grain, damage(truth), damage, SIZE)
    plain = faithful(large, damage(truth), damage, SIZE)
    inside = plain.abs() < 0.85
    assert torch.allclose((made - plain)[inside], grain.expand_as(plain)[inside], atol=1e-4)


def test_what_is_known_runs_on():
    known = torch.zeros(1, 1, 7, 7)
    known[..., 0] = 1
    rows = torch.arange(7.0)[:, None].expand(1, 3, 7, 7)
    made = run_on(rows * known, known)
    assert torch.equal(made[..., 0], rows[..., 0])
    assert (made[..., 6, 1:6] > made[..., 0, 1:6]).all()
    assert made.min() >= 0 and made.max() <= 6
    nothing = run_on(rows * 0, torch.zeros_like(known))
    assert not nothing.any()
