"""The page's tools for agents, over the Model Context Protocol (https://modelcontextprotocol.io).

Gradio can serve its endpoints so by itself, but a gallery reaches the agent as the text of a Python
list then, and a photo only as an address that the server fetches. Here pictures are pictures. The
tools are the jobs of services.py, run here as the page runs them; agents wait in one line, whose
head takes turns with the page's visitors (Studios.turn).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import logging
import mimetypes
import re
import secrets
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import anyio
import anyio.to_thread
import mcp.types as told
from mcp.server.lowlevel import Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.context import RequestContext
from pydantic import AnyUrl
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from .. import images
from .._version import __version__
from ..errors import FacegenError, ImageError, OptionError
from ..jobs.job import RESULT, Finished, Picture
from ..output import check, provenance
from ..output.manifest import without_photo
from ..types import Progress
from .run_state import Picture as Shown
from .server import private_files
from .server.flags import Flags
from .server.gate import AGENTS, TooManyWaiting, Turns, wrong
from .server.model_pool import Studios
from .services import FILE, PHOTO, Argument, Service, services
from .texts.words import Run
from .widgets.photo_input import HOW, MAX_BYTES, MAX_MEGABYTES, UPLOAD, photograph

PATH = AGENTS
TELL_EVERY = 0.2  # seconds between two words on how far a run has come
TELL_WITHIN = 1.0  # seconds that an agent may take to read one; others wait meanwhile
MOST_BYTES = 4 * MAX_BYTES // 3 + 2**16  # of a request: the photo as base64, and words
KEEP_MINUTES = private_files.KEEP_SECONDS // 60
PREVIEW = 512  # pixels of the pictures that come with an answer
CHECK = "check_picture"
INSTRUCTIONS = (
    "Facegen makes pictures of people who do not exist. With a photo of a face, make others in its "
    "pose and expression, change it by name, replace the faces in the whole photo, or make faces "
    "that a damaged one could show; with two, mixtures and children; without one, random faces. "
    "Tell those to whom you show them that they are synthetic. The model's licence stands in each "
    "answer."
)
RETURNS = (
    f"Returns a line of text on each picture, a preview of each (JPEG, up to {PREVIEW} pixels) and "
    f"a link to each full-size file, which the server deletes after {KEEP_MINUTES} minutes. None "
    "of the new people exists. Takes seconds on a GPU, up to a minute on a CPU."
)
CHECKS = (
    "Say which marks of origin a picture carries: a signed record (C2PA), what its metadata say, "
    "Facegen's invisible mark. Use it when somebody asks whether a picture was made by a model. "
    "That nothing is found proves nothing."
)
_TOKEN = re.compile(r"[\w-]{22}", re.ASCII)

Report = Callable[[float, float, str], Awaitable[None]]


class Line:
    """A line of agents, of whom `places` are served at once and `longest` may wait."""

    def __init__(self, places: int, longest: int):
        self._places, self._longest = places, longest
        self._free = asyncio.Semaphore(places)
        self.there = 0  # served and waiting

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it. Raises OptionError if too many wait."""
        if self.there >= self._places + self._longest:
            raise OptionError(f"{self.there} agents are waiting already; try again in a minute")
        self.there += 1
        try:
            async with self._free:
                yield
        finally:
            self.there -= 1


