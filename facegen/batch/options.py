"""What a batch may be told."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import OptionError
from ..options import (
    MAX_COUNT,
    MAX_SEED,
    RESTS,
    USUAL,
    AnonymiseOptions,
    SampleOptions,
    VaryOptions,
    check_ranges,
    check_rest,
    help_of,
    option,
)

JOBS = ("generate", "anonymise", "align", "random")
MAX_WORKERS = 64


@dataclass(frozen=True)
class BatchOptions:
    """job: of JOBS. Each job takes those options that it knows; all of them are in the fingerprint
    but `workers`, which changes nothing of the results."""

    job: str = "anonymise"
    seed: int = option(0, 0, MAX_SEED, "with each file's sha256 it gives the picture's own seed")
    strength: float = option(
        0.5, 0.1, 1.0, f"generate, anonymise: {help_of(VaryOptions, 'strength')}"
    )
    # generate: USUAL is what is usual for the model; anonymise: its own default
    steps: int = option(
        USUAL, USUAL, 2000, "generate, anonymise: refinement steps; -1 what is usual for the job"
    )
    count: int = option(1, 1, MAX_COUNT, "generate: how many variants of each photo")
    truncation_psi: float = option(
        SampleOptions.truncation_psi,
        0.0,
        1.0,
        f"random: {help_of(SampleOptions, 'truncation_psi')}",
    )
    size: int = option(256, 16, 4096, "align: pixels of a crop")
    keep_exif: bool = False
    label: bool = False
    consistent: bool = False  # anonymise: see AnonymiseOptions
    rest: str = RESTS[0]  # likewise
    spare: tuple[str, ...] = ()  # anonymise: photos of people who stay as they are
    workers: int = option(0, 0, MAX_WORKERS, "processes; 0 as many as cores and memory allow")

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.job not in JOBS:
            raise OptionError(f"job is {self.job!r}; it must be one of {', '.join(JOBS)}")
        if self.consistent and self.job != "anonymise":
            raise OptionError(f"--consistent is for --job anonymise, not {self.job}; leave it out")
        check_rest(self.rest)
        if self.spare and self.job != "anonymise":
            raise OptionError(f"--spare is for --job anonymise, not {self.job}; leave it out")

    @property
    def needs_model(self) -> bool:
        return self.job != "align"

    def told(self) -> dict[str, Any]:
        """What the results depend on."""
        told = asdict(self)
        del told["workers"]
        if self.spare:  # by content: where a photo lies changes nothing
            told["spare"] = [_sha256(path) for path in self.spare]
        if not self.consistent:  # what was there before the option goes on as it was
            del told["consistent"]
        return told

    def anonymise(self, seed: int) -> AnonymiseOptions:
        steps = AnonymiseOptions.steps if self.steps == USUAL else self.steps
        return AnonymiseOptions(
            strength=self.strength,
            seed=seed,
            steps=steps,
            keep_exif=self.keep_exif,
            label=self.label,
            consistent=self.consistent,
            rest=self.rest,
        )


def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


FORMATS = ("parquet", "webdataset")


@dataclass(frozen=True)
class RayOptions:
    """What Ray is told beside. address: of a cluster, HOST:PORT or "auto"; "": one is started on
    this machine. cpus: of a worker, and its threads. format: of FORMATS. bytes_column, id_column:
    of Parquet files that are read."""

    address: str = ""
    cpus: int = option(1, 1, 256, "cores, and threads, of a worker")
    format: str = "parquet"
    bytes_column: str = "bytes"
    id_column: str = "id"

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.format not in FORMATS:
            raise OptionError(f"format is {self.format!r}; it must be one of {', '.join(FORMATS)}")
        if self.address.startswith("ray://"):
            raise OptionError(
                f"address is {self.address!r}, a Ray client's, which Ray Data does not support; "
                "call it on a machine of the cluster with --address auto"
            )
