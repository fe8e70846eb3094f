"""Check of a picture's origin: what its file says of itself, place by place, and what that proves.

Needs no model's weights. The file may be hostile: its maker decides what its metadata say, so only
the signature is ever a reason to call a picture ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from .. import images
from ..errors import ImageError, OutputError
from . import credentials, installation, provenance, watermark
from .credentials import Credentials, DamagedError
from .installation import Installation
from .mark_code import Payload

FOUND, DAMAGED, ABSENT = "found", "damaged", "not there"
RECORD, XMP, TEXT, MARK = "Signed record (C2PA)", "XMP", "PNG text", "Invisible mark"

PROVES = (
    "Metadata can be written by anybody and are gone after a screenshot. The invisible mark "
    "survives that, but can be copied from one picture to another. Only an intact record that this "
    "installation signed says that it made the file. That nothing is found proves nothing: the "
    "picture may be a photograph, another program's, or one whose marks were removed."
)
_MOST_TEXT = 1_000_000  # characters of metadata that are read
_SHOWN, _WHOLE = 120, 500  # characters of what it says; of a licence


@dataclass(frozen=True)
class Finding:
    """One place's result. place: RECORD, XMP, TEXT or MARK. state: FOUND, DAMAGED or ABSENT."""

    place: str
    state: str
    words: str


@dataclass(frozen=True)
class Report:
    """The results for a file.

    verdict: in one sentence. made_here: this installation signed the file as it is. synthetic: some
    place says that a model made it. contradictions: sentences, where places disagree. mark: the
    invisible mark's 48 bits in hexadecimal digits. facts: how the file says it was made."""

    verdict: str
    made_here: bool
    synthetic: bool
    findings: tuple[Finding, ...]
    contradictions: tuple[str, ...]
    mark: str | None
    facts: Mapping[str, str]

    def as_dict(self) -> dict:
        return {**asdict(self), "proves": PROVES}

    def in_words(self) -> str:
        """Format as several lines, for a terminal."""
        lines = [self.verdict]
        lines += [f"  {one.place}: {one.state}. {one.words}".rstrip() for one in self.findings]
        return "\n".join([*lines, *(f"  Contradiction: {text}" for text in self.contradictions)])


def check(data: bytes) -> Report:
    """Check a picture's file. Raises ImageError for a file that is not a readable picture."""
    pixels = images.load(data)
    ours = _ours()
    kind, text, packet, broken = _metadata(data)
    record, record_finding = _record(data, kind, ours)
    source, xmp_finding = _xmp(packet, broken)
    facts, text_finding = _text(text, kind, broken)
    payload = watermark.read(pixels)
    contradictions = _contradictions(record, source, payload)
    made_here = bool(record and record.ours)
    synthetic = (
        payload is not None
        or source == provenance.TRAINED_MEDIA
        or bool(record and record.intact and record.created_by_model)
    )
    return Report(
        _verdict(made_here, synthetic, record, payload, ours),
        made_here,
        synthetic,
        (record_finding, xmp_finding, text_finding, _mark(payload, ours, pixels)),
        contradictions,
        payload.hex if payload else None,
        facts,
    )


def marks_entry(data: bytes, pixels: np.ndarray) -> dict | None:
    """List the marks of an uploaded reference for the manifest, with one hash over their content.

    None where there are none. The hash reveals nothing to those who do not have the marks. pixels:
    the picture, uint8 [H, W, 3], decoded."""
    found: dict[str, str] = {}
    kind, text, packet, _ = _metadata(data)
    with contextlib.suppress(DamagedError):
        if kind in credentials.MIME and (
            record := credentials.read(data, credentials.MIME[kind], None)
        ):
            found[RECORD] = json.dumps(asdict(record), sort_keys=True)
    if packet and (source := provenance.source_type(packet[:_MOST_TEXT])):
        found[XMP] = source
    if str(text.get("Software", "")).startswith(provenance.NAME):
        found[TEXT] = json.dumps(provenance.facts_of(text), sort_keys=True)
    if payload := watermark.read(pixels, thorough=False):
        found[MARK] = payload.hex
    if not found:
        return None
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    return {"found": sorted(found), "sha256": digest}


def marks_in_words(entry: Mapping) -> str:
    """Explain the marks to the person who gave the reference."""
    return (
        f"Good to know: this picture carries marks of origin ({', '.join(entry['found'])}). It may "
        "have been made by a model, as ours are. It can be used like any other; the manifest "
        "notes the marks."
    )


def _ours() -> Installation | None:
    """Return the installation whose signature is ours; None without its key."""
    with contextlib.suppress(OutputError):
        return installation.current()
    return None


def _metadata(data: bytes) -> tuple[str, dict[str, str], str | None, bool]:
    """Read format, text chunks, XMP, and whether they could not be read."""
    try:
        return *images.metadata(data), False
    except ImageError:
        return "", {}, None, True


