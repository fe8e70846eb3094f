"""What the commands share that run a job: the loop, its bar, and where its files go."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from ..jobs.catalogue import find
from ..jobs.job import CROP, RESULT, Event, Finished, Picture
from ..options import check_device
from ..output.staging import check_empty, finished_only
from .flags import add_option, progress_bar, show


def add_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add a flag for each option of a job that has a range."""
    for option, (owner, field) in find(name).fields().items():
        if "range" in field.metadata:
            add_option(parser, owner, option)


def given(name: str, arguments: argparse.Namespace) -> Any:
    """Build a job's options from its flags. Raises OptionError."""
    job = find(name)
    return job.given({option: getattr(arguments, option, None) for option in job.fields()})


def check(arguments: argparse.Namespace) -> None:
    """Look at the device and at --out, before anything that takes long."""
    check_device(arguments.device)
    check_empty(arguments.out, arguments.overwrite)


def run(
    studio: Any,
    name: str,
    arguments: argparse.Namespace,
    sources: Sequence[Any],
    options: Any,
    noun: str,
    begin: str = "finding the face",
    photo: str | None = None,
    pictures: Sequence[str] = (),
    tell: Callable[[Event], object] = lambda event: None,
    **more: Any,
) -> dict[str, Any]:
    """Run a job into --out, all of it or nothing, and return its manifest.

    noun, begin: what the results are called on the bar, and what stands there first. photo: the
    input, which is never overwritten. pictures: see finished_only. tell: hears each event. more:
    see Job.run.
    """
    with (
        finished_only(arguments.out, photo, pictures, arguments.overwrite) as folder,
        progress_bar(begin, 1) as bar,
    ):
        show(bar, begin, 0, 1)
        for event in find(name).run(studio, sources, folder, options, **more):
            follow(bar, event, noun)
            tell(event)
            if isinstance(event, Finished):
                return event.manifest
    raise AssertionError(f"{name} ended without an end")


def follow(bar: Any, event: Event, noun: str) -> None:
    """Show on the bar how far a job has come."""
    if isinstance(event, Picture):
        if event.kind == CROP:
            show(bar, "meeting the face", 0, 1)
        elif event.kind == RESULT:
            show(bar, noun, event.index, event.count)
    elif not isinstance(event, Finished):
        show(bar, event.stage, event.done, event.of, event.note)
