"""Sentences made of results: of a run, a new person, a measurement."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from ...jobs.job import REFINING
from ...jobs.restore import UNDAMAGED
from ...latent import invert
from ...latent.persona import LOOKS
from ...latent.restore.observe import Observed
from ...measure.identity import calibration
from ...models import ModelInfo
from ...options import SampleOptions, help_of, label_of
from ...options.edit import UNITS, EditOptions
from ...output import check
from ...studio import Studio
from ...types import LOADING, Inversion, Progress, Variant
from ...weights import megabytes
from ...weights.entry import Weights
from ...whole_photo import everybody
from . import languages, words
from .languages import say

_CHOOSE = (
    "onchange=\"try{localStorage.setItem('facegen-language',this.value)}catch{};"
    f"const to=new window.URL(location);to.searchParams.set('{languages.PARAMETER}',this.value);"
    'location=to"'
)
WAITING = "waiting"  # the stage of a run while another one works
TITLES = {"sface": "SFace"}  # of recognisers, where their name is not how it is written
SYMBOLS = {check.FOUND: "●", check.DAMAGED: "▲", check.ABSENT: "○"}


def sentence(text: str) -> str:
    """Write an option's words as the page shows them."""
    return say(text and text[0].upper() + text[1:] + ".")


# --- models and the page ----------------------------------------------------------------


def header(studio: Studio) -> str:
    """Write the page's head for the model in use."""
    size = studio.resolution
    device = say("runs on {device}").format(device=str(studio.device).upper())
    chips = [studio.info.title, say("{size} × {size} pixels").format(size=size), device]
    items = "".join(f"<li>{html.escape(chip)}</li>" for chip in chips)
    return (
        "<header class='fg-head'>"
        "<svg viewBox='0 0 64 64' aria-hidden='true'><circle cx='25' cy='32' r='19'/>"
        "<circle cx='39' cy='32' r='19'/></svg>"
        f"<div><h1>Facegen</h1><p>{words.Page.tagline}</p></div>"
        f"<ul>{items}</ul>{_languages()}</header>"
    )


def _languages() -> str:
    """Write the choice of the page's language; it asks the server for the page once more."""
    options = "".join(
        f"<option value='{name}' lang='{languages.LOCALES[name]}'"
        f"{' selected' if name == languages.current() else ''}>{title}</option>"
        for name, title in languages.LANGUAGES.items()
    )
    label = words.Page.language
    return f"<select aria-label='{label}' {_CHOOSE}>{options}</select>"


def model_label(info: ModelInfo) -> str:
    """Name a model in the list, with its main limits: "Facegen 128 (soft; any use, …)"."""
    soft = say("soft; ") if info.resolution <= invert.SMALL else ""
    return f"{info.title} ({soft}{say(info.licence_meaning)})"


def variety_info(model: str) -> str:
    """Explain truncation, and how far out that model's faces hold, where it was measured."""
    info = sentence(help_of(SampleOptions, "truncation_psi"))
    safe = calibration.safe_distance(model)
    if safe is None:
        return info
    # psi is the distance from the average, in units of the model's own faces' distance
    if safe >= 1:
        return f"{info} {say('Faces of this model hold up to 1 and beyond.')}"
    return f"{info} {say('Faces of this model hold up to {distance:.2f}.').format(distance=safe)}"


