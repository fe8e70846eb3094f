"""Who is shown: the guarantee, the set and the dial, on the bundled model."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from facegen import images, models, runtime
from facegen.face import detect
from facegen.latent.vary import path_search, selection
from facegen.latent.vary.learning import Learned
from facegen.measure.identity import recognisers
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.traits import NAMES
from facegen.options import ATTRIBUTES, VaryOptions
from facegen.studio import Studio
from facegen.types import CHANGED
from facegen.ui import texts
from facegen.ui.widgets import heatmap


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
def six(studio, inversion):
    return select(studio, inversion, count=6, seed=7)


class Opinionated:
    """A recogniser that measures as dlib does but has its verdict before."""

    def __init__(self, name: str, threshold: float):
        self._dlib = DlibRecogniser()
        self.name, self.threshold = name, threshold

    def embed(self, pixels, face):
        return self._dlib.embed(pixels, face)

    def embed_all(self, pixels, faces):
        return self._dlib.embed_all(pixels, faces)

    def distance(self, first, second):
        return self._dlib.distance(first, second)


def with_recognisers(studio, *recognisers):
    other = Studio(studio.model, studio.device, recognisers)
    other.learned = Learned(studio.directions)
    return other


def test_six_are_made_and_told_of(six):
    variants, report = six
    assert report.asked == 6 and report.made == len(variants) <= 6
    assert report.different == sum(bool(v.different_person) for v in variants)
    assert report.search_recogniser == "dlib" and report.tried >= 6
    assert all(v.structure is not None for v in variants)  # no face is never shown
    assert set(report.last_resorts) <= {selection.ALIKE, CHANGED}
    table = np.array(report.between["dlib"])
    assert table.shape == (len(variants),) * 2 and (table == table.T).all()
    pairs = table[np.triu_indices(len(table), 1)]
    assert (np.diag(table) == 0).all() and (pairs > 0).all()
    assert report.alike_pairs == (pairs < DlibRecogniser.threshold).sum()
    assert report.kept == (report.alike_pairs == 0) == ("pairs" not in report.in_words())


def test_a_variant_depends_on_its_seed_alone(studio, inversion, six):
    """Whatever the count and the place in the set; and it can be asked for by its seed."""
    variants, _ = six
    for number in (1, 3):
        fewer, _ = select(studio, inversion, count=number, seed=7)
        assert [v.seed for v in fewer] == [v.seed for v in variants[:number]]
        for one, other in zip(fewer, variants, strict=False):
            assert (one.pixels == other.pixels).all() and torch.equal(one.ws, other.ws)
    again, _ = select(studio, inversion, count=1, seed=variants[4].seed)
    assert again[0].seed == variants[4].seed
    assert (again[0].pixels == variants[4].pixels).all()


@pytest.fixture
def noisy(studio, monkeypatch):
    """The studio with a model to which noise matters; the bundled one was trained without."""
    for layer in studio.model.generator.synthesis.layers:
        monkeypatch.setattr(layer.noise_strength, "data", torch.tensor(0.01))
    return studio


@pytest.mark.parametrize("mode", ["random", "none"])
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_noise_is_that_of_the_seed(noisy, inversion, mode, strength):
    options = {"noise_mode": mode, "strength": strength}
    three, _ = select(noisy, inversion, count=3, seed=7, **options)
    for variant in three:
        one, _ = select(noisy, inversion, count=1, seed=variant.seed, **options)
        assert one[0].seed == variant.seed and one[0].dial == variant.dial
        assert (one[0].pixels == variant.pixels).all()
    alike = (three[0].pixels == three[1].pixels).all()
    assert alike == (mode == "none" and strength == 0)


def test_a_higher_strength_is_never_closer(studio, inversion):
    """For one seed, by the recogniser that searches, to the nearer of photo and its picture."""
    readings: dict[int, list[float]] = {}
    for strength in (0.0, 0.2, 0.35, 0.5, 0.7, 1.0):
        for variant in select(studio, inversion, count=4, seed=3, strength=strength)[0]:
            readings.setdefault(variant.seed, []).append(variant.dial.distance)
    several = [distances for distances in readings.values() if len(distances) > 1]
    assert several
    for distances in several:
        assert distances == sorted(distances)


def test_strength_zero_is_the_models_picture(studio, inversion):
    (variant,), report = select(studio, inversion, count=1, strength=0.0)
    assert abs(variant.pixels.astype(int) - inversion.pixels.astype(int)).max() <= 1
    assert variant.dial.amount == variant.dial.distance == 0
    assert report.different is None  # nothing was promised


def test_the_reading_is_what_the_pictures_show(studio, inversion, six):
    """D, measured anew from the finished pixels."""
    recogniser, detector = DlibRecogniser(), studio.detector
    for variant in six[0][:3]:
        found = [
            recogniser.embed(pixels, detector.landmarks_of_crop(pixels))
            for pixels in (variant.pixels, inversion.aligned.pixels, inversion.pixels)
        ]
        measured = min(recogniser.distance(found[0], other) for other in found[1:])
        assert variant.dial.distance == pytest.approx(measured, abs=0.02)


def test_a_recogniser_that_refuses_everything(studio, inversion):
    """It ends, keeps to its budget, calls nobody different, and says why."""
    strict = with_recognisers(studio, DlibRecogniser(), Opinionated("strict", 99.0))
    variants, report = select(strict, inversion, count=4, seed=1)
    assert report.different == 0 and not report.kept
    assert not any(v.different_person for v in variants)
    assert report.tried <= 4 + selection.SPARE + selection.MORE
    assert report.passed_over[selection.TOO_CLOSE] == report.tried - report.made
    assert report.last_resorts == {selection.TOO_CLOSE: report.made}


def test_a_recogniser_that_accepts_everything(studio, inversion):
    mild = with_recognisers(studio, Opinionated("mild", 0.0))
    variants, report = select(mild, inversion, count=3, seed=1)
    assert report.made == report.different == 3 and report.kept
    assert all(v.different_person for v in variants)


def test_every_recogniser_has_to_agree(studio, inversion):
    both = with_recognisers(studio, DlibRecogniser(), Opinionated("strict", 99.0))
    (variant,), _ = select(both, inversion, count=1, seed=1)
    assert set(variant.identity) == {"dlib", "strict"}
    assert variant.different_person is False


def test_who_searched_does_not_report(studio, inversion):
    """The second recogniser's numbers are what the page shows; alone, the first one's."""
    both = with_recognisers(studio, DlibRecogniser(), Opinionated("second", 0.3))
    variants, report = select(both, inversion, count=2, seed=1)
    assert report.search_recogniser == "dlib" and set(report.between) == {"dlib", "second"}
    assert list(report.reported) == ["second"]
    for variant in variants:
        assert list(variant.reported) == ["second"]
        assert texts.caption(1, variant).endswith(f"· {variant.identity['second'].distance:.2f}")
        assert "second from 0.3" in texts.recogniser_note(variant)
        assert "The mark asks dlib as well." in texts.recogniser_note(variant)
    assert "(second)" in heatmap.report_note(report)
    assert "(dlib" not in heatmap.report_note(report)
    assert "(dlib; below 0.6 it is one person)" in heatmap.table("dlib", [[0.0, 0.7], [0.7, 0.0]])
    assert "0.00" not in heatmap.table("dlib", [[1e-8, 0.7], [0.7, 0.0]])  # rounded, on the way
    assert [one.name for one in recognisers.reporting(both.recognisers)] == ["second"]
    assert [one.name for one in recognisers.reporting(studio.recognisers)] == ["dlib"]
    (alone,), report = select(studio, inversion, count=1, seed=1)
    assert list(alone.reported) == list(report.reported) == ["dlib"]


class Remembering:
    """A recogniser by the order in which it is shown pictures; who: the name it gives each of them.

    It sees the photo first, then the model's picture, then what was made.
    """

    name, threshold = "remembering", 1.0

    def __init__(self, *who: str):
        self._who, self._seen = who, {}

    def embed(self, pixels, face):
        index = self._seen.setdefault(pixels.tobytes(), len(self._seen))
        name = self._who[index] if index < len(self._who) else f"{index}"
        return np.frombuffer(name.ljust(8).encode(), np.uint8).astype(float)

    def embed_all(self, pixels, faces):
        return [self.embed(one, face) for one, face in zip(pixels, faces, strict=True)]

    def distance(self, first, second):
        return 0.0 if (first == second).all() else 2.0


def test_two_variants_are_two_people_to_both_recognisers(studio, inversion):
    """The second that was made is the first again to a recogniser that does not search."""
    recogniser = Remembering("photo", "picture", "one", "one")
    both = with_recognisers(studio, Opinionated("mild", 0.0), recogniser)
    variants, report = select(both, inversion, count=2, seed=1)
    assert len(variants) == report.different == 2 and report.kept
    assert report.passed_over == {selection.ALIKE: 1}
    assert report.between["remembering"] == [[0.0, 2.0], [2.0, 0.0]]


def test_where_all_are_one_person_to_a_recogniser_it_is_told(studio, inversion):
    recogniser = Remembering("photo", "picture", *["one"] * 50)
    variants, report = select(
        with_recognisers(studio, DlibRecogniser(), recogniser), inversion, count=3, seed=1
    )
    assert len(variants) == report.different == report.alike_pairs == 3
    assert report.found and not report.kept
    assert report.last_resorts == {selection.ALIKE: 2}
    assert "3 of 3 pairs of them are one person to a recogniser" in report.in_words()
    below, told = select(
        with_recognisers(studio, DlibRecogniser(), recogniser),
        inversion,
        count=2,
        seed=1,
        strength=0.3,
    )
    assert len(below) == 2 and told.alike_pairs is None  # nothing is promised there


def test_a_dial_that_does_not_reach_is_told(studio, inversion, monkeypatch):
    monkeypatch.setattr(path_search, "target_distance", lambda *_: 9.0)
    variants, report = select(studio, inversion, count=2, seed=1)
    assert not any(variant.dial.reached for variant in variants)
    assert "2 of 2 stay nearer than the strength asks for" in report.in_words()


def test_no_face_is_never_shown(studio, inversion, monkeypatch):
    """A detector that accepts every third face: the others are drawn again, within the budget."""
    looks = itertools.count()
    monkeypatch.setattr(
        detect,
        "implausible",
        lambda face, size: None if next(looks) % 3 == 0 else "eyes and mouth out of order",
    )
    variants, report = select(studio, inversion, count=3, seed=5)
    assert report.made == len(variants) < 3 or report.passed_over[selection.NO_FACE] > 0
    assert report.passed_over[selection.NO_FACE] >= 2


def test_what_is_shown_though_it_does_not_hold_is_told_of(studio, inversion, monkeypatch):
    monkeypatch.setattr(selection.VariantSelection, "_alike_or_close", lambda *_: selection.ALIKE)
    variants, report = select(studio, inversion, count=2, seed=1)
    assert len(variants) == report.made == 2
    assert report.last_resorts == {selection.ALIKE: 2}
    assert report.passed_over == {selection.ALIKE: report.tried - 2}
    assert "Last resorts among them: 2 too like another variant." in report.in_words()


def test_a_detector_that_accepts_nothing(studio, inversion, monkeypatch):
    """Only the model's own picture is a face: it ends with nobody, and says why."""
    looks = itertools.count()
    monkeypatch.setattr(
        detect, "implausible", lambda face, size: None if next(looks) == 0 else "no eyes"
    )
    variants, report = select(studio, inversion, count=3, seed=5)
    assert variants == [] and report.made == 0 and not report.kept
    assert set(report.passed_over) <= {selection.NO_FACE, selection.TOO_CLOSE, selection.ALIKE}
    assert report.passed_over[selection.NO_FACE] > 0


