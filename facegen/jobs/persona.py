"""One person who does not exist, in many pictures."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ..errors import NoFaceError
from ..files import write_file
from ..latent import persona as latent
from ..latent.codes import to_text
from ..latent.persona import Persona, Shot
from ..options import ATTRIBUTES, PersonaOptions, PersonaRun, VaryOptions
from ..options.background import in_words
from ..output import provenance, sheet
from ..output.labels import Labels
from ..output.manifest import identity_entry, reference_entry, write_manifest
from ..output.portrait import Portrait
from ..studio import Studio
from ..types import AlignedFace, Progress
from . import inversion
from .job import SEARCHING, Clock, Code, Event, Finished, Picture, Source, frame

SHOOTING = "pictures"  # the stage of Progress
COLUMNS = 6  # of the sheet
METADATA = "metadata.jsonl"  # of a folder of pictures, as Hugging Face's datasets read it


def persona(
    studio: Studio, sources: Sequence[Source], folder: Path, options: PersonaRun
) -> Iterator[Event]:
    """Run the job: NAME.png for each look that holds, sheet.jpg and manifest.json into `folder`.

    Without a photo the person is found by the options; from a photo they are a stranger who fits
    it, never the person on it; a picture of this model's own shows the person already. Raises
    NoFaceError where nobody is found, OptionError for a model without sliders.
    """
    wanted, clock = options.persona, Clock()
    tools = studio.persona_tools(wanted)  # before anything is made
    yield from studio.get_ready()
    aligned: AlignedFace | None = None
    if sources:
        person, aligned = yield from _of_photo(studio, sources[0], folder, wanted)
    else:
        person = yield from latent.find(wanted, tools)
    looks = latent.looks_of(wanted, tools.directions, person)
    entries: list[dict] = []
    left_out: list[dict] = []
    cells: list[sheet.Cell] = []
    lines: list[str] = []
    labels = Labels(studio.info.name, studio.info.terms) if options.labels else None

    def manifest() -> dict:
        return frame(
            "persona",
            studio,
            asdict(wanted) | {"label": options.label, "background": in_words(options.background)},
            seed=wanted.seed,
            reference=aligned and reference_entry(sources[0].sha256, aligned, sources[0].marks),
            person={name: round(person.trait(name), 1) for name in ATTRIBUTES}
            | {"in_words": person.in_words},
            variants=entries,
            left_out=left_out,
            seconds=clock.seconds(),
        )

    count = min(wanted.count, len(looks))
    for shot in latent.shots(person, looks, tools):
        if shot.why:
            left_out.append({"look": shot.look.name, "why": shot.why})
            yield Progress(SHOOTING, len(entries), count, f"{shot.look.caption}: {shot.why}")
            continue
        facts = studio.facts() | {
            "seed": wanted.seed,
            "persona": shot.look.name,
            "like": wanted.like or None,
            "code": to_text(shot.ws),
            "front": to_text(person.ws),
        }
        portrait = Portrait(shot.pixels, wanted.seed, facts | {"noise_mode": wanted.noise_mode})
        portrait = studio.before(portrait, options.background)
        (path,) = portrait.save(folder, shot.look.name, options.label)
        entries.append(_entry(path, shot))
        if labels:
            share = studio.cut_out(shot.pixels)
            who = f"{studio.info.name} persona {wanted.seed} {wanted.like}".strip()
            labels.add(path.name, len(share), who, shot.seen, share, look=shot.look.name)
        if wanted.captions:
            text = f"a photo of {person.in_words}, {shot.look.caption}"
            write_file(path.with_suffix(".txt"), f"{text}\n".encode())
            lines.append(json.dumps({"file_name": path.name, "text": text}))
            write_file(folder / METADATA, "\n".join([*lines, ""]).encode())
        cells.append(sheet.Cell(shot.pixels, (shot.look.caption,)))
        clock.lap("shots")
        write_manifest(folder, manifest())  # whoever stops here keeps what is needed
        yield Picture(
            path, shot.look.caption, portrait.pixels, entries[-1],
            index=len(entries), count=count, payload=portrait, code=Code(studio.info.name, shot.ws),
        )  # fmt: skip
        clock.resume()
        if len(entries) == count:
            break
    if labels:
        labels.write(folder)
    path = folder / sheet.SHEET
    write_file(path, provenance.jpeg_bytes(sheet.draw(cells, COLUMNS)))
    yield Finished(write_manifest(folder, manifest()), [path])


def _of_photo(
    studio: Studio, source: Source, folder: Path, options: PersonaOptions
) -> Generator[Event, None, tuple[Persona, AlignedFace]]:
    """Find the person of a picture of ours, or a stranger who fits a photo.

    Returns them and the photo's face."""
    tools = studio.persona_tools(options)
    own = inversion.own(studio, source)
    if own and "front" in source.facts:  # the same person at rest
        told = {**source.facts, "code": source.facts["front"]}
        own = studio.code_of_own(source.pixels, told) or own
    aligned = yield from inversion.crop(studio, source, folder / "aligned.png", own)
    if own:
        return latent.at_front(own.ws, tools), aligned
    yield Progress(SEARCHING, 0, 1)
    vary = VaryOptions(count=1, strength=1.0, seed=options.seed)
    for variant in studio.select(studio.without_code(aligned), vary):
        return latent.at_front(variant.ws, tools), aligned
    raise NoFaceError(
        "nobody was found who fits the photo; take another seed, or leave the photo out"
    )


def _entry(path: Path, shot: Shot) -> dict:
    return {
        "file": path.name,
        "look": shot.look.name,
        "in_words": shot.look.caption,
        "asked": dict(shot.look.sliders),
        "given": round(shot.share, 4),
        "reached": {name: round(value, 4) for name, value in shot.reached.items()},
        "identity": identity_entry(shot.identity),
    }
