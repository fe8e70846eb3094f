"""--ephemeral: what visitors bring and get lies in memory alone, and the signing key with it.

Gradio wants uploads and results as files; here those files lie in a file system that is memory
(tmpfs). What such memory is swapped to is the system's affair: an encrypted swap, or none.
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
    """Let all files of this process that are not asked for by name lie in memory.

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
    """Whether a folder lies in a file system that is memory; False where nobody says."""
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
