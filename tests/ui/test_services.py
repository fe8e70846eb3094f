"""A job of the catalogue is there for programs and for agents without a line of theirs."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from PIL import Image

pytest.importorskip("gradio")
pytest.importorskip("mcp")
from gradio.utils import get_function_description
from mcp.shared.memory import create_connected_server_and_client_session

from facegen.errors import ImageError, OptionError
from facegen.jobs import catalogue
from facegen.jobs.job import Finished, Job, Picture, frame
from facegen.options import NOISE_MODES, Options, VaryOptions, help_of, option
from facegen.output import provenance
from facegen.types import Progress
from facegen.ui import page, services
from facegen.ui.mcp import Agents
from facegen.ui.server.flags import Flags
from facegen.ui.server.model_pool import Studios
from facegen.ui.widgets.photo_input import Photo, Photograph


@dataclass(frozen=True)
class Toy(Options):
    times: int = option(2, 1, 9, "how often it is copied")
    bright: bool = False


def toy(studio, sources, folder, options):
    (source,) = sources
    names = []
    for index in range(1, options.times + 1):
        yield Progress("playing", index - 1, options.times)
        path = folder / f"toy-{index}.png"
        provenance.save_png(path, source.pixels, {})
        names.append({"file": path.name})
        yield Picture(path, f"toy {index}", index=index, count=options.times)
    yield Finished(frame("toy", studio, {"times": options.times}, variants=names))


@pytest.fixture
def studios(tiny_studio, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = Job("toy", "a toy", Toy, range(1, 3), lambda: toy)
    monkeypatch.setitem(catalogue.JOBS, "toy", made)
    return Studios(tiny_studio)


def test_the_docs_list_every_endpoint(tiny_studio):
    docs = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for name, service in services.services(Studios(tiny_studio)).items():
        arguments = ", ".join(
            f"**{a.name}**" if a.required else a.name for a in service.arguments.values()
        )
        gives, tool = ", ".join(service.told.gives), service.told.tool
        assert f"| `/{name}` | {arguments} | {gives} | `{tool}` |" in docs


@pytest.fixture
def png(astronaut) -> bytes:
    file = io.BytesIO()
    Image.fromarray(astronaut[:64, :80]).save(file, "PNG")
    return file.getvalue()


def test_a_toy_job_is_an_endpoint(studios, png):
    demo = page.build(studios)
    (endpoint,) = (one.fn for one in demo.fns.values() if one.api_name == "toy")
    words, arguments, _ = get_function_description(endpoint)
    assert words == "A toy."
    assert arguments["times"] == "How often it is copied. 1 to 9."
    assert list(arguments) == ["photo", "face", "times", "bright", "model"]
    *_, (faces, manifest, archive) = endpoint(Photograph.of(png), 0, 3, None, None)
    assert [caption for _, caption in faces] == ["toy 1", "toy 2", "toy 3"]
    assert manifest["options"] == {"times": 3} and archive.endswith(".zip")
    with pytest.raises(Exception, match="times is 10; it must lie between 1 and 9"):
        list(endpoint(Photograph.of(png), 0, 10, None, None))
    with pytest.raises(Exception, match="photo: it is broken"):
        list(endpoint(ImageError("it is broken"), 0, 1, None, None))
    with pytest.raises(Exception, match="times is 'many'; it must be a whole number"):
        list(endpoint(Photograph.of(png), 0, "many", None, None))


@pytest.fixture
def endpoints(studios):
    """What `GET /gradio_api/info` says of each endpoint's parameters, by name."""
    named = page.build(studios).get_api_info()["named_endpoints"]
    return {
        path: {one["parameter_name"]: one for one in told["parameters"]}
        for path, told in named.items()
    }


def test_every_parameter_is_described_with_its_range_and_choices(endpoints, studios):
    for name, service in services.services(studios).items():
        for argument in service.arguments.values():
            told = endpoints[f"/{name}"][argument.name]
            assert told["type"]["description"].startswith(argument.help), (name, argument.name)
            assert told["python_type"]["description"] == told["type"]["description"]
            if argument.range:
                limits = told["type"]["minimum"], told["type"]["maximum"]
                assert limits == argument.range
    strength = endpoints["/generate"]["strength"]["type"]
    assert strength["type"] == "number"
    assert help_of(VaryOptions, "strength") in strength["description"]
    assert endpoints["/generate"]["noise_mode"]["type"]["enum"] == list(NOISE_MODES)


def test_only_what_a_job_cannot_do_without_is_required(endpoints, studios):
    for name, service in services.services(studios).items():
        for argument in service.arguments.values():
            optional = endpoints[f"/{name}"][argument.name]["parameter_has_default"]
            assert optional or argument.required, (name, argument.name)
    assert endpoints["/restore"]["mask"]["parameter_has_default"]
    assert not endpoints["/restore"]["photo"]["parameter_has_default"]


@pytest.mark.parametrize("given", ["photo.jpg", 7, {"path": "/etc/passwd"}, ["photo.jpg"]])
def test_what_is_not_an_upload_is_never_read(given):
    read = Photo.data_model.model_validate(given, context={"validate_meta": True})
    assert read.path is None
    answer = Photo().preprocess(read)
    assert isinstance(answer, ImageError)
    assert "which is not an uploaded file; upload it first" in str(answer)


def test_a_toy_job_is_a_tool(studios, png, tmp_path):
    agents = Agents(studios, Flags(), 7860, tmp_path)

    async def ask():
        async with create_connected_server_and_client_session(agents.server) as session:
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            given = {"photo": base64.b64encode(png).decode(), "times": 2}
            return tools["toy"], await session.call_tool("toy", given)

    with ThreadPoolExecutor(1) as pool:
        tool, answer = pool.submit(anyio.run, ask).result()
    times = tool.inputSchema["properties"]["times"]
    assert times == {
        "type": "integer",
        "description": "How often it is copied.",
        "default": 2,
        "minimum": 1,
        "maximum": 9,
    }
    assert tool.inputSchema["required"] == ["photo"]
    assert not answer.isError, answer.content
    text, *pictures = answer.content
    assert text.text.startswith("toy 1\ntoy 2\n")
    assert [one.name for one in pictures[1::2]] == ["toy-1.png", "toy-2.png"]
    assert answer.structuredContent["job"] == "toy"


@pytest.mark.parametrize("job", [name for name in catalogue.JOBS if catalogue.JOBS[name].model])
def test_every_argument_is_described_and_its_default_is_allowed(studios, job):
    service = services.services(studios)[job]
    for argument in service.arguments.values():
        assert argument.help.endswith("."), argument.name
        if argument.kind != services.PHOTO and argument.default is not None:
            assert argument.checked(argument.default) == argument.default
    with pytest.raises(OptionError, match="there is no argument 'counts'"):
        service.begin({"counts": 1}, None)


def test_one_computes_at_a_time(studios):
    seen = []

    def work(studio, name):
        seen.append(name)
        yield name

    first = studios.compute(work, None, "a")
    second = studios.compute(work, None, "b")
    assert next(first) == "a"
    assert next(second).stage == "waiting"
    first.close()
    assert next(second) == "b" and seen == ["a", "b"]
