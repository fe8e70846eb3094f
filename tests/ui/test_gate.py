"""Who may ask the page, how much may be sent, and what a browser is told."""

import asyncio

import httpx
import pytest

pytest.importorskip("gradio")

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from facegen.ui.server import gate
from facegen.ui.server.flags import LOCAL, parse

MEGABYTE = 2**20


def asked(*requests, hosts=LOCAL, embedded=False):
    """The answers of a page behind the gate, asked all at once. request: (method, path, more)."""

    async def echo(request):
        return PlainTextResponse(str(len(await request.body())))

    async def login(request):
        right = await request.body() == b"right"
        return PlainTextResponse("in" if right else "out", 200 if right else 400)

    async def ask_all():
        app = Starlette(
            routes=[
                Route("/login", login, methods=["POST"]),
                Route("/login/", login, methods=["POST"]),  # Gradio has both
                Route("/{path:path}", echo, methods=["GET", "POST"]),
            ],
            middleware=[Middleware(gate.Gate, most_bytes=MEGABYTE, hosts=hosts, embedded=embedded)],
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:7860"
        ) as client:
            sent = (client.request(method, path, **more) for method, path, more in requests)
            return await asyncio.gather(*sent)

    return asyncio.run(ask_all())


def status(method="GET", path="/", hosts=LOCAL, **headers):
    (answer,) = asked((method, path, {"headers": headers}), hosts=hosts)
    return answer.status_code


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7860", "localhost:8000", "[::1]:7860", "LOCALHOST", "localhost.:7860"]
)
def test_a_page_for_this_machine_answers_its_own(host):
    assert status(Host=host) == status("POST", Host=host, Origin=f"http://{host}") == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.evil.example", "evil.example:7860", "", "[", "[::2]"]
)
def test_it_answers_to_no_other_name(host):
    (answer,) = asked(("GET", "/", {"headers": {"Host": host}}))
    assert answer.status_code == 421 and "--allow-host" in answer.text
    assert "\n" not in answer.text and (not host or host not in answer.text)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1", "http://[", ""],
)
def test_it_answers_no_other_web_page(origin):
    assert status("POST", "/gradio_api/upload", Origin=origin) == 403
    assert status("GET", "/config", Origin=origin) == 403


def test_a_name_that_is_rebound_cannot_pass_for_its_own_origin():
    assert status("POST", Host="evil.example", Origin="http://evil.example") == 421


def test_a_proxys_name_is_allowed_where_it_is_said():
    hosts = parse(["--allow-host", "Faces.example.org, other.example"]).hosts
    for host in ("faces.example.org", "other.example:8443"):
        assert status("POST", hosts=hosts, Host=host, Origin=f"https://{host}") == 200
    # a proxy that names the page by its address here
    assert status("POST", hosts=hosts, Origin="https://faces.example.org") == 200
    assert status("POST", hosts=hosts, Origin="https://evil.example") == 403
    assert status("POST", hosts=hosts, Origin="http://localhost:3000") == 403


def test_a_page_for_others_is_asked_under_any_name():
    assert status("POST", hosts=None, Host="faces.example.org", Origin="https://a.example") == 200


def test_the_agents_address_has_a_guard_of_its_own():
    assert status("POST", gate.AGENTS + "/", Origin="http://localhost:6274") == 200


