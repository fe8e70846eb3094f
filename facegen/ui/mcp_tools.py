"""What an agent is offered: the tools, in words by which it picks the right one.

Names, ranges and defaults come from the option dataclasses; a value out of range is answered in
their words, as everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import OptionError
from ..images import READABLE
from ..latent.mix.options import ChildOptions, MixOptions
from ..latent.restore.options import DAMAGES, RestoreOptions
from ..options import (
    ATTRIBUTES,
    InvertOptions,
    SampleOptions,
    StyleOptions,
    VaryOptions,
    help_of,
    range_of,
)
from .server.model_pool import Studios
from .server.private_files import KEEP_SECONDS
from .texts import sentence
from .widgets.photo_input import MAX_MEGABYTES

FROM_PHOTO, RANDOM = "generate_people_from_photo", "generate_random_faces"
MIX, CHILD, RESTORE = "mix_two_faces", "children_of_two_faces", "restore_face"
PREVIEW = 512  # pixels of the pictures that come with an answer
UPLOAD = "/gradio_api/upload"
KEEP_MINUTES = KEEP_SECONDS // 60
KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
RETURNS = (
    f"Returns a line of text on each face, a preview of each (JPEG, up to {PREVIEW} pixels) and a "
    f"link to each full-size PNG, which the server deletes after {KEEP_MINUTES} minutes. None of "
    "the people exists. Takes seconds on a GPU, up to a minute on a CPU."
)


KEEP_ATTRIBUTES = {
    "type": "string",
    "default": VaryOptions().kept_in_words,
    "description": "What of the photo's face the new ones keep, as people would guess it: some of "
    f"{', '.join(ATTRIBUTES)}, with commas; none: nothing.",
}
FACE = {
    "type": "integer",
    "minimum": 0,
    "default": 0,
    "description": "Which face of the photo: 0 is the largest, 1 the second largest.",
}
TWO = ("photo_a", "photo_b")
BALANCED = {
    "type": "boolean",
    "default": False,
    "description": "Choose faces so that ages, gender presentations and skin tones are even, as "
    "far as the model can draw them. Takes longer.",
}
LABEL = {
    "type": "boolean",
    "default": False,
    "description": "Write AI-generated visibly in a corner of each picture. Invisible marks of "
    "origin are on every picture anyway.",
}


@dataclass(frozen=True)
class Tool:
    """endpoint: of the page's API, which does the work. schema: JSON schema of the arguments.
    photos: those of them that are pictures. told: whether a manifest comes with the pictures."""

    name: str
    endpoint: str
    title: str
    description: str
    schema: Mapping[str, Any]
    photos: tuple[str, ...] = ()
    told: bool = True

    def fields(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The endpoint's arguments but the photos. Raises OptionError for an unknown one, or one of
        another type."""
        known = self.schema["properties"]
        for name, value in arguments.items():
            if name not in known:
                raise OptionError(f"there is no argument {name!r}; {self.name} has {_list(known)}")
            _check_type(name, value, known[name]["type"])
        for name in self.schema["required"]:
            if arguments.get(name) is None:
                raise OptionError(f"{name} is missing; {known[name]['description']}")
        given = {k: v for k, v in arguments.items() if k not in self.photos and v is not None}
        if "style" in given:
            given["anime"] = True
        elif "blend" in given:
            raise OptionError("blend is given, but no style to blend; name a style as well")
        return given

    def count(self, fields: Mapping[str, Any]) -> int | None:
        """How many faces come of these arguments; None where nobody asks."""
        asked = self.schema["properties"].get("count")
        return fields.get("count", asked["default"]) if asked else None


def tools(studios: Studios, address: str) -> dict[str, Tool]:
    """By their names. address: of the page, for the words on uploading."""
    photo = {"type": "string", "description": _photo_words(address)}
    people = Tool(
        FROM_PHOTO,
        "/generate",
        "People who do not exist, from a reference photo",
        "Make pictures of several people who do not exist from one photo of a face: each is "
        "somebody else, with the same pose, light and expression. Use it when there is a "
        "reference photo and a stand-in for the person in it is wanted. It does not edit, "
        "beautify or identify the person in the photo; without a photo use "
        f"{RANDOM}. {RETURNS}",
        _schema(
            {
                "photo": photo,
                **{name: _number(VaryOptions, name) for name in ("count", "strength", "seed")},
                "keep": KEEP_ATTRIBUTES,
                "face": FACE,
                "steps": _number(InvertOptions, "steps"),
                **_drawn(studios),
                **_model(studios),
                "label": LABEL,
            },
            ["photo"],
        ),
        ("photo",),
    )
    random = Tool(
        RANDOM,
        "/random",
        "Random faces of people who do not exist",
        "Make pictures of faces of people who do not exist, out of nothing but a number. Use it "
        "when there is no reference photo: for placeholder portraits, avatars, test data. "
        f"With a photo use {FROM_PHOTO}. {RETURNS}",
        _schema(
            {
                **{
                    name: _number(SampleOptions, name)
                    for name in ("count", "seed", "truncation_psi")
                },
                "balanced": BALANCED,
                **_drawn(studios),
                **_model(studios),
                "label": LABEL,
            },
            [],
        ),
        told=False,
    )
    every = people, random, *_of_two(studios, address), _restoring(studios, photo)
    return {tool.name: tool for tool in every}


