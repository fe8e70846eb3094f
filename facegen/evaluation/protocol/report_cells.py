"""Formatting of the protocol's numbers."""

from __future__ import annotations

from ..table import NOTHING
from .intervals import Estimate
from .summarise import measure_of


def cell(found: Estimate | None, key: str) -> str:
    """Format as "2.0 % (0.7 to 3.7)", or a number with its digits."""
    if found is None:
        return NOTHING
    digits = measure_of(key).digits
    if digits is None:
        numbers = (f"{100 * v:.1f}" for v in (found.value, found.low, found.high))
        return "{} % ({} to {})".format(*numbers)
    numbers = (f"{v:.{digits}f}" for v in (found.value, found.low, found.high))
    return "{} ({} to {})".format(*numbers)
