"""Who is shown: strangers who hold, the promise, and what is said of it, on the bundled model."""

import itertools

import numpy as np
import pytest
import torch

from facegen import models, runtime
from facegen.face import detect
from facegen.latent.vary import selection
from facegen.measure import keeping
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.options import VaryOptions
from facegen.studio import Studio
from facegen.types import AlignedFace


@pytest.fixture(scope="module")
def studio():
    device = runtime.choose_device("cpu")
    return Studio(models.load_face_model("bundled", device), device, (DlibRecogniser(),))


@pytest.fixture(scope="module")
def inversion(studio, astronaut):
    return studio.invert(studio.align(astronaut))


def select(studio, inversion, **options):
    selection = studio.select(inversion, VaryOptions(**options))
    return list(selection), selection.report


@pytest.fixture(scope="module")
def four(studio, inversion):
    return select(studio, inversion, count=4, seed=7, strength=1.0)


class Opinionated:
    """A recogniser that measures as dlib does but has its verdict before."""

    def __init__(self, name: str, threshold: float):
        self._dlib = DlibRecogniser()
        self.name, self.threshold = name, threshold

    def embed(self, pixels, face):
        return self._dlib.embed(pixels, face)

    def distance(self, first, second):
        return self._dlib.distance(first, second)

    def distances(self, one, many):
        return self._dlib.distances(one, many)


def with_recognisers(studio, *recognisers):
    other = Studio(studio.model, studio.device, recognisers)
    other._strangers = (studio.strangers,)
    return other


def test_whoever_is_shown_holds(studio, inversion, four):
    """Measured anew, of the finished pictures."""
    variants, report = four
    assert report.asked == 4 and report.made == len(variants) >= 2
    assert report.different == report.made
    photo = studio.observer(inversion.aligned.pixels)
    able = studio.strangers.directions(studio.statistics).names  # a small model does not draw all
    wanted = keeping.Wanted.of(photo, VaryOptions().keep, able=able)
    for variant in variants:
        seen = studio.observer(variant.pixels)
        assert wanted.broken(seen) is None and variant.different_person
        assert variant.structure.kept
    table = np.array(report.between["dlib"])
    assert table.shape == (len(variants),) * 2 and (table == table.T).all()
    pairs = table[np.triu_indices(len(table), 1)]
    usual = studio.strangers.decoys.usual_distance(studio.recognisers[0])
    assert (np.diag(table) == 0).all() and (pairs >= min(DlibRecogniser.threshold, usual)).all()
    assert report.alike_pairs == (pairs < DlibRecogniser.threshold).sum()


def test_decoys_are_nearer_than_the_photo(studio, inversion, four):
    decoys, recogniser = studio.strangers.decoys, studio.recognisers[0]
    photo = studio.observer(inversion.aligned.pixels).vectors["dlib"]
    assert len(decoys.attributes) >= 2000
    for variant in four[0]:
        new = studio.observer(variant.pixels).vectors["dlib"]
        closer = [recogniser.distance(new, one) for one in decoys.vectors["dlib"]]
        assert np.mean(np.array(closer) < recogniser.distance(new, photo)) > 0.05


def test_at_strength_1_nothing_of_the_photos_code_is_left(studio, inversion, four):
    for variant in four[0]:
        assert variant.dial.amount == 1 and variant.dial.reached
        assert torch.equal(variant.ws, variant.ws[:, :1].expand_as(variant.ws)), "one w"
    elsewhere = AlignedFace(inversion.aligned.pixels, None)
    other = studio.invert(elsewhere, steps=3)
    again, _ = select(studio, other, count=1, seed=four[0][0].seed, strength=1.0)
    assert torch.equal(again[0].ws, four[0][0].ws), "whatever the inversion was"


def test_a_variant_depends_on_its_seed_alone(studio, inversion, four):
    """Whatever the count and the place in the set; and it can be asked for by its seed."""
    variants, _ = four
    fewer, _ = select(studio, inversion, count=2, seed=7, strength=1.0)
    assert [v.seed for v in fewer] == [v.seed for v in variants[:2]]
    for one, other in zip(fewer, variants, strict=False):
        assert (one.pixels == other.pixels).all() and torch.equal(one.ws, other.ws)
    again, _ = select(studio, inversion, count=1, seed=variants[2].seed, strength=1.0)
    assert again[0].seed == variants[2].seed
    assert (again[0].pixels == variants[2].pixels).all()


def test_another_photo_gets_somebody_else(studio, inversion, four):
    crop = inversion.aligned.pixels.copy()
    crop[0, 0] ^= 1
    other = studio.invert(AlignedFace(crop, None))
    (variant,), _ = select(studio, other, count=1, seed=four[0][0].seed, strength=1.0)
    assert not torch.allclose(variant.ws, four[0][0].ws, atol=0.1)


