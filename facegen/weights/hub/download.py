"""Downloads: source by source, with progress and Cancel, checked at both ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Cancelled, WeightsError
from ..entry import Source, Weights
from ..formats import check_no_web_page, fingerprint
from ..registry import DEFAULT, megabytes
from .cache import cached, compare, delete, find_file, forget_source

SPARE = 200_000_000  # bytes of disk that have to stay free beside the download
ASK_SECONDS = 10.0  # how long the Hub may take to say what a file is
CHUNK = 256 * 1024  # bytes between two looks at progress and Cancel

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known
_one_at_a_time = threading.RLock()
RETRY_SECONDS = 10.0  # the longest that "try again later" is waited for, once


def fetch(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> Path:
    """Return the verified file on this machine, downloaded if need be.

    A local file with other bytes than it should have is deleted and fetched again, once. cancel:
    set it to stop a download, which then leaves nothing behind. Raises WeightsError saying what was
    tried and what to do, and Cancelled."""
    with _one_at_a_time:
        found = find_file(entry)
        if found is None and entry.bundled:
            raise WeightsError(
                f"the bundled file weights/{entry.file} is missing; get it back with "
                "'git checkout weights'"
            )
        if found is None:
            return _download(entry, progress, cancel)
        try:
            verify(entry)
        except WeightsError as error:
            delete(found.path)
            try:
                return _download(entry, progress, cancel)
            except WeightsError as failed:
                raise WeightsError(f"{error}; it was thrown away. {failed}") from failed
        return found.path


def verify(entry: Weights) -> str | None:
    """Return the local file's sha256, compared with what it should be; None without a file.

    Bundled files are part of the checkout, as trustworthy as the code that reads them; their
    contents carry a sum of their own. Raises WeightsError."""
    found = find_file(entry)
    if found is None:
        return None
    actual = fingerprint(found.path).sha256
    if found.source is not None:
        compare(entry, found.source, found.path, actual)
    return actual


# --- downloading -------------------------------------------------------------------------


def _download(entry: Weights, progress: Progress | None, cancel: threading.Event | None) -> Path:
    tried = []
    for source in entry.sources:
        try:
            return _from(source, entry, progress, cancel)
        except Refused as why:
            tried.append(f"{source.repo}: {why}")
            if why.everywhere:
                break
    raise WeightsError(
        f"{entry.name} could not be fetched from the Hugging Face Hub ({'; '.join(tried)}); "
        f"{remedy(entry)}"
    )


def _from(
    source: Source, entry: Weights, progress: Progress | None, cancel: threading.Event | None
) -> Path:
    """Download from one source, a second time if the bytes were not those announced."""
    published = _ask(source, cancel)
    size = source.size or published.size
    if source.size and published.size and source.size != published.size:
        raise Refused(f"has {published.size:,} bytes instead of {source.size:,}")
    _check_space(size or entry.size)
    if progress:
        progress(0, size)
    for attempt in (1, 2):
        path = _get(source, progress, cancel)
        try:
            check_no_web_page(path)
            compare(entry, source, path, fingerprint(path).sha256, published.sha256)
            return path
        except WeightsError as error:
            delete(path)
            if attempt == 2:
                raise Refused(f"gave a wrong file twice ({error})") from error
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class Published:
    """The Hub's description of a file. sha256 None: it only has a Git hash."""

    size: int | None
    sha256: str | None


def _ask(source: Source, cancel: threading.Event | None) -> Published:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repo, source.file, revision=source.revision)
    for attempt in (1, 2):
        try:
            with _quietly():
                found = get_hf_file_metadata(url, timeout=ASK_SECONDS)
            break
        except Exception as error:  # httpx's own errors are not OSErrors
            wait = try_again_in(error) if attempt == 1 else None
            if wait is None:
                raise refused(error) from error
            _sleep(wait, cancel)
    if not found.commit_hash or not found.etag:
        where = str(found.location).split("?")[0]
        raise Refused(
            f"{where} answered in its place, no Hub; a login page or proxy may be in between",
            everywhere=True,
        )
    is_sha256 = len(found.etag) == 64 and set(found.etag) <= set("0123456789abcdef")
    return Published(found.size, found.etag if is_sha256 else None)


def _get(source: Source, progress: Progress | None, cancel: threading.Event | None) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        with _quietly(), _in_small_pieces():
            path = hf_hub_download(
                source.repo,
                source.file,
                revision=source.revision,
                tqdm_class=_watcher(progress, cancel),
            )
            return Path(path)
    except Cancelled:
        raise
    except Exception as error:
        raise refused(error) from error


@contextlib.contextmanager
def _in_small_pieces() -> Any:
    """Use plain HTTP in small pieces.

    The library's 10 MB a piece (and its Xet client, which cannot be stopped from here) would make
    progress and Cancel slow."""
    from huggingface_hub import constants

    before = constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET
    constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET = CHUNK, True
    try:
        yield
    finally:
        constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET = before


