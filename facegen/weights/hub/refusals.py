"""Errors of the Hub, in our words."""

from __future__ import annotations

import errno

from ..entry import Weights

RETRY_SECONDS = 10.0  # the longest that "try again later" is waited for, once


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
