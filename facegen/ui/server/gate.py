"""The checks of every request: who may ask, how much may be sent, what a browser is told.

Gradio answers under any host name, takes any number of files at once, and fetches public addresses
that a request names. A page for this machine alone is not meant for the web pages that a browser
here has open, nor for names that lead here by a trick (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from urllib.parse import parse_qs, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .. import texts
from ..texts import languages
from .flags import LOCAL, name_of

AGENTS = "/gradio_api/mcp"  # has limits and a guard of its own, see mcp.py
WRONG_SECONDS = 1.0  # what a wrong name or password costs
MOST_WAITING = 10  # logins of one address

_FILES = ("/gradio_api/file=", "/file=", "/gradio_api/proxy=", "/proxy=")
_UNUSED = ("/gradio_api/component_server", "/component_server")
_EMBEDDING = {
    False: "'self'",
    True: "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space",
}
# Gradio's page has scripts and styles in its text, and makes functions of text.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' data: blob:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors "
)


class Gate:
    """ASGI middleware that checks requests.

    most_bytes: of a request. hosts: the names under which the page may be requested; None: any.
    embedded: it is a Space, which a page of the Hub shows in a frame.
    """

    def __init__(
        self,
        app: ASGIApp,
        most_bytes: int,
        hosts: Collection[str] | None = LOCAL,
        embedded: bool = False,
    ) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.hosts = hosts
        self.policy = _POLICY + _EMBEDDING[embedded]
        self.logins = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the page has none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        held: list[Message] = []  # the start of a file's answer, until its first bytes

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tell(MutableHeaders(scope=message), path)
                if path.startswith(_FILES):
                    held.append(message)
                    return
            while held:
                await send(held.pop())
            await send(message)

        headers = Headers(scope=scope)
        if refused := self._refusal(headers, path):
            status, words = refused
            await PlainTextResponse(words, status)(scope, receive, telling)
        elif path.startswith(AGENTS):
            await self.app(scope, receive, telling)
        elif scope["method"] == "POST" and path.rstrip("/") == "/login":
            await self._login(scope, self._limited(receive), telling)
        else:
            chosen = parse_qs(scope["query_string"].decode("latin-1")).get(languages.PARAMETER)
            languages.requested(chosen[-1] if chosen else None, headers.get("accept-language"))
            try:
                await self.app(scope, self._limited(receive), telling)
            except FileNotFoundError:  # deleted while it was asked for
                if not held:
                    raise
                held.clear()
                await PlainTextResponse("this file is no longer here", 404)(scope, receive, telling)

    def _refusal(self, headers: Headers, path: str) -> tuple[int, str] | None:
        """Return (status, words); None for what may pass."""
        if path.startswith(_UNUSED):
            return 404, "there is nothing here"
        if path.startswith(_FILES) and "://" in unquote(path.partition("=")[2]):
            return 403, "this server fetches no address; upload the file"
        if path.startswith(AGENTS):
            return None
        with contextlib.suppress(ValueError):
            if int(headers.get("content-length", "0")) > self.most_bytes:
                return 413, self._too_much()
        if self.hosts is None:
            return None
        host = headers.get("host", "")
        if name_of(host) not in self.hosts:
            return 421, (
                "this page is for its own machine, and was asked for under another name; where "
                "that is meant, start it with --allow-host NAME"
            )
        origin = headers.get("origin")
        if origin is not None and not self._own(origin, host):
            return 403, "another web page asked; this one answers its own alone"
        return None

    def _own(self, origin: str, host: str) -> bool:
        """Return True if the asking page is this one, or has an allowed name."""
        with contextlib.suppress(ValueError):
            asking = urlsplit(origin).netloc
            allowed = name_of(asking) not in LOCAL and name_of(asking) in (self.hosts or ())
            return bool(asking) and (asking == host or allowed)
        return False

    def _tell(self, headers: MutableHeaders, path: str) -> None:
        headers.setdefault("Content-Security-Policy", self.policy)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        if path.startswith(("/gradio_api/", "/file=")):  # uploads and results, answers
            headers["Cache-Control"] = "no-store"

    def _too_much(self) -> str:
        return f"a request may have {self.most_bytes >> 20} MB; send one file at a time"

    def _limited(self, receive: Receive) -> Receive:
        """Limit what is received to most_bytes, whatever its header says."""
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self.most_bytes:
                raise HTTPException(413, self._too_much())
            return message

        return counted

    async def _login(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one login at a time through for each address, and delay a wrong one."""

        async def late(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                await wrong()
            await send(message)

        try:
            async with self.logins.turn(scope):
                await self.app(scope, receive, late)
        except TooManyWaiting as error:
            await PlainTextResponse(str(error), 429)(scope, receive, send)


async def wrong() -> None:
    """Delay the answer to a wrong name or password."""
    await asyncio.sleep(WRONG_SECONDS)


class TooManyWaiting(Exception):
    """Too many logins of an address are waiting."""


class Turns:
    """A queue of logins for each address, so that guessing in parallel brings nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, scope: Scope) -> AsyncIterator[None]:
        """Wait for the address's turn. Raises TooManyWaiting."""
        address = (scope.get("client") or ("nobody", 0))[0]
        lock, waiting = self._waiting.get(address) or (asyncio.Lock(), 0)
        if waiting >= MOST_WAITING:
            raise TooManyWaiting(
                f"{waiting} logins of this address are waiting; try again in a minute"
            )
        self._waiting[address] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            waiting = self._waiting[address][1] - 1
            if waiting:
                self._waiting[address] = lock, waiting
            else:
                del self._waiting[address]


def forbid_fetching() -> None:
    """Forbid fetching an address that a request names in a file's place, from now on.

    Gradio does so for every field, before any code of ours sees the value.
    """
    from gradio import processing_utils

    async def refuse(url: str, cache_dir: str) -> str:
        raise texts.as_error(
            "a file is named by a web address, and this server fetches none; upload the file"
        )

    assert hasattr(processing_utils, "async_ssrf_protected_download"), "another Gradio"
    processing_utils.async_ssrf_protected_download = refuse
