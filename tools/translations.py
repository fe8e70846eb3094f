"""List the English texts that the page shows, and keep the languages' files complete.

    python tools/translations.py

It says what each language lacks and what nobody shows any more, and writes each file sorted.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from facegen import options, weights
from facegen.evaluation import walk
from facegen.jobs import anonymise, job, persona
from facegen.jobs import restore as restore_job
from facegen.latent import invert
from facegen.latent.mix import children, regions
from facegen.latent.persona import FINDING, LOOKS
from facegen.latent.restore import restorations
from facegen.latent.vary import selection
from facegen.measure import comparison, keeping
from facegen.options import ChildOptions, EditOptions, help_of, label_of
from facegen.options.persona import WORDS
from facegen.output import check
from facegen.ui import page  # it imports all that says something
from facegen.ui.tabs import mix
from facegen.ui.texts import about, fairness, languages, words
from facegen.whole_photo import everybody, replace

UI = Path(page.__file__).parent
DATA = UI.parent / "data"

# What other parts say in sentences of their own, by the page's tab or message. {n}, {m} and {k}
# stand for numbers, other names for words that are translated for themselves.
SAID = """
the model's average face
the model's usual faces
what pictures are compared by
its network
the photo's face
the model's picture of it
child {n}
face {n}
face {n}, {phase}
distance {n}
seed {n}
{n} · seed {m}
{n}% of the way to B
A below {n} px, B above
A with the {region} of B
B with the {region} of A
1 face
{n} faces
{n} replaced
{n} covered
{n} kept
{n} replaced ({why})
{n} covered ({why})
{n} kept ({why})
{n} as asked
{n} too small
{n} half hidden or turned far aside
face {n}: {fate}
{what} did not change
{what} came with it
{slider} moved by {n} of {m}
no face
not natural
clutter
headwear
dark
a recogniser finds no face
it is another person
eyes and mouth out of order
landmarks outside the picture
eyes too near to each other or too far apart
a head too short or too long
1 new person.
1 new person, not the person in the photo.
{n} new people.
{n} new people, none of them the person in the photo.
{n} of {m} was found: of {k} people tried nobody else fits the photo (most often: {why}).
{n} of {m} were found: of {k} people tried nobody else fits the photo (most often: {why}).
None of {m} were found: of {k} people tried nobody else fits the photo (most often: {why}).
{n} of {m} are not the person in the photo.
{n} of {m} pairs of them look like one person.
The photo does not show clearly enough: {what}.
age
gender
skin
glasses
beard
within what two pictures of one person differ by
nearer than 999 of 1000 pairs of strangers
among strangers a rare likeness: {n} in 1000 pairs are nearer
farther apart than {n} in 100 random pairs of strangers are
loose
for commercial use: --model bundled
This installation of Facegen made this file, and it shows a photo among others.
This installation of Facegen made this file, and it was not changed since.
The picture carries Facegen's invisible mark, of this installation.
The picture carries Facegen's invisible mark, of another installation.
The file says that a model made it; that is its own word.
The file says something of where it comes from, and not that a model made it.
Nothing is found that says where this picture comes from.
the record belongs to a picture with another invisible mark
the record names an invisible mark that is not in the picture
record and XMP do not say the same of what made the picture
Only PNG, JPEG and WebP are looked at.
The file carries no signature.
The file's metadata cannot be read.
There is a packet, and it does not say what made it.
It says that a trained model made the picture.
Only PNG files have it.
The picture is too small to carry one.
Or it is damaged beyond reading.
It does not fit this file, or its signature does not hold ({why}): the picture was changed after \
it was signed, or the record was taken from another one.
Intact, signed by this installation, by no listed issuer, {stamp}. It says: {made}, with {program}.
Intact, signed with the certificate that this installation was given, of '{signer}'; {stamp}. It \
says: {made}, with {program}.
Intact, signed by a key that calls itself '{signer}'. This check knows no issuers, so it cannot \
say whose that is; {stamp}. It says: {made}, with {program}.
with a time stamp
no time stamp
created by a trained model
something else than a picture that a model alone created
Facegen's, of this installation; picture {picture}.
Facegen's, of installation {number}, which is not this one; picture {picture}.
no whole face was found in the photo (0 faces); try one that shows the face from forehead to \
chin, sharp, well lit and turned towards the camera
there is no face {n}: the photo has {faces}, the largest first; choose another
only face 1
faces 1 to {n}
face {n} is too small: {m} pixels from the eyes to the chin, at least {k} are needed; use the \
photo at its full size or one taken from nearer
the file has more than {n} MB, the limit; save a smaller copy
the file is empty (0 bytes); choose another picture
the picture has {n} megapixels; the limit is {m}: save a smaller copy
the picture has {size} megapixels; the limit is {m}: save a smaller copy
the picture has {n} x {m} pixels; each side needs at least {k}: use a larger one
the picture is damaged or incomplete ({why}); open it in a picture viewer and save it again as \
JPEG or PNG
this is {kind}, not a picture that can be read; save it as {formats} and try again
a damaged {kind} or one of an unusual kind
an SVG drawing
a web page
a PDF document
a video
a video or an AVIF picture
a text file
an unknown kind of file
BMP or TIFF
TIFF or AVIF
there is too little memory for this; take a smaller model, fewer pictures at once, or --device cpu \
where the GPU's is too small
no face was found, and the picture is too long to be one alone; cut out the face
the mask hides 0% of the face; it must hide some: paint the holes white on black
the mask hides {n}% of the face, or the photo ends there; {m}% must be seen: take a larger photo, \
or paint the holes alone white
of {n} people tried nobody is like {like} (the last: {why}); ask for less, or take another seed
like is {word}; the words are: an age in years, {words}
like says two things of {name}; name one: {like}
like has the age {n}; it must be 1 to 90
{name} is {n}; it must lie between {m} and {k}
{name} is {n}; it must be a whole number
nobody was found who could stand in for person {n}; run it without --consistent
the ZIP has no files in it; put photos into it
the ZIP has {n} files, the limit is {m}; send it in parts, or use 'facegen batch'
"""


def texts() -> set[str]:
    """Collect all texts that have to be translated."""
    found = {*SAID.replace("\\\n", "").strip().split("\n")}
    for module in UI.rglob("*.py"):
        found |= set(_in_calls(ast.parse(module.read_text(encoding="utf-8"))))
    for kind in vars(words).values():
        if isinstance(kind, languages.Texts):
            found |= set(_strings({k: v for k, v in vars(kind).items() if k[0] != "_"}))
    found |= set(re.sub(r"\n +", " ", about.TEXT).split("\n")) | {fairness.NOT_MEASURED}
    found |= {*_groups(), *_models(), *_of_jobs()}
    return {text for text in found if re.search("[A-Za-z]{2}", re.sub(r"{[^}]*}", "", text))}


def _in_calls(tree: ast.AST) -> Iterator[str]:
    """List the texts that a module says itself, and the options that it shows."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name == "say" and isinstance(node.args[0], ast.Constant | ast.IfExp):
            yield from (
                one.value for one in ast.walk(node.args[0])
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )  # fmt: skip
        elif name in ("slider", "label_of", "help_of") and isinstance(node.args[0], ast.Name):
            if not isinstance(node.args[1], ast.Constant) or not node.args[0].id[0].isupper():
                continue
            kind, option = getattr(options, node.args[0].id), node.args[1].value
            told = any(one.arg == "info" for one in node.keywords)
            yield label_of(kind, option)
            if name == "help_of" or (name == "slider" and not told):
                yield _sentence(help_of(kind, option))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | tuple | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def _groups() -> Iterator[str]:
    for found in json.loads(fairness.DATA.read_text(encoding="utf-8")).values():
        for group in found["groups"]:
            yield from group["name"].split(": ")