def offer(entry: Weights, size: str) -> str:
    """Describe a larger model: what it adds, what it costs, and what its licence allows."""
    told = words.Offer.words.format(
        title=entry.title,
        size=entry.resolution,
        bytes=size,
        licence=entry.licence,
        advice=say(entry.advice),
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
        text = words.Run.loading.format(note=say(event.note), number=event.done + 1, count=event.of)
    else:
        note = f" ({say(event.note)})" if event.note else ""
        stage = say(event.stage[0].upper() + event.stage[1:])
        step = say("step") + " " if event.stage == REFINING else ""
        far = say("{done:.0f} of {count}").format(done=event.done, count=event.of)
        text = f"{stage}{'' if ':' in event.stage else ','} {step}{far}{note} …"
    begin, end = parts.get(event.stage, (0.0, 0.1 if event.stage == LOADING else 1.0))
    return progress(text, begin + (end - begin) * share)


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
    badges = {
        True: "✓ a different person",
        False: "✗ too close to the photo",
        None: "? no face could be measured",
    }
    return say(badges[variant.different_person])


def caption(index: int, variant: Variant) -> str:
    return f"{index} {badge(variant)}"


def drawing(caption: str) -> str:
    """Caption the drawing of a person."""
    return f"{caption} · {say('drawing')}"


def titled(recogniser: str) -> str:
    """Write a recogniser's name as its makers do, for HTML."""
    return html.escape(TITLES.get(recogniser, recogniser))


def distance_note(index: int, variant: Variant) -> str:
    """Say how far a person is from the photo; the first one's says what the numbers mean."""
    if not variant.identity:
        return ""
    networks = ", ".join(
        say("{network} from {threshold:g}").format(network=titled(name), threshold=found.threshold)
        for name, found in variant.identity.items()
    )
    meaning = say(
        "Each network's distance from the photo; from a threshold on they are two people "
        "({networks})."
    ).format(networks=networks)
    meaning = f"{meaning} {html.escape(_meaning(variant))}"
    numbers = ", ".join(
        f"{titled(name)} {found.distance:.2f}" for name, found in variant.identity.items()
    )
    before = paragraph(meaning) if index == 1 else ""
    return before + paragraph(f"{index}: {numbers}")


def _meaning(variant: Variant) -> str:
    """Say what the first variant's distance means among strangers."""
    name, found = next(iter(variant.identity.items()))
    meaning = calibration.words_of(name, variant.pixels.shape[0], found.distance)
    return meaning and say("{network}'s {distance:.2f} is {meaning}.").format(
        network=TITLES.get(name, name), distance=found.distance, meaning=say(meaning)
    )


def inversion_note(inversion: Inversion) -> str:
    """Say how well the model met the photo, in words first."""
    word = invert.in_words(inversion.distance, inversion.measure)
    how = say("by the encoder alone")
    if inversion.steps:
        how = say("refined in {steps} steps").format(steps=inversion.steps)
    text = say(
        "The model's picture of this face is <b>{word}</b> (distance {distance:.2f}, 0 would be a "
        "perfect copy; {how}). The new people start from it, not from the photo."
    )
    return paragraph(text.format(word=say(word), distance=inversion.distance, how=how))


def number(index: int) -> str:
    """Name a face by its number."""
    return say("face {number}").format(number=index)


def run_caption(count: int, one_person: bool = False) -> str:
    """Caption a run in the history. one_person: all its pictures are of one."""
    if one_person:
        return say("{count} picture" if count == 1 else "{count} pictures").format(count=count)
    return say("{count} person" if count == 1 else "{count} people").format(count=count)


def matrix_caption(recogniser: str, least: float | None) -> str:
    """Caption the table of distances, as HTML. least: below it two faces are one person."""
    legend = titled(recogniser)
    if least is not None:
        legend += say("; below {limit:g} it is one person").format(limit=least)
    return say("How far apart the faces are from each other ({network})").format(network=legend)


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
    lines = [f"{summary(manifest['faces'])}."]
    left = everybody.left(manifest["faces"])
    for face in manifest["faces"]:
        if face["status"] != everybody.REPLACED and face.get("why") != everybody.AS_ASKED:
            mark = "✗" if face in left else "✓"
            lines.append(f"{mark} {_became(face['face'], face['status'], face.get('why'))}.")
    lines.append(words.WholePhoto.look)
    return "".join(paragraph(html.escape(line)) for line in lines)


def fate(number: int, fate: everybody.Fate) -> str:
    """Say what becomes of a face."""
    return _became(number, fate.what, fate.why)


def _became(number: int, what: str, why: str | None) -> str:
    told = say("face {number}: {what}").format(number=number, what=say(what))
    return f"{told} ({say(why)})" if why else told


def summary(faces: Sequence[Mapping[str, Any] | everybody.Fate]) -> str:
    """Count what becomes of everybody, see everybody.summary."""
    return say(everybody.summary(faces))


def photos_replaced(new: int, count: int, summary: str) -> str:
    """Say how many photos of a ZIP were changed."""
    told = say("{new} of {count} photos have new faces.").format(new=new, count=count)
    return f"{told} {say(summary)}."


# --- edits, mixtures, children ----------------------------------------------------------


def edited(entry: Mapping[str, Any]) -> str:
    """Say whether an edited face is still the person, and what was measured."""
    told = []
    verdicts = {found["same_person"] for found in entry["identity"].values()}
    if verdicts:
        one = words.Edit.same if True in verdicts else words.Edit.other
        told.append(one if len(verdicts) == 1 else words.Edit.between)
    if entry["given"] < 1:
        told.append(words.Edit.limited.format(share=entry["given"]))
    parts = [
        say("{slider}: moved by {amount}").format(
            slider=say(label_of(EditOptions, name)), amount=_amount(name, value)
        )
        for name, value in entry["reached"].items()
    ]
    for name, found in entry["identity"].items():
        verdict = "the same person" if found["same_person"] else "a different person"
        parts.append(f"{titled(name)}: {say(verdict)} ({found['distance']:.2f})")
    more = paragraph(" · ".join(parts))
    said = note(" ".join(told)) if told else ""
    return said + (details(words.Edit.measured, more) if parts else "")


def _amount(name: str, value: float) -> str:
    return f"{value:+.{0 if name in UNITS else 2}f}{UNITS.get(name, '')}"


def mixture_made(caption: str, index: int, count: int) -> str:
    said = say(caption)
    far = say("{done:.0f} of {count}").format(done=index, count=count)
    return f"{said[0].upper()}{said[1:]}, {far} …"


def child_heading(index: int) -> str:
    return say("child {number}").format(number=index)


def nobody_told(parent: str) -> str:
    """Say that nothing is known of how near a child is to that parent."""
    return say("to {parent}: no face could be measured").format(parent=parent.upper())


def nearness(parent: str, near: Mapping[str, float]) -> str:
    """Say how near a child is to that parent."""
    verdict = say("taken for the parent")
    if near["distance"] >= near["same_person_below"]:
        share = 100 - near["strangers_nearer_percent"]
        verdict = say("closer than {share:.0f} of 100 pairs of strangers").format(share=share)
    return say("to {parent}: {verdict}").format(parent=parent.upper(), verdict=verdict)


# --- restorations -----------------------------------------------------------------------


def damage(seen: Observed) -> str:
    """Say what probably happened to the picture."""
    if not seen.damaged:
        return say(f"{UNDAMAGED[0].upper()}{UNDAMAGED[1:]}; if it is damaged, say how.")
    told = {"quality": 0, "hidden_share": 0.0} | seen.damage.describe()
    return {
        "small": say("The face has about {pixels} pixels."),
        "blur": say("The picture is blurred."),
        "noise": say("The picture is noisy."),
        "jpeg": say("The picture was compressed (about JPEG quality {quality})."),
        "holes": say("{hidden_share:.0%} of the face is hidden."),
    }[told["kind"]].format_map(told)


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
            text = say(
                "They are {low:.2f} to {high:.2f} apart from each other; below {limit:g} it is one "
                "person ({network})."
            )
            named = {"limit": judge.threshold, "network": titled(judge.name)}
            lines.append(text.format(low=low, high=high, **named))
    measured = "".join(paragraph(line) for line in lines)
    more = details(words.Edit.measured, measured) if lines else ""
    return note(words.Restore.many) + note(told) + more


# --- marks of origin --------------------------------------------------------------------


def origin(report: check.Report) -> str:
    """Write which marks a picture carries, and what they prove."""
    found = "".join(
        f"<li class='fg-{finding.state.replace(' ', '-')}'>"
        f"<b><i aria-hidden='true'>{SYMBOLS[finding.state]}</i> {html.escape(say(finding.place))}: "
        f"{html.escape(say(finding.state))}</b> {html.escape(say(finding.words))}</li>"
        for finding in report.findings
    )
    wrong = "".join(
        error(words.Check.contradiction.format(text=say(text))) for text in report.contradictions
    )
    return (
        f"<div class='fg-check' role='status'><h3>{html.escape(say(report.verdict))}</h3>{wrong}"
        f"<ul>{found}</ul>{paragraph(html.escape(say(check.PROVES)))}</div>"
    )


def left_out(looks: Sequence[Mapping[str, str]]) -> str:
    """Say which of a person's pictures are not there; empty where all are."""
    if not looks:
        return ""
    captions = {look.name: look.caption for look in LOOKS}
    named = ", ".join(say(captions.get(one["look"], one["look"])) for one in looks)
    return paragraph(words.Persona.left_out.format(looks=html.escape(named)))


def as_error(message: object) -> gr.Error:
    """Make our own one-line message a Gradio error, without a traceback on the server."""
    # Gradio renders messages as HTML, and some of ours quote what the visitor sent.
    text = html.escape(say(str(message)), quote=False)
    return gr.Error(text, title=words.Page.failed, duration=20, print_exception=False)


def error(message: object) -> str:
    return f"<p class='fg-error' role='alert'>{html.escape(say(str(message)))}</p>"


def note(message: str) -> str:
    """Write a note that a screen reader announces."""
    return f"<p class='fg-note' role='status'>{html.escape(say(message))}</p>"


def paragraph(content: str, look: str = "") -> str:
    """Write a note that stands there from the start. content: HTML. look: more CSS classes."""
    return f"<p class='{f'fg-note {look}'.strip()}'>{content}</p>"


class Bar(str):
    """A progress bar, `done` from 0 to 1, and its words, as HTML."""

    done: float
    text: str

    def __new__(cls, text: str, done: float, left: str = "") -> Bar:
        text = say(text)
        percent = round(100 * done)
        told = f" <span>{html.escape(left)}</span>" if left else ""
        bar = super().__new__(
            cls,
            "<div class='fg-progress'>"
            f"<p role='status'>{html.escape(text)}{told}</p>"
            "<div role='progressbar' aria-valuemin='0' aria-valuemax='100' "
            f"aria-valuenow='{percent}' aria-label='{words.Page.progress}'>"
            f"<i style='width:{percent}%'></i></div></div>",
        )
        bar.text, bar.done = text, done
        return bar

    def since(self, began: float) -> Bar:
        """Return the bar with an estimate of how long it will take, once that is possible."""
        spent = time.monotonic() - began
        if self.done < 0.1 or spent < 2:
            return self
        seconds = spent * (1 - self.done) / self.done
        said = words.Run.minutes_left if seconds > 90 else words.Run.seconds_left
        return Bar(self.text, self.done, said.format(minutes=seconds / 60, seconds=seconds))


def progress(text: str, done: float) -> Bar:
    """Write a progress bar, done from 0 to 1, and its words."""
    return Bar(text, done)


def details(title: str, content: str) -> str:
    """Write what only some want to know, closed at first. content: HTML."""
    return f"<details class='fg-words'><summary>{title}</summary>{content}</details>"


def figure(url: str, caption: str) -> str:
    """Write a picture with a caption."""
    caption = html.escape(caption, quote=True)
    return f"<figure><img src='{url}' alt='{caption}'><figcaption>{caption}</figcaption></figure>"
