"""An option is a dataclass field that says all there is to say of it: default, range, words.

    count: int = option(6, 1, 16, "how many variants")
    label: bool = option(False, help="write a label on each picture")
    noise_mode: str = option("const", help="of fine details", choices=("const", "random"))

`spec` reads it: the command line's flags, the API's arguments and the docs' tables are made
of that.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ..errors import OptionError

MAX_COUNT = 16
MAX_FACES = 1000  # of a photo
MAX_SEED = 2**31 - 1


def option(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    help: str = "",
    label: str = "",
    *,
    choices: Sequence[str] = (),
    flag: str | None = "",
    metavar: str = "",
    offered: float | None = None,
) -> Any:
    """Make a dataclass field.

    low, high: its range, of a number. help: in words that follow its name. label: what stands above
    it on the page; "": its name. choices: its values, or those that a tuple may hold. flag: on the
    command line; "": --NAME, None: none. metavar: what stands for its value there.
    offered: the most that the page and programs may ask for, where that is less.
    """
    about: dict[str, Any] = {"help": help, "label": label, "choices": tuple(choices)}
    if low is not None:
        about["range"] = (low, high)
        about["offered"] = (low, high if offered is None else offered)
    return dataclasses.field(default=default, metadata={**about, "flag": flag, "metavar": metavar})


@dataclass(frozen=True)
class Spec:
    """An option as every front shows it."""

    name: str
    kind: type  # int, float, bool or str
    many: bool  # a tuple of them
    default: Any  # None where it is not set
    range: tuple[float, float] | None  # of a number
    offered: tuple[float, float] | None  # what of it the page and programs may ask for
    choices: tuple[str, ...]  # of a text
    help: str
    label: str
    flag: str | None
    metavar: str
    owner: type  # the dataclass that has it

    @property
    def limits(self) -> str:
        """The values that are allowed: "1 to 16", "const, random or none"; "" for anything."""
        if self.range:
            return "{:.10g} to {:.10g}".format(*self.range)
        return one_of(self.choices)

    def read(self, text: str) -> tuple[Any, ...]:
        """Read a tuple: "1,3" -> (1, 3); "none" and "" -> (). Raises OptionError."""
        parts = [part.strip() for part in text.split(",")] if text.strip() else []
        try:
            return () if parts == ["none"] else tuple(map(self.kind, parts))
        except ValueError as error:
            raise OptionError(
                f"{self.name} is {text!r}; name numbers with commas, as in 1,3"
            ) from error


JSON = {int: "integer", float: "number", bool: "boolean", str: "string"}  # its names for kinds


def spec(*options: type) -> dict[str, Spec]:
    """List the options of dataclasses by name, also those that lie within one of their options."""
    listed = [named for one in options for named in _specs(one, False)]
    assert len(dict(listed)) == len(listed), "two options have one name"
    return dict(listed)


def _specs(options: type, unset: bool) -> Iterator[tuple[str, Spec]]:
    hints = typing.get_type_hints(options)
    for field, part in parts(options):
        if part is not None:
            yield from _specs(part, unset or field.default is None)
            continue
        kind, many = _kind(hints[field.name])
        about = field.metadata
        flag = about.get("flag", "")
        default = None if unset or field.default is dataclasses.MISSING else field.default
        yield (
            field.name,
            Spec(
                field.name,
                kind,
                many,
                default,
                about.get("range"),
                about.get("offered"),
                about.get("choices", ()),
                about.get("help", ""),
                about.get("label") or field.name.replace("_", " ").capitalize(),
                f"--{field.name.replace('_', '-')}" if flag == "" else flag,
                about.get("metavar", ""),
                options,
            ),
        )


def _kind(hint: Any) -> tuple[type, bool]:
    """Read a type: int | None -> (int, False); tuple[str, ...] -> (str, True)."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    many = typing.get_origin(hint) is tuple
    return (typing.get_args(hint)[0] if many else hint), many


def parts(options: type) -> Iterator[tuple[dataclasses.Field, type | None]]:
    """List each field, and its type where that is options of its own."""
    hints = typing.get_type_hints(options)
    for one in fields(options):
        kinds = hints[one.name], *typing.get_args(hints[one.name])
        nested = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
        yield one, typing.cast(type, nested[0]) if nested else None


def table(*options: type) -> str:
    """Write the docs' table of these options, as Markdown."""
    rows = ["| option | | range | default |", "|---|---|---|---|"]
    for name, one in spec(*options).items():
        default = ",".join(map(str, one.default)) if one.many else one.default
        number = isinstance(default, float)
        unset = default is None or default is False
        shown = f"{default:g}" if number else "" if unset else str(default)
        rows.append(f"| `{one.flag or name}` | {one.help} | {one.limits} | {shown} |")
    return "\n".join(rows) + "\n"


def one_of(words: Sequence[str]) -> str:
    """Join words: ("a", "b", "c") -> "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def range_of(options: type, name: str) -> tuple[float, float]:
    """Return an option's range, for a slider or a help text: range_of(VaryOptions, "count")."""
    return _metadata(options, name)["range"]


def offered_of(options: type, name: str) -> tuple[float, float]:
    """Return the range that the page and programs may ask for."""
    return _metadata(options, name)["offered"]


def help_of(options: type, name: str) -> str:
    """Say what an option means: help_of(VaryOptions, "count")."""
    return _metadata(options, name)["help"]


def label_of(options: type, name: str) -> str:
    """Say what an option is called on the page."""
    return _metadata(options, name)["label"] or name.replace("_", " ").capitalize()


def range_in_words(options: type, name: str) -> str:
    """Write an option's range: range_in_words(VaryOptions, "count") -> "1 to 16"."""
    return "{:.10g} to {:.10g}".format(*range_of(options, name))


def _metadata(options: type, name: str) -> Mapping[str, Any]:
    return next(field.metadata for field in fields(options) if field.name == name)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise OptionError unless low <= value <= high. NaN is outside every range."""
    if not low <= value <= high:
        raise OptionError(f"{name} is {value}; it must lie between {low} and {high}")


class Options:
    """Options, of a dataclass, that are checked when they are built.

    Raises OptionError unless every one lies within its range, or is one of its choices. An option
    whose default is an int takes whole numbers only.
    """

    def __post_init__(self) -> None:
        for field in fields(typing.cast(Any, self)):
            value, about = getattr(self, field.name), field.metadata
            values = value if isinstance(value, tuple) else (value,)
            if "range" in about:
                for number in values:
                    check_range(field.name, number, *about["range"])
                if type(field.default) is int and value != int(value):
                    raise OptionError(f"{field.name} is {value}; it must be a whole number")
            elif choices := about.get("choices"):
                for one in values:
                    if one not in choices:
                        raise OptionError(
                            f"{field.name} is {str(one)[:40]!r}; it must be {one_of(choices)}"
                        )