class Agents:
    """The server. `mounted` goes into the page's application."""

    def __init__(self, studios: Studios, flags: Flags, port: int, folder: Path):
        self.studios, self.flags, self.folder = studios, flags, folder
        self.local = f"http://127.0.0.1:{port}"
        self.services = {one.told.tool: one for one in services(studios).values()}
        self._photograph = functools.partial(photograph, folder=folder)
        self._runs, self._checks = Line(1, flags.max_queue), Line(2, flags.max_queue)
        self._looks = asyncio.Semaphore(2)  # at the photos of those who have just come
        self._results: set[Path] = set()  # the files that answers link to
        self._logins = Turns()
        self.server = self._server()
        self.manager = StreamableHTTPSessionManager(
            self.server,
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
        """Check the login, if one is needed. Raises TooManyWaiting."""
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
            address = self.local if self.flags.private else "the page's address + "
            return _tools(self.services.values(), address)

        @server.call_tool(validate_input=False)  # a wrong value is answered in our own words
        async def call_tool(name: str, arguments: dict[str, Any]) -> told.CallToolResult:
            context = server.request_context
            report = _reporter(context)
            try:
                if name == CHECK:
                    return await self._check(arguments)
                if name not in self.services:
                    known = ", ".join([*self.services, CHECK])
                    raise OptionError(f"there is no tool {name!r}; there are {known}")
                return await self._queued(name, arguments, report, context.request)
            except FacegenError as error:
                return _mistake(str(error))
            except Exception:
                logging.getLogger("facegen").exception("a tool of an agent failed")
                return _mistake(Run.defect)

        @server.read_resource()
        async def read_resource(uri: AnyUrl) -> Iterable[ReadResourceContents]:
            path = self._result(str(uri))
            data = await anyio.to_thread.run_sync(path.read_bytes)
            return [ReadResourceContents(data, _mime(path))]

        return server

    async def _queued(
        self, name: str, arguments: Mapping[str, Any], report: Report, request: Any
    ) -> told.CallToolResult:
        """Check what was given, wait in line, and run the job. Raises FacegenError."""
        service = self.services[name]
        async with self._looks:  # decoded photos are large: those of all who wait are not kept
            await anyio.to_thread.run_sync(service.begin, arguments, self._photograph)
        if self._runs.there:
            await report(0, 1, f"waiting, {self._runs.there} before this one")
        async with self._runs.turn():
            address = _address(request, self.local, self.flags.root_path.rstrip("/"))
            return await self._run(service, arguments, report, address)

    async def _run(
        self, service: Service, arguments: Mapping[str, Any], report: Report, address: str
    ) -> told.CallToolResult:
        """Run a job and answer with its pictures. Raises FacegenError."""
        model, sources, options = await anyio.to_thread.run_sync(
            service.begin, arguments, self._photograph
        )
        count = service.arguments.get("count")
        total = arguments.get("count") or (count.default if count else 1)
        cards: list[tuple[str, str]] = []
        manifest: dict = {}
        done, told_at = 0, 0.0
        with private_files.new_run() as folder:
            events = self.studios.run(service.job, model, sources, folder, options)
            try:
                while event := await anyio.to_thread.run_sync(next, events, None):
                    if isinstance(event, Picture) and event.kind == RESULT:
                        cards += Shown.of(event).files
                        done = event.index
                        total = total if count else event.count
                        await report(done, total, f"{done} of {total} finished")
                    elif isinstance(event, Finished):
                        manifest = event.manifest
                    elif isinstance(event, Progress) and time.monotonic() - told_at > TELL_EVERY:
                        told_at = time.monotonic()
                        words = f"{event.stage}, {event.done:.0f} of {event.of}"
                        await report(done, total, words)
            finally:  # the agent may have gone away
                events.close()
            files = [(Path(path), caption) for path, caption in cards]
            content = await anyio.to_thread.run_sync(_answer, service, files, manifest, address)
        self._results = {path for path in self._results if path.is_file()}
        self._results.update(path for path, _ in files)
        return told.CallToolResult(content=content, structuredContent=without_photo(manifest))

    async def _check(self, arguments: Mapping[str, Any]) -> told.CallToolResult:
        """Check a picture's marks of origin. Raises FacegenError."""
        if list(arguments) != ["photo"]:
            raise OptionError(f"{CHECK} takes one argument, photo; {HOW}")
        async with self._checks.turn():
            report = await anyio.to_thread.run_sync(
                lambda: check.check(self._photograph(arguments["photo"]).data)
            )
        said = told.TextContent(type="text", text=f"{report.in_words()}\n{check.PROVES}")
        return told.CallToolResult(content=[said], structuredContent=report.as_dict())

    def _result(self, uri: str) -> Path:
        """Find the file of a link in an answer. Raises ImageError for anything else."""
        parts = Path(unquote(uri.partition("/gradio_api/file=")[2])).parts[-3:]
        if len(parts) == 3:
            runs, token, name = parts
            path = self.folder / runs / token / name
            if runs == private_files.RUNS and _TOKEN.fullmatch(token):
                if not path.is_file():
                    raise ImageError(
                        f"{name} is no longer here; results stay for {KEEP_MINUTES} minutes, and "
                        "the same seed makes it again"
                    )
                if path in self._results:
                    return path
        raise ImageError("that is not a picture of a result; read a link that a tool answered with")


# --- the tools ---------------------------------------------------------------------------


def _tools(offered: Iterable[Service], address: str) -> list[told.Tool]:
    """List the tools for agents. address: of the page, for the words on uploading."""
    names = {one.job.name: one.told.tool for one in offered}
    how = (
        "Give it in one of two ways. "
        "(1) As a data URL (data:image/jpeg;base64,...) or the base64 text alone. "
        "(2) Uploaded first: send the file by HTTP POST as the form field 'files' to "
        f"{address}{UPLOAD} (curl -F files=@photo.jpg {address}{UPLOAD}); the answer is a JSON "
        "list with one path, which is the value to give here. Paths of other files and web "
        f"addresses are refused. As text all photos together may have {MAX_MEGABYTES} MB."
    )
    photo = Argument("photo", PHOTO, f"A picture, up to {MAX_MEGABYTES} MB.", required=True)
    kinds: list[tuple[str, str, str, Iterable[Argument]]] = []
    for one in offered:
        words = f"{one.told.words.format(**names)} {RETURNS}"
        kinds.append((one.told.tool, one.told.title, words, one.arguments.values()))
    kinds.append((CHECK, "Where a picture comes from", CHECKS, [photo]))
    return [
        told.Tool(
            name=name,
            title=title,
            description=words,
            inputSchema=_schema(arguments, how),
            annotations=told.ToolAnnotations(title=title, readOnlyHint=True, openWorldHint=False),
        )
        for name, title, words, arguments in kinds
    ]


def _schema(arguments: Iterable[Argument], how: str) -> dict[str, Any]:
    """Describe the arguments; without `anime`, as a style is left out for faces alone."""
    taken = {one.name: one for one in arguments if one.name != "anime"}
    if "style" in taken and not taken["style"].choices:  # none is available
        del taken["style"], taken["blend"]
    properties = {}
    for one in taken.values():
        about = one.schema()
        if one.kind == PHOTO:
            about["description"] += f" {how}"
        if one.name == "style":  # without it there are faces alone
            del about["default"]
        properties[one.name] = about
    return {
        "type": "object",
        "properties": properties,
        "required": [one.name for one in taken.values() if one.required],
        "additionalProperties": False,
    }


# --- an answer ---------------------------------------------------------------------------


def _reporter(context: RequestContext) -> Report:
    """Make the function that tells an agent how far its run is, if it asked for that.

    Whoever does not read within TELL_WITHIN is told no more: the run holds the line. The numbers
    increase, as the protocol demands: between two pictures by ever smaller steps.
    """
    token = context.meta.progressToken if context.meta else None
    reads, last = token is not None, -1.0

    async def report(done: float, total: float, words: str) -> None:
        nonlocal reads, last
        now = max(done, last + (done + 1 - last) / 100)
        if token is None or not reads or not last < now <= total:
            return
        last = now
        with anyio.move_on_after(TELL_WITHIN) as wait:
            await context.session.send_progress_notification(
                token, now, total, words, str(context.request_id)
            )
        reads = not wait.cancelled_caught

    return report


def _answer(
    service: Service,
    files: Sequence[tuple[Path, str]],
    manifest: Mapping[str, Any],
    address: str,
) -> list[told.ContentBlock]:
    """Build an answer: its words, then for each picture a preview and a link."""
    model = manifest["model"]
    lines = [
        *(caption for _, caption in files),
        (manifest.get("promise") or {}).get("in_words"),
        manifest.get("says"),
        f"model {model['name']}; licence: {model['licence']}",
        f"{len(files)} {'picture' if len(files) == 1 else 'pictures'} {service.told.shows}; what "
        f"is linked stays for {KEEP_MINUTES} minutes",
    ]
    content: list[told.ContentBlock] = [
        told.TextContent(type="text", text="\n".join(filter(None, lines)))
    ]
    # Of a whole photo only the faces are synthetic.
    source = provenance.COMPOSITE if FILE in service.told.gives else provenance.TRAINED_MEDIA
    for path, caption in files:
        small = _preview(path, source)
        content.append(told.ImageContent(type="image", data=small, mimeType="image/jpeg"))
        content.append(
            told.ResourceLink(
                type="resource_link",
                uri=AnyUrl(f"{address}/gradio_api/file={quote(path.as_posix())}"),
                name=path.name,
                description=caption,
                mimeType=_mime(path),
                size=path.stat().st_size,
            )
        )
    return content


def _preview(path: Path, source: str) -> str:
    """Encode a smaller JPEG, which also says where it comes from, as base64."""
    pixels = images.within(images.load(path), PREVIEW)
    return base64.b64encode(provenance.jpeg_bytes(pixels, source)).decode()


def _mime(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _mistake(text: str) -> told.CallToolResult:
    content: list[told.ContentBlock] = [told.TextContent(type="text", text=text)]
    return told.CallToolResult(content=content, isError=True)


def _address(request: Any, local: str, root: str) -> str:
    """Return the page's address, as the agent sees it. root: see Flags.root_path."""
    if "://" in root:
        return root
    if request is None:
        return local
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{scheme}://{request.url.netloc}{root}"


def _who_may_ask(flags: Flags) -> TransportSecuritySettings:
    """Allow no other web page in a browser to ask, if the page is for this machine alone."""
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
