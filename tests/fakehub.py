"""A Hugging Face Hub in a thread: the headers of the real one, and its ways of going wrong.

A large file is answered as the real Hub does: a redirect with `X-Repo-Commit`, `X-Linked-Etag`
(its sha256) and `X-Linked-Size`, to another path that serves the bytes, with ranges.
"""

import contextlib
import functools
import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOGIN = b"<!DOCTYPE html><html><body>Please log in to the hotel's network</body></html>"


@dataclass
class Served:
    """One file and how it is served.

    announced: what the headers say the bytes are; body: what is really sent. status: of every
    answer, 200 for all is well; busy: how many requests are answered with `busy_status` first.
    cut: the connection breaks after so many bytes, once. delay: seconds between two pieces.
    """

    body: bytes
    announced: bytes | None = None
    status: int = 200
    error_code: str = ""
    busy: int = 0
    busy_status: int = 503
    cut: int | None = None
    delay: float = 0.0
    piece: int = 16 * 1024
    git: bool = False  # announced with a Git hash rather than a sha256
    portal: bool = False  # a login page answers in the Hub's place
    login_instead: bool = False  # the bytes are replaced by a login page

    @functools.cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.announced or self.body).hexdigest()


@dataclass
class FakeHub:
    url: str = ""
    elsewhere: str = ""  # another host: where the real Hub keeps the bytes
    files: dict[str, Served] = field(default_factory=dict)
    log: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range

    def serve(self, repo: str, file: str, body: bytes, **more) -> Served:
        self.files[f"{repo}:{file}"] = served = Served(body, **more)
        return served

    def asked(self, method: str) -> list[str]:
        return [path for verb, path, _ in self.log if verb == method]


def _handler(hub: FakeHub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self._answer()

        def do_GET(self):
            self._answer()

        def _answer(self):
            hub.log.append((self.command, self.path, self.headers.get("Range", "")))
            if self.path.startswith("/portal"):
                return self._send(200, LOGIN, {"Content-Type": "text/html"})
            if self.path.startswith("/bytes/"):
                return self._bytes(hub.files[self.path.removeprefix("/bytes/")])
            repo, _, rest = self.path.strip("/").partition("/resolve/")
            key = f"{repo}:{rest.partition('/')[2]}"  # rest: REVISION/FILE
            served = hub.files.get(key)
            if served is None:
                known = any(key.startswith(f"{repo}:") for key in hub.files)
                code = "EntryNotFound" if known else "RepoNotFound"
                commit = {"X-Repo-Commit": COMMIT} if known else {}
                return self._send(404 if known else 401, b"", {"X-Error-Code": code} | commit)
            if served.portal:
                return self._send(302, b"", {"Location": f"{hub.elsewhere}/portal/login"})
            if served.busy > 0:
                served.busy -= 1
                return self._send(served.busy_status, b"", {"Retry-After": "0"})
            if served.status != 200:
                return self._send(served.status, b"", {"X-Error-Code": served.error_code})
            announced = served.announced or served.body
            etag = hashlib.sha1(announced).hexdigest() if served.git else served.sha256
            headers = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{etag}"', "ETag": f'"{etag}"'}
            headers |= {"X-Linked-Size": str(len(announced))}
            self._send(302, b"", headers | {"Location": f"{hub.elsewhere}/bytes/{key}"})

        def _bytes(self, served: Served):
            body = LOGIN if served.login_instead else served.body
            start = 0
            if asked := self.headers.get("Range"):
                start = int(asked.removeprefix("bytes=").split("-")[0])
            headers = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
            if self.command == "HEAD":
                return self._send(200, body, {})
            self.send_response(206 if asked else 200)
            for key, value in (headers if asked else {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut, served.cut = served.cut, None
            end = len(body) if cut is None else cut
            with contextlib.suppress(OSError):  # the other side hung up
                for at in range(start, end, served.piece):
                    self.wfile.write(body[at : min(at + served.piece, end)])
                    if served.delay:
                        time.sleep(served.delay)
            if cut is not None:
                self.close_connection = True
                self.connection.close()

        def _send(self, status: int, body: bytes, headers: dict[str, str]):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


@contextlib.contextmanager
def running():
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    hub.elsewhere = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def point_at(monkeypatch, hub_url: str, cache) -> None:
    """Let huggingface_hub, imported already, talk to that Hub and keep its files there."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub_url)
    template = hub_url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