def test_without_the_dial_nothing_is_promised(studio, inversion):
    variants, report = select(studio, inversion, count=3, seed=9, dial=False)
    assert [v.seed for v in variants] == [9, 10, 11]
    assert report.different is None and report.search_recogniser is None
    assert all(v.dial is None for v in variants)


def test_where_nobody_can_recogniser_the_strength_is_the_amount(tiny_studio):
    rng = np.random.default_rng(0)
    from facegen.types import AlignedFace

    noise = AlignedFace(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), quad=None)
    variants, report = select(tiny_studio, tiny_studio.invert(noise), count=2)
    assert len(variants) == 2 and report.different is None


def test_pose_is_held(studio, inversion):
    """Freed of the pose's directions, the paths turn the head less."""
    bent = Studio(studio.model, studio.device, studio.recognisers)
    bent.learned = Learned(None)
    start = studio.detector.landmarks_of_crop(inversion.pixels)
    from facegen.measure import structure

    def turned(one):
        tools = path_search.Tools(one.renderer, one.statistics, one.directions, 1.0)
        paths = path_search.Paths(inversion, VaryOptions(), tools)
        pictures = one.renderer.previews([paths.at(paths.path(s), 1.0) for s in range(24)])
        faces = [studio.detector.landmarks_of_crop(p) for p in pictures]
        return np.mean([abs(structure.measure(start, f).yaw_delta) for f in faces if f])

    assert studio.directions is not None
    assert studio.directions.explained[0] > 0.3  # yaw
    assert turned(studio) < 0.9 * turned(bent)


