"""The words for a first visitor: three steps, and the meaning of the page's terms."""

from __future__ import annotations

import gradio as gr

STEPS = (
    ("Choose a photo", "with a face in it, or click one of the invented faces."),
    ("Press Generate", "and several other people appear: the same pose, somebody else."),
    ("Click a face", "to compare it with the photo and to save it."),
)
WORDS = (
    (
        "The number below a face",
        "How far the new face is from the one in the photo, as a network sees it that was trained "
        "to recognise people. 0 would be the same picture. From a threshold on (it stands below "
        "the faces) the network takes them for two people, and the face gets a ✓.",
    ),
    (
        "How different?",
        "How far the new people are from the person in the photo. At 0 it is the same person, at "
        "0.5 just somebody else, at 1 somebody as different as any stranger.",
    ),
    (
        "Seed",
        "The number that decides who appears. The same photo with the same seed gives the same "
        "people again; another seed gives others.",
    ),
    (
        "Refinement",
        "Before anything is changed, the model has to find the face in your photo among those that "
        "it can draw. Each step brings its picture nearer to the photo.",
    ),
    (
        "Fine noise",
        "The random part of a picture: single hairs, pores. It changes how a face looks close up, "
        "not who it is.",
    ),
)

# After a restart Gradio's page loads itself again and says nothing. The number in its configuration
# is the server's; it is kept for as long as the tab is open.
SAY_RESTARTED = """() => {
    const now = String(window.gradio_config?.app_id), before = sessionStorage.getItem('facegen');
    sessionStorage.setItem('facegen', now);
    return before && before !== now ? %r : '';
}"""
RESTARTED = (
    "The server was started again, and this page has lost its session: the photo and the results "
    "that were here are deleted. Choose the photo once more."
)


def restarted(demo: gr.Blocks, quick: dict) -> None:
    """Build the place that reports a restart of the server under an open page."""
    said = gr.HTML(padding=False, elem_id="restarted", elem_classes="fg-status")
    note = f"<p class='fg-note fg-short' role='alert'>{RESTARTED}</p>"
    demo.load(None, None, said, js=SAY_RESTARTED % note, **quick)


def steps() -> None:
    """Build the three steps, and the meaning of the page's words for those who ask."""
    items = "".join(f"<li><b>{do}</b> {why}</li>" for do, why in STEPS)
    gr.HTML(f"<ol class='fg-steps'>{items}</ol>", padding=False)


def words() -> None:
    rows = "".join(f"<dt>{word}</dt><dd>{meaning}</dd>" for word, meaning in WORDS)
    gr.HTML(
        f"<details class='fg-words'><summary>What do these words and numbers mean?</summary>"
        f"<dl>{rows}</dl></details>",
        padding=False,
    )
