"""From flags to a page that is served until it is interrupted."""

from __future__ import annotations

from .server import ports, private_files
from .server.flags import Flags


def start(flags: Flags) -> None:
    """Serve; returns when interrupted, the private folder wiped. Raises FacegenError."""
    with private_files.folder(ports.free(flags.host, flags.port)) as (port, folder):
        # Gradio reads at import where to keep its files, and a wrong flag should not have to
        # wait for torch.
        from . import serve

        serve.run(flags, port, folder)
