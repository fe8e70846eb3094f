"""The only folder that visitors' pictures are stored in, and their deletion.

Gradio keeps uploads and results as files and forgets to delete most of them. Here everything it
writes goes into a folder of this server's own, which is wiped at start, when the server ends, and
file by file KEEP_SECONDS after each was written (a run's files together).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ... import process
from ...errors import OptionError, OutputError
from . import guard

KEEP_SECONDS = 1800
SWEEP_SECONDS = 300
RELEASE_SECONDS = 2  # how long a start waits for a port of its user's that a killed server let go
_VARIABLE = "GRADIO_TEMP_DIR"  # read by Gradio, some of it at import: set before that
# On Windows each user has a folder for temporary files of their own.
_USER = os.getuid() if hasattr(os, "getuid") else 0
_PREFIX = f"facegen-{_USER}-"
EXAMPLES, SIGHTS = "examples", "first-sight"  # folders of pictures for all visitors
RUNS = "runs"

_living: set[Path] = set()  # the folders of the runs that are going on
_MEMORY = ("tmpfs", "ramfs")
_USUAL = Path("/dev/shm")  # Linux's own
_MOUNTS = Path("/proc/self/mounts")


@contextlib.contextmanager
def folder(ports: Iterable[int]) -> Iterator[tuple[int, Path]]:
    """Reserve the first free of the ports, and yield it with an empty folder for it.

    Only the user can read the folder. A start wipes what killed servers left behind, and never what
    a living one needs: a lock beside the folder is held as long as the server lives. Raises
    OptionError where all ports are held by this user's servers, OutputError.
    """
    above = root().resolve()
    with contextlib.ExitStack() as at_the_end:
        try:
            above.mkdir(parents=True, exist_ok=True)
            port, path = _claim(above, ports, at_the_end)
            _wipe(path)
            _wipe_orphans(above)
            path.mkdir(mode=0o700)
        except OSError as error:
            raise OutputError(
                f"{error.filename or above} cannot be made or emptied ({error.strerror}); delete "
                f"it, or set {_VARIABLE} to another place"
            ) from error
        at_the_end.callback(guard.stop, guard.start(path))
        at_the_end.callback(_remove, path)
        os.environ[_VARIABLE] = str(path)
        yield port, path


def _claim(above: Path, ports: Iterable[int], at_the_end: contextlib.ExitStack) -> tuple[int, Path]:
    def claimed(port: int, seconds: float = 0) -> Path | None:
        # No login name: the path is part of every address that a visitor gets to see.
        path = above / f"{_PREFIX}{port}"
        try:
            at_the_end.enter_context(_held(path, seconds))
        except Timeout:
            return None
        return path

    for port in ports:
        if path := claimed(port):
            return port, path
    if path := claimed(port, RELEASE_SECONDS):
        return port, path
    raise OptionError(
        f"port is {port}, which another Facegen of this user holds; choose another with --port"
    )


@contextlib.contextmanager
def _held(path: Path, seconds: float = 0) -> Iterator[None]:
    """Hold a lock file beside the folder, which one process at a time can do.

    It is released however the process dies. Raises Timeout if another one holds it too long,
    OSError.
    """
    lock = FileLock(
        path.with_suffix(".lock"),
        timeout=seconds,
        mode=0o600,
        thread_local=False,
        fallback_to_soft=False,  # a file that a killed server leaves would hold its port for ever
    )
    with lock:
        if not Path(lock.lock_file).exists():  # its last holder deleted it under our hands
            raise Timeout(lock.lock_file)
        try:
            yield
        finally:
            if os.name != "nt":  # while it is held: afterwards it may be somebody else's
                Path(lock.lock_file).unlink(missing_ok=True)


def _wipe(path: Path) -> None:
    if path.is_symlink():  # somebody else's trick in a shared folder: never follow it
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _wipe_orphans(above: Path) -> None:
    """Wipe what killed servers at other ports left; spare those that are alive."""
    for path in above.glob(f"{_PREFIX}*"):
        if path.is_dir():
            with contextlib.suppress(Timeout, OSError), _held(path):
                _wipe(path)


def _remove(path: Path) -> None:
    with process.undisturbed():
        shutil.rmtree(path, ignore_errors=True)


def _make_again(path: Path) -> None:
    """Recreate the server's folder if it was deleted. Raises OSError if it is not ours."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _USER:
        raise PermissionError(errno.EPERM, "it belongs to somebody else", str(path))
    if found.st_mode & 0o077:  # made again by Gradio, for an upload
        path.chmod(0o700)


