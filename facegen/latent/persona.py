"""One person who does not exist, in many pictures: who it is, and what changes from shot to shot.

A person is a code of the model's own, chosen by what the regressions of vary/strangers.py predict,
and turned to the front. A shot moves that code along the sliders of `edit` by what its `Look` asks.
What comes out is measured: one person with the front to every recogniser, natural, and moved as
asked; a shot that is not is tried again with more or less, and in the end left out with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from .. import images, limits
from ..errors import NoFaceError
from ..measure.identity import calibration
from ..measure.identity.dlib_recogniser import Recogniser, compare
from ..measure.keeping import CLUTTER, Wanted
from ..measure.kinds import KINDS
from ..measure.observation import TRAITS, Observation, Observer
from ..models import FaceModel, Renderer
from ..options import ATTRIBUTES, PersonaOptions
from ..runtime import seeded_uniform
from ..types import IdentityDistance, Progress
from .codes import CodeStatistics
from .edit import answers
from .edit.directions import EditDirections, move
from .vary import matching
from .vary.matching import Matching, Ranking
from .vary.strangers import Strangers

OTHER = "it is another person"  # why a shot is left out
CAME_WITH = "{} came with it"
FINDING = "finding a person"  # the stage of Progress
POOL = 6000  # codes of which a person is chosen
FITTING = 500  # of them, that fit best
TRIES = 24  # people who are drawn, until one is as asked
CORRECTIONS = 2
AGAIN = 4  # tries of a shot
YEARS = 30.0  # by which a person can look older or younger
AGAINST = 0.3  # of the slider of glasses, where age or another move brings some
LESS, MOST_MORE = 0.8, 1.5  # times, by which a shot is tried again
NEVER = -8.0  # log odds of what a person shall not have; how clean pictures without it lie
CLEARLY = 4.0  # log odds of what a person shall have
# A person from the front, at rest: the measures of measure/observation.py.
NEUTRAL = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, "mouth": 0.03, "smile": 0.65, "eyes": 0.25,
           "gaze": 0.0, "light": 0.0}  # fmt: skip
_LIKE = 61  # key of the random numbers drawn here
BLACK, DARK, FAIR = 65.0, 90.0, 170.0  # brightness of hair, of 255
_HAIR = (0.12, 0.3)  # where hair is looked at: above the forehead, over the height of the face


@dataclass(frozen=True)
class Look:
    """What a shot changes.

    name: of its file, such as "left-25". group: one of options.persona.SETS. sliders: slider -> its
    amount, of `edit`; "age": the years that the person shall look. has: kind of measure.kinds that
    has to show, or not. caption: in words."""

    name: str
    group: str
    sliders: Mapping[str, float]
    caption: str
    has: Mapping[str, bool] = field(default_factory=dict)


LOOKS = (
    Look("front", "front", {}, "from the front"),
    Look("left-15", "angles", {"yaw": -15}, "turned a little to your left"),
    Look("right-15", "angles", {"yaw": 15}, "turned a little to your right"),
    Look("left-25", "angles", {"yaw": -25}, "turned to your left"),
    Look("right-25", "angles", {"yaw": 25}, "turned to your right"),
    Look("up", "angles", {"pitch": -10}, "chin up"),
    Look("down", "angles", {"pitch": 10}, "chin down"),
    Look("smile", "expressions", {"smile": 0.6}, "smiling"),
    Look("laugh", "expressions", {"smile": 0.7, "mouth": 0.6}, "laughing"),
    Look("serious", "expressions", {"smile": -0.6}, "serious"),
    Look("surprised", "expressions", {"mouth": 0.6, "eyes": 0.6, "smile": -0.6}, "surprised"),
    Look("speaking", "expressions", {"mouth": 0.4, "smile": -0.35}, "speaking"),
    Look("eyes-closed", "expressions", {"eyes": -1.0}, "with closed eyes"),
    Look("gaze-left", "expressions", {"gaze": -0.45}, "looking to your left"),
    Look("gaze-right", "expressions", {"gaze": 0.45}, "looking to your right"),
    Look("age-08", "ages", {"age": 8}, "at 8", {"child": True}),
    Look("age-20", "ages", {"age": 20}, "at 20", {"child": False}),
    Look("age-30", "ages", {"age": 30}, "at 30"),
    Look("age-45", "ages", {"age": 45}, "at 45"),
    Look("age-60", "ages", {"age": 60}, "at 60"),
    Look("age-70", "ages", {"age": 70}, "at 70"),
    Look("light-left", "light", {"light": -0.8}, "light from your left"),
    Look("light-right", "light", {"light": 0.8}, "light from your right"),
    Look("fair-hair", "looks", {"hair_colour": 0.5}, "with lighter hair"),
    Look("dark-hair", "looks", {"hair_colour": -0.5}, "with darker hair"),
    Look("glasses", "looks", {"glasses": 0.6}, "with glasses", {"glasses": True}),
    Look("no-glasses", "looks", {"glasses": -0.6}, "without glasses", {"glasses": False}),
    Look("left-smile", "all", {"yaw": -15, "smile": 0.5}, "smiling, turned to your left"),
    Look("right-smile", "all", {"yaw": 15, "smile": 0.5}, "smiling, turned to your right"),
    Look("left-serious", "all", {"yaw": -15, "smile": -0.5}, "serious, turned to your left"),
    Look("right-serious", "all", {"yaw": 15, "smile": -0.5}, "serious, turned to your right"),
    Look("left-light", "all", {"yaw": -15, "light": -0.7}, "turned to the light on your left"),
    Look("right-light", "all", {"yaw": 15, "light": 0.7}, "turned to the light on your right"),
    Look("up-smile", "all", {"pitch": -8, "smile": 0.4}, "smiling, chin up"),
    Look("down-speaking", "all", {"pitch": 8, "mouth": 0.4, "smile": -0.3}, "speaking, chin down"),
)


@dataclass(frozen=True, eq=False)
class Persona:
    """A person: ws [1, num_ws, w_dim] from the front, its picture, and what is seen in it."""

    ws: Tensor
    pixels: np.ndarray
    seen: Observation
    shown: Mapping[str, float]  # measures of the sliders, see edit/answers.py

    def trait(self, name: str) -> float:
        return float(self.seen.traits[TRAITS.index(name)])

    @property
    def in_words(self) -> str:
        """Say who it looks like: "a woman of about 30"."""
        age, gender = self.trait("age"), self.trait("gender") - limits.MIDDLE_GENDER
        if math.isnan(age):
            return "a person"
        who = "woman" if gender > limits.CLEAR_GENDER else "person"
        who = "man" if gender < -limits.CLEAR_GENDER else who
        who = "child" if age < limits.AGE_BANDS[1] else who
        return f"a {who} of about {round(age)}"


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture of the person, or why there is none.

    identity: to the front. share: of what the look asks, that was applied. reached: slider -> what
    was measured, of those that can be. why: "" for a shot that holds."""

    look: Look
    ws: Tensor
    pixels: np.ndarray
    seen: Observation
    identity: Mapping[str, IdentityDistance]
    share: float
    reached: Mapping[str, float]
    why: str = ""


