"""From flags to a served page, which is private by default."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

from .server import model_pool  # first: on a ZeroGPU Space it has to come before torch  # isort: skip

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from .. import images, runtime
from ..errors import FacegenError, OptionError
from ..face import detect
from ..options import SampleOptions
from ..output import credentials, installation, provenance
from ..studio import Studio
from ..weights import hub
from . import first_sight, page
from .server import gate, private_files
from .server.flags import SPACE, Flags
from .texts.words import Page
from .widgets.photo_input import MAX_MEGABYTES

EXAMPLES = 4
EXAMPLE_SECONDS = 10.0  # a large model on a slow machine shows fewer rather than start late
EXAMPLE_SIZE = 512  # pixels: a face has to be large enough to be found again
ICON, ICON_SIDE = Path(__file__).parent / "icon.png", 512  # pixels


def run(flags: Flags, port: int, folder: Path) -> None:
    """Serve the page until interrupted. folder: where Gradio keeps its files."""
    if flags.mcp and importlib.util.find_spec("mcp") is None:
        raise OptionError("--mcp needs the package mcp, which is missing; pip install mcp")
    with hub.terminal_bar(flags.model) as fetching:
        studio = Studio.load(flags.model, flags.device, fetching, say)
    signer = installation.current()  # its dates are checked before the first visitor comes
    if flags.c2pa_cert:
        credentials.check_signer(signer)
    studios = model_pool.Studios(studio, flags.device)
    first_sight.lay_out(folder)
    demo = page.build(studios, draw_examples(studio, flags, folder), flags.private)
    agents = None
    if flags.mcp:
        from .mcp import Agents

        agents = Agents(studios, flags, port, folder)
    private_files.keep_swept(folder)
    gate.forbid_fetching()
    guarded = Middleware(
        gate.Gate,
        most_bytes=(MAX_MEGABYTES + 1) * 2**20,  # one file, and words
        hosts=flags.hosts if flags.here else None,
        embedded=SPACE,
    )
    more = agents.mounted() if agents else {}
    routes = more.pop("routes", [])
    demo.queue(max_size=flags.max_queue, api_open=False)  # no way around the queue
    try:
        _, local, _ = demo.launch(
            server_name=flags.host,
            server_port=port,
            share=flags.share,
            root_path=flags.root_path.rstrip("/"),
            auth=flags.login,
            mcp_server=False,  # ours instead, see mcp.py
            app_kwargs={**more, "middleware": [guarded], "routes": [*routes, *ROUTES]},
            max_file_size=f"{MAX_MEGABYTES}mb",
            enable_monitoring=False,
            run_history=False,
            strict_cors=True,
            ssr_mode=False,
            pwa=True,
            footer_links=["api"],
            quiet=True,
            prevent_thread_lock=True,
            **page.looks(),
        )
    except OSError as error:
        # The port was free when this started, and loading the model took a while.
        reason = str(error).partition(". ")[0]  # Gradio goes on with a remedy of its own
        raise OptionError(
            f"port is {port}, but the page cannot be served there on {flags.host} ({reason}); "
            "choose another with --port"
        ) from error
    print(f"Facegen is at {local} (Ctrl-C ends it)", flush=True)
    if agents:
        print(f"MCP tools for agents are at {agents.url}", flush=True)
    demo.block_thread()


def say(text: str) -> None:
    """Print one line on standard error: on the default model's download, or why it is missing."""
    from tqdm import tqdm

    tqdm.write(f"facegen: {text}", file=sys.stderr)  # above the bar, if one stands there


def draw_examples(studio: Studio, flags: Flags, folder: Path) -> list[Path]:
    """Draw faces for a visitor without a photo; only those in which a face is detected."""
    if runtime.on_zero_gpu():
        # The GPU is lent to visitors only.
        name = studio.info.name if flags.model == "auto" else flags.model
        studio = Studio.load(name, "cpu")
    found: list[Path] = []
    target = folder / private_files.EXAMPLES
    target.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    for portrait in studio.draw(SampleOptions(count=3 * EXAMPLES, truncation_psi=0.6)):
        pixels = images.resize(portrait.pixels, EXAMPLE_SIZE)
        try:
            detect.pick(studio.detect(pixels), 0)
        except FacegenError:
            pass  # no face is found in it again
        else:
            path = target / f"example-{len(found) + 1}.png"
            provenance.save_png(path, pixels, portrait.facts)
            found.append(path)
        if len(found) == EXAMPLES or time.monotonic() - started > EXAMPLE_SECONDS:
            break
    return found


def _manifest(_: Request) -> Response:
    """Describe the page as an application of a telephone.

    Gradio's own manifest names its icon from the host's root, where a proxy may serve something
    else; here all addresses are relative to the page."""
    icon = {"src": "icon.png", "sizes": f"{ICON_SIDE}x{ICON_SIDE}", "type": "image/png"}
    told = {
        "name": "Facegen",
        "description": Page.tagline,
        "start_url": "./",
        "display": "standalone",
        "theme_color": "#0f766e",
        "background_color": "#f5f5f4",
        "icons": [icon | {"purpose": purpose} for purpose in ("any", "maskable")],
    }
    return JSONResponse(told, media_type="application/manifest+json")


def _icon(_: Request) -> Response:
    return FileResponse(ICON, media_type="image/png")


ROUTES = [Route("/manifest.json", _manifest), Route("/icon.png", _icon)]
