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
from .job import Event, Function, Job

MANY = 100_000  # photos in one run

# Imported when they run: a command's flags need no torch.


def _generate() -> Function:
    from .generate import generate

    return generate


def _random() -> Function:
    from .sample import sample

    return sample


def _edit() -> Function:
    from .edit import edit

    return edit


def _mix() -> Function:
    from .mix import mix

    return mix


def _child() -> Function:
    from .child import child

    return child


def _persona() -> Function:
    from .persona import persona

    return persona


def _restore() -> Function:
    from .restore import restore

    return restore


def _anonymise() -> Function:
    from .anonymise import anonymise

    return anonymise


def _align() -> Function:
    from .align import align

    return align


GENERATE = Job(
    "generate",
    "a photo in, variants out",
    GenerateOptions,
    range(1, 2),
    _generate,
    lambda told, photos: 20 + 2 * told.vary.count + max(told.invert.steps, 300) // 10,
    batch=True,
)
RANDOM = Job(
    "random",
    "new faces with no reference",
    SampleRun,
    range(1),
    _random,
    lambda told, photos: 20 + 2 * told.sample.count,
    batch=True,
)
EDIT = Job(
    "edit",
    "the same face, older, smiling, turned",
    EditRun,
    range(1, 2),
    _edit,
    lambda told, photos: 90,
)
MIX = Job(
    "mix",
    "two faces crossed over, on a board",
    MixRun,
    range(2, 3),
    _mix,
    lambda told, photos: 90,
)
CHILD = Job(
    "child",
    "children of two faces",
    ChildRun,
    range(2, 3),
    _child,
    lambda told, photos: 90 + 4 * told.child.count,
)
PERSONA = Job(
    "persona",
    "one person who does not exist, in many pictures",
    PersonaRun,
    range(2),
    _persona,
    lambda told, photos: 60 + 4 * told.persona.count,
)
RESTORE = Job(
    "restore",
    "faces that a damaged picture could show",
    RestoreRun,
    range(1, 2),
    _restore,
    lambda told, photos: 60 + told.restore.count * 15,
)
ANONYMISE = Job(
    "anonymise",
    "whole photos, their faces replaced in place",
    AnonymiseOptions,
    range(1, MANY + 1),
    _anonymise,
    lambda told, photos: 60 + 60 * photos,
    batch=True,
)
ALIGN = Job(
    "align",
    "the FFHQ crop of each face, the largest first",
    AlignOptions,
    range(1, 2),
    _align,
    model=False,
    batch=True,
)
JOBS: dict[str, Job] = {
    job.name: job
    for job in (GENERATE, RANDOM, EDIT, MIX, CHILD, PERSONA, RESTORE, ANONYMISE, ALIGN)
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
