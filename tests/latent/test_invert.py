import itertools

import pytest
import torch

from facegen import images
from facegen.errors import OptionError
from facegen.latent import invert
from facegen.options import USUAL
from facegen.studio import Studio
from facegen.types import AlignedFace


@pytest.fixture
def target(tiny_studio):
    """A picture the generator can draw: the inversion has a perfect answer."""
    image = tiny_studio.sample(1, seed=3, truncation_psi=1.0)
    return AlignedFace(images.to_pixels(image)[0], quad=None)


def test_refinement_comes_closer_and_never_loses_its_best(tiny_studio, target):
    seen = [one.distance for one in tiny_studio.refine(target, steps=40)]
    assert len(seen) == 41
    assert all(later <= earlier for earlier, later in itertools.pairwise(seen))
    assert seen[-1] < 0.7 * seen[0]


def test_the_reported_distance_is_that_of_the_returned_picture(tiny_studio, target):
    inversion = tiny_studio.invert(target, steps=10)
    measure = invert.Distance(tiny_studio._look).to(images.to_tensor(target.pixels))
    image = tiny_studio.model.generator.synthesis(inversion.ws, noises=inversion.noises)
    assert float(measure(image)) == pytest.approx(inversion.distance, rel=1e-4)
    assert (images.to_pixels(image)[0] == inversion.pixels).all()
    assert inversion.steps == 10 and inversion.seconds > 0


def test_refinement_stops_when_told_and_keeps_what_it_has(tiny_studio, target):
    steps = list(itertools.islice(tiny_studio.refine(target, steps=500), 6))
    assert steps[-1].steps == 5 and torch.isfinite(steps[-1].ws).all()


def test_a_small_model_is_refined_as_usual(tiny_studio, target):
    assert tiny_studio.steps() == invert.STEPS_SMALL
    alone, usual = tiny_studio.invert(target), tiny_studio.invert(target, steps=USUAL)
    assert usual.steps == invert.STEPS_SMALL and usual.distance < alone.distance


def test_progress_counts_every_step(tiny_studio, target):
    told = []
    tiny_studio.invert(target, steps=4, progress=lambda *args: told.append(args[:2]))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_model_without_encoder_starts_from_the_average(tiny_model, target):
    from dataclasses import replace

    from facegen.studio import Studio

    studio = Studio(replace(tiny_model, encode=None), torch.device("cpu"))
    with pytest.raises(OptionError, match="steps is 0"):
        studio.invert(target)
    assert studio.steps() == invert.STEPS_ALONE and studio.steps(7) == 7
    first, *_, last = studio.refine(target, steps=30)
    assert last.distance < first.distance


def test_distance_is_zero_for_a_copy_and_grows_with_the_damage(tiny_studio):
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    measure = invert.Distance(tiny_studio._look).to(picture)
    noise = torch.randn_like(picture)
    distances = [float(measure(picture + amount * noise)) for amount in (0.0, 0.05, 0.2, 0.8)]
    assert distances[0] == 0 and distances == sorted(distances)


def test_noise_maps_with_a_picture_in_them_are_punished():
    torch.manual_seed(0)
    white = torch.randn(32, 32)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(1, 1, 35, 35), 4, stride=1)[0, 0]
    smooth = smooth / smooth.std()
    penalties = [float(invert.noise_map_penalty([noise])) for noise in (white, smooth)]
    assert penalties[1] > 20 * penalties[0]


def test_words_follow_the_distance():
    words = [invert.in_words(d, "recogniser") for d in (0.0, 0.3, 0.5, 9.0)]
    assert len(set(words)) == 4


def test_where_the_steps_lose_the_face_the_encoders_guess_is_taken(astronaut, monkeypatch):
    studio = Studio.load("bundled", "cpu")
    aligned = studio.align(astronaut)
    guess = studio.invert(aligned, 0)
    assert studio.detector.trouble(guess.pixels) is None
    assert studio.invert(aligned, 2).steps, "kept, where the face is there"

    def flying_apart(generator, ws, *_):
        yield invert.Step(2, ws * 0 + 40, (), torch.zeros(1, 3, 128, 128), 0.1)

    monkeypatch.setattr(invert, "refine", flying_apart)
    shown = list(studio.refine(aligned, 2))
    assert [one.steps for one in shown] == [0, 2, 0]
    assert torch.equal(shown[-1].ws, guess.ws) and studio.invert(aligned, 2).steps == 0