def test_no_request_is_larger_than_one_file():
    async def in_parts():
        for _ in range(5):
            yield bytes(MEGABYTE // 4)

    inside, whole, parts, login, agents = asked(
        ("POST", "/gradio_api/upload", {"content": bytes(MEGABYTE)}),
        ("POST", "/gradio_api/upload", {"content": bytes(MEGABYTE + 1)}),
        ("POST", "/gradio_api/upload", {"content": in_parts()}),  # whose size no header says
        ("POST", "/login", {"content": in_parts()}),
        ("POST", gate.AGENTS, {"content": bytes(MEGABYTE + 1)}),
    )
    assert inside.text == str(MEGABYTE)
    assert whole.status_code == parts.status_code == login.status_code == 413
    assert whole.text == "a request may have 1 MB; send one file at a time"
    assert agents.status_code == 200


@pytest.mark.parametrize("hosts", [LOCAL, None])
@pytest.mark.parametrize("start", ["/gradio_api/file=", "/file=", "/gradio_api/proxy="])
@pytest.mark.parametrize(
    "address",
    ["https://example.org/x.png", "http%3A%2F%2Fexample.org", "http%253A%252F%252Fexample.org"],
)
def test_no_address_is_fetched_for_anybody(start, address, hosts):
    assert status(path=start + address, hosts=hosts) == 403


@pytest.mark.parametrize("start", ["/gradio_api", ""])
def test_nobody_calls_what_a_component_keeps_on_the_server(start):
    assert status("POST", f"{start}/component_server/") == 404


def test_no_address_is_fetched_in_a_files_place(monkeypatch):
    from gradio import processing_utils
    from gradio.components import Image
    from gradio.exceptions import Error

    async def fetch(*_):
        pytest.fail("it was asked for")

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", fetch)
    download = processing_utils.async_ssrf_protected_download
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", download)
    gate.forbid_fetching()
    value = {"path": "https://example.org/x.png", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Error, match="this server fetches none"):
        asyncio.run(
            processing_utils.async_move_files_to_cache(value, Image(), check_in_upload_folder=True)
        )


def test_a_file_that_is_deleted_while_it_is_asked_for_is_not_found(tmp_path):
    from starlette.responses import FileResponse

    async def gone(request):
        path = tmp_path / "face.png"
        path.write_bytes(b"face")
        answer = FileResponse(path, stat_result=path.stat())
        path.unlink()
        return answer

    async def ask(path):
        app = Starlette(
            routes=[Route("/{path:path}", gone)],
            middleware=[Middleware(gate.Gate, most_bytes=MEGABYTE)],
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:7860"
        ) as client:
            return await client.get(path)

    answer = asyncio.run(ask("/gradio_api/file=face.png"))
    assert answer.status_code == 404 and "no longer here" in answer.text
    with pytest.raises(FileNotFoundError):  # a defect of ours elsewhere is not hidden
        asyncio.run(ask("/elsewhere"))


def test_what_a_browser_is_told():
    page, result = asked(("GET", "/", {}), ("GET", "/gradio_api/file=/x/variant-01.png", {}))
    for answer in (page, result):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        policy = dict(part.strip().split(" ", 1) for part in
                      answer.headers["Content-Security-Policy"].split(";"))  # fmt: skip
        assert policy["default-src"] == policy["frame-ancestors"] == "'self'"
        assert policy["object-src"] == "'none'"
        assert not any("http" in sources for sources in policy.values())
    assert result.headers["Cache-Control"] == "no-store" and "Cache-Control" not in page.headers
    (refused,) = asked(("GET", "/", {"headers": {"Host": "evil.example"}}))
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_a_space_may_be_shown_by_the_hub():
    (answer,) = asked(("GET", "/", {}), hosts=None, embedded=True)
    _, _, ancestors = answer.headers["Content-Security-Policy"].partition("frame-ancestors ")
    assert {"'self'", "https://huggingface.co", "https://*.hf.space"} <= set(ancestors.split())


def test_wrong_logins_of_one_address_wait_for_each_other(monkeypatch):
    waited, at_once, most = [], 0, 0

    async def wrong():
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        waited.append(1)

    monkeypatch.setattr(gate, "wrong", wrong)
    guesses = [("POST", path, {"content": b"guess"}) for path in ("/login", "/login/")] * 4
    answers = asked(*guesses)
    assert [answer.status_code for answer in answers] == [400] * 8
    assert len(waited) == 8 and most == 1
    (right,) = asked(("POST", "/login", {"content": b"right"}))
    assert right.text == "in" and len(waited) == 8


def test_no_more_than_so_many_wait_to_log_in(monkeypatch):
    monkeypatch.setattr(gate, "WRONG_SECONDS", 0.01)
    answers = asked(*[("POST", "/login", {"content": b"guess"})] * (gate.MOST_WAITING + 3))
    said = [answer.status_code for answer in answers]
    assert said.count(429) == 3 and said.count(400) == gate.MOST_WAITING == 10


def test_nothing_is_remembered_of_those_who_logged_in():
    async def one_after_another():
        turns = gate.Turns()
        for _ in range(3):
            async with turns.turn({"client": ("192.0.2.1", 5)}):
                assert list(turns._waiting) == ["192.0.2.1"]
            assert not turns._waiting

    asyncio.run(one_after_another())


def test_there_are_no_websockets_around_the_gate():
    async def app(scope, receive, send):
        pytest.fail("it was asked")

    said = []

    async def send(message):
        said.append(message["type"])

    asyncio.run(gate.Gate(app, MEGABYTE)({"type": "websocket", "path": "/"}, None, send))
    assert said == ["websocket.close"]


def test_a_wrong_login_costs_a_second_or_more():
    assert gate.WRONG_SECONDS >= 1
