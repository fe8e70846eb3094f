"""Checkpoint formats, read without running anything: torch, NVIDIA's pickles, safetensors.

A file is recognised by its content, never by its name. `read` gives plain tensors and values; which
network they make is decided in facegen/models. See docs/checkpoints.md.
"""

from .reading import Fingerprint, check_no_web_page, fingerprint, read
from .safetensors import write

__all__ = ["Fingerprint", "check_no_web_page", "fingerprint", "read", "write"]