def test_a_higher_strength_is_never_nearer(studio, inversion):
    readings: dict[int, list[tuple[float, float]]] = {}
    for strength in (0.0, 0.3, 0.5, 0.75, 1.0):
        for variant in select(studio, inversion, count=2, seed=3, strength=strength)[0]:
            reading = variant.dial.amount, variant.dial.strength
            readings.setdefault(variant.seed, []).append(reading)
            assert variant.dial.reached
    several = [found for found in readings.values() if len(found) > 1]
    assert several
    for found in several:
        assert found == sorted(found)


def test_strength_zero_is_the_models_picture(studio, inversion):
    (variant,), report = select(studio, inversion, count=1, strength=0.0)
    assert abs(variant.pixels.astype(int) - inversion.pixels.astype(int)).max() <= 1
    assert variant.dial.amount == variant.dial.strength == 0
    assert report.different is None, "nothing was promised"


@pytest.mark.parametrize("mode", ["random", "none"])
def test_noise_is_that_of_the_seed(studio, inversion, mode, monkeypatch):
    for layer in studio.model.generator.synthesis.layers:  # trained without, it hears none
        monkeypatch.setattr(layer.noise_strength, "data", torch.tensor(0.01))
    options = {"noise_mode": mode, "strength": 0.0}
    two, _ = select(studio, inversion, count=2, seed=7, **options)
    (one,), _ = select(studio, inversion, count=1, seed=two[1].seed, **options)
    assert (one.pixels == two[1].pixels).all()
    assert (two[0].pixels == two[1].pixels).all() == (mode == "none")


def test_a_recogniser_that_refuses_everything(studio, inversion, monkeypatch):
    """It ends with nobody, keeps to its budget, and says why."""
    monkeypatch.setattr(selection, "TRIES", 1)
    monkeypatch.setattr(selection, "MORE", 2)
    strict = with_recognisers(studio, DlibRecogniser(), Opinionated("strict", 99.0))
    variants, report = select(strict, inversion, count=2, seed=1, strength=1.0)
    assert variants == [] and report.made == 0 and not report.kept
    assert 4 <= report.tried <= 5 and selection.TOO_CLOSE in report.passed_over
    assert report.in_words().startswith("None of 2 were found")


def test_every_recogniser_has_to_agree_on_two_people(studio, inversion, monkeypatch):
    """To the second everybody is one person, so that only one of them is shown."""
    monkeypatch.setattr(selection, "TRIES", 1)
    monkeypatch.setattr(selection, "MORE", 2)

    class Same(Opinionated):
        def distance(self, first, second):
            return 2.0 if len(first) != len(second) else 0.0

        def embed(self, pixels, face):
            return np.zeros(3 if pixels is photo else 2)

    photo = inversion.aligned.pixels
    both = with_recognisers(studio, DlibRecogniser(), Same("same", 1.0))
    variants, report = select(both, inversion, count=3, seed=1, strength=1.0)
    assert len(variants) == report.made == 1
    assert report.passed_over[selection.ALIKE] >= 1
    assert "1 of 3 was found" in report.in_words()


def test_a_detector_that_accepts_nothing(studio, inversion, monkeypatch):
    monkeypatch.setattr(selection, "TRIES", 1)
    monkeypatch.setattr(selection, "MORE", 1)
    looks = itertools.count()
    monkeypatch.setattr(
        detect, "implausible", lambda face, size: None if next(looks) == 0 else "no eyes"
    )
    variants, report = select(studio, inversion, count=2, seed=5, strength=1.0)
    assert variants == [] and set(report.passed_over) == {"no eyes"}


def test_where_nobody_can_tell_the_strength_is_the_share_of_the_way(tiny_studio):
    rng = np.random.default_rng(0)
    noise = AlignedFace(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), quad=None)
    variants, report = select(tiny_studio, tiny_studio.invert(noise), count=2)
    assert len(variants) == 2 and report.different is None and report.in_words() == ""
    assert all(v.dial is None for v in variants)


def test_two_threads_or_one_choose_the_same_people(studio, inversion, four):
    """The last bits of a picture differ; the choice does not."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        again, _ = select(studio, inversion, count=2, seed=7, strength=1.0)
    finally:
        torch.set_num_threads(threads)
    assert [v.seed for v in again] == [v.seed for v in four[0][:2]]
    for one, other in zip(again, four[0], strict=False):
        assert torch.allclose(one.ws, other.ws, atol=0.05)
