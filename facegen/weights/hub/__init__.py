"""Files of the Hugging Face Hub in its own cache: looked up, fetched, compared, removed.

huggingface_hub does the work: its cache, mirrors (HF_ENDPOINT), HF_HUB_OFFLINE, tokens, and
resuming broken downloads. Added here: fallback repositories, the check of disk space before, the
sha256 after, progress, and a way to stop.
"""

from .cache import BUNDLED_FOLDER, expected_sha256, locate, trust
from .download import Progress, Published, fetch, remedy, remove, terminal_bar, verify

__all__ = [
    "BUNDLED_FOLDER", "Progress", "Published", "expected_sha256", "fetch", "locate",
    "remedy", "remove", "terminal_bar", "trust", "verify",
]  # fmt: skip
