"""The page as an application of a telephone: its manifest and its icon.

Gradio's own manifest names its icon from the host's root, where a proxy may serve something else;
here all addresses are relative to the page.
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ..texts.words import Page

ICON = Path(__file__).parents[1] / "icon.png"
SIDE = 512  # pixels of the icon


def _manifest(_: Request) -> Response:
    icon = {"src": "icon.png", "sizes": f"{SIDE}x{SIDE}", "type": "image/png"}
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
