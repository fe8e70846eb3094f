"""The tools for agents, as the official client of the Model Context Protocol sees them."""

import base64
import contextlib
import hashlib
import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import anyio
import httpx
import pytest
from conftest import serving
from PIL import Image

pytest.importorskip("mcp")
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.exceptions import McpError
from pydantic import AnyUrl

from facegen.errors import FacegenError, ImageError, OptionError
from facegen.output import provenance
from facegen.ui import mcp
from facegen.ui.server.flags import Flags
from facegen.ui.server.model_pool import Studios
from facegen.ui.widgets.photo_input import photograph

SECRET = "secretplace"
PHOTO, RANDOM = "generate_people_from_photo", "generate_random_faces"
MIX, CHILD, RESTORE = "mix_two_faces", "children_of_two_faces", "restore_face"
EDIT, ANONYMISE, CHECK = "edit_face", "anonymise_photo", "check_picture"
PERSONA = "pictures_of_one_person"


def run(ask, *arguments):
    """In a thread of its own: the browser of other tests keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, ask, *arguments).result()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mcp")
    with serving(folder, "--mcp", "--model", "bundled") as address:
        yield address


@pytest.fixture(scope="module")
def photo(astronaut) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SECRET
    file = io.BytesIO()
    Image.fromarray(astronaut).save(file, "JPEG", quality=90, exif=exif)
    return file.getvalue()


@contextlib.asynccontextmanager
async def session(server, **more):
    async with (
        streamablehttp_client(f"{server}/gradio_api/mcp/", **more) as (read, write, _),
        ClientSession(read, write) as opened,
    ):
        await opened.initialize()
        yield opened


@pytest.fixture(scope="module")
def call(server):
    """call(tool, **arguments) -> the answer, as an agent without a session of its own gets it."""

    def call(tool, **arguments):
        async def ask():
            async with session(server) as opened:
                return await opened.call_tool(tool, arguments)

        return run(ask)

    return call


def data_url(photo: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(photo).decode()


def upload(server, photo: bytes, name: str = "photo.jpg") -> str:
    (path,) = httpx.post(f"{server}/gradio_api/upload", files={"files": (name, photo)}).json()
    return path


def test_the_tools_say_when_to_use_them(server):
    async def ask():
        async with session(server) as opened:
            return await opened.list_tools()

    tools = {tool.name: tool for tool in run(ask).tools}
    assert set(tools) == {PHOTO, RANDOM, MIX, CHILD, RESTORE, EDIT, ANONYMISE, CHECK, PERSONA}
    for name, other in (
        (PHOTO, RANDOM),
        (RANDOM, PHOTO),
        (MIX, CHILD),
        (CHILD, MIX),
        (RESTORE, ""),
        (EDIT, PHOTO),
        (ANONYMISE, PHOTO),
        (CHECK, ""),
    ):
        assert "Use it when" in tools[name].description and other in tools[name].description
        for argument in tools[name].inputSchema["properties"].values():
            assert argument["description"]
    strength = tools[PHOTO].inputSchema["properties"]["strength"]
    assert (strength["minimum"], strength["maximum"], strength["default"]) == (0, 1, 1)
    assert tools[PHOTO].inputSchema["required"] == ["photo"]
    assert (
        f"{server}/gradio_api/upload"
        in (tools[PHOTO].inputSchema["properties"]["photo"]["description"])
    )


def check_pictures(
    answer,
    count: int,
    shows: str = "of people who do not exist",
    source: str = provenance.TRAINED_MEDIA,
) -> list:
    """Previews and links come in pairs, and say that they are synthetic; gives the links."""
    assert not answer.isError, answer.content
    text, *pictures = answer.content
    number = "1 picture" if count == 1 else f"{count} pictures"
    assert text.type == "text" and f"{number} {shows}; " in text.text
    assert [one.type for one in pictures] == ["image", "resource_link"] * count
    for preview in pictures[::2]:
        data = base64.b64decode(preview.data)
        with Image.open(io.BytesIO(data)) as picture:
            assert picture.format == "JPEG" and max(picture.size) <= 512
        assert provenance.source_type(data.decode("latin-1")) == source
    return pictures[1::2]


def test_a_photo_becomes_people(server, photo):
    async def ask():
        told = []

        async def progress(done, total, message):
            told.append((done, total, message))

        # whatever language it asks for, it is answered in English
        async with session(server, headers={"accept-language": "de"}) as opened:
            arguments = {"photo": data_url(photo), "count": 2, "seed": 7}
            answer = await opened.call_tool(PHOTO, arguments, progress_callback=progress)
            (link, _) = check_pictures(answer, 2)
            read = await opened.read_resource(link.uri)
            return answer, told, link, base64.b64decode(read.contents[0].blob)

    answer, told, link, whole = run(ask)
    assert told and all(total == 2 and message for _, total, message in told)
    assert any("people" in message or "face" in message for *_, message in told), told
    numbers = [done for done, *_ in told]
    assert sorted(set(numbers)) == numbers and {1, 2} <= set(numbers)
    assert link.mimeType == "image/png" and link.size == len(whole)
    assert httpx.get(str(link.uri)).content == whole
    assert provenance.read(whole)["synthetic"]
    said = answer.content[0].text
    assert "a different person" in said and "licence" in said
    assert answer.structuredContent["seed"] == 7
    assert answer.structuredContent["reference"]["sha256"] is None
    everything = answer.model_dump_json() + json.dumps(answer.structuredContent)
    assert SECRET not in everything and hashlib.sha256(photo).hexdigest() not in everything


def test_an_upload_is_named_by_its_path(server, call, photo):
    answer = call(PHOTO, photo=upload(server, photo), count=1, style="cel")
    face, drawing = check_pictures(answer, 2)
    assert (face.name, drawing.name) == ("variant-01.png", "variant-01-anime.png")


def test_random_faces(call):
    links = check_pictures(call(RANDOM, count=2, seed=5), 2)
    assert [link.name for link in links] == ["random-01.png", "random-02.png"]


def check_private(answer, photo: bytes) -> None:
    everything = answer.model_dump_json() + json.dumps(answer.structuredContent)
    assert SECRET not in everything and hashlib.sha256(photo).hexdigest() not in everything


def test_two_photos_become_mixtures_and_children(call, photo):
    both = {"photo_a": data_url(photo), "photo_b": data_url(photo), "steps": 0}
    answer = call(CHILD, **both, count=2, seed=5)
    links = check_pictures(answer, 2)
    assert [link.name for link in links] == ["child-01.png", "child-02.png"]
    assert set(answer.structuredContent["variants"][0]["nearness"]) == {"a", "b"}
    assert [one["sha256"] for one in answer.structuredContent["references"]] == [None, None]
    check_private(answer, photo)
    answer = call(MIX, **both, steps_between=1)
    links = check_pictures(answer, len(answer.structuredContent["variants"]))
    assert links[0].name == "mix-01.png" and httpx.get(str(links[0].uri)).status_code == 200
    check_private(answer, photo)
    answer = call(MIX, photo_a=data_url(photo))
    assert answer.isError and "photo_b is missing" in answer.content[0].text


def test_a_damaged_picture_becomes_faces_that_it_could_show(server, call, photo):
    asked = {"photo": data_url(photo), "count": 2, "steps": 3, "seed": 4}
    answer = call(RESTORE, **asked, damage="small")
    links = check_pictures(answer, 2)
    assert [link.name for link in links] == ["restored-01.png", "restored-02.png"]
    assert "one of many faces" in answer.content[0].text and "agree" in answer.content[0].text
    check_private(answer, photo)

    async def read():
        async with session(server) as opened:
            return await opened.read_resource(links[0].uri)

    assert provenance.read(base64.b64decode(run(read).contents[0].blob))["synthetic"]
    mask = io.BytesIO()
    Image.new("L", Image.open(io.BytesIO(photo)).size).save(mask, "PNG")
    nothing = "data:image/png;base64," + base64.b64encode(mask.getvalue()).decode()
    answer = call(RESTORE, **asked, damage="holes", mask=nothing)
    assert answer.isError and "the mask hides 0%" in answer.content[0].text


def test_a_face_is_edited_and_a_whole_photo_anonymised(server, call, photo):
    answer = call(EDIT, photo=data_url(photo), settings="smile=+0.3", steps=0)
    (link,) = check_pictures(answer, 1, "of the face in the photo, changed and drawn by the model")
    assert link.name == "edited.png"
    assert answer.structuredContent["variants"][0]["edit"] == "smile=+0.3"
    check_private(answer, photo)
    answer = call(EDIT, photo=data_url(photo))
    assert answer.isError and "settings is missing" in answer.content[0].text
    path = upload(server, photo)
    answer = call(ANONYMISE, photo=path, seed=7)
    shows = "with people who do not exist in place of the faces that were replaced"
    (link,) = check_pictures(answer, 1, shows, provenance.COMPOSITE)
    assert (link.name, link.mimeType) == ("anonymised.jpg", "image/jpeg")
    assert "1 face" in answer.content[0].text and answer.structuredContent["faces"]
    check_private(answer, photo)


def test_a_picture_is_checked(call, photo):
    answer = call(CHECK, photo=data_url(photo))
    assert not answer.isError and "proves nothing" in answer.content[0].text
    assert answer.structuredContent["synthetic"] is False
    answer = call(CHECK, picture="x")
    assert answer.isError and "takes one argument, photo" in answer.content[0].text


def test_an_agent_that_does_not_read_holds_nobody_up(monkeypatch):
    tried = []

    async def send(token, done, total, words, request):
        tried.append(done)
        await anyio.sleep_forever()

    async def ask():
        report = mcp._reporter(context(send))
        with anyio.fail_after(30):
            for done in range(3):
                await report(done, 3, "words")

    monkeypatch.setattr(mcp, "TELL_WITHIN", 0.1)
    run(ask)
    assert tried == [0]


def test_numbers_of_progress_increase():
    sent = []

    async def send(token, done, total, words, request):
        sent.append((done, words))

    async def ask():
        report = mcp._reporter(context(send))
        for done in (0, 0, 0, 1, 1, 2, 2):
            await report(done, 2, f"{done} of 2 finished")

    run(ask)
    numbers = [done for done, _ in sent]
    assert sorted(set(numbers)) == numbers and numbers[-1] == 2
    assert [int(done) for done in numbers] == [0, 0, 0, 1, 1, 2]
    assert all(words.startswith(str(int(done))) for done, words in sent)


def context(send) -> SimpleNamespace:
    """What the server knows of a call, as far as a report needs it."""
    session, meta = SimpleNamespace(send_progress_notification=send), SimpleNamespace()
    meta.progressToken = "token"
    return SimpleNamespace(session=session, meta=meta, request_id=1)


def test_no_more_agents_wait_for_a_check_than_may(tiny_studio, tmp_path, photo, monkeypatch):
    agents = mcp.Agents(Studios(tiny_studio), Flags(max_queue=1), 1, tmp_path)
    go_on = threading.Event()

    def slowly(given):
        assert go_on.wait(60)
        return photograph(given, tmp_path)

    monkeypatch.setattr(agents, "_photograph", slowly)
    given = {"photo": data_url(photo)}

    async def ask():
        async with anyio.create_task_group() as tasks:
            for _ in range(3):  # two are looked at, one waits
                tasks.start_soon(agents._check, given)
            await anyio.wait_all_tasks_blocked()
            try:
                with pytest.raises(OptionError, match="3 agents are waiting already"):
                    with anyio.fail_after(30):
                        await agents._check(given)
            finally:
                go_on.set()
        return await agents._check(given)  # there is room again

    assert not run(ask).isError


def test_what_lies_beside_a_result_is_not_read(server, call, photo):
    (link,) = check_pictures(call(PHOTO, photo=data_url(photo), count=1), 1)

    async def read(name):
        async with session(server) as opened:
            with pytest.raises(McpError) as error:
                await opened.read_resource(AnyUrl(str(link.uri).replace(link.name, name)))
            return str(error.value)

    assert "not a picture of a result" in run(read, "aligned.png")
    assert "no longer here" in run(read, "variant-09.png")


def test_a_mistake_is_refused_before_it_waits(tiny_studio, tmp_path, photo):
    agents = mcp.Agents(Studios(tiny_studio), Flags(), 1, tmp_path)

    async def nothing(*_):
        raise AssertionError("it was told to wait")

    async def ask(given, words):
        async with agents._runs.turn():  # another run goes on, and does not end
            with anyio.fail_after(60), pytest.raises(FacegenError, match=words):
                await agents._queued(PHOTO, given, nothing, None)

    good = data_url(photo)
    for given, words in (
        ({"photo": good, "strength": 5}, "strength is 5"),
        ({"photo": good, "model": "other"}, "model is 'other'; available are"),
        ({"photo": good, "style": "oil"}, "style is 'oil'; available are"),
        ({"photo": "no picture"}, "not base64"),
    ):
        run(ask, given, words)


def test_mistakes_are_readable(call, photo):
    good = data_url(photo)
    for arguments, words in (
        ({"photo": good, "strength": 5}, "strength is 5; it must lie between 0"),
        ({"photo": good, "count": "six"}, "count is 'six'; it must be a whole number"),
        ({"photo": good, "strenght": 1}, "no argument 'strenght'"),
        ({"photo": good, "style": "oil"}, "style is 'oil'; available are"),
        ({"photo": good, "model": "/etc/passwd"}, "model is '/etc/passwd'; available are"),
        ({"photo": good, "blend": 0.5}, "no style to blend"),
        ({"count": 1}, "photo is missing; A picture with a face"),
        ({"photo": "no picture"}, "not base64"),
        ({"photo": data_url(b"<html>x</html>")}, "not a picture"),
    ):
        answer = call(PHOTO, **arguments)
        assert answer.isError and len(answer.content) == 1, arguments
        said = answer.content[0].text
        assert words in said and "\n" not in said and "Traceback" not in said
    answer = call("delete_everything")
    assert answer.isError and RANDOM in answer.content[0].text


def test_nothing_else_of_this_machine_or_any_other_is_read(server, call, photo):
    mine = os.path.dirname(os.path.dirname(upload(server, photo)))
    for given in (
        "/etc/passwd",
        "../../etc/passwd",
        "file:///etc/passwd",
        f"{mine}/examples/example-1.png",
        f"{mine}/../log.txt",
        "http://127.0.0.1:1/photo.jpg",
        "http://169.254.169.254/latest/meta-data",
        f"{server}/gradio_api/file={mine}/examples/example-1.png",
    ):
        answer = call(PHOTO, photo=given, count=1)
        said = answer.content[0].text
        assert answer.isError and "path that POST /gradio_api/upload answers with" in said, given

    async def read(uri):
        async with session(server) as opened:
            try:
                return await opened.read_resource(AnyUrl(uri))
            except McpError as error:
                return str(error)

    for path in ("/etc/passwd", f"{mine}/runs/../../log.txt", f"{mine}/examples/example-1.png"):
        said = run(read, f"{server}/gradio_api/file={path}")
        assert "not a picture of a result" in said


def test_a_web_page_elsewhere_cannot_use_it(server):
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}

    def status(**more) -> int:
        url = f"{server}/gradio_api/mcp/"
        return httpx.post(url, json=asked, headers=headers | more).status_code

    assert status() == 200
    assert status(Origin="https://example.org") == 403
    assert status(Host="example.org") == 421
    large = asked | {"params": {"photo": "A" * (22 * 2**20)}}
    answer = httpx.post(f"{server}/gradio_api/mcp/", json=large, headers=headers)
    assert answer.status_code == 413


def test_a_page_with_a_password_asks_agents_for_it(tmp_path):
    with serving(tmp_path, "--mcp", "--model", "bundled", "--auth", "me:secret") as address:
        answer = httpx.post(f"{address}/gradio_api/mcp/", json={})
        assert answer.status_code == 401 and "--auth" in answer.text
        wrong = "Basic " + base64.b64encode(b"me:guess").decode()
        answer = httpx.post(
            f"{address}/gradio_api/mcp/", json={}, headers={"Authorization": wrong}, timeout=60
        )
        assert answer.status_code == 401
        login = "Basic " + base64.b64encode(b"me:secret").decode()

        async def ask():
            async with session(address, headers={"Authorization": login}) as opened:
                answer = await opened.call_tool(RANDOM, {"count": 1})
                (link,) = check_pictures(answer, 1)
                return await opened.read_resource(link.uri)

        assert run(ask).contents[0].blob


def test_what_was_decoded_never_lies_in_a_file(tmp_path, photo):
    for given in (data_url(photo), base64.b64encode(photo).decode()):
        assert photograph(given, tmp_path).data == photo
    assert not list(tmp_path.iterdir())


def test_a_link_among_the_uploads_leads_nowhere(tmp_path):
    secret = tmp_path / "secret.png"
    secret.touch()
    upload = tmp_path / "private" / ("0" * 64) / "photo.png"
    upload.parent.mkdir(parents=True)
    upload.symlink_to(secret)
    with pytest.raises(ImageError, match="not that of an upload"):
        photograph(str(upload), tmp_path / "private")


def test_too_large_a_photo_is_not_decoded(tmp_path):
    with pytest.raises(ImageError, match="the photo has 15.* MB, the limit is 15"):
        photograph("A" * (21 * 2**20), tmp_path)
