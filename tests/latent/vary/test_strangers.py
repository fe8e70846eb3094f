"""What is known of a model's own samples: fitted, written, read, learned at the first use."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facegen import Studio
from facegen.latent.vary import matching, strangers
from facegen.latent.vary.matching import Matching
from facegen.measure.keeping import Wanted
from facegen.measure.observation import TRAITS
from facegen.options import ATTRIBUTES


@pytest.fixture(scope="module")
def studio():
    return Studio.load("bundled", "cpu")


@pytest.fixture(scope="module")
def seen(studio):
    """90 of the model's samples, and what they show."""
    codes = [strangers.sample(studio.model, number) for number in range(90)]
    w = torch.cat([ws[:, 0] for ws in codes])
    return w, [studio.observer(studio.renderer.preview(ws)) for ws in codes]


@pytest.fixture(scope="module")
def fitted(seen):
    return strangers.fit(*seen)


def test_a_guess_is_near_what_is_seen(studio, seen, fitted):
    w, observed = seen
    guess = fitted.guess(w)
    yaw = np.array([one.traits[0] for one in observed])
    assert np.corrcoef(guess["traits"][:, 0], yaw)[0, 1] > 0.7
    shapes = np.array([fitted.shape_of(one) for one in observed])
    assert np.corrcoef(guess["shape"][:, 0], shapes[:, 0])[0, 1] > 0.7
    assert guess["dlib"].shape == (90, 128)
    assert 0 < len(fitted.decoys.attributes) <= 90


def test_it_is_read_as_it_was_written(tmp_path, seen, fitted):
    path = tmp_path / "one" / "model.safetensors"
    strangers.write(path, fitted, {"samples": 90})
    back = strangers.read(path)
    assert back.names == fitted.names
    for name, values in fitted.guess(seen[0]).items():
        spread = values.std(axis=0).max()
        np.testing.assert_allclose(back.guess(seen[0])[name], values, atol=0.02 * spread)
    vectors = fitted.decoys.vectors["dlib"]
    np.testing.assert_allclose(
        back.decoys.vectors["dlib"], vectors, atol=np.abs(vectors).max() / 250
    )


def test_too_few_faces_say_nothing(seen):
    w, observed = seen
    assert strangers.fit(w[:20], observed[:20]) is None


def test_a_model_without_a_file_is_learned_once(studio, tmp_path, monkeypatch):
    monkeypatch.setattr(strangers, "FOLDER", tmp_path / "nothing")
    monkeypatch.setattr(strangers, "LEARNED", 70)
    monkeypatch.setattr(strangers, "cache_folder", lambda: tmp_path / "cache")
    looks = []

    def observer(pixels):
        looks.append(pixels)
        return studio.observer(pixels)

    observer.recognisers, observer.kinds = studio.observer.recognisers, studio.observer.kinds

    def learned():
        steps = strangers.learn(studio.model, observer, studio.renderer)
        shares = []
        while True:
            try:
                shares.append(next(steps))
            except StopIteration as end:
                return shares, end.value

    shares, first = learned()
    assert shares == sorted(shares) and shares[0] == 0 and len(looks) == 70
    again, second = learned()
    assert again == [] and len(looks) == 70 and second.names == first.names
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(b"damaged")
    assert learned()[1].names == first.names and len(looks) == 140


def test_a_model_that_draws_no_faces_has_none(tiny_studio):
    assert tiny_studio.strangers is None


@pytest.mark.parametrize("name", ["bundled", "mobilestylegan-1024"])
def test_what_ships_is_whole(name):
    found = strangers.read(strangers.FOLDER / f"{name}.safetensors")
    assert set(TRAITS) <= set(found.names) and len(found.decoys.attributes) >= 2000
    assert set(found.decoys.vectors) == {"dlib", "sface"}
    size = sum(path.stat().st_size for path in strangers.FOLDER.iterdir())
    assert size < 8e6


