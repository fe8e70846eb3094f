"""From flags to a page that is served until it is interrupted."""

from __future__ import annotations

from pathlib import Path

from ..errors import require
from .server import ephemeral, ports, private_files
from .server.flags import Flags


def start(flags: Flags) -> None:
    """Serve; returns when interrupted, the private folder wiped. Raises FacegenError."""
    require("page")
    if flags.ephemeral:
        ephemeral.begin()
    if flags.c2pa_cert and flags.c2pa_key:
        from ..output import installation

        installation.use(installation.given(Path(flags.c2pa_cert), Path(flags.c2pa_key)))
    with private_files.folder(ports.free(flags.host, flags.port)) as (port, folder):
        # Gradio reads at import where to keep its files, and a wrong flag should not have to
        # wait for torch.
        from . import serve

        serve.run(flags, port, folder)
