"""--ephemeral: visitors' files and the signing key exist in memory alone.

Gradio wants uploads and results as files; here those files lie in a file system in memory (tmpfs).
Whether such memory is swapped to disk is up to the system: an encrypted swap, or none.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ...errors import OptionError

_MEMORY = ("tmpfs", "ramfs")
_USUAL = Path("/dev/shm")  # Linux's own
_MOUNTS = Path("/proc/self/mounts")
_VARIABLE = "GRADIO_TEMP_DIR"


def begin() -> None:
    """Keep all files of this process in memory, except those named explicitly.

    A folder that GRADIO_TEMP_DIR names counts. Raises OptionError where there is none in memory.
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
