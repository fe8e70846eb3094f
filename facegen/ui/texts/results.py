"""Sentences made of results: of a run, a new person, a measurement."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ...jobs.job import REFINING
from ...jobs.restore import UNDAMAGED
from ...latent import invert
from ...latent.restore.observe import Observed
from ...measure.identity import calibration
from ...models import ModelInfo
from ...options import SampleOptions, help_of
from ...options.edit import UNITS
from ...output import check
from ...studio import Studio
from ...types import LOADING, Inversion, Progress, Variant
from ...weights import megabytes
from ...weights.entry import Weights
from ...whole_photo import everybody
from . import pieces, words

WAITING = "waiting"  # the stage of a run while another one works
TITLES = {"sface": "SFace"}  # of recognisers, where their name is not how it is written
SYMBOLS = {check.FOUND: "●", check.DAMAGED: "▲", check.ABSENT: "○"}


def sentence(text: str) -> str:
    """Write an option's words as the page shows them."""
    return text and text[0].upper() + text[1:] + "."


def many(number: int, one: str, several: str = "") -> str:
    """Count: many(2, "photo") -> "2 photos"."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


# --- models and the page ----------------------------------------------------------------


def header(studio: Studio) -> str:
    """Write the page's head for the model in use."""
    size = studio.resolution
    device = f"runs on {str(studio.device).upper()}"
    chips = [studio.info.title, f"{size} × {size} pixels", device]
    items = "".join(f"<li>{html.escape(chip)}</li>" for chip in chips)
    return (
        "<header class='fg-head'>"
        "<svg viewBox='0 0 64 64' aria-hidden='true'><circle cx='25' cy='32' r='19'/>"
        "<circle cx='39' cy='32' r='19'/></svg>"
        f"<div><h1>Facegen</h1><p>{words.Page.tagline}</p></div>"
        f"<ul>{items}</ul></header>"
    )


def model_label(info: ModelInfo) -> str:
    """Name a model in the list, with its main limits: "Facegen 128 (soft; any use, …)"."""
    soft = "soft; " if info.resolution <= invert.SMALL else ""
    return f"{info.title} ({soft}{info.licence_meaning})"


def variety_info(model: str) -> str:
    """Explain truncation, and how far out that model's faces hold, where it was measured."""
    info = sentence(help_of(SampleOptions, "truncation_psi"))
    safe = calibration.safe_distance(model)
    if safe is None:
        return info
    # psi is the distance from the average, in units of the model's own faces' distance
    if safe >= 1:
        return f"{info} Faces of this model hold up to 1 and beyond."
    return f"{info} Faces of this model hold up to {safe:.2f}."


def offer(entry: Weights, size: str) -> str:
    """Describe a larger model: what it adds, what it costs, and what its licence allows."""
    told = words.Offer.words.format(
        title=entry.title,
        size=entry.resolution,
        bytes=size,
        licence=entry.licence,
        advice=entry.advice,
    )
    return f"<p><b>{words.Offer.title}</b> {html.escape(told)}</p>"


def downloading(entry: Weights, done: int, whole: int | None) -> str:
    return words.Offer.downloading.format(
        title=entry.title, done=megabytes(done), whole=megabytes(whole)
    )


def bar(event: Progress, parts: Mapping[str, tuple[float, float]]) -> str:
    """Write how far a job has come.

    parts: where each stage begins and ends on the whole bar; by default the first tenth for
    loading, all of it for any other.
    """
    share = event.done / event.of
    if event.stage == WAITING:
        text = words.Run.waiting
    elif event.stage == LOADING:
        text = words.Run.loading.format(note=event.note, number=event.done + 1, count=event.of)
    else:
        note = f" ({event.note})" if event.note else ""
        stage = event.stage[0].upper() + event.stage[1:]
        step = ", step" if event.stage == REFINING else "" if ":" in stage else ","
        text = f"{stage}{step} {event.done:.0f} of {event.of}{note} …"
    begin, end = parts.get(event.stage, (0.0, 0.1 if event.stage == LOADING else 1.0))
    return pieces.progress(text, begin + (end - begin) * share)


def times(seconds: Mapping[str, float]) -> str:
    """Write the line with the time that each stage took."""
    parts = [
        f"{text} <b>{seconds[stage]:.2f} s</b>"
        for stage, text in words.Run.stages.items()
        if seconds.get(stage, 0) >= 0.005
    ]
    parts.append(f"{words.Run.total} <b>{seconds['total']:.2f} s</b>")
    return "<p class='fg-times'>" + " · ".join(parts) + "</p>"


# --- new people -------------------------------------------------------------------------


