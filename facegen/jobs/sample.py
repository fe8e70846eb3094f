"""random: faces with no reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ..options import SampleRun
from ..options.background import in_words
from ..output.labels import Labels
from ..output.manifest import drawn_entry, face_entry, style_entry, write_manifest
from ..studio import Studio
from .job import Clock, Event, Finished, Picture, Source, frame


def sample(
    studio: Studio, sources: Sequence[Source], folder: Path, options: SampleRun
) -> Iterator[Event]:
    """Run the job: random-01.png …, each with its Portrait, and manifest.json into `folder`."""
    wanted, style, clock = options.sample, options.style, Clock()
    studio.check_style(style)  # before anything is made
    entries: list[dict] = []
    labels = Labels(studio.info.name, studio.info.terms) if options.labels else None

    def manifest() -> dict:
        return frame(
            "random",
            studio,
            asdict(wanted) | style_entry(style) | {"background": in_words(options.background)},
            style=drawn_entry(style, studio.style_licence(style.style) if style else None),
            seed=wanted.seed,
            reference=None,
            variants=entries,
            seconds=clock.seconds(),
        )

    for index, portrait in enumerate(studio.draw(wanted, style), start=1):
        drawn, portrait = portrait, studio.before(portrait, options.background)
        path, *anime = portrait.save(folder, f"random-{index:02d}", options.label)
        entries.append(face_entry(portrait, [path, *anime]))
        if labels:
            seen, share = studio.observer(drawn.pixels), studio.cut_out(drawn.pixels)
            labels.add(
                path.name, len(share), f"{studio.info.name} {portrait.seed}", seen, share,
                seed=portrait.seed,
            )  # fmt: skip
        clock.lap("draw")
        write_manifest(folder, manifest())  # whoever stops here keeps what is needed
        yield Picture(
            path,
            f"{index} · seed {portrait.seed}",
            portrait.pixels,
            entries[-1],
            index=index,
            count=wanted.count,
            files={"anime": anime[0]} if anime else {},
            payload=portrait,
        )
        clock.resume()
    if labels:
        labels.write(folder)
    yield Finished(manifest(), [folder / one["file"] for one in entries])
