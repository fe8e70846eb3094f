"""The make stage: every source once, whatever ended the run before."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from facegen import images
from facegen.cli.main import main
from facegen.errors import DataError, OptionError
from facegen.evaluation.protocol import making
from facegen.evaluation.protocol.layout import Layout, Made, check_ids, id_of
from facegen.options import ProtocolOptions
from facegen.output import provenance
from facegen.studio import Studio


@pytest.fixture(scope="module")
def sources(tmp_path_factory, astronaut):
    folder = tmp_path_factory.mktemp("sources")
    Image.fromarray(astronaut).save(folder / "0007.png")
    Image.new("RGB", (300, 300), "grey").save(folder / "0008.png")
    return folder


@pytest.fixture(scope="module")
def made(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    arguments = ["evaluate", "--protocol", "anonymisation", "--stages", "make", "--count", 2]
    arguments += ["--references", sources, "--out", out, "--model", "bundled", "--device", "cpu"]
    assert main([str(argument) for argument in arguments]) == 0
    return Layout(out)


def test_every_source_has_its_lines(made):
    lines = made.made()
    assert set(lines) == {"0007", "0008"}
    assert [line.k for line in lines["0007"]] == [1, 2]
    assert not any(line.trouble for line in lines["0007"])
    assert all("no whole face" in line.trouble for line in lines["0008"])
    pixels = images.load(made.variant("0007", 1))
    assert pixels.shape == (128, 128, 3)
    told = provenance.read(made.variant("0007", 1))
    assert told["synthetic"] and told["seed"] == str(lines["0007"][0].seed)
    assert not made.variant("0008", 1).exists()
    code = np.load(made.codes / "0007.npy")
    assert code.shape[0] == 1 and code.dtype == np.float32
    assert (made.references / "0007.png").exists()  # it was no crop


def test_a_run_goes_on_and_makes_only_what_is_not_there(made, sources, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(made.out, out)
    again = Layout(out)
    before = again.made_file.read_bytes()
    studio = Studio.load("bundled", "cpu")
    paths = sorted(sources.iterdir())
    first = images.load(again.variant("0007", 1))
    again.made_file.write_bytes(before[: before.rindex(b"0007,2") + 3])  # killed while it wrote
    again.variant("0007", 1).unlink()
    options = ProtocolOptions(2)
    making.make(studio, paths, again, options)
    assert again.made() == made.made()
    assert np.array_equal(images.load(again.variant("0007", 1)), first)
    studio.invert = None  # would be a TypeError
    making.make(studio, paths, again, options)
    with pytest.raises(OptionError, match=r"steps is 20, .* begun with 0"):
        making.make(studio, paths, again, ProtocolOptions(2, strength=0.6))


def test_lines_cut_off_do_not_count(tmp_path):
    layout = Layout(tmp_path)
    layout.append([Made("a", 1, 5, 0.5, True), Made("a", 2, trouble="no, face")])
    layout.append([Made("b", 1, 6, 0.5)])
    assert layout.made() == {
        "a": [Made("a", 1, 5, 0.5, True), Made("a", 2, trouble="no, face")],
        "b": [Made("b", 1, 6, 0.5)],
    }
    whole = layout.made_file.read_bytes()
    layout.made_file.write_bytes(whole[:-6])
    assert "b" not in layout.made()
    layout.append([Made("c", 1, 7, 0.5)])
    assert "c" in layout.made(), "the line after a torn one is lost"


def test_seeds_do_not_depend_on_the_other_sources():
    seeds = {making.seed_of(f"{n:04d}", 0) for n in range(300)}
    assert len(seeds) == 300
    assert making.seed_of("0007", 3) == making.seed_of("0007", 0) + 3


def test_what_is_not_for_a_protocol_is_refused(tmp_path, capsys):
    base = ["evaluate", "--protocol", "anonymisation", "--out", str(tmp_path / "out")]
    for more, words in (
        ([], "--references"),
        (["--references", str(tmp_path), "--strength", "0.2", "0.5"], "one strength"),
        (["--references", str(tmp_path / "no")], "no folder"),
    ):
        assert main([*base, *more]) == 2
        assert words in capsys.readouterr().err
    assert main(["evaluate", "--stages", "make", "--samples", "2", "--out", str(tmp_path)]) == 2
    assert "--protocol" in capsys.readouterr().err


def test_names_of_any_bytes_and_names_alike(tmp_path, tiny_studio):
    folder = tmp_path / "photos"
    folder.mkdir()
    strange = folder / os.fsdecode(b"\xff-face.png")
    Image.new("RGB", (64, 64), "grey").save(strange)
    layout = Layout(tmp_path / "out")
    making.make(tiny_studio, [strange], layout, ProtocolOptions(1))
    ((name, (line,)),) = layout.made().items()
    assert name == id_of(strange) and "udcff" in name and "no whole face" in line.trouble
    tiny_studio.align = None  # would be a TypeError
    making.make(tiny_studio, [strange], layout, ProtocolOptions(1))
    with pytest.raises(DataError, match=r"a\.jpg and a\.png differ in their suffix alone"):
        check_ids([folder / "a.jpg", folder / "b.jpg", folder / "a.png"])
