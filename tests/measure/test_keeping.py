"""What a new face has to share with the photo, and what it may not."""

from dataclasses import replace

import numpy as np
import pytest

from facegen import Studio
from facegen.measure import keeping
from facegen.measure.keeping import Wanted
from facegen.measure.observation import TRAITS, Observation
from facegen.options import ATTRIBUTES

AGE, GENDER, SKIN = (TRAITS.index(name) for name in ATTRIBUTES)
SURE_MAN = {
    "glasses": -4.0, "dark": -6.0, "beard": -5.0, "headwear": -3.0, "feminine": -4.0,
    "clutter": -3.0, "child": -5.0, "old": -4.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def photo(astronaut) -> Observation:
    studio = Studio.load("bundled", "cpu")
    seen = studio.observer(studio.align(astronaut).pixels)
    traits = seen.traits.copy()
    traits[[AGE, GENDER, SKIN]] = 40.0, 20.0, 30.0
    return replace(seen, traits=traits, kinds=SURE_MAN, trouble=None)


@pytest.fixture
def wanted(photo) -> Wanted:
    return Wanted.of(photo, ATTRIBUTES)


def moved(photo: Observation, kinds=None, **traits) -> Observation:
    new = photo.traits.copy()
    for name, by in traits.items():
        new[TRAITS.index(name)] += by
    return replace(photo, traits=new, kinds={**photo.kinds, **(kinds or {})})


def test_the_photo_itself_holds(photo, wanted):
    assert wanted.broken(photo) is None
    assert np.nanmax(np.abs(np.delete(wanted.gap(photo), GENDER))) == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"yaw": 7.9}, None), ({"yaw": 8.1}, keeping.POSE_MOVED),
        ({"pitch": -8.1}, keeping.POSE_MOVED), ({"mouth": 0.2}, keeping.POSE_MOVED),
        ({"smile": -0.16}, keeping.POSE_MOVED), ({"eyes": 0.2}, keeping.POSE_MOVED),
        ({"age": 9.9}, None), ({"age": -10.1}, keeping.AGE),
        ({"skin": 12.4}, None), ({"skin": 12.6}, keeping.SKIN),
        ({"gender": 24.0}, None), ({"gender": 28.0}, keeping.GENDER),
        ({"gender": -30.0}, None),
    ],
)  # fmt: skip
def test_how_far_a_trait_may_move(photo, wanted, changes, why):
    assert wanted.broken(moved(photo, **changes)) == why


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        ({"glasses": 2.0}, keeping.GLASSES), ({"dark": 2.0}, keeping.GLASSES),
        ({"beard": 2.0}, keeping.BEARD), ({"feminine": 2.0}, keeping.GENDER),
        ({"clutter": 2.0}, keeping.CLUTTER), ({"child": 2.0}, keeping.AGE),
        ({"old": 2.0}, keeping.AGE), ({"headwear": 4.0}, keeping.HAT),
    ],
)  # fmt: skip
def test_what_is_worn_and_who_it_is_stays(photo, wanted, kinds, why):
    assert wanted.broken(moved(photo, kinds)) == why


def test_what_the_photo_does_not_show_is_not_asked_but_told(photo):
    unsure = replace(photo, kinds={**SURE_MAN, "glasses": 0.3})
    wanted = Wanted.of(unsure, ATTRIBUTES)
    assert wanted.broken(moved(unsure, {"glasses": 5.0})) is None
    assert wanted.unseen == ("glasses",)
    blind = moved(photo, skin=np.nan)
    assert Wanted.of(blind, ATTRIBUTES).unseen == ("skin",)
    assert Wanted.of(blind, ATTRIBUTES).broken(moved(photo, skin=50.0)) is None


def test_a_hat_is_neither_asked_for_nor_added(photo):
    hatted = Wanted.of(replace(photo, kinds={**SURE_MAN, "headwear": 5.0}), ATTRIBUTES)
    assert hatted.broken(moved(photo, {"headwear": -5.0})) is None


def test_stubble_may_not_become_a_beard(photo):
    stubble = replace(photo, kinds={**SURE_MAN, "beard": 1.0})
    wanted = Wanted.of(stubble, ATTRIBUTES)
    assert wanted.broken(moved(stubble, {"beard": 3.9})) is None
    assert wanted.broken(moved(stubble, {"beard": 4.1})) == keeping.BEARD
    assert wanted.broken(moved(stubble, {"beard": -2.1})) == keeping.BEARD
    free = Wanted.of(stubble, ("age",))
    assert free.broken(moved(stubble, {"beard": 4.6})) is None


def test_hardly_any_beard_may_be_none_at_all(photo):
    shaved = replace(photo, kinds={**SURE_MAN, "beard": -0.5})
    wanted = Wanted.of(shaved, ATTRIBUTES)
    assert wanted.broken(moved(shaved, {"beard": -9.0})) is None
    assert wanted.broken(moved(shaved, {"beard": 2.6})) == keeping.BEARD