def shared(path: Path) -> bool:
    """Return True for a picture that all visitors are shown."""
    where = root().resolve()
    return any(path.resolve().is_relative_to(where / name) for name in (EXAMPLES, SIGHTS))


def root() -> Path:
    """Return the private folder."""
    return Path(os.environ.get(_VARIABLE) or tempfile.gettempdir())


# --- one folder a run --------------------------------------------------------------------


@contextlib.contextmanager
def new_run() -> Iterator[Path]:
    """Make an empty folder with an unguessable name; the sweep spares it. Raises OutputError."""
    above = root()
    path = above / RUNS / secrets.token_urlsafe(16)
    _living.add(path)
    try:
        try:
            _make_again(above)
            path.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise OutputError(
                f"the server cannot keep results in {above} ({error.strerror}); free some space "
                "there and start it again"
            ) from error
        yield path
    finally:
        _living.remove(path)


def discard(run: Path | None) -> None:
    if run is not None:
        shutil.rmtree(run, ignore_errors=True)


def forget(upload: Path) -> bool:
    """Delete an upload, and its folder if it is empty then; return whether it still existed.

    What lies outside the private folder is not touched.
    """
    if not upload.resolve().is_relative_to(root().resolve()):
        return False
    try:
        upload.unlink()
    except OSError:  # swept already
        return False
    with contextlib.suppress(OSError):
        upload.parent.rmdir()
    return True


def expire(run: Path | None) -> None:
    """Discard it unless it is still going on: Gradio counts from the last update."""
    if run not in _living:
        discard(run)


# --- the sweep ---------------------------------------------------------------------------


def keep_swept(path: Path) -> None:
    """Delete each file KEEP_SECONDS after it was written, from now on.

    The present files, the example faces, stay. A run goes as a whole, by its newest file.
    """
    keep = {file for file in path.rglob("*") if file.is_file()}

    def sweep_for_ever() -> None:
        while True:
            time.sleep(SWEEP_SECONDS)
            with contextlib.suppress(OSError):
                _make_again(path)
            sweep(path, keep, time.time() - KEEP_SECONDS)

    threading.Thread(target=sweep_for_ever, daemon=True, name="sweep").start()


def sweep(path: Path, keep: set[Path], before: float) -> None:
    """Delete the runs and the other files in `path` that are older than `before`.

    Then the empty folders. A run that is going on is never old.
    """
    runs = path / RUNS
    for run in runs.glob("*"):
        if run not in _living and _written(run) < before:
            discard(run)
    for file in sorted(path.rglob("*"), reverse=True):  # what lies in a folder before the folder
        with contextlib.suppress(OSError):  # gone already, or just being written
            if file in keep or file.is_relative_to(runs) or _changed(file) >= before:
                continue
            if file.is_dir() and not file.is_symlink():
                file.rmdir()
            else:
                file.unlink()


def _written(run: Path) -> float:
    """Return the time of the last change in a run's folder."""
    newest = 0.0
    for file in (run, *run.rglob("*")):
        with contextlib.suppress(OSError):  # renamed or gone meanwhile
            newest = max(newest, _changed(file))
    return newest


def _changed(file: Path) -> float:
    # The change time: copying keeps the modification time of the original.
    return file.lstat().st_ctime


def keep_in_memory() -> None:
    """Keep all files of this process, and its signing key, in memory: --ephemeral.

    Gradio wants files; here they lie in a file system in memory (tmpfs). Whether such memory is
    swapped to disk is up to the system. A folder that GRADIO_TEMP_DIR names counts. Raises
    OptionError where there is none in memory.
    """
    named = os.environ.get(_VARIABLE)
    folder = Path(named) if named else _USUAL
    if not in_memory(folder) or not os.access(folder, os.W_OK):
        raise OptionError(
            f"--ephemeral needs a folder in memory, and {folder} is none that can be written to; "
            f"mount a tmpfs and name it with {_VARIABLE}"
        )
    os.environ[_VARIABLE] = os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # asks TMPDIR again

    from ...output import installation

    installation.use(installation.made())


def in_memory(folder: Path) -> bool:
    """Return True for a folder in a file system in memory; False where it is unknown."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
        folder = folder.resolve(strict=True)
    except OSError:
        return False
    kinds = {}
    for line in lines:
        _, mounted, kind, *_ = line.split(" ")
        kinds[Path(mounted.replace("\\040", " "))] = kind  # a later one lies above an earlier
    for above in (folder, *folder.parents):
        if above in kinds:
            return kinds[above] in _MEMORY
    return False
