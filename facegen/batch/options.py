"""The options of a batch."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import OptionError
from ..jobs.catalogue import JOBS, find
from ..options import MAX_COUNT, MAX_SEED, RESTS, USUAL, Options, help_of, option, spec
from ..options import AnonymiseOptions as Anonymise
from ..options import SampleOptions as Sample
from ..options import VaryOptions as Vary

MAX_WORKERS = 64


def jobs() -> list[str]:
    """List the jobs that a batch can run."""
    return [job.name for job in JOBS.values() if job.batch]


@dataclass(frozen=True)
class BatchOptions(Options):
    """The options of a batch, all in the fingerprint but `workers`; a job takes those it has."""

    job: str = option("anonymise", help="what is done with each picture")
    seed: int = option(0, 0, MAX_SEED, "with each file's sha256 it gives the picture's own seed")
    strength: float = option(0.5, 0.1, 1.0, f"generate, anonymise: {help_of(Vary, 'strength')}")
    # generate: USUAL is what is usual for the model; anonymise: its own default
    steps: int = option(
        USUAL, USUAL, 2000, "generate, anonymise: refinement steps; -1 what is usual for the job"
    )
    count: int = option(1, 1, MAX_COUNT, "generate: how many variants of each photo")
    truncation_psi: float = option(
        Sample.truncation_psi,
        0.0,
        1.0,
        f"random: {help_of(Sample, 'truncation_psi')}",
        flag="--psi",
    )
    size: int = option(256, 16, 4096, "align: pixels of a crop")
    keep_exif: bool = option(False, help=f"anonymise: {help_of(Anonymise, 'keep_exif')}")
    label: bool = option(False, help=help_of(Anonymise, "label"))
    consistent: bool = option(
        False,
        help=f"anonymise: {help_of(Anonymise, 'consistent')}; such a run cannot be gone on with",
    )
    rest: str = option(
        RESTS[0], help="anonymise: what becomes of faces that cannot be replaced", choices=RESTS
    )
    spare: tuple[str, ...] = option(
        (),
        help="anonymise: photos of people who stay as they are wherever both recognisers know them",
        metavar="PHOTO",
    )
    workers: int = option(0, 0, MAX_WORKERS, "processes; 0 as many as cores and memory allow")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.job not in jobs():
            raise OptionError(f"job is {self.job!r}; it must be one of {', '.join(jobs())}")
        for name in ("consistent", "spare"):
            if getattr(self, name) and self.job != "anonymise":
                raise OptionError(f"--{name} is for --job anonymise, not {self.job}; leave it out")

    @property
    def needs_model(self) -> bool:
        return find(self.job).model

    def told(self) -> dict[str, Any]:
        """Collect what the results depend on."""
        told = asdict(self)
        del told["workers"]
        if self.spare:  # by content: where a photo lies changes nothing
            read = (Path(path).read_bytes() for path in self.spare)
            told["spare"] = [hashlib.sha256(data).hexdigest() for data in read]
        if not self.consistent:  # what was there before the option goes on as it was
            del told["consistent"]
        return told

    def of_job(self, seed: int) -> Any:
        """Build the job's options for a picture: those of these that it has."""
        job = find(self.job)
        own = {name: getattr(self, name) for name in spec(job.options) if hasattr(self, name)}
        if self.steps == USUAL:
            own.pop("steps", None)
        if "seed" in own:
            own["seed"] = seed
        if not job.photos[-1]:
            own["count"] = 1  # of what is made without the photo, one stands for it
        return job.given(own)


FORMATS = ("parquet", "webdataset")


@dataclass(frozen=True)
class RayOptions(Options):
    """The further options of a batch on Ray."""

    address: str = option(
        "", help="ray: a cluster's, HOST:PORT or auto; by default one on this machine"
    )
    cpus: int = option(1, 1, 256, "ray: cores, and threads, of a worker")
    format: str = option(FORMATS[0], help="ray: of what is written", choices=FORMATS)
    bytes_column: str = option(
        "bytes", help="ray: of Parquet files that are read, such as image.bytes"
    )
    id_column: str = option("id", help="ray: of Parquet files that are read, the pictures' names")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.address.startswith("ray://"):
            raise OptionError(
                f"address is {self.address!r}, a Ray client's, which Ray Data does not support; "
                "call it on a machine of the cluster with --address auto"
            )