def test_women_and_children_get_no_beard_however_unsure_a_classifier_is(photo):
    unsure = {**SURE_MAN, "feminine": 0.2, "beard": 0.4, "child": 0.5}
    for traits in ({"gender": 50.0}, {"gender": 30.0, "age": -31.0}):
        one = moved(replace(photo, kinds=unsure), **traits)
        wanted = Wanted.of(one, ATTRIBUTES)
        assert wanted.broken(moved(one, {"beard": 0.5})) == keeping.BEARD
        assert wanted.broken(moved(one, {"beard": -6.0})) is None


def test_whoever_is_seen_as_a_child_stays_one(photo):
    boy = moved(replace(photo, kinds={**SURE_MAN, "child": 0.5}), age=-29.0)
    wanted = Wanted.of(boy, ATTRIBUTES)
    assert wanted.broken(moved(boy, {"child": -2.0})) == keeping.AGE
    assert wanted.broken(moved(boy, {"child": 2.0})) is None


def test_a_small_photo_leaves_more_room(photo):
    beard = replace(photo, kinds={**SURE_MAN, "beard": 4.0})
    shaved = moved(beard, {"beard": -1.5})
    assert Wanted.of(beard, ATTRIBUTES).broken(shaved) == keeping.BEARD
    assert Wanted.of(beard, ATTRIBUTES, room=3.0).broken(shaved) is None
    older = moved(photo, age=11.0)
    assert Wanted.of(photo, ATTRIBUTES).broken(older) == keeping.AGE
    assert Wanted.of(photo, ATTRIBUTES, room=2.0).broken(older) is None


def test_the_skin_of_a_face_that_is_toned_may_be_another(photo):
    other = moved(photo, skin=25.0)
    assert Wanted.of(photo, ATTRIBUTES).broken(other) == keeping.SKIN
    assert Wanted.of(photo, ATTRIBUTES, toned=True).broken(other) is None


def test_the_light_may_fall_a_little_otherwise(photo):
    even, aside = np.ones(17), np.where(np.arange(17) % 2, 1.3, 0.7)
    wanted = Wanted.of(replace(photo, shading=even), ATTRIBUTES)
    assert wanted.broken(replace(photo, shading=aside)) is None
    assert wanted.broken(replace(photo, shading=2 * aside - 1)) == keeping.LIGHT
    harsh = Wanted.of(replace(photo, shading=2 * aside - 1), ATTRIBUTES)
    assert harsh.broken(replace(photo, shading=aside)) is None, "as much room as its own light has"


def test_raters_that_contradict_each_other_tell_no_gender(photo):
    torn = replace(moved(photo, gender=25.0), kinds={**SURE_MAN, "feminine": 1.7})
    wanted = Wanted.of(torn, ATTRIBUTES)
    assert "gender" in wanted.unseen
    for other in (moved(torn, gender=20.0), moved(torn, {"feminine": -4.0})):
        assert wanted.broken(other) is None
    agreeing = Wanted.of(replace(torn, kinds={**SURE_MAN, "feminine": -1.7}), ATTRIBUTES)
    assert agreeing.broken(moved(torn, gender=20.0)) == keeping.GENDER


def test_limits_can_be_narrower(photo, wanted):
    assert wanted.broken(moved(photo, yaw=7.5)) is None
    assert wanted.broken(moved(photo, yaw=7.5), 0.85) == keeping.POSE_MOVED
    doubtful = moved(photo, {"glasses": -3.1})
    assert wanted.broken(doubtful) is None and wanted.broken(doubtful, 0.85) == keeping.GLASSES


@pytest.mark.parametrize(
    ("age", "other", "same"),
    [
        (40, 50, True),
        (20, 12, True),
        (20, 8, False),
        (50, 58, True),
        (45, 63, False),
        (1, 9, False),
    ],
)
def test_age_bands_have_soft_edges(age, other, same):
    assert keeping._same_band(age, other) == keeping._same_band(other, age) == same


def test_nothing_kept_asks_for_the_pose_alone(photo):
    wanted = Wanted.of(photo, ())
    assert wanted.broken(moved(photo, {"feminine": 5.0}, age=30.0, gender=70.0, skin=60.0)) is None
    assert wanted.broken(moved(photo, yaw=20.0)) == keeping.POSE_MOVED


def test_a_band_is_moved_by_an_offset_of_the_seeds_own(photo):
    keep = ("age-band", "gender", "skin-band")
    ages = [Wanted.of(photo, keep, seed, 5).traits[AGE] for seed in range(200)]
    skins = [Wanted.of(photo, keep, seed, 5).traits[SKIN] for seed in range(200)]
    assert ages == [Wanted.of(photo, keep, seed, 5).traits[AGE] for seed in range(200)]
    for values, middle in ((ages, 40.0), (skins, 30.0)):
        assert min(values) >= middle - keeping.BAND and max(values) <= middle + keeping.BAND
        assert np.std(values) > keeping.BAND / 3
    child = moved(photo, age=-30.0)  # ten years old
    ages = [Wanted.of(child, keep, seed).traits[AGE] for seed in range(200)]
    assert min(ages) >= 3 and max(ages) <= 13, "never across the edge of a band"


def test_a_gender_presentation_is_asked_to_be_clear(photo, wanted):
    seen = moved(photo, gender=20.0)  # 40: on its side, and not clear
    assert wanted.gap(seen)[GENDER] < -5
    assert wanted.gap(moved(photo, gender=-15.0))[GENDER] == 0, "farther on its side is no gap"