@dataclass(frozen=True, eq=False)
class Tools:
    """What people and shots are made with."""

    model: FaceModel
    renderer: Renderer
    observer: Observer
    recognisers: Sequence[Recogniser]
    statistics: CodeStatistics
    directions: EditDirections
    strangers: Strangers | None
    noise_mode: str = "const"

    def draw(self, ws: Tensor) -> np.ndarray:
        return self.renderer.pixels(ws, self.noise_mode)

    def moved(self, ws: Tensor, sliders: Mapping[str, float]) -> Tensor:
        """Move a code by sliders, as far as codes may go."""
        radius = self.statistics.spread * math.sqrt(len(self.statistics.mean))
        farthest = calibration.farthest(self.model.info.name)
        change = self.directions.change_by(sliders)
        return move(ws, change, self.statistics.mean, radius, farthest).ws

    def shown(self, pixels: np.ndarray) -> Mapping[str, float]:
        """Measure what sliders move in a picture; empty without a face."""
        return answers.measure_with(self.observer.detector)(pixels) or {}


def looks_of(options: PersonaOptions, known: EditDirections, person: Persona) -> list[Look]:
    """List the looks of a set that a model's sliders can make, the front first.

    What the front shows already is left out, the same age, glasses or none, dark hair; and ages so
    far from it that the model draws somebody else."""
    wanted = {
        "sheet": ("angles", "expressions", "ages", "light", "looks"),
        "all": ("angles", "expressions", "ages", "light", "looks", "all"),
    }.get(options.set, (options.set,))
    return [
        look
        for look in LOOKS
        if look.group in ("front", *wanted)
        and all(name in known.steps for name in look.sliders)
        and not is_so(person, look)
        and abs(look.sliders.get("age", person.trait("age")) - person.trait("age")) <= YEARS
    ]