def test_who_fits_is_guessed_to_hold_the_head_alike(studio, astronaut):
    aligned = studio.align(astronaut)
    photo = studio.observer(aligned.pixels)
    known, wanted = studio.strangers, Wanted.of(photo, ATTRIBUTES)
    fit = Matching(known, known.directions(studio.statistics), wanted, studio.recognisers)
    codes = matching.codes(studio.model, range(600), aligned.digest)
    ranking = fit.rank(codes)
    assert (np.diff(ranking.costs) >= 0).all() and len(set(ranking.rows)) == len(ranking.rows)
    best, yaw = ranking.guess["traits"][:20], TRAITS.index("yaw")
    usual = known.guess(codes)["traits"]
    for column in (yaw, TRAITS.index("age"), TRAITS.index("skin")):
        off = np.abs(best[:, column] - photo.traits[column]).mean()
        assert off < np.abs(usual[:, column] - photo.traits[column]).mean() / 2
    again = fit.start(codes[int(ranking.rows[0])])
    np.testing.assert_allclose(known.guess(again[None])["traits"][0], best[0], atol=1e-3)


def test_for_a_photo_bare_foreheads_come_first(studio, astronaut):
    aligned = studio.align(astronaut)
    known, wanted = studio.strangers, Wanted.of(studio.observer(aligned.pixels), ATTRIBUTES)
    tools = known, known.directions(studio.statistics), wanted, studio.recognisers
    codes = matching.codes(studio.model, range(600), aligned.digest)
    forehead = [name for name in known.names if name in TRAITS].index("forehead")
    bare, plain = (
        Matching(*tools, pasted).rank(codes).guess["traits"][:40, forehead].mean()
        for pasted in (True, False)
    )
    assert bare > plain


def test_a_pool_is_the_photos_and_the_seeds_own(studio):
    seeds = matching.seeds_of(7)
    assert seeds[0] == 7 and len(set(seeds)) > 0.99 * matching.POOL
    assert len(set(seeds) & set(matching.seeds_of(8))) < 20
    one, other = (matching.codes(studio.model, [7, 8], photo) for photo in (1, 2))
    assert not torch.allclose(one, other, atol=0.1)
    torch.testing.assert_close(matching.codes(studio.model, [8], 1)[0], one[1])


def test_a_code_is_corrected_by_what_is_missing(studio, astronaut):
    """Previews at the corrected code are nearer to what is asked for."""
    aligned = studio.align(astronaut)
    photo = studio.observer(aligned.pixels)
    known = studio.strangers
    fit = Matching(known, known.directions(studio.statistics), Wanted.of(photo, ()), ())

    def turned(w):
        seen = studio.observer(studio.renderer.preview(studio.model.generator.broadcast(w[None])))
        return seen, abs(float(seen.traits[0] - photo.traits[0]))

    better = []
    for w in matching.codes(studio.model, range(6), 1):
        seen, before = turned(w)
        better.append(turned(fit.corrected(w, seen))[1] - before)
    assert np.mean(better) < -0.5, "degrees"


def test_a_correction_leaves_alone_what_is_near_enough(studio, seen, fitted):
    w, observed = seen
    one = next(index for index, it in enumerate(observed) if it.trouble is None)
    wanted = Wanted.of(observed[one], ())
    fit = Matching(fitted, fitted.directions(studio.statistics), wanted, studio.recognisers)
    assert torch.allclose(fit.corrected(w[one], observed[one]), w[one], atol=1e-5)
    yaw = TRAITS.index("yaw")

    def moved(degrees):
        traits = observed[one].traits.copy()
        traits[yaw] += degrees
        return fit.corrected(w[one], replace(observed[one], traits=traits)) - w[one]

    assert float(moved(1.0).norm()) < 1e-4, "a degree is near enough"
    slope = fitted.slopes[fitted.names.index("yaw")]
    # Four degrees too far to one side are answered to the other, by less than all of it.
    assert -4 < float(slope @ moved(4.0)) < -0.5
    assert 0.5 < float(slope @ moved(-4.0)) < 4
