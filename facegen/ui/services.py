"""The jobs as programs get them: their arguments by name, and words on when to use which.

All of it is derived from the records in jobs/catalogue.py; the named API (api.py) and the agents'
tools (mcp.py) are made from it. A job that is not in `_TOLD` is offered as its record describes it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import weights
from ..errors import FacegenError, ImageError, OptionError
from ..images import READABLE
from ..jobs import catalogue
from ..jobs.job import Job, Source
from ..options import JSON, StyleOptions, check_range, face_index, spec
from ..options.edit import NAMES, parse, range_text
from .server.model_pool import Studios
from .texts import sentence
from .widgets.photo_input import MAX_MEGABYTES, Photograph

PHOTO = "photo"  # a kind of argument; the others are JSON's
FACES, MANIFEST, ZIP, FILE = "faces", "manifest", "ZIP", "the photo"  # what an endpoint gives
KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@dataclass(frozen=True)
class Argument:
    """One value."""

    name: str
    kind: str  # PHOTO or one of KINDS
    help: str
    default: Any = None
    range: tuple[float, float] | None = None  # of a number
    choices: Sequence[str] = ()
    required: bool = False

    def checked(self, value: Any) -> Any:
        """Return the value in its own type. Raises OptionError for one of another kind."""
        whole = self.kind == "integer" and isinstance(value, float) and value.is_integer()
        kinds = tuple(kind for kind, name in JSON.items() if name == self.kind)
        kinds += (int,) if self.kind == "number" else ()
        truth = isinstance(value, bool)  # which Python takes for a number
        if not whole and not (isinstance(value, kinds) and truth == (self.kind == "boolean")):
            raise OptionError(f"{self.name} is {str(value)[:40]!r}; it must be {KINDS[self.kind]}")
        if self.range is not None:
            check_range(self.name, value, *self.range)
        return int(value) if whole else value

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON schema does; a photo as text."""
        about: dict[str, Any] = {
            "type": "string" if self.kind == PHOTO else self.kind,
            "description": self.help,
        }
        if self.kind != PHOTO and not self.required:
            about["default"] = self.default
        if self.range:
            about["minimum"], about["maximum"] = self.range
        if self.choices:
            about["enum"] = list(self.choices)
        return about


@dataclass(frozen=True)
class Told:
    """The words on a job."""

    tool: str  # its name for agents
    title: str
    words: str  # with {job} for the others' names
    arguments: str = ""  # names, in the endpoint's order; "": all
    gives: tuple[str, ...] = (FACES, MANIFEST, ZIP)  # an endpoint's results
    shows: str = "of people who do not exist"  # what its pictures are, after their number


@dataclass(frozen=True)
class Service:
    """A job as it is offered."""

    job: Job
    told: Told
    arguments: Mapping[str, Argument]
    studios: Studios

    def begin(
        self, given: Mapping[str, Any], photograph: Callable[[Any], Photograph]
    ) -> tuple[str | None, list[Source], Any]:
        """Read the arguments: (the model's name, the sources, the options).

        given: values by name; None stands for the default. photograph: reads a photo. Raises
        FacegenError, in words that name the argument.
        """
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in self.arguments:
                raise OptionError(
                    f"there is no argument {name[:40]!r}; {self.told.tool} has "
                    f"{', '.join(self.arguments)}"
                )
            if value is not None and self.arguments[name].kind == PHOTO:
                try:
                    values[name] = photograph(value)
                except FacegenError as error:
                    raise type(error)(f"{name}: {error}") from error
            elif value is not None:
                values[name] = self.arguments[name].checked(value)
        for argument in self.arguments.values():
            if argument.required and argument.name not in values:
                raise OptionError(f"{argument.name} is missing; {argument.help}")
        model, face, mask = (values.pop(name, None) for name in ("model", "face", "mask"))
        face = None if face is None else face_index(face)
        self.studios.check(model)
        photos = [one.name for one in self.arguments.values() if one.kind == PHOTO]
        sources = [values.pop(name).source(face=face) for name in photos if name in values]
        if mask is not None:
            sources = [_masked(sources[0], mask)]
        drawn = values.pop("anime", "style" in values)
        if not drawn and "blend" in values and "anime" not in given:
            raise OptionError("blend is given, but no style to blend; name a style as well")
        if "blend" in self.arguments:
            values["style"] = values.get("style", StyleOptions.style) if drawn else None
            if drawn:
                weights.check_style(values["style"], self.studios.first.styles)
        if "settings" in values:
            values |= parse(values.pop("settings").split()).asked
        several = {name: one for name, one in spec(self.job.options).items() if one.many}
        values |= {name: several[name].read(values[name]) for name in several if name in values}
        return model, sources, self.job.given(values)


def services(studios: Studios) -> dict[str, Service]:
    """List the jobs that a face model does, by their names."""
    result = {}
    for job in catalogue.JOBS.values():
        if job.model:
            told = _TOLD.get(job.name) or Told(job.name, sentence(job.help), sentence(job.help))
            known = {argument.name: argument for argument in _arguments(job, studios)}
            names = told.arguments.split() or list(known)
            known |= {argument.name: argument for argument in _beside()}
            arguments = {name: known[name] for name in names}
            result[job.name] = Service(job, told, arguments, studios)
    return result


