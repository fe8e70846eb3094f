import math

import pytest
import torch

from facegen.errors import OptionError
from facegen.latent.vary import perturb
from facegen.networks.mobile_stylegan import MobileConfig
from facegen.networks.stylegan2 import GeneratorConfig
from facegen.options import MAX_SEED, VaryOptions

W_DIM, NUM_WS = 8, 10
LAYERS = GeneratorConfig(64).layer_resolutions
PHOTO = 1


@pytest.fixture
def statistics():
    torch.manual_seed(1)
    return perturb.CodeStatistics.of(torch.randn(4000, W_DIM) @ torch.randn(W_DIM, W_DIM) + 3.0)


def made(statistics, ws, **options):
    options = VaryOptions(**options)
    gains = perturb.layer_gains(LAYERS, options)
    assert len(gains) == NUM_WS
    seeds = perturb.seeds(options.seed, options.count)
    return {seed: moved(ws, statistics, gains, options, seed) for seed in seeds}


def moved(ws, statistics, gains, options, seed, photo=PHOTO):
    path = perturb.Path(perturb.stranger(statistics, seed, photo))
    return perturb.along(ws, statistics, gains, path, options.strength, options.truncation_psi)


def test_statistics_are_those_of_the_samples(statistics):
    torch.manual_seed(1)
    w = torch.randn(4000, W_DIM) @ torch.randn(W_DIM, W_DIM) + 3.0
    torch.testing.assert_close(statistics.mean, w.mean(dim=0), rtol=1e-4, atol=1e-4)
    covariance = statistics.factor @ statistics.factor.T
    torch.testing.assert_close(covariance, torch.cov(w.T), rtol=1e-3, atol=1e-3)


def test_the_factor_is_the_one_root_that_is_symmetric(statistics):
    """Eigenvectors have no sign of their own: another library must not draw other strangers."""
    torch.testing.assert_close(statistics.factor, statistics.factor.T)
    assert torch.linalg.eigvalsh(statistics.factor).min() > 0


def test_a_variant_depends_on_its_seed_alone(statistics):
    ws = torch.randn(1, NUM_WS, W_DIM)
    many = made(statistics, ws, count=16, seed=5)
    for seed in (5, 9, 20):
        alone = made(statistics, ws, count=1, seed=seed)
        assert torch.equal(alone[seed], many[seed])
    assert list(many) == list(range(5, 21))
    assert len({tuple(v.flatten().tolist()) for v in many.values()}) == 16


def test_a_seed_brings_every_photo_another_stranger(statistics):
    """On average as far apart as the strangers of two seeds."""
    own, other = (perturb.stranger(statistics, 5, photo) for photo in (1, 2))
    assert torch.equal(own, perturb.stranger(statistics, 5, 1)) and not torch.equal(own, other)
    same = [
        perturb.stranger(statistics, seed, 1) - perturb.stranger(statistics, seed, 2)
        for seed in range(99)
    ]
    apart = [
        perturb.stranger(statistics, s, 1) - perturb.stranger(statistics, s + 99, 1)
        for s in range(99)
    ]
    lengths = [float(torch.stack(one).square().mean()) for one in (same, apart)]
    assert math.isclose(*lengths, rel_tol=0.2)


@pytest.mark.parametrize("config", [GeneratorConfig(1024), MobileConfig()])
def test_a_large_models_gains_go_by_resolution(config):
    gains = perturb.layer_gains(config.layer_resolutions, VaryOptions())
    by_size = dict(zip(config.layer_resolutions, gains.tolist(), strict=True))
    assert len(gains) == config.num_ws
    coarse, fine = perturb.COARSE_LARGE, perturb.FINE_LARGE
    assert (by_size[8], by_size[64], by_size[16], by_size[128]) == pytest.approx(
        (coarse, 1.0, 1.0, fine)
    )


def test_seeds_wrap_around_at_the_largest():
    assert perturb.seeds(MAX_SEED, 3) == [MAX_SEED, 0, 1]


def test_strength_goes_from_the_reference_to_a_stranger(statistics):
    """0 is the reference; 1 forgets it in the layers of full gain; between, farther is farther."""
    ws = torch.randn(1, NUM_WS, W_DIM)
    torch.testing.assert_close(made(statistics, ws, strength=0.0, count=1)[0], ws)
    distances = [
        float((made(statistics, ws, strength=s, count=1)[0] - ws).norm())
        for s in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert distances == sorted(distances) and distances[1] > 0.1
    other = torch.randn(1, NUM_WS, W_DIM)
    gains = perturb.layer_gains(LAYERS, VaryOptions())
    full = gains == 1.0
    assert full.any()
    at_one = [made(statistics, start, strength=1.0, count=1)[0][0, full] for start in (ws, other)]
    torch.testing.assert_close(*at_one, atol=1e-5, rtol=1e-5)


def test_pose_layers_move_less_than_identity_layers(statistics):
    ws = statistics.mean.expand(1, NUM_WS, W_DIM)
    moved = (made(statistics, ws, strength=0.5, count=1)[0] - ws)[0].norm(dim=1)
    assert moved[:3].max() < 0.6 * moved[3:5].min()


def test_variants_keep_the_covariance_of_w(statistics):
    """At any strength: the variants of faces drawn from w are spread like w itself."""
    torch.manual_seed(2)
    options = VaryOptions(strength=0.6)
    gains = torch.ones(1)
    drawn = [
        moved(
            (statistics.mean + statistics.factor @ torch.randn(W_DIM))[None, None],
            statistics,
            gains,
            options,
            seed,
        )
        for seed in range(3000)
    ]
    found = perturb.CodeStatistics.of(torch.cat(drawn)[:, 0])
    assert math.isclose(found.spread, statistics.spread, rel_tol=0.05)


def test_layer_groups_can_be_switched_off(statistics):
    ws = torch.randn(1, NUM_WS, W_DIM)
    moved = made(statistics, ws, count=1, coarse=0.0, fine=0.0)[0]
    same = (moved - ws).abs().amax(dim=2)[0] < 1e-6
    assert same.tolist() == [True] * 3 + [False] * 4 + [True] * 3


def test_psi_zero_is_the_average_face(statistics):
    ws = torch.randn(1, NUM_WS, W_DIM)
    moved = made(statistics, ws, count=1, truncation_psi=0.0)[0]
    torch.testing.assert_close(moved, statistics.mean.expand_as(moved))


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 17},
        {"count": 2.5},
        {"strength": -0.1},
        {"strength": float("nan")},
        {"seed": -1},
        {"seed": 0.5},
        {"seed": MAX_SEED + 1},
        {"coarse": 2.5},
        {"truncation_psi": 1.5},
        {"noise_mode": "loud"},
    ],
)
def test_options_out_of_range_are_refused_by_name(wrong):
    (name, value), *_ = wrong.items()
    with pytest.raises(OptionError, match=f"{name} is .*must") as caught:
        VaryOptions(**wrong)
    assert str(value) in str(caught.value)
