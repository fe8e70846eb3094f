"""The registry's description of a checkpoint, as dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ATTRIBUTION = "any use, with attribution"
FALLBACK = "bundled"  # where the default cannot be had, and for commercial use
FOR_COMMERCIAL_USE = f"for commercial use: --model {FALLBACK}"


@dataclass(frozen=True)
class Source:
    """One file on the Hub. revision None: the main branch. size in bytes."""

    repo: str
    file: str
    revision: str | None = None
    sha256: str | None = None
    size: int | None = None

    def __str__(self) -> str:
        return f"{self.repo}:{self.file}"


@dataclass(frozen=True)
class Member:
    """One file of a package. path: inside the archive, with slashes. size in bytes."""

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Package:
    """Files of one version of a Python package, from which our tensors are made.

    The package is never imported, and its requirements are not installed. archive: the wheel's file
    name, with its size (bytes) and sha256. converter: a name in formats.packaged.CONVERTERS.
    conversion: raised when that function's result changes."""

    name: str
    version: str
    archive: str
    size: int
    sha256: str
    members: tuple[Member, ...]
    converter: str
    conversion: int = 1

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Weights:
    """One checkpoint.

    kind: face, anime, vgg, features (of pictures), identity (a recogniser), or detector. contains:
    which networks are in it. inputs: what they read. sources: tried in order; package: in place of
    them; neither for a bundled one, whose `file` lies in weights/. about: bytes, rounded, where no
    source states its size. encoder: whether a photo can be inverted without optimisation. config:
    what the file itself does not say of its network."""

    name: str
    kind: str
    title: str
    licence: str
    licence_meaning: str
    origin: str
    contains: str
    inputs: str
    sources: tuple[Source, ...] = ()
    package: Package | None = None
    file: str = ""
    about: int | None = None
    resolution: int | None = None
    encoder: bool = False
    config: Mapping[str, object] = field(default_factory=dict)

    @property
    def wheel(self) -> Package:
        """Return the package of an entry that comes out of one."""
        assert self.package is not None, f"{self.name} comes out of no package"
        return self.package

    @property
    def bundled(self) -> bool:
        return not self.sources and self.package is None

    @property
    def size(self) -> int | None:
        """Return the bytes to fetch, as stated or rounded; None where unknown."""
        if self.package:
            return self.package.size
        return next((source.size for source in self.sources if source.size), self.about)

    @property
    def advice(self) -> str:
        """Return the advice beside the licence of a face model that not everybody may use."""
        restricted = self.kind == "face" and self.licence_meaning != ATTRIBUTION
        return FOR_COMMERCIAL_USE if restricted else ""
