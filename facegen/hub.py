"""From the Hugging Face Hub into its own cache: looked up, fetched, compared, removed.

huggingface_hub does the work: its cache, mirrors (HF_ENDPOINT), HF_HUB_OFFLINE, tokens, and
going on where a connection broke. Added here: fallback repositories, the disk space before, the
sha256 after, progress, and a way to stop.

Trust: where the publisher states a sha256 it is checked. Where none is stated, the Hub's own
checksum is compared after the download, and what came is written down beside the cache (trust on
first use); from then on every file of that source has to be the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .checkpoints import fingerprint
from .errors import Cancelled, WeightsError
from .registry import Source, Weights, megabytes

BUNDLED_FOLDER = Path(__file__).resolve().parent.parent / "weights"
SPARE = 200_000_000  # bytes of disk that have to stay free beside the download
ASK_SECONDS = 10.0  # how long the Hub may take to say what a file is
RETRY_SECONDS = 10.0  # the longest that "try again later" is waited for, once
CHUNK = 256 * 1024  # bytes between two looks at progress and Cancel

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known
_one_at_a_time = threading.RLock()


@dataclass(frozen=True)
class Located:
    """A file on this machine; source None: bundled."""

    path: Path
    source: Source | None


def locate(entry: Weights) -> Path | None:
    """The file on this machine, or None; never asks the network."""
    found = _locate(entry)
    return found and found.path


def _locate(entry: Weights) -> Located | None:
    if entry.bundled:
        path = BUNDLED_FOLDER / entry.file
        return Located(path, None) if path.is_file() else None
    for source in entry.sources:
        if path := _cached(source):
            return Located(path, source)
    return None


def _cached(source: Source) -> Path | None:
    from huggingface_hub import constants, try_to_load_from_cache

    path = try_to_load_from_cache(
        source.repo, source.file, cache_dir=constants.HF_HUB_CACHE, revision=source.revision
    )
    return Path(path) if isinstance(path, str) else None


def fetch(
    entry: Weights, progress: Progress | None = None, cancel: threading.Event | None = None
) -> Path:
    """The verified file on this machine, downloaded if need be.

    A file at hand with other bytes than it should have is thrown away and fetched again, once.
    cancel: set it to stop a download, which then leaves nothing behind. Raises WeightsError
    saying what was tried and what to do, and Cancelled.
    """
    with _one_at_a_time:
        found = _locate(entry)
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
            _delete(found.path)
            try:
                return _download(entry, progress, cancel)
            except WeightsError as failed:
                raise WeightsError(f"{error}; it was thrown away. {failed}") from failed
        return found.path


def verify(entry: Weights) -> str | None:
    """The sha256 of the file at hand, compared with what it should be; None if not at hand.

    Bundled files are part of the checkout, as trustworthy as the code that reads them; their
    contents carry a sum of their own. Raises WeightsError.
    """
    found = _locate(entry)
    if found is None:
        return None
    actual = fingerprint(found.path).sha256
    if found.source is not None:
        _compare(entry, found.source, found.path, actual)
    return actual


def expected_sha256(entry: Weights) -> str | None:
    """Of the file at hand: what its publisher states, or what was recorded at first use."""
    found = _locate(entry)
    if found is None or found.source is None:
        return None
    return found.source.sha256 or _recorded().get(str(found.source))


# --- downloading -------------------------------------------------------------------------


def _download(entry: Weights, progress: Progress | None, cancel: threading.Event | None) -> Path:
    tried = []
    for source in entry.sources:
        try:
            return _from(source, entry, progress, cancel)
        except _Refused as refused:
            tried.append(f"{source.repo}: {refused}")
            if refused.everywhere:
                break
    raise WeightsError(
        f"{entry.name} could not be fetched from the Hugging Face Hub ({'; '.join(tried)}); "
        f"{_remedy(entry)}"
    )


def _remedy(entry: Weights) -> str:
    rest = {
        "face": "or go on with the bundled model: --model bundled",
        "anime": "or use a bundled style",
    }.get(entry.kind, "everything else goes on without it")
    return f"check the network and try again, {rest}"


class _Refused(Exception):
    """One source gave nothing. everywhere: no other source on this Hub will, either."""

    def __init__(self, reason: str, everywhere: bool = False):
        super().__init__(reason)
        self.everywhere = everywhere


def _from(source: Source, entry: Weights, progress, cancel) -> Path:
    """One source, a second time if what came was not what was announced."""
    published = _ask(source, cancel)
    size = source.size or published.size
    if source.size and published.size and source.size != published.size:
        raise _Refused(f"has {published.size:,} bytes instead of {source.size:,}")
    _check_space(size or entry.size)
    if progress:
        progress(0, size)
    for attempt in (1, 2):
        path = _get(source, progress, cancel)
        try:
            _compare(entry, source, path, fingerprint(path).sha256, published.sha256)
            return path
        except WeightsError as error:
            _delete(path)
            if attempt == 2:
                raise _Refused(f"gave a wrong file twice ({error})") from error
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class Published:
    """What the Hub says of a file. sha256 None: it only has a Git hash."""

    size: int | None
    sha256: str | None


def ask(entry: Weights, seconds: float = ASK_SECONDS) -> Published | None:
    """What the Hub says of the first source that it has; None if it cannot be had."""
    for source in entry.sources:
        try:
            return _ask(source, seconds=seconds, patient=False)
        except _Refused as refused:
            if refused.everywhere:
                break
    return None


def _ask(source: Source, cancel=None, seconds: float = ASK_SECONDS, patient=True) -> Published:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repo, source.file, revision=source.revision)
    for attempt in (1, 2):
        try:
            found = get_hf_file_metadata(url, timeout=seconds)
            break
        except Exception as error:  # httpx's own errors are no OSErrors
            wait = _try_again_in(error) if patient and attempt == 1 else None
            if wait is None:
                raise _refused(error) from error
            _sleep(wait, cancel)
    if not found.commit_hash or not found.etag:
        where = str(found.location).split("?")[0]
        raise _Refused(
            f"{where} answered in its place, no Hub; a login page or proxy may be in between",
            everywhere=True,
        )
    is_sha256 = len(found.etag) == 64 and set(found.etag) <= set("0123456789abcdef")
    return Published(found.size, found.etag if is_sha256 else None)


def _get(source: Source, progress, cancel) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        with _in_small_pieces():
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
        raise _refused(error) from error


@contextlib.contextmanager
def _in_small_pieces():
    """Plain HTTP, piece by piece: the library's 10 MB a piece (and its Xet client, which cannot
    be stopped from here) would make progress and Cancel slow."""
    from huggingface_hub import constants

    before = constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET
    constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET = CHUNK, True
    try:
        yield
    finally:
        constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_DISABLE_XET = before


def _watcher(progress: Progress | None, cancel: threading.Event | None) -> type:
    """A progress bar class that prints nothing, reports to `progress` and obeys `cancel`."""
    from tqdm import tqdm

    class Watcher(tqdm):
        def __init__(self, *arguments, **options):
            options.pop("name", None)
            self.done = options.get("initial") or 0
            super().__init__(*arguments, **(options | {"disable": True}))
            self.whole = options.get("total")

        def update(self, n=1):
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


# --- what goes wrong, in our words -------------------------------------------------------


def _try_again_in(error: Exception) -> float | None:
    """Seconds after which a busy Hub may answer; None if waiting will not help."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is None or (status != 429 and status < 500):
        return None
    try:
        return min(float(response.headers.get("Retry-After", 1)), RETRY_SECONDS)
    except ValueError:
        return 1.0