def _of_two(studios: Studios, address: str) -> tuple[Tool, Tool]:
    photos = {
        name: {
            "type": "string",
            "description": f"Face {name[-1].upper()}. {_photo_words(address)} As text both "
            f"together may have {MAX_MEGABYTES} MB.",
        }
        for name in TWO
    }
    ends = {"steps": _number(InvertOptions, "steps"), **_model(studios), "label": LABEL}
    mix = Tool(
        MIX,
        "/mix",
        "What lies between two faces",
        "Cross two faces over: by layers (coarse features of one, fine ones of the other), by "
        "region (eyes, nose, mouth, outline, hair) and step by step from one to the other. Use it "
        f"when two photos of faces are to become mixtures; for their children use {CHILD}. "
        f"{RETURNS}",
        _schema(
            {
                **photos,
                **{name: _number(MixOptions, name) for name in ("steps_between", "sharpness")},
                **ends,
            },
            [*TWO],
        ),
        TWO,
    )
    names = ("count", "seed", "first", "second", "stranger", "age", "sex")
    child = Tool(
        CHILD,
        "/child",
        "Children of two faces",
        "Make faces of children who do not exist from the photos of two parents: each region of a "
        "face comes from one parent or, now and then, from a stranger. Use it when there are two "
        "photos and faces that resemble both are wanted. It foretells nothing: real children look "
        f"otherwise. For plain mixtures use {MIX}. {RETURNS}",
        _schema(
            {**photos, **{name: _number(ChildOptions, name) for name in names}, **ends}, [*TWO]
        ),
        TWO,
    )
    return mix, child


def _restoring(studios: Studios, photo: Mapping[str, Any]) -> Tool:
    numbers = ("count", "steps", "fidelity", "seed")
    damage = {
        "type": "string",
        "enum": list(DAMAGES),
        "default": RestoreOptions.damage,
        "description": "What happened to the picture; auto estimates it. holes need a mask.",
    }
    mask = {
        "type": "string",
        "description": "For holes: a picture as large as the photo, white where something is "
        "missing; in one of the same two ways as the photo.",
    }
    return Tool(
        RESTORE,
        "/restore",
        "Faces that a spoilt picture could show",
        "Draw several faces that a small, blurred, noisy, compressed or scratched picture of one "
        "could show, each with a word on whether it agrees with the picture. Use it when a face "
        "is hard to see and a plausible one will do. It never tells who somebody is: each is one "
        f"of many faces that the picture could be. {RETURNS}",
        _schema(
            {
                "photo": dict(photo),
                "mask": mask,
                "damage": damage,
                **{name: _number(RestoreOptions, name) for name in numbers},
                "face": FACE,
                **_model(studios),
                "label": LABEL,
            },
            ["photo"],
        ),
        ("photo", "mask"),
    )


def _photo_words(address: str) -> str:
    return (
        f"A picture with a face ({READABLE}, up to {MAX_MEGABYTES} MB), in one of two ways. "
        "(1) As a data URL (data:image/jpeg;base64,...) or the base64 text alone. "
        "(2) Uploaded first: send the file by HTTP POST as the form field 'files' to "
        f"{address}{UPLOAD} (curl -F files=@photo.jpg {address}{UPLOAD}); the answer is a JSON "
        "list with one path, which is the value to give here. Paths of other files and web "
        "addresses are refused."
    )


def _schema(properties: dict[str, dict[str, Any]], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _number(kind: type, name: str) -> dict[str, Any]:
    """With the words, the range and the default of that option."""
    default, (low, high) = getattr(kind, name), range_of(kind, name)
    return {
        "type": "integer" if type(default) is int else "number",
        "minimum": low,
        "maximum": high,
        "default": default,
        "description": sentence(help_of(kind, name)),
    }


def _drawn(studios: Studios) -> dict[str, dict[str, Any]]:
    """Nothing where no style is at hand."""
    styles = list(studios.first.styles)
    if not styles:
        return {}
    style = {
        "type": "string",
        "enum": styles,
        "description": "Also draw each face in this anime style; leave it out for faces alone.",
    }
    return {"style": style, "blend": _number(StyleOptions, "blend")}


def _model(studios: Studios) -> dict[str, dict[str, Any]]:
    """What each is good for and what its licence allows stands in the page's list of models."""
    words = "; ".join(f"{name}: {label}" for label, name in studios.choices)
    return {
        "model": {
            "type": "string",
            "enum": [name for _, name in studios.choices],
            "default": studios.first.info.name,
            "description": f"Which face model draws. {words}.",
        }
    }


def _check_type(name: str, value: Any, wanted: str) -> None:
    """JSON's null stands for the default."""
    kinds = {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}
    whole = wanted == "integer" and isinstance(value, float) and value.is_integer()
    truth = isinstance(value, bool)  # which Python takes for a number
    right = (isinstance(value, kinds[wanted]) and truth == (wanted == "boolean")) or whole
    if value is not None and not right:
        raise OptionError(f"{name} is {str(value)[:40]!r}; it must be {KINDS[wanted]}")


def _list(names: Mapping[str, Any]) -> str:
    return ", ".join(names)