def test_images_stay_uint8(studio, six):
    assert all(v.pixels.dtype == np.uint8 for v in six[0])
    side = studio.resolution
    assert images.to_tensor(six[0][0].pixels).shape == (1, 3, side, side)


@pytest.mark.parametrize("keep", [(), ("age",)])
def test_attributes_are_held_where_the_model_knows_them(studio, inversion, keep):
    """As a model would that has age among its directions."""
    knowing = Studio(studio.model, studio.device, studio.recognisers)
    found = studio.directions
    extra = torch.zeros(1, *found.slopes.shape[1:], dtype=torch.float64)
    extra[..., 0] = 100.0  # years: nothing moves along this
    knowing.learned = Learned(
        replace(
            found,
            names=(*found.names, "age"),
            slopes=torch.cat([found.slopes, extra]),
            explained=torch.cat([found.explained, torch.ones(1).double()]),
        )
    )
    variants, report = select(knowing, inversion, count=3, keep=keep)
    assert report.changed == sum(any(not v.attributes[k].kept for k in keep) for v in variants)
    moved = max(float((v.ws - inversion.ws)[..., 0].abs().max()) for v in variants)
    assert set(variants[0].attributes) == set(ATTRIBUTES)
    aged = [100 * moved > 1, 100 * moved < 60]  # what the end's age asks for is put right
    assert all(aged) if keep else 100 * moved > 60


def test_what_moved_at_the_end_is_put_right(studio, inversion):
    tools = path_search.Tools(studio.renderer, studio.statistics, studio.directions, 1.0)
    paths = path_search.Paths(inversion, VaryOptions(), tools)
    path = paths.path(3)
    same = paths.mended(path, 1.0, np.full(len(NAMES), np.nan))
    assert torch.equal(paths.at(same, 1.0), paths.at(path, 1.0)), "what is not seen is left alone"
    moved = np.zeros(len(NAMES))
    moved[NAMES.index("yaw")] = 10.0
    mended = paths.mended(path, 1.0, moved)
    before, after = (
        studio.traits.pose(paths.previews([paths.at(p, 1.0)], [3])[0])[0] for p in (path, mended)
    )
    assert after < before - 2  # degrees
    assert torch.equal(paths.at(mended, 0.0), paths.at(path, 0.0))
    far = paths.mended(path, 1.0, 1000 * moved)
    assert torch.linalg.norm(far.mend) < 10 * torch.linalg.norm(mended.mend)