def badge(variant: Variant) -> str:
    """Say whether it is somebody else, for people who know nothing of distances."""
    return {
        True: "✓ a different person",
        False: "✗ too close to the photo",
        None: "? no face could be measured",
    }[variant.different_person]


def caption(index: int, variant: Variant) -> str:
    return f"{index} {badge(variant)}"


def drawing(caption: str) -> str:
    """Caption the drawing of a person."""
    return f"{caption} · drawing"


def titled(recogniser: str) -> str:
    """Write a recogniser's name as its makers do, for HTML."""
    return html.escape(TITLES.get(recogniser, recogniser))


def distance_note(index: int, variant: Variant) -> str:
    """Say how far a person is from the photo; the first one's says what the numbers mean."""
    if not variant.identity:
        return ""
    networks = ", ".join(
        f"{titled(name)} from {found.threshold:g}" for name, found in variant.identity.items()
    )
    meaning = (
        "Each network's distance from the photo; from a threshold on they are two people "
        f"({networks}). {html.escape(_meaning(variant))}"
    )
    numbers = ", ".join(
        f"{titled(name)} {found.distance:.2f}" for name, found in variant.identity.items()
    )
    before = pieces.paragraph(meaning) if index == 1 else ""
    return before + pieces.paragraph(f"{index}: {numbers}")


def _meaning(variant: Variant) -> str:
    """Say what the first variant's distance means among strangers."""
    name, found = next(iter(variant.identity.items()))
    meaning = calibration.words_of(name, variant.pixels.shape[0], found.distance)
    return f"{TITLES.get(name, name)}'s {found.distance:.2f} is {meaning}." if meaning else ""


def inversion_note(inversion: Inversion) -> str:
    """Say how well the model met the photo, in words first."""
    word = invert.in_words(inversion.distance, inversion.measure)
    how = (
        f"refined in {many(inversion.steps, 'step')}" if inversion.steps else "by the encoder alone"
    )
    return pieces.paragraph(
        f"The model's picture of this face is <b>{word}</b> "
        f"(distance {inversion.distance:.2f}, 0 would be a perfect copy; {how}). "
        "The new people start from it, not from the photo."
    )


def number(index: int, name: str = "face") -> str:
    """Name a face by its number."""
    return f"{name} {index}"


def run_caption(count: int, seed: int | None) -> str:
    """Caption a run in the history."""
    faces = many(count, "face")
    return faces if seed is None else f"{faces} · seed {seed}"


def matrix_caption(recogniser: str, least: float | None) -> str:
    """Caption the table of distances, as HTML. least: below it two faces are one person."""
    legend = f"; below {least:g} it is one person" if least is not None else ""
    return f"How far apart the faces are from each other ({titled(recogniser)}{legend})"


def deleted(photos: int, files: int) -> str:
    """Say what left the server."""
    if not photos and not files:
        return words.Wipe.nothing
    said = words.Wipe.photo if photos == 1 else words.Wipe.photos
    left = words.Wipe.file if files == 1 else words.Wipe.files
    return words.Wipe.deleted.format(
        photos=said.format(count=photos), files=left.format(count=files)
    )


# --- whole photos -----------------------------------------------------------------------


def replaced(manifest: Mapping[str, Any]) -> str:
    """Say how many were replaced, covered and kept, and what there is to say of each."""
    lines = [f"{manifest['summary']}."]
    left = everybody.left(manifest["faces"])
    for face in manifest["faces"]:
        if face["status"] != everybody.REPLACED and face.get("why") != everybody.AS_ASKED:
            mark = "✗" if face in left else "✓"
            why = f": {face['why']}" if face.get("why") else ""
            lines.append(f"{mark} Face {face['face']} was {face['status']}{why}.")
    lines.append(words.WholePhoto.look)
    return "".join(pieces.paragraph(html.escape(line)) for line in lines)


def fate(number: int, fate: everybody.Fate) -> str:
    """Say what becomes of a face."""
    return f"face {number}: {fate.what}" + (f" ({fate.why})" if fate.why else "")


def photos_replaced(new: int, count: int, summary: str) -> str:
    """Say how many photos of a ZIP were changed."""
    return f"{new} of {count} photos have new faces. {summary}."


# --- edits, mixtures, children ----------------------------------------------------------