# --- who it is -----------------------------------------------------------------------------


def find(options: PersonaOptions, tools: Tools) -> Generator[Progress, None, Persona]:
    """Find a person who is as the options ask, from the seed.

    Raises NoFaceError where nobody is."""
    known = tools.strangers
    if known is None:
        raise NoFaceError(f"{tools.model.info.name} draws too few faces to choose a person from")
    aim, asked = _wanted(options, ATTRIBUTES), _wanted(options, tuple(options.wanted()))
    fit = Matching(known, known.directions(tools.statistics), aim, ())
    pool = matching.codes(tools.model, matching.seeds_of(options.seed)[:POOL], _LIKE)
    ranking = fit.rank(pool)
    apart = (pool[ranking.rows] - tools.statistics.mean).norm(dim=1).numpy()
    best = _lovely(ranking, apart, tools.recognisers)
    why, spare = "", None  # somebody as asked, where nobody lovelier is found
    for number, row in enumerate(best[:TRIES]):
        yield Progress(FINDING, number, TRIES, why)
        w = fit.start(pool[row])
        for _ in range(CORRECTIONS + 1):
            person = at_front(_broadcast(tools, w), tools)
            why = asked.broken(person.seen) or ""
            spare = spare or (None if why else person)
            why = why or _unlovely(person.seen)
            if not why:
                return person
            w = fit.corrected(w, person.seen)
    if spare:
        return spare
    raise NoFaceError(
        f"of {min(TRIES, len(best))} people tried nobody is like {options.like!r} (the last: "
        f"{why}); ask for less, or take another seed"
    )


def _lovely(ranking: Ranking, apart: np.ndarray, recognisers: Sequence[Recogniser]) -> np.ndarray:
    """Return the rows of those who fit and look natural, clean and like nobody else.

    apart: of each, from the middle of all codes; who is far from it breaks when moved further. In
    the seed's own order: the very best of each would resemble each other, the middle of all."""
    rows, guess = ranking.rows[:FITTING], ranking.guess
    good = apart[:FITTING] <= np.median(apart[:FITTING])
    if "natural" in guess:
        natural = guess["natural"][:FITTING, 0]
        good &= natural >= np.median(natural)
    if "kinds" in guess:
        clutter = guess["kinds"][:FITTING, KINDS.index("clutter")]
        good &= clutter <= np.median(clutter)
    for one in recognisers:
        if one.name in guess:
            vectors = guess[one.name][:FITTING]
            apart = one.distances(vectors.mean(axis=0), vectors)
            good &= apart >= np.median(apart)
    return np.sort(rows[good])


def _unlovely(seen: Observation) -> str:
    """Explain why a picture that nothing is wrong with is not taken: there are better ones."""
    if seen.kinds.get("clutter", NEVER) > -limits.CLEAN:
        return CLUTTER
    if abs(float(seen.traits[TRAITS.index("yaw")])) > limits.MOVED["yaw"]:
        return "not from the front"
    return "not natural" if seen.natural is not None and seen.natural < limits.LOVELY else ""


def _broadcast(tools: Tools, w: Tensor) -> Tensor:
    return tools.model.generator.broadcast(w[None]).cpu()


