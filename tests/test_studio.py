"""The stages put together, on miniature networks."""

import numpy as np
import pytest
import torch

from facegen import images
from facegen.errors import NoFaceError, OptionError
from facegen.options import MAX_COUNT, SampleOptions
from facegen.types import AlignedFace


@pytest.fixture
def inversion(tiny_studio):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    return tiny_studio.invert(AlignedFace(pixels, quad=None))


def test_variants_do_not_depend_on_count_or_order(tiny_studio, inversion):
    many = {v.seed: v.pixels for v in tiny_studio.vary(inversion, count=MAX_COUNT, seed=7)}
    backwards = {
        seed: next(tiny_studio.vary(inversion, count=1, seed=seed)).pixels
        for seed in reversed(many)
    }
    assert all((many[seed] == backwards[seed]).all() for seed in many)
    assert len({p.tobytes() for p in many.values()}) == MAX_COUNT


@pytest.mark.parametrize("mode", ["const", "random", "none"])
def test_every_noise_mode_is_reproducible(tiny_studio, inversion, mode):
    twice = [
        next(tiny_studio.vary(inversion, count=1, seed=3, noise_mode=mode)).pixels for _ in range(2)
    ]
    assert (twice[0] == twice[1]).all()


def test_random_noise_differs_from_seed_to_seed(tiny_studio):
    ws = torch.zeros(1, tiny_studio.model.generator.config.num_ws, 16)
    drawn = [tiny_studio.synthesize(ws, "random", seed) for seed in (1, 2)]
    assert not torch.equal(*drawn)


def test_strength_zero_is_the_reconstruction(tiny_studio, inversion):
    variant = next(tiny_studio.vary(inversion, count=1, strength=0.0))
    difference = variant.pixels.astype(int) - inversion.pixels.astype(int)
    assert abs(difference).max() <= 1


def test_variants_stream(tiny_studio, inversion, monkeypatch):
    """The first variant is there before the second is begun."""
    begun = []
    renderer = tiny_studio.renderer
    original = renderer.pixels
    monkeypatch.setattr(renderer, "pixels", lambda *args: begun.append(1) or original(*args))
    stream = tiny_studio.vary(inversion, count=5)
    next(stream)
    assert len(begun) == 1


def test_samples_have_the_promised_shape_and_depend_on_their_seed_alone(tiny_studio):
    four = tiny_studio.sample(4, seed=1)
    assert four.shape == (4, 3, 32, 32) and four.dtype == torch.float32
    assert torch.equal(tiny_studio.sample(1, seed=3)[0], four[2])
    drawn = [p.pixels for p in tiny_studio.draw(SampleOptions(count=4, seed=1))]
    assert (images.to_pixels(four) == np.stack(drawn)).all()


def test_psi_zero_is_the_same_face_for_every_seed(tiny_studio):
    one, two = tiny_studio.sample(2, truncation_psi=0.0)
    torch.testing.assert_close(one, two)


def test_ws_of_a_wrong_shape_are_refused(tiny_studio):
    with pytest.raises(OptionError, match=r"\(1, 3, 16\).*\[N, 8, 16\]"):
        tiny_studio.synthesize(torch.zeros(1, 3, 16))


def test_an_unknown_style_is_refused_by_name(tiny_studio, inversion):
    variant = next(tiny_studio.vary(inversion, count=1))
    with pytest.raises(OptionError, match="'oil'"):
        tiny_studio.render(variant, style="oil")


def test_no_face_is_said_in_words(tiny_studio):
    with pytest.raises(NoFaceError, match="no whole face"):
        tiny_studio.align(np.full((200, 200, 3), 127, np.uint8))


def test_a_photo_goes_all_the_way(tiny_studio, astronaut, tmp_path):
    aligned = tiny_studio.align(astronaut)
    assert aligned.pixels.shape == (32, 32, 3) and aligned.faces_found == 1
    inversion = tiny_studio.invert(aligned)
    portrait = tiny_studio.render(next(tiny_studio.vary(inversion, count=1, seed=7)))
    (path,) = portrait.save(tmp_path)
    assert (images.load(path) == portrait.pixels).all()


def test_wrong_options_are_refused_before_anything_is_asked_for(tiny_studio, inversion):
    with pytest.raises(OptionError, match="strength is 2"):
        tiny_studio.vary(inversion, strength=2)