def _sleep(seconds: float, cancel: threading.Event | None) -> None:
    if (cancel or threading.Event()).wait(seconds):
        raise Cancelled("the download was cancelled; nothing of it was kept")


def _refused(error: Exception) -> _Refused:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return _Refused("asks for consent on its page, and for a token in HF_TOKEN")
    if isinstance(error, (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError)):
        if os.environ.get("HF_HUB_OFFLINE"):
            return _Refused("HF_HUB_OFFLINE forbids to ask", everywhere=True)
        return _Refused("could not be reached", everywhere=True)
    if isinstance(error, (errors.RepositoryNotFoundError, errors.EntryNotFoundError)):
        return _Refused("has no such file, or it is private and needs a token in HF_TOKEN")
    if isinstance(error, errors.FileMetadataError):
        return _Refused(
            "the answer is not a Hub's; a login page or proxy may be in between", everywhere=True
        )
    if status == 429:
        return _Refused("the Hub asks to come back later (too many requests)", everywhere=True)
    if status is not None:
        return _Refused(f"the Hub answered with status {status}")
    if "Consistency check" in str(error):
        return _Refused("sent another number of bytes than it announced")
    lines = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
    unreachable = "connect" in type(error).__name__.lower() or "timeout" in reason.lower()
    return _Refused(f"could not be reached ({reason})" if unreachable else reason, unreachable)