def _wanted(options: PersonaOptions, keep: Sequence[str]) -> Wanted:
    """Describe the person: what `like` names, the rest drawn from the seed.

    keep: of options.ATTRIBUTES, those that the person has to have; others are aimed at."""
    like = options.wanted()
    draws = [seeded_uniform(_LIKE, options.seed, number) for number in range(3)]
    age = float(like.get("age", 18 + 50 * draws[0]))
    gender = float(like.get("gender", 85.0 if draws[1] < 0.5 else 15.0))
    child = age < limits.AGE_BANDS[1]
    # Few of the model's children have dark skin, or clearly a gender.
    skin = float(like.get("skin", 8 + (40 if child else 72) * draws[2]))
    traits = np.full(len(TRAITS), np.nan)
    for name, value in NEUTRAL.items():
        traits[TRAITS.index(name)] = value
    traits[-len(ATTRIBUTES) :] = age, gender, skin
    if child and "gender" not in like:
        gender = limits.MIDDLE_GENDER
    man = gender < limits.MIDDLE_GENDER
    kinds = {
        "glasses": CLEARLY if like.get("glasses") else NEVER,
        "beard": CLEARLY if like.get("beard") else NEVER if "beard" in like or not man else 0.0,
        "feminine": float(np.sign(gender - limits.MIDDLE_GENDER)) * CLEARLY,
        "child": CLEARLY if child else NEVER,
        "old": CLEARLY if age > 65 else 0.0 if age > 50 else NEVER,
        "dark": NEVER,
        "headwear": NEVER,
        "clutter": NEVER,
    }
    blank = Observation(0, None, None, 1.0, None, traits, kinds)
    return Wanted.of(blank, [name for name in keep if name in ATTRIBUTES])


def at_front(ws: Tensor, tools: Tools) -> Persona:
    """Turn a person to the front, as far as the model has sliders for it."""
    pixels = tools.draw(ws)
    shown = tools.shown(pixels)
    facts = tools.directions.facts
    turn = {
        name: -shown[name] / float(str(facts[name]["measure"]))
        for name in ("yaw", "pitch")
        if name in shown and name in facts
    }
    if any(abs(amount) > 1 for amount in turn.values()):
        ws = tools.moved(ws, turn)
        pixels = tools.draw(ws)
        shown = tools.shown(pixels)
    return Persona(ws, pixels, tools.observer(pixels), shown)


# --- their pictures ------------------------------------------------------------------------


def shots(person: Persona, looks: Sequence[Look], tools: Tools) -> Iterator[Shot]:
    """Make the person's pictures, one a look, whether they hold or not."""
    for look in looks:
        if not look.sliders:
            same = _identity(person, person.seen, tools)
            yield Shot(look, person.ws, person.pixels, person.seen, same, 1.0, {})
        else:
            yield _shot(person, look, tools)


def is_so(person: Persona, look: Look) -> bool:
    """Test whether the front shows the look already, or can't: black hair gets no lighter."""
    if "age" in look.sliders:
        return abs(look.sliders["age"] - person.trait("age")) < limits.TRAITS["age"] / 2
    if lighter := look.sliders.get("hair_colour"):
        hair = _hair(person.pixels, person.seen)
        return not (FAIR > hair > BLACK) if lighter > 0 else not hair > DARK
    return any(
        (person.seen.kinds.get(kind, 0.0) > 0) == wanted for kind, wanted in look.has.items()
    )


def _shot(person: Persona, look: Look, tools: Tools) -> Shot:
    asked = dict(look.sliders)
    if "age" in asked:
        asked["age"] -= person.trait("age")
    factor, low, high = 1.0, 0.0, math.inf  # too little was applied at low, too much at high
    against: dict[str, float] = {}  # sliders, to what came along unasked
    for _ in range(AGAIN):
        amounts = {name: factor * amount for name, amount in asked.items()}
        ws = tools.moved(person.ws, amounts | against)
        pixels = tools.draw(ws)
        seen = tools.observer(pixels)
        identity = _identity(person, seen, tools)
        reached = _reached(person, asked, pixels, seen, tools)
        why, times = _broken(person, look, asked, seen, identity, reached, tools)
        shot = Shot(look, ws, pixels, seen, identity, factor, reached, why)
        if not why:
            break
        if why == CAME_WITH.format("glasses") and "glasses" in tools.directions.steps:
            against["glasses"] = against.get("glasses", 0.0) - AGAINST
            continue
        low, high = (factor, high) if times > 1 else (low, factor)
        if low > 0.9 * high:
            break  # what is enough is too much
        factor = factor * times
        if not low < factor < high:
            factor = (low + high) / 2
    return shot


