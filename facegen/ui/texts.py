"""What the page says: numbers in words, and the few pieces of HTML around them."""

from __future__ import annotations

import html
from collections.abc import Mapping

import gradio as gr

from ..errors import counted
from ..jobs.job import REFINING
from ..latent import invert
from ..measure.identity import calibration
from ..models import ModelInfo
from ..options import SampleOptions, help_of
from ..studio import Studio
from ..types import LOADING, Inversion, Progress, Variant
from ..weights.entry import Weights

STAGES = {
    "align": "finding and aligning the face",
    "invert": "inversion",
    "vary": "variants",
    "stylize": "anime",
}

WAITING = "waiting"  # the stage of a run while another one works
TITLES = {"sface": "SFace"}  # of recognisers, where their name is not how it is written


def as_error(message: object) -> gr.Error:
    """Make our own one-line message a Gradio error, without a traceback on the server."""
    # Gradio renders messages as HTML, and some of ours quote what the visitor sent.
    text = html.escape(str(message), quote=False)
    return gr.Error(text, title="That did not work", duration=20, print_exception=False)


def model_label(info: ModelInfo) -> str:
    """Name a model in the list, with its main limits: "Facegen 128 (soft; any use, …)"."""
    soft = "soft; " if info.resolution <= invert.SMALL else ""
    return f"{info.title} ({soft}{info.licence_meaning})"


def badge(variant: Variant) -> str:
    """Say whether it is somebody else, for people who know nothing of distances."""
    return {
        True: "✓ a different person",
        False: "✗ too close to the reference",
        None: "? the recogniser saw no face",
    }[variant.different_person]


def caption(index: int, variant: Variant) -> str:
    several = len(variant.identity) > 1
    distances = [
        f"{name} {found.distance:.2f}" if several else f"{found.distance:.2f}"
        for name, found in variant.identity.items()
    ]
    return " · ".join([f"{index} {badge(variant)}", *distances])


def titled(recogniser: str) -> str:
    """Write a recogniser's name as its makers do, for HTML."""
    return html.escape(TITLES.get(recogniser, recogniser))


def recogniser_note(variant: Variant) -> str:
    """Explain the number in the captions; empty where no recogniser saw a face."""
    if not variant.identity:
        return ""
    recognisers = ", ".join(
        f"{titled(name)} from {found.threshold:g}" for name, found in variant.identity.items()
    )
    return (
        "<p class='fg-note'>The number is the distance between the face in the photo and the new "
        f"one; from a threshold on they are two people to the recogniser ({recognisers}). "
        f"{html.escape(_meaning(variant))}</p>"
    )


def _meaning(variant: Variant) -> str:
    """Say what the first variant's distance means among strangers."""
    name, found = next(iter(variant.identity.items()))
    meaning = calibration.words_of(name, variant.pixels.shape[0], found.distance)
    return f"{TITLES.get(name, name)}'s {found.distance:.2f} is {meaning}." if meaning else ""


def sentence(words: str) -> str:
    """Write an option's words as the page shows them."""
    return words and words[0].upper() + words[1:] + "."


def psi_info(model: str) -> str:
    """Explain truncation, and how far out that model's faces hold, where it was measured."""
    info = sentence(help_of(SampleOptions, "truncation_psi"))
    safe = calibration.safe_distance(model)
    if safe is None:
        return info
    # psi is the distance from the average, in units of the model's own faces' distance
    if safe >= 1:
        return f"{info} Walks from the average say that faces hold up to 1 and beyond."
    return f"{info} Walks from the average say that faces hold up to {safe:.2f}."


def inversion_note(inversion: Inversion) -> str:
    """Say how well the model met the photo, in words first."""
    word = invert.in_words(inversion.distance, inversion.measure)
    steps = counted(inversion.steps, "step")
    how = f"refined in {steps}" if inversion.steps else "by the encoder alone"
    return (
        f"<p class='fg-note'>The model's picture of this face is <b>{word}</b> "
        f"(distance {inversion.distance:.2f}, 0 would be a perfect copy; {how}). "
        "The variants start from it, not from the photo.</p>"
    )


def times(seconds: Mapping[str, float]) -> str:
    """Write the line with the time that each stage took."""
    parts = [
        f"{text} <b>{seconds[stage]:.2f} s</b>"
        for stage, text in STAGES.items()
        if seconds.get(stage, 0) >= 0.005
    ]
    parts.append(f"in all <b>{seconds['total']:.2f} s</b>")
    return "<p class='fg-times'>" + " · ".join(parts) + "</p>"


def error(message: object) -> str:
    return f"<p class='fg-error' role='alert'>{html.escape(str(message))}</p>"


def note(message: str) -> str:
    return f"<p class='fg-note' role='status'>{html.escape(message)}</p>"


def progress(text: str, done: float) -> str:
    """Write a progress bar, done from 0 to 1, and its words."""
    percent = round(100 * done)
    return (
        "<div class='fg-progress'>"
        f"<p role='status'>{html.escape(text)}</p>"
        f"<div role='progressbar' aria-valuemin='0' aria-valuemax='100' aria-valuenow='{percent}' "
        f"aria-label='Progress'><i style='width:{percent}%'></i></div></div>"
    )


def bar(event: Progress, parts: Mapping[str, tuple[float, float]]) -> str:
    """Write how far a job has come.

    parts: where each stage begins and ends on the whole bar; by default the first tenth for
    loading, all of it for any other.
    """
    share = event.done / event.of
    if event.stage == WAITING:
        text = "Waiting for another run to end …"
    elif event.stage == LOADING:
        text = f"First use of this model: loading {event.note}, {event.done + 1} of {event.of} …"
    else:
        note = f" ({event.note})" if event.note else ""
        stage = event.stage[0].upper() + event.stage[1:]
        step = ", step" if event.stage == REFINING else "" if ":" in stage else ","
        text = f"{stage}{step} {event.done:.0f} of {event.of}{note} …"
    begin, end = parts.get(event.stage, (0.0, 0.1 if event.stage == LOADING else 1.0))
    return progress(text, begin + (end - begin) * share)


def empty(text: str) -> str:
    """Draw six silhouettes where the results will be."""
    head = (
        "<svg viewBox='0 0 100 100' aria-hidden='true'><circle cx='50' cy='42' r='19'/>"
        "<path d='M14 100c2-25 17-34 36-34s34 9 36 34z'/></svg>"
    )
    return f"<div class='fg-empty'><div>{head * 6}</div><p>{html.escape(text)}</p></div>"


def offer(entry: Weights, size: str) -> str:
    """Describe a larger model: what it adds, what it costs, and what its licence allows."""
    return (
        f"<p><b>Photographs can be had.</b> {html.escape(entry.title)}: "
        f"{entry.resolution} × {entry.resolution} pixels, {html.escape(size)} to fetch, once, as a "
        f"package. Licence: {html.escape(entry.licence)}; {html.escape(entry.advice)}.</p>"
    )


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
        "<div><h1>Facegen</h1><p>One photo in, new people out: the pose stays, the person "
        "changes. None of them exists.</p></div>"
        f"<ul>{items}</ul></header>"
    )