# --- trust -------------------------------------------------------------------------------


def _trust_store() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / "facegen-first-use.json"


def _recorded() -> dict[str, str]:
    store = _trust_store()
    if not store.is_file():
        return {}
    try:
        found = json.loads(store.read_text())
        return {str(key): str(value) for key, value in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{store} is damaged ({error}); delete it to trust anew") from error


def _record(changed: dict[str, str]) -> None:
    store = _trust_store()
    partial = store.with_suffix(".partial")
    with contextlib.suppress(OSError):  # a read-only cache is no reason to refuse
        partial.write_text(json.dumps(changed, indent=1) + "\n")
        os.replace(partial, store)


def _compare(
    entry: Weights, source: Source, path: Path, actual: str, announced: str | None = None
) -> None:
    """With the stated sha256, or the one recorded at first use; record it if there is none."""
    if source.sha256:
        expected, whose = source.sha256, "its publisher states"
    else:
        recorded = _recorded()
        expected, whose = recorded.get(str(source)), "the first download had"
        if expected is None and announced is not None:
            expected, whose = announced, "the Hub announced"
            if actual == expected:
                _record(recorded | {str(source): actual})
        elif expected is None:
            _record(recorded | {str(source): actual})
            return
    if actual != expected:
        forget = (
            f"; if the change is meant, 'weights remove --forget {entry.name}' trusts anew"
            if whose.startswith("the first")
            else ""
        )
        raise WeightsError(
            f"{path.name} of {entry.name} has the sha256 {actual[:16]}…, {whose} "
            f"{expected[:16]}…{forget}"
        )


def trust(entry: Weights) -> str:
    """In words, how the bytes of this entry are checked."""
    if entry.bundled:
        return "part of the checkout"
    if all(source.sha256 for source in entry.sources):
        return "sha256 stated by the publisher"
    return "sha256 recorded at first use"


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
            if path := _cached(source):
                _delete(path)
                gone.append(path)
        if forget:
            names = {str(source) for source in entry.sources}
            _record({key: value for key, value in _recorded().items() if key not in names})
        return gone


def _delete(path: Path) -> None:
    """A file of the cache and the blob it links to. Raises WeightsError."""
    blob = path.resolve()
    try:
        path.unlink(missing_ok=True)
        if blob.parent.name == "blobs":
            blob.unlink(missing_ok=True)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be deleted ({error.strerror}); delete it by hand"
        ) from error


# --- looking at what is going on ---------------------------------------------------------


def terminal_bar(name: str) -> Progress:
    """Progress on standard error: a line that overwrites itself, or one line in a log."""
    import sys

    state = {"at": 0.0, "said": False}

    def show(done: int, whole: int | None) -> None:
        now = time.monotonic()
        finished = whole is not None and done >= whole
        if not sys.stderr.isatty():
            if not state["said"]:
                print(f"facegen: fetching {name} ({megabytes(whole)})", file=sys.stderr, flush=True)
                state["said"] = True
            return
        if now - state["at"] < 0.1 and not finished:
            return
        state["at"] = now
        of = f" of {megabytes(whole)}, {done / whole:.0%}" if whole else ""
        end = "\n" if finished else ""
        print(
            f"\r\x1b[Kfetching {name}: {megabytes(done)}{of}", end=end, file=sys.stderr, flush=True
        )

    return show