def _identity(person: Persona, seen: Observation, tools: Tools) -> dict[str, IdentityDistance]:
    """Measure how far a picture is from the front, by each recogniser that sees both."""
    front = person.seen.vectors
    return {
        one.name: compare(one, front[one.name], seen.vectors[one.name])
        for one in tools.recognisers
        if one.name in seen.vectors and one.name in front
    }


def _reached(
    person: Persona,
    asked: Mapping[str, float],
    pixels: np.ndarray,
    seen: Observation,
    tools: Tools,
) -> dict[str, float]:
    """Measure what the sliders did, in their units; those that cannot be measured are left out."""
    moved = answers.moved_by(person.shown, tools.shown(pixels) or None, tools.directions)
    reached = {name: moved[name] for name in asked if name in moved}
    if "age" in asked:
        reached["age"] = float(seen.traits[TRAITS.index("age")]) - person.trait("age")
    if "hair_colour" in asked:
        reached["hair_colour"] = (_hair(pixels, seen) - _hair(person.pixels, person.seen)) / 100
    return reached


def _hair(pixels: np.ndarray, seen: Observation) -> float:
    """Measure the brightness of the hair above the forehead, 0 to 255; NaN without a face."""
    face = seen.scaled_face(pixels.shape[1])
    if face is None:
        return math.nan
    left, top, right, bottom = face.box
    low, high = (round(top - share * (bottom - top)) for share in _HAIR)
    middle = slice(round(left + (right - left) / 3), round(right - (right - left) / 3))
    patch = pixels[max(high, 0) : max(low, 1), middle]
    return float((patch @ images.LUMA).mean()) if patch.size else math.nan


def _broken(
    person: Persona,
    look: Look,
    asked: Mapping[str, float],
    seen: Observation,
    identity: Mapping[str, IdentityDistance],
    reached: Mapping[str, float],
    tools: Tools,
) -> tuple[str, float]:
    """Explain why a shot does not hold, "" if it does, and by how much to try it again."""
    if seen.trouble or seen.face is None:
        return seen.trouble or "no face", LESS
    if seen.natural is not None and seen.natural < limits.SURELY_NATURAL:
        return "the face is not natural", LESS
    if tools.recognisers and len(identity) < len(tools.recognisers):
        return "a recogniser finds no face", LESS
    farther = limits.AGED if look.group == "ages" else 1.0
    if any(found.distance >= farther * found.threshold for found in identity.values()):
        return OTHER, LESS
    for kind in ("clutter", "headwear", "dark", "glasses"):
        wanted = look.has.get(kind, person.seen.kinds.get(kind, 0.0) > 0)
        odds = seen.kinds.get(kind, 0.0)
        no_more = max(-limits.KINDS.get(kind, 0.0), person.seen.kinds.get(kind, 0.0) + limits.SURE)
        if kind in look.has and (odds > limits.SURE) != wanted:
            return f"{kind} did not change", 1.2
        if kind not in look.has and odds > no_more and not wanted:
            return CAME_WITH.format(kind), LESS
    if (child := look.has.get("child")) is not None:
        odds = seen.kinds.get("child", 0.0)
        if child != (odds > 0) or abs(odds) < limits.A_CHILD:
            return "it looks older" if child else "it looks like a child", 1.2 if child else LESS
    for name, amount in asked.items():
        if name not in reached or math.isnan(reached[name]):
            continue
        answer = reached[name] / amount
        slack = limits.MOVED.get(name)
        off = abs(reached[name] - amount) > slack if slack else not 0.5 <= answer <= 1.8
        if off:
            times = float(np.clip(1 / max(answer, 0.1), 1 / MOST_MORE, MOST_MORE))
            return f"{name} moved by {reached[name]:.2g} of {amount:.2g}", times
    return "", 1.0
