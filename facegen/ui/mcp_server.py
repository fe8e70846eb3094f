"""The page's tools for agents, over the Model Context Protocol (https://modelcontextprotocol.io).

Gradio can serve its endpoints so by itself, but a gallery reaches the agent as the text of a Python
list then, and a photo only as an address that the server fetches. Here pictures are pictures. The
work goes through the page's own queue, so agents and visitors wait for each other in one line.
"""

from __future__ import annotations

import base64
import contextlib
import html
import logging
import re
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import anyio
import anyio.to_thread
import mcp.types as told
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyUrl
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from .. import images
from .._version import __version__
from ..errors import FacegenError, ImageError, OptionError
from ..output import provenance
from ..output.manifest import without_photo
from .mcp_photo import MAX_BYTES, photo_file
from .mcp_tools import KEEP_MINUTES, PREVIEW, Tool, tools
from .run_control import DEFECT
from .server.flags import Flags
from .server.gate import AGENTS, TooManyWaiting, Turns, wrong
from .server.model_pool import Studios
from .server.private_files import RUNS

PATH = AGENTS
LOOK_EVERY = 0.2  # seconds between two looks at how far a run has come
MOST_BYTES = 4 * MAX_BYTES // 3 + 2**16  # of a request: the photo as base64, and words
INSTRUCTIONS = (
    "Facegen makes pictures of people who do not exist. With a photo of a face, make others in its "
    "pose and expression, or faces that a spoilt one could show; with two, mixtures and children; "
    "without one, random faces. Say to whom you show them that they are "
    "synthetic. A licence of the model stands with each answer."
)
_RESULT = re.compile(r"(?:random|variant|mix|child|restored)-\d\d(?:-anime)?\.png", re.ASCII)
_DRAWING = "-anime.png"
_TOKEN = re.compile(r"[\w-]{22}", re.ASCII)

Report = Callable[[float, float, str], Any]


class Agents:
    """The server. `mounted` goes into the page's application."""

    def __init__(self, studios: Studios, flags: Flags, port: int, folder: Path):
        self.flags, self.folder = flags, folder
        self.local = f"http://127.0.0.1:{port}"
        self.tools = tools(studios, self.local if flags.private else "the page's address + ")
        self._client: Client | None = None
        self._lock = threading.Lock()
        self._logins = Turns()
        self.manager = StreamableHTTPSessionManager(
            self._server(),
            stateless=True,
            security_settings=_who_may_ask(flags),
            max_request_body_size=MOST_BYTES,
        )

    def mounted(self) -> dict[str, Any]:
        """Arguments for the application that Gradio makes."""

        @contextlib.asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            async with self.manager.run():
                yield

        return {"routes": [Route(PATH, self), Mount(PATH, self)], "lifespan": lifespan}

    @property
    def url(self) -> str:
        return f"{self.local}{PATH}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        try:
            entered = await self._may_enter(scope, headers.get(b"authorization", b""))
        except TooManyWaiting as error:
            await PlainTextResponse(str(error), 429)(scope, receive, send)
            return
        if not entered:
            refusal = PlainTextResponse(
                "this page asks for a name and a password (--auth); send them as HTTP Basic",
                401,
                {"WWW-Authenticate": 'Basic realm="Facegen"'},
            )
            await refusal(scope, receive, send)
            return
        await self.manager.handle_request(scope, receive, send)

    async def _may_enter(self, scope: Scope, authorization: bytes) -> bool:
        """Raises TooManyWaiting."""
        login = self.flags.login
        if login is None:
            return True
        if not authorization:  # nobody guesses
            return False
        wanted = b"Basic " + base64.b64encode(":".join(login).encode())
        async with self._logins.turn(scope):
            if secrets.compare_digest(authorization, wanted):
                return True
            await wrong()
            return False

    # -- what it answers -----------------------------------------------------------------

    def _server(self) -> Server:
        server: Server = Server("facegen", version=__version__, instructions=INSTRUCTIONS)

        @server.list_tools()
        async def list_tools() -> list[told.Tool]:
            return [
                told.Tool(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    inputSchema=dict(tool.schema),
                    annotations=told.ToolAnnotations(
                        title=tool.title, readOnlyHint=True, openWorldHint=False
                    ),
                )
                for tool in self.tools.values()
            ]

        @server.call_tool(validate_input=False)  # a wrong value is answered in our own words
        async def call_tool(name: str, arguments: dict[str, Any]) -> told.CallToolResult:
            context = server.request_context
            token = context.meta.progressToken if context.meta else None

            async def report(done: float, total: float, words: str) -> None:
                if token is not None:
                    await context.session.send_progress_notification(
                        token, done, total, words, str(context.request_id)
                    )

            try:
                if name not in self.tools:
                    known = ", ".join(self.tools)
                    raise OptionError(f"there is no tool {name!r}; there are {known}")
                address = _address(context.request, self.local)
                return await self._call(self.tools[name], arguments, report, address)
            except FacegenError as error:
                return _mistake(str(error))
            except Exception:
                logging.getLogger("facegen").exception("a tool of an agent failed")
                return _mistake(DEFECT)

        @server.read_resource()
        async def read_resource(uri: AnyUrl) -> Iterable[ReadResourceContents]:
            data = await anyio.to_thread.run_sync(self._result(str(uri)).read_bytes)
            return [ReadResourceContents(data, "image/png")]

        return server

    async def _call(
        self, tool: Tool, arguments: Mapping[str, Any], report: Any, address: str
    ) -> told.CallToolResult:
        """Raises FacegenError."""
        fields = tool.fields(arguments)
        with contextlib.ExitStack() as meanwhile:
            for name in tool.photos:
                if arguments.get(name) is not None:
                    path = meanwhile.enter_context(photo_file(arguments[name], self.folder))
                    fields[name] = handle_file(path)
                else:
                    fields[name] = None
            client = await anyio.to_thread.run_sync(self._connected)
            job = await anyio.to_thread.run_sync(
                lambda: client.submit(api_name=tool.endpoint, **fields)
            )
            count = tool.count(fields)
            try:
                shown = (-1, "")
                while not job.done():
                    now = _how_far(job, count)
                    if now != shown:
                        await report(now[0], count or 1, now[1])
                        shown = now
                    await anyio.sleep(LOOK_EVERY)
                faces, *more = job.result()
            except AppError as error:  # in our own words, written for a page
                return _mistake(html.unescape(str(error.message or error)))
            finally:
                if not job.done():  # the agent went away
                    job.cancel()
        manifest = more[0] if tool.told else None  # else the ZIP
        answer = await anyio.to_thread.run_sync(_answer, faces, manifest, address)
        return told.CallToolResult(
            content=answer, structuredContent=manifest and without_photo(manifest)
        )

    def _connected(self) -> Client:
        """To the page, as one more visitor of it."""
        with self._lock:
            if self._client is None:
                self._client = Client(
                    self.local,
                    auth=self.flags.login,
                    download_files=False,
                    verbose=False,
                    analytics_enabled=False,
                )
            return self._client

    def _result(self, uri: str) -> Path:
        """The file of a link in an answer. Raises ImageError for anything else."""
        parts = Path(unquote(uri.partition("/gradio_api/file=")[2])).parts[-3:]
        if len(parts) == 3:
            runs, token, name = parts
            path = self.folder / RUNS / token / name
            if runs == RUNS and _TOKEN.fullmatch(token) and _RESULT.fullmatch(name):
                if path.is_file():
                    return path
                raise ImageError(
                    f"{name} is no longer here; results stay for {KEEP_MINUTES} minutes, and the "
                    "same seed makes it again"
                )
        raise ImageError("that is no picture of a result; read a link that a tool answered with")