def _record(
    data: bytes, kind: str, ours: Installation | None
) -> tuple[Credentials | None, Finding]:
    mime = credentials.MIME.get(kind) or _guessed(data)
    if mime is None:
        return None, Finding(RECORD, ABSENT, "Only PNG, JPEG and WebP are looked at.")
    try:
        record = credentials.read(data, mime, ours)
    except DamagedError as error:
        return None, Finding(RECORD, DAMAGED, f"It cannot be read: {error}.")
    if record is None:
        return None, Finding(RECORD, ABSENT, "The file carries no signature.")
    stamp = "with a time stamp" if record.time_stamped else "no time stamp"
    if not record.intact:
        problems = ", ".join(record.problems) or "no reason given"
        return record, Finding(
            RECORD,
            DAMAGED,
            f"It does not fit this file, or its signature does not hold ({problems}): the picture "
            "was changed after it was signed, or the record was taken from another one.",
        )
    if record.ours and ours and ours.made_here:
        words = f"Intact, signed by this installation, by no listed issuer, {stamp}."
    elif record.ours:
        words = (
            f"Intact, signed with the certificate that this installation was given, of "
            f"'{record.signer}'; {stamp}."
        )
    else:
        words = (
            f"Intact, signed by a key that calls itself '{record.signer}'. This check knows no "
            f"issuers, so it cannot say whose that is; {stamp}."
        )
    made = (
        "created by a trained model"
        if record.created_by_model
        else "something else than a picture that a model alone created"
    )
    return record, Finding(RECORD, FOUND, f"{words} It says: {made}, with {record.generator}.")


def _guessed(data: bytes) -> str | None:
    """Guess the MIME type from the first bytes, where the metadata cannot be read."""
    for start, mime in ((b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"RIFF", "WEBP")):
        if data.startswith(start):
            return credentials.MIME[mime]
    return None


def _xmp(packet: str | None, broken: bool) -> tuple[str | None, Finding]:
    if broken:
        return None, Finding(XMP, DAMAGED, "The file's metadata cannot be read.")
    if not packet:
        return None, Finding(XMP, ABSENT, "")
    source = provenance.source_type(packet[:_MOST_TEXT])
    if source is None:
        return None, Finding(XMP, ABSENT, "There is a packet, and it does not say what made it.")
    if source == provenance.TRAINED_MEDIA:
        return source, Finding(XMP, FOUND, "It says that a trained model made the picture.")
    return source, Finding(XMP, FOUND, f"It says: {_line(source.rsplit('/', 1)[-1])}.")


def _text(text: Mapping[str, str], kind: str, broken: bool) -> tuple[dict[str, str], Finding]:
    if broken:
        return {}, Finding(TEXT, DAMAGED, "The file's metadata cannot be read.")
    if kind != "PNG":
        return {}, Finding(TEXT, ABSENT, "Only PNG files have it.")
    facts = {
        name: _line(value, _WHOLE if name.endswith("licence") else _SHOWN)
        for name, value in provenance.facts_of(text).items()
        if name not in provenance.CODES
    }
    software = _line(text.get("Software", ""))
    if not software.startswith(provenance.NAME):
        return facts, Finding(TEXT, ABSENT, "")
    told = ", ".join(f"{name} {value}" for name, value in sorted(facts.items()))
    return facts, Finding(TEXT, FOUND, f"{software}" + (f": {told}." if told else "."))


def _mark(payload: Payload | None, ours: Installation | None, pixels: np.ndarray) -> Finding:
    if payload is None:
        if min(pixels.shape[:2]) < watermark.MIN_SIDE:
            return Finding(MARK, ABSENT, "The picture is too small to carry one.")
        return Finding(MARK, ABSENT, "Or it is damaged beyond reading.")
    whose = (
        "this installation"
        if ours and payload.installation == installation.mark_number()
        else f"installation {payload.installation:05x}, which is not this one"
    )
    return Finding(MARK, FOUND, f"Facegen's, of {whose}; picture {payload.picture:06x}.")


def _contradictions(
    record: Credentials | None, source: str | None, payload: Payload | None
) -> tuple[str, ...]:
    found = []
    if record and record.mark and payload and record.mark != payload.hex:
        found.append("the record belongs to a picture with another invisible mark")
    if record and record.intact and record.mark and payload is None:
        found.append("the record names an invisible mark that is not in the picture")
    if record and record.created_by_model and source not in (None, provenance.TRAINED_MEDIA):
        found.append("record and XMP do not say the same of what made the picture")
    return tuple(found)


def _verdict(
    made_here: bool,
    synthetic: bool,
    record: Credentials | None,
    payload: Payload | None,
    ours: Installation | None,
) -> str:
    if made_here:
        if record and not record.created_by_model:
            return "This installation of Facegen made this file, and it shows a photo among others."
        return "This installation of Facegen made this file, and it was not changed since."
    if payload is not None:
        here = "this" if ours and payload.installation == installation.mark_number() else "another"
        return f"The picture carries Facegen's invisible mark, of {here} installation."
    if synthetic:
        return "The file says that a model made it; that is its own word."
    if record:
        return "The file says something of where it comes from, and not that a model made it."
    return "Nothing is found that says where this picture comes from."


def _line(said: str, most: int = _SHOWN) -> str:
    text = "".join(c if c.isprintable() else " " for c in re.sub(r"\s+", " ", said[:2000]))
    return text.strip()[:most]