def _arguments(job: Job, studios: Studios) -> list[Argument]:
    least, single = job.photos[0], 1 in job.photos
    photos = ["photo"] if single else [f"photo_{name}" for name in "abcdefgh"[:least]]
    words = f"A picture with a face: {READABLE}, up to {MAX_MEGABYTES} MB."
    result = [Argument(name, PHOTO, words, required=bool(least)) for name in photos]
    if single:
        which = "Which face of the photo: 1 is the largest, 2 the second largest."
        result.append(Argument("face", "integer", which, 1))
    for name, one in spec(job.options).items():
        default = getattr(one.owner, name)  # also of a part that is left out by default
        words = sentence(one.help or name.replace("_", " "))
        if one.many:  # given as text
            result.append(Argument(name, "string", words, ",".join(map(str, default))))
        else:
            choices = studios.first.styles if name == "style" else one.choices
            result.append(Argument(name, JSON[one.kind], words, default, one.offered, choices))
    names = {name: label for label, name in studios.choices}
    meaning = "; ".join(f"{name}: {label}" for name, label in names.items())
    words = f"Which face model draws. {meaning}."
    first = studios.first.info.name
    return [*result, Argument("model", "string", words, first, choices=list(names))]


def _beside() -> tuple[Argument, ...]:
    """List what some jobs take beside their options."""
    sliders = "; ".join(f"{name} {range_text(name)}" for name in NAMES)
    return (
        Argument("anime", "boolean", "Draw each face in an anime style as well.", False),
        Argument(
            "mask",
            PHOTO,
            "For holes: a picture as large as the photo, white where something is missing.",
        ),
        Argument(
            "settings",
            "string",
            f"NAME=AMOUNT, several with blanks between: smile=+0.5 age=+10y. {sliders}.",
            "smile=+0.5",
            required=True,
        ),
    )


def _masked(source: Source, mask: Photograph) -> Source:
    holes = mask.pixels.max(axis=2)
    if holes.shape != source.pixels.shape[:2]:
        sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (holes, source.pixels)]
        raise ImageError(
            f"mask has {sizes[0]} pixels, photo {sizes[1]}; make it as large as the photo"
        )
    return dataclasses.replace(source, mask=holes)


_TOLD = {
    "generate": Told(
        "generate_people_from_photo",
        "People who do not exist, from a reference photo",
        "Make pictures of several people who do not exist from one photo of a face: each is "
        "somebody else, with the same pose, light and expression. Use it when there is a "
        "reference photo and a stand-in for the person in it is wanted. It does not "
        "beautify or identify the person in the photo; to change a face by name use {edit}, "
        "without a photo {random}. There are fewer pictures than asked for where nobody else fits.",
        "photo strength count anime style blend seed face steps noise_mode keep model label "
        "background",
    ),
    "random": Told(
        "generate_random_faces",
        "Random faces of people who do not exist",
        "Make pictures of faces of people who do not exist, out of nothing but a number. Use it "
        "when there is no reference photo: for placeholder portraits, avatars, test data. "
        "With a photo use {generate}.",
        "count seed truncation_psi noise_mode anime style blend model label balanced "
        "background labels",
        (FACES, ZIP),
    ),
    "edit": Told(
        "edit_face",
        "The same face, older, smiling, turned",
        "Change a face by name: the same person, older, smiling, turned. Use it when one person "
        "is to stay and something about them to change; for other people use {generate}.",
        "photo settings face steps model label background",
        (FACES, MANIFEST),
        "of the face in the photo, changed and drawn by the model",
    ),
    "mix": Told(
        "mix_two_faces",
        "What lies between two faces",
        "Cross two faces over: by layers (coarse features of one, fine ones of the other), by "
        "region (eyes, nose, mouth, outline, hair) and step by step from one to the other. Use it "
        "when two photos of faces are to become mixtures; for their children use {child}.",
        "photo_a photo_b steps_between sharpness steps model label",
    ),
    "child": Told(
        "children_of_two_faces",
        "Children of two faces",
        "Make faces of children who do not exist from the photos of two parents: each region of a "
        "face comes from one parent or, now and then, from a stranger. Use it when there are two "
        "photos and faces that resemble both are wanted. It foretells nothing: real children look "
        "otherwise. For plain mixtures use {mix}.",
        "photo_a photo_b count seed first second stranger age sex steps model label",
    ),
    "persona": Told(
        "pictures_of_one_person",
        "One person who does not exist, in many pictures",
        "Make pictures of one invented person: turned, laughing, older, in other light, with "
        "glasses, each checked to be the same person. Use it when a story, a game or a test needs "
        "one face again and again. With a photo the person is a stranger who fits it. For "
        "different people use {random} or {generate}.",
        "photo like set count seed face noise_mode captions model label background labels",
    ),
    "restore": Told(
        "restore_face",
        "Faces that a damaged picture could show",
        "Draw several faces that a small, blurred, noisy, compressed or scratched picture of one "
        "could show, each with a word on whether it agrees with the picture. Use it when a face "
        "is hard to see and a plausible one will do. It never tells who somebody is: each is one "
        "of many faces that the picture could be.",
        "photo mask damage count steps seed face model label fidelity",
    ),
    "anonymise": Told(
        "anonymise_photo",
        "A whole photo, its faces replaced in place",
        "Replace the faces in a whole photo, in place, by people who do not exist; all else stays "
        "as it was, and the file keeps its format. Use it when a photo is to be shown without the "
        "people in it; look at the result: a face that was not found is still there. For the "
        "faces alone use {generate}.",
        "photo faces strength seed label model",
        (FILE, MANIFEST),
        "with people who do not exist in place of the faces that were replaced",
    ),
}
