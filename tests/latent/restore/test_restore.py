"""What happened to a picture, and codes that could have been it."""

import cv2
import numpy as np
import pytest
import torch
from miniature import generator

from facegen import images
from facegen.errors import OptionError
from facegen.latent.codes import CodeStatistics
from facegen.latent.invert import Prior
from facegen.latent.restore import search
from facegen.latent.restore.damage import Damage, estimate
from facegen.models.renderer import shifted, spreads
from facegen.options.restore import RestoreOptions

SIZE = 64


@pytest.fixture(scope="module")
def picture(astronaut):
    return images.to_tensor(images.resize(astronaut[:256, 128:384], SIZE))


def crop(astronaut) -> np.ndarray:
    return images.resize(np.ascontiguousarray(astronaut[0:224, 112:336]), 256)


@pytest.mark.parametrize(
    "damage",
    [
        Damage("small", 16),
        Damage("blur", SIZE, sigma=3.0),
        Damage("jpeg", SIZE, quality=10),
        Damage("holes", SIZE, known=(torch.arange(SIZE) > 20).float().expand(1, 1, SIZE, SIZE)),
    ],
    ids=lambda damage: damage.kind,
)
def test_every_damage_changes_the_picture_and_lets_gradients_through(picture, damage):
    free = picture.clone().requires_grad_(True)
    seen = damage(free)
    assert seen.shape[-1] == damage.size
    seen.square().sum().backward()
    assert free.grad.abs().sum() > 0
    if damage.size == SIZE:
        assert (seen - picture).abs().mean() > 0.01


def test_the_jpeg_stand_in_is_nearly_what_a_jpeg_does(picture):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(images.to_pixels(picture)[0]).save(buffer, "JPEG", quality=10)
    real = images.to_tensor(np.asarray(Image.open(buffer).convert("RGB")))
    made = Damage("jpeg", SIZE, quality=10)(picture)
    assert (made - real).abs().mean() < 0.35 * (real - picture).abs().mean()


def test_the_damage_is_estimated(astronaut):
    sharp = crop(astronaut)
    assert estimate(sharp, 60, "auto").kind == "small"
    noise = np.random.default_rng(0).normal(0, 25, sharp.shape)
    noisy = estimate(np.clip(sharp + noise, 0, 255).astype(np.uint8), 256, "auto")
    assert noisy.kind == "noise" and noisy.sigma * 127.5 == pytest.approx(25, rel=0.5)
    assert estimate(sharp, 256, "auto", holes=True).kind == "holes"
    assert estimate(sharp, 2, "small").size == 8, "fewer pixels say nothing of a face"
    assert estimate(sharp, 256, "blur").sigma > 0


@pytest.mark.parametrize("sigma", [1.5, 3.0, 6.0])
def test_how_much_a_picture_is_blurred_is_estimated(astronaut, sigma):
    blurred = cv2.GaussianBlur(crop(astronaut), (0, 0), sigma)
    found = estimate(blurred, 256, "auto")
    assert found.kind == "blur" and found.sigma == pytest.approx(sigma, rel=0.3)


def test_what_has_no_edge_is_not_blurred_and_noise_is_looked_for_where_there_is_something():
    flat = np.full((256, 256, 3), 128, np.uint8)
    assert estimate(flat, 256, "auto").kind == "small"
    noise = np.random.default_rng(0).normal(128, 25, flat.shape).clip(0, 255).astype(np.uint8)
    known = np.zeros((256, 256), bool)
    known[180:] = True
    part = np.where(known[:, :, None], noise, flat)
    assert estimate(part, 256, "auto", known=known).sigma * 127.5 == pytest.approx(15, rel=0.3)
    assert estimate(flat[:8, :8], 8, "auto").kind == "small"


def test_a_kind_of_damage_that_is_none_is_refused():
    with pytest.raises(OptionError, match="damage is 'rust'; it must be auto, small"):
        RestoreOptions(damage="rust")
    with pytest.raises(OptionError, match="fidelity"):
        RestoreOptions(fidelity=1.5)


def test_the_consistency_of_a_picture_with_itself_is_perfect(picture):
    damage = Damage("small", 16)
    assert search.consistency(picture, damage(picture), damage) == 0
    assert search.consistency(-picture, damage(picture), damage) > search.agrees_below(damage)
    noisy = Damage("noise", SIZE, sigma=0.2)
    assert search.agrees_below(noisy) > search.agrees_below(damage)


def test_holes_do_not_count(picture):
    known = torch.ones(1, 1, SIZE, SIZE)
    known[..., 20:40, 20:40] = 0
    damage, other = Damage("holes", SIZE, known=known), picture.clone()
    other[..., 20:40, 20:40] = 1
    assert search.consistency(other, damage(picture), damage) == 0


def test_a_restoration_comes_nearer_and_can_be_stopped():
    made = generator()
    torch.manual_seed(1)
    w = made.mapping(torch.randn(400, 16))
    statistics, prior = CodeStatistics.of(w), Prior.of(w)
    with torch.no_grad():
        truth = made.preview(made.broadcast(w[:1]), SIZE)
    damage = Damage("small", 16)
    measure = lambda target: lambda image: (image - target).abs().mean()  # noqa: E731
    distance_of = search.aim(damage(truth), damage, measure, SIZE)
    starts = search.starts(made.broadcast(w[1:2]).clone(), statistics, 3, 0, 7)
    assert len(starts) == 3 and not torch.equal(starts[1], starts[2])
    units = spreads(made, w)
    job = (made, starts[0], distance_of, SIZE, prior, statistics.spread, units, 9)
    steps = list(search.restore(*job))
    assert [one.step for one in steps] == list(range(1, 10))
    assert [one.phase for one in steps[::3]] == [phase.name for phase in search.PHASES]
    distances = [one.distance for one in steps]
    assert distances == sorted(distances, reverse=True) and distances[-1] < distances[0]
    first = next(iter(search.restore(*job)))  # whoever stops has the best so far
    assert first.ws.shape == starts[0].shape and not any(one.any() for one in first.offsets)
    last = steps[-1]  # the offsets are part of what was found
    assert any(one.any() for one in last.offsets)
    with torch.no_grad(), shifted(made, last.offsets):
        assert torch.allclose(made.preview(last.ws, SIZE), last.image, atol=1e-5)
    with torch.no_grad():
        assert not torch.allclose(made.preview(last.ws, SIZE), last.image, atol=1e-3)
