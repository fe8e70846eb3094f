"""Every job there is: the records from which all fronts derive theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import OptionError
from ..options import (
    AlignOptions,
    AnonymiseOptions,
    ChildRun,
    EditRun,
    GenerateOptions,
    MixRun,
    PersonaRun,
    RestoreRun,
    SampleRun,
)
from .job import Event, Job

MANY = 100_000  # photos in one run

JOBS: dict[str, Job] = {
    job.name: job
    for job in (
        Job(
            "generate",
            "a photo in, variants out",
            GenerateOptions,
            range(1, 2),
            "facegen.jobs.generate:generate",
            lambda told, photos: 20 + 2 * told.vary.count + max(told.invert.steps, 300) // 10,
            batch=True,
        ),
        Job(
            "random",
            "new faces with no reference",
            SampleRun,
            range(1),
            "facegen.jobs.sample:sample",
            lambda told, photos: 20 + 2 * told.sample.count,
            batch=True,
        ),
        Job(
            "edit",
            "the same face, older, smiling, turned",
            EditRun,
            range(1, 2),
            "facegen.jobs.edit:edit",
            lambda told, photos: 90,
        ),
        Job(
            "mix",
            "two faces crossed over, on a board",
            MixRun,
            range(2, 3),
            "facegen.jobs.mix:mix",
            lambda told, photos: 90,
        ),
        Job(
            "child",
            "children of two faces",
            ChildRun,
            range(2, 3),
            "facegen.jobs.child:child",
            lambda told, photos: 90 + 4 * told.child.count,
        ),
        Job(
            "persona",
            "one person who does not exist, in many pictures",
            PersonaRun,
            range(2),
            "facegen.jobs.persona:persona",
            lambda told, photos: 60 + 4 * told.persona.count,
        ),
        Job(
            "restore",
            "faces that a damaged picture could show",
            RestoreRun,
            range(1, 2),
            "facegen.jobs.restore:restore",
            lambda told, photos: 60 + told.restore.count * 15,
        ),
        Job(
            "anonymise",
            "whole photos, their faces replaced in place",
            AnonymiseOptions,
            range(1, MANY + 1),
            "facegen.jobs.anonymise:anonymise",
            lambda told, photos: 60 + 60 * photos,
            batch=True,
        ),
        Job(
            "align",
            "the FFHQ crop of each face, the largest first",
            AlignOptions,
            range(1, 2),
            "facegen.jobs.align:align",
            model=False,
            batch=True,
        ),
    )
}


def find(name: str) -> Job:
    """Return a job. Raises OptionError for an unknown name."""
    if name not in JOBS:
        raise OptionError(f"job is {name[:40]!r}; there are: {', '.join(JOBS)}")
    return JOBS[name]


def run(
    studio: Any, name: str, sources: Sequence[Any], folder: Path, options: Any, **more: Any
) -> Iterator[Event]:
    """Run a job by its name; see Job.run."""
    return find(name).run(studio, sources, folder, options, **more)
