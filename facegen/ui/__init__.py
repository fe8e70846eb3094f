"""The page in a browser: one file for each tab. The only folder that imports gradio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server.flags import Flags


def start(wanted: Flags) -> None:
    """Serve until interrupted; the private folder is wiped then. Raises FacegenError."""
    from ..errors import require
    from .server import flags, private_files

    require("page")
    if wanted.ephemeral:
        private_files.keep_in_memory()
    if wanted.c2pa_cert and wanted.c2pa_key:
        from ..output import installation

        installation.use(installation.given(Path(wanted.c2pa_cert), Path(wanted.c2pa_key)))
    with private_files.folder(flags.free_ports(wanted.host, wanted.port)) as (port, folder):
        # Gradio reads at import where to keep its files, and a wrong flag should not have to
        # wait for torch.
        from . import serve

        serve.run(wanted, port, folder)
