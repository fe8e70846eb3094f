"""What each job may be told; generate's and anonymise's stand in facegen/options.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..latent.edit.options import EditOptions
from ..latent.mix.options import ChildOptions, MixOptions
from ..latent.restore.options import RestoreOptions
from ..options import InvertOptions, SampleOptions, StyleOptions, check_ranges, option


@dataclass(frozen=True)
class AlignOptions:
    """The crop of each face."""

    size: int = option(256, 16, 4096, "pixels of a crop")

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class SampleRun:
    """Random faces. style None: no anime. label: "AI-generated" stands on every picture."""

    sample: SampleOptions = field(default_factory=SampleOptions)
    style: StyleOptions | None = None
    label: bool = False


@dataclass(frozen=True)
class EditRun:
    """A face changed by name."""

    edit: EditOptions = field(default_factory=EditOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    label: bool = False


@dataclass(frozen=True)
class MixRun:
    """Mixtures of two faces."""

    mix: MixOptions = field(default_factory=MixOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    label: bool = False


@dataclass(frozen=True)
class ChildRun:
    """Children of two faces."""

    child: ChildOptions = field(default_factory=ChildOptions)
    invert: InvertOptions = field(default_factory=InvertOptions)
    label: bool = False


@dataclass(frozen=True)
class RestoreRun:
    """Faces that a damaged picture could show."""

    restore: RestoreOptions = field(default_factory=RestoreOptions)
    label: bool = False
