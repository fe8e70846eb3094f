"""What is made ready before the page is served."""

from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from conftest import serving

pytest.importorskip("gradio")

from facegen.errors import NoFaceError, OptionError
from facegen.output import provenance
from facegen.ui import serve
from facegen.ui.server import flags


def test_the_examples_say_that_they_are_synthetic(tiny_studio, tmp_path, monkeypatch):
    monkeypatch.setattr(tiny_studio, "detect", lambda pixels: [])
    monkeypatch.setattr(serve.detect, "pick", lambda faces, index: None)
    paths = serve.draw_examples(tiny_studio, flags.parse([]), tmp_path)
    assert len(paths) == serve.EXAMPLES
    for path in paths:
        told = provenance.read(path)
        assert told["synthetic"] and told["model"] == "tiny" and "seed" in told


def test_an_example_without_a_face_is_left_out(tiny_studio, tmp_path, monkeypatch):
    def refuse(faces, index):
        raise NoFaceError("no whole face was found")

    monkeypatch.setattr(tiny_studio, "detect", lambda pixels: [])
    monkeypatch.setattr(serve.detect, "pick", refuse)
    assert serve.draw_examples(tiny_studio, flags.parse([]), tmp_path) == []


def test_behind_a_proxy_the_page_and_what_agents_are_told_name_its_path(tmp_path):
    httpx = pytest.importorskip("httpx")
    with serving(tmp_path, "--model", "bundled", "--root-path", "/faces/") as address:
        config = httpx.get(f"{address}/config").json()
    assert urlsplit(config["root"]).path == "/faces"
    asked = SimpleNamespace(headers={}, url=SimpleNamespace(scheme="http", netloc="a.example"))
    pytest.importorskip("mcp")
    from facegen.ui.mcp import _address

    assert _address(asked, "", "/faces") == "http://a.example/faces"
    assert _address(asked, "", "https://b.example/faces") == "https://b.example/faces"


def test_a_path_that_is_none_is_refused():
    with pytest.raises(OptionError, match="root-path is 'faces'; give the path"):
        flags.parse(["--root-path", "faces"])


def test_a_line_for_whoever_started_the_page_is_one(capsys):
    serve.say("the default is not here")
    assert capsys.readouterr().err == "facegen: the default is not here\n"
