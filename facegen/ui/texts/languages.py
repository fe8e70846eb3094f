"""The page's languages: which one a visitor gets, and a text in it.

An English text is its own key, as with gettext; a translation stands in the file of its language
beside this one. Programs, agents and the command line are answered in English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from gradio.context import LocalContext

LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
    "zh": "中文",
    "ja": "日本語",
}
LOCALES = {name: name for name in LANGUAGES} | {"pt": "pt-BR", "zh": "zh-CN"}  # Gradio's names
PARAMETER = "lang"  # of the page's address, for a language that was chosen

# Where a text is cut that is unknown as a whole: into sentences, these into the parts of a list.
_CUTS = re.compile(r"((?<=\.) (?=[A-Z0-9]))"), re.compile(r"(, (?![^(]*\))|: )")
_NUMBERS = {"n", "m", "k"}  # names in braces that stand for nothing else
_ENOUGH = 10  # characters of a text's own, by which it is known whatever stands in its braces

_used: ContextVar[str | None] = ContextVar("used", default=None)
_requested: ContextVar[str] = ContextVar("requested", default="en")


def current() -> str:
    """Return the language of whoever asks; English where nobody does."""
    if (used := _used.get()) is not None:
        return used
    request = LocalContext.request.get(None)  # of an event of the page
    if request is None:
        return _requested.get()
    return asked(request.query_params.get(PARAMETER), request.headers.get("accept-language"))


def asked(chosen: str | None, accepted: str | None) -> str:
    """Return the language that was chosen, or the first of ours that the browser accepts.

    accepted: the header, such as "ca,es;q=0.9".
    """
    if chosen in LANGUAGES:
        return chosen
    wishes = []
    for wish in (accepted or "").split(","):
        name, _, weight = wish.partition(";q=")
        with_weight = float(weight) if re.fullmatch(r"[01](\.\d{1,3})?", weight.strip()) else 1.0
        wishes.append((-with_weight, name.strip().lower().partition("-")[0]))
    wishes.sort(key=lambda wish: wish[0])
    return next((name for weight, name in wishes if weight and name in LANGUAGES), "en")


def requested(chosen: str | None, accepted: str | None) -> None:
    """Let `current` return what this request asks for, where it is no event of the page."""
    _requested.set(asked(chosen, accepted))


@contextmanager
def use(language: str) -> Iterator[None]:
    """Use a language, whoever asks."""
    before = _used.set(language)
    try:
        yield
    finally:
        _used.reset(before)


def say(text: str) -> str:
    """Return a text in the language of whoever asks; unknown ones stay as they are.

    text: English. Numbers and names may be filled in already, as in what a job says of itself.
    """
    return _said(text, current())


def _said(text: str, language: str) -> str:
    known = translations(language)
    if text in known or not known:
        return known.get(text, text)
    for template, pattern in _patterns(language):
        if found := pattern.fullmatch(text):
            parts = {name: _said(part, language) for name, part in found.groupdict().items()}
            return _filled(known[template], parts)
    for cut in _CUTS:
        pieces = cut.split(text)  # every second one is what stands between
        if pieces[1:]:
            pieces[::2] = [_said(one, language) for one in pieces[::2]]
            return "".join(pieces)
    return text


def english(word: str, known: Iterable[str]) -> str:
    """Return the one of these English words that a visitor typed in another language."""
    return next((one for one in known if say(one).casefold() == word.casefold()), word)


@lru_cache
def translations(language: str) -> Mapping[str, str]:
    """Read a language's texts by the English ones; none of English."""
    path = Path(__file__).with_name(f"{language}.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


@lru_cache
def _patterns(language: str) -> list[tuple[str, re.Pattern]]:
    """List the texts with names in braces, those with the most words of their own first.

    Those with few are left out unless they hold numbers alone: "{left} or {right}" fits too much.
    """
    found = []
    for text in translations(language):
        parts = list(Formatter().parse(text))
        names = {name for _, name, _, _ in parts if name}
        own = sum(len(own) for own, *_ in parts)
        if names and (own >= _ENOUGH or names <= _NUMBERS):
            pattern = "".join(re.escape(said) + _group(name, names) for said, name, _, _ in parts)
            found.append((own, text, re.compile(pattern, re.DOTALL)))
    found.sort(key=lambda one: -one[0])
    return [(text, pattern) for _, text, pattern in found]


def _group(name: str | None, new: set[str]) -> str:
    """Write the pattern of a name in braces: the first time whatever stands there, then that."""
    if not name:
        return ""
    if name not in new:
        return f"(?P={name})"
    new.remove(name)
    return f"(?P<{name}>{'[-+]?[0-9][0-9.,]*' if name in _NUMBERS else '.+?'})"


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """Fill in what was formatted already."""
    return "".join(own + (parts[name] if name else "") for own, name, _, _ in
                   Formatter().parse(template))  # fmt: skip


class Texts(type):
    """The type of classes whose texts are read in the language of whoever asks."""

    def __getattribute__(cls, name: str) -> Any:
        value = super().__getattribute__(name)
        return value if name.startswith("_") else _each(value)


def _each(value: Any) -> Any:
    if isinstance(value, str):
        return say(value)
    if isinstance(value, dict):
        return {name: _each(one) for name, one in value.items()}
    return tuple(map(_each, value)) if isinstance(value, tuple) else value