@contextlib.contextmanager
def _quietly() -> Any:
    """Silence the library's own warnings: our messages replace them."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _watcher(progress: Progress | None, cancel: threading.Event | None) -> type:
    """Make a progress bar class that prints nothing, reports to `progress` and obeys `cancel`."""
    from tqdm import tqdm

    class Watcher(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            self.done = options.get("initial") or 0
            super().__init__(*arguments, **(options | {"disable": True}))
            self.whole = options.get("total")

        def update(self, n: Any = 1) -> None:
            if cancel is not None and cancel.is_set():
                raise Cancelled("the download was cancelled; nothing of it was kept")
            self.done += n or 0
            if progress:
                progress(self.done, self.whole)

    return Watcher


def _check_space(size: int | None) -> None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if size and free < size + SPARE:
        raise WeightsError(
            f"{megabytes(size)} have to be fetched, but {constants.HF_HUB_CACHE} has "
            f"{megabytes(free)} free and {megabytes(SPARE)} have to stay so; free some space, or "
            "set HF_HOME to a larger disk"
        )


def _sleep(seconds: float, cancel: threading.Event | None) -> None:
    if (cancel or threading.Event()).wait(seconds):
        raise Cancelled("the download was cancelled; nothing of it was kept")


# --- removing ----------------------------------------------------------------------------


def remove(entry: Weights, forget: bool = False) -> list[Path]:
    """Delete every fetched file of this entry; returns what was deleted.

    forget: also what was recorded at first use. Raises WeightsError for a bundled one.
    """
    if entry.bundled:
        raise WeightsError(
            f"{entry.name} is part of the project and not removed; fetched ones can be"
        )
    with _one_at_a_time:
        gone = []
        for source in entry.sources:
            if path := cached(source):
                delete(path)
                gone.append(path)
        if forget:
            for source in entry.sources:
                forget_source(source)
        return gone


@contextlib.contextmanager
def terminal_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield a callback (bytes done, bytes in all or None) that shows a bar on standard error.

    One line where that is not a terminal. name: of a model. "auto" is the default one, whose
    download is announced already (models.fetch_default)."""
    from tqdm import tqdm

    shown: list[tqdm] = []
    title = DEFAULT if name == "auto" else name

    def show(done: int, whole: int | None) -> None:
        if not shown:
            if name != "auto" and not sys.stderr.isatty():
                print(f"facegen: fetching {name} ({megabytes(whole)})", file=sys.stderr, flush=True)
            what = f"fetching {title}"
            shown.append(tqdm(desc=what, total=whole, unit="B", unit_scale=True, disable=None))
        bar = shown[0]
        bar.total = whole
        bar.update(done - bar.n)

    try:
        yield show
    finally:
        for bar in shown:
            bar.close()


class Refused(Exception):
    """A source that gave nothing. everywhere: no other source on this Hub will, either."""

    def __init__(self, reason: str, everywhere: bool = False):
        super().__init__(reason)
        self.everywhere = everywhere


def try_again_in(error: Exception) -> float | None:
    """Return the seconds after which a busy Hub may answer; None if waiting will not help."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if response is None or status is None or (status != 429 and status < 500):
        return None
    try:
        return min(float(response.headers.get("Retry-After", 1)), RETRY_SECONDS)
    except ValueError:
        return 1.0


def refused(error: Exception) -> Refused:
    from huggingface_hub import constants, errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return Refused("asks for consent on its page, and for a token in HF_TOKEN")
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
        if constants.HF_HUB_OFFLINE:
            return Refused("HF_HUB_OFFLINE forbids to ask", everywhere=True)
        return Refused("could not be reached", everywhere=True)
    if isinstance(error, (errors.RepositoryNotFoundError, errors.EntryNotFoundError)):
        return Refused("has no such file, or it is private and needs a token in HF_TOKEN")
    if isinstance(error, errors.FileMetadataError):
        return Refused(
            "the answer is not a Hub's; a login page or proxy may be in between", everywhere=True
        )
    if status == 429:
        return Refused("the Hub asks to come back later (too many requests)", everywhere=True)
    if getattr(error, "errno", None) == errno.ENOSPC:
        return Refused("the disk is full; free some space, or set HF_HOME to a larger one", True)
    if status is not None:
        return Refused(f"the Hub answered with status {status}")
    if "Consistency check" in str(error):
        return Refused("sent another number of bytes than it announced")
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
    unreachable = "connect" in type(error).__name__.lower() or "timeout" in reason.lower()
    return Refused(f"could not be reached ({reason})" if unreachable else reason, unreachable)


def remedy(entry: Weights) -> str:
    """Say what works without it, and what to try."""
    rest = {
        "face": "or go on with the bundled model: --model bundled",
        "anime": "or use a bundled style",
    }.get(entry.kind, "everything else goes on without it")
    return f"check the network and try again, {rest}"