# --- an answer ---------------------------------------------------------------------------


def _answer(faces: list[dict], manifest: dict | None, address: str) -> list[told.ContentBlock]:
    """What there is to say, then for each picture a preview and a link."""
    lines = [one["caption"] for one in faces]
    if manifest:
        lines += [manifest["promise"]["in_words"]] if manifest.get("promise") else []
        lines += [manifest["says"]] if "says" in manifest else []
        model = manifest["model"]
        lines.append(f"model {model['name']}; licence: {model['licence']}")
    lines.append(
        f"{len(faces)} pictures of people who do not exist; the linked PNGs stay for "
        f"{KEEP_MINUTES} minutes"
    )
    content: list[told.ContentBlock] = [
        told.TextContent(type="text", text="\n".join(filter(None, lines)))
    ]
    for one in faces:
        path = Path(one["image"]["path"])
        content.append(told.ImageContent(type="image", data=_preview(path), mimeType="image/jpeg"))
        content.append(
            told.ResourceLink(
                type="resource_link",
                uri=AnyUrl(f"{address}/gradio_api/file={quote(path.as_posix())}"),
                name=path.name,
                description=one["caption"],
                mimeType="image/png",
                size=path.stat().st_size,
            )
        )
    return content


def _preview(path: Path) -> str:
    """A smaller JPEG that says that it is synthetic, too, as base64."""
    pixels = images.load(path)
    if max(pixels.shape[:2]) > PREVIEW:
        pixels = images.resize(pixels, PREVIEW)
    return base64.b64encode(provenance.jpeg_bytes(pixels, provenance.TRAINED_MEDIA)).decode()


def _how_far(job: Any, count: int | None) -> tuple[int, str]:
    """(faces finished, in words)."""
    outputs = job.outputs()
    if outputs:
        done = len(outputs[-1][0] or ())
        if any(_DRAWING in one["image"]["path"] for one in outputs[-1][0] or ()):
            done //= 2  # a face and its drawing
        return done, f"{done} of {count} faces"
    status = job.status()
    if status.rank:
        return 0, f"waiting, {status.rank} before this one"
    return 0, "working"


def _mistake(text: str) -> told.CallToolResult:
    content: list[told.ContentBlock] = [told.TextContent(type="text", text=text)]
    return told.CallToolResult(content=content, isError=True)


def _address(request: Any, local: str) -> str:
    """Of the page, as the agent sees it."""
    if request is None:
        return local
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{scheme}://{request.url.netloc}"


def _who_may_ask(flags: Flags) -> TransportSecuritySettings:
    """On a page for this machine alone, no web page that a browser here has open."""
    if not flags.here:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = [f"[{host}]" if ":" in host else host for host in flags.hosts]
    return TransportSecuritySettings(
        allowed_hosts=[f"{host}{port}" for host in hosts for port in ("", ":*")],
        allowed_origins=[
            f"{scheme}://{host}{port}"
            for host in hosts
            for scheme in ("http", "https")
            for port in ("", ":*")
        ],
    )