def _models() -> Iterator[str]:
    yield from (entry.licence_meaning for entry in weights.REGISTRY if entry.kind != "helper")


def _of_jobs() -> Iterator[str]:
    stages = (
        job.REFINING, job.LEARNING, job.SEARCHING, job.LOOKING, job.STANDING_IN, job.PHOTOS,
        persona.SHOOTING, FINDING, regions.MEASURING, children.CHOOSING, restorations.RESTORING,
        replace.REPLACING,
    )  # fmt: skip
    yield from (stage[0].upper() + stage[1:] for stage in stages)
    yield from (look.caption for look in LOOKS)
    yield from WORDS
    yield from regions.REGIONS
    yield from walk.PARTS
    yield from (word for ones in invert.WORDS.values() for _, word in ones)
    yield from (everybody.REPLACED, everybody.COVERED, everybody.KEPT, everybody.SPARED)
    yield from (everybody.AS_ASKED, everybody.TOO_SMALL, everybody.HIDDEN, everybody.NOBODY)
    for why in (everybody.UNSEEN, everybody.NO_STRANGER, everybody.RECOGNISED,
                everybody.NO_LONGER_A_FACE):  # fmt: skip
        yield from (why, f"{{n}} {why}")
    yield from (anonymise.DONE, anonymise.PARTLY, anonymise.NO_FACE, anonymise.UNREADABLE)
    yield anonymise.FAILED
    yield from (check.RECORD, check.XMP, check.TEXT, check.MARK, check.PROVES)
    yield from (check.FOUND, check.DAMAGED, check.ABSENT)
    yield from (selection.TOO_CLOSE, selection.ALIKE, f"{selection.STRENGTH_ZERO}.")
    yield from (keeping.POSE_MOVED, keeping.LIGHT, *keeping.REASONS.values())
    yield comparison.NOT_NATURAL
    damage = restore_job.UNDAMAGED
    yield f"{damage[0].upper()}{damage[1:]}; if it is damaged, say how."
    for kind, names in ((EditOptions, EditOptions.__dataclass_fields__), (ChildOptions, mix.DIALS)):
        for name in names:
            yield label_of(kind, name)
            yield _sentence(help_of(kind, name))
    yield from ("✓ a different person", "✗ too close to the photo", "? no face could be measured")


def main() -> int:
    wanted, missing = texts(), 0
    for language in list(languages.LANGUAGES)[1:]:
        path = Path(languages.__file__).with_name(f"{language}.json")
        there = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for text in sorted(wanted - set(there)):
            print(f"{language} lacks {text!r}")
            missing += 1
        for text in sorted(set(there) - wanted):
            print(f"{language} has {text!r}, which nobody shows; it is left out now")
        kept = {text: there[text] for text in sorted(wanted & set(there))}
        content = json.dumps(kept, ensure_ascii=False, indent=0)
        path.write_text(content + "\n", encoding="utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