def edited(entry: Mapping[str, Any]) -> str:
    """Say what was done to a face, whether it is still the person, and what was measured."""
    told = [f"<b>{html.escape(entry['edit'])}</b>"]
    verdicts = {found["same_person"] for found in entry["identity"].values()}
    if verdicts:
        one = words.Edit.same if True in verdicts else words.Edit.other
        told.append(one if len(verdicts) == 1 else words.Edit.between)
    if entry["given"] < 1:
        told.append(words.Edit.limited.format(share=entry["given"]))
    parts = [f"{name} moved by {_amount(name, v)}" for name, v in entry["reached"].items()]
    for name, found in entry["identity"].items():
        verdict = "the same person" if found["same_person"] else "a different person"
        parts.append(f"{verdict} to {titled(name)} ({found['distance']:.2f})")
    more = pieces.paragraph(" · ".join(parts))
    said = f"<p class='fg-note' role='status'>{' '.join(told)}</p>"
    return said + (pieces.details(words.Edit.measured, more) if parts else "")


def _amount(name: str, value: float) -> str:
    return f"{value:+.{0 if name in UNITS else 2}f}{UNITS.get(name, '')}"


def mixture_made(caption: str, index: int, count: int) -> str:
    return f"{caption[0].upper()}{caption[1:]}, {index} of {count} …"


def child_heading(index: int) -> str:
    return f"child {index}"


def nobody_told(parent: str) -> str:
    """Say that nothing is known of how near a child is to that parent."""
    return f"to {parent.upper()}: no face could be measured"


def nearness(parent: str, name: str, near: Mapping[str, float]) -> str:
    """Say how near a child is to that parent, as measured by the recogniser of that name."""
    verdict = (
        "taken for the parent"
        if near["distance"] < near["same_person_below"]
        else f"closer than {100 - near['strangers_nearer_percent']:.0f} of 100 pairs of strangers"
    )
    return f"to {parent.upper()}: {near['distance']:.2f}, {verdict} ({titled(name)})"


ONE_PERSON, STRANGERS = "one person", "5 in 100 pairs of strangers are closer"  # marks on a bar


# --- restorations -----------------------------------------------------------------------


def damage(seen: Observed) -> str:
    """Say what probably happened to the picture."""
    if not seen.damaged:
        return f"{UNDAMAGED[0].upper()}{UNDAMAGED[1:]}; if it is damaged, say how"
    told = seen.damage.describe()
    said = {
        "small": f"The face has about {told['pixels']} pixels",
        "blur": "The picture is blurred",
        "noise": "The picture is noisy",
        "jpeg": f"The picture was compressed (about JPEG quality {told.get('quality')})",
        "holes": f"{told.get('hidden_share', 0):.0%} of the face is hidden",
    }
    return said.get(told["kind"], "The picture is damaged")


def restoration(index: int, agrees: bool) -> str:
    """Caption a restored face."""
    return f"{index} {words.Restore.agrees if agrees else words.Restore.disagrees}"


def restored(manifest: Mapping[str, Any], judges: Sequence[Any]) -> str:
    """Say what the faces are, how many agree, and how far apart they are."""
    made = manifest["variants"]
    agree = sum(entry["agrees"] for entry in made)
    told = words.Restore.all_agree.format(agree=agree, count=len(made))
    if len(made) == 1:
        told = words.Restore.one_agrees if agree else words.Restore.none_agrees
    lines = []
    for judge in judges:
        if distances := manifest["between"].get(judge.name):
            low, high = min(distances), max(distances)
            lines.append(
                f"They are {low:.2f} to {high:.2f} apart from each other; below "
                f"{judge.threshold:g} it is one person ({titled(judge.name)})."
            )
    measured = "".join(pieces.paragraph(line) for line in lines)
    more = pieces.details(words.Edit.measured, measured) if lines else ""
    return pieces.note(words.Restore.many) + pieces.note(told) + more


# --- marks of origin --------------------------------------------------------------------


def origin(report: check.Report) -> str:
    """Write which marks a picture carries, and what they prove."""
    found = "".join(
        f"<li class='fg-{finding.state.replace(' ', '-')}'>"
        f"<b><i aria-hidden='true'>{SYMBOLS[finding.state]}</i> {html.escape(finding.place)}: "
        f"{html.escape(finding.state)}</b> {html.escape(finding.words)}</li>"
        for finding in report.findings
    )
    wrong = "".join(
        pieces.error(words.Check.contradiction.format(text=text)) for text in report.contradictions
    )
    return (
        f"<div class='fg-check' role='status'><h3>{html.escape(report.verdict)}</h3>{wrong}"
        f"<ul>{found}</ul>{pieces.paragraph(html.escape(check.PROVES))}</div>"
    )


def left_out(looks: Sequence[Mapping[str, str]]) -> str:
    """Say which of a person's pictures are not there; empty where all are."""
    if not looks:
        return ""
    named = ", ".join(one["look"].replace("-", " ") for one in looks)
    return pieces.paragraph(words.Persona.left_out.format(looks=html.escape(named)))
