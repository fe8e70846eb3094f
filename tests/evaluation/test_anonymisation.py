"""The make stage: every source once, whatever ended the run before."""

import csv
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from facegen import images
from facegen.cli.main import main
from facegen.errors import DataError, OptionError
from facegen.evaluation.anonymisation import Protocol
from facegen.evaluation.sources import check_ids, id_of, seed_of
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
    return Protocol.begin(None, out, ProtocolOptions(2))


def test_every_source_has_its_lines(made):
    lines = list(csv.DictReader((made.out / "made.csv").open()))
    assert [(line["id"], line["k"]) for line in lines] == [
        ("0007", "1"), ("0007", "2"), ("0008", "1"), ("0008", "2"),
    ]  # fmt: skip
    assert not any(line["trouble"] for line in lines[:2])
    assert all("no whole face" in line["trouble"] for line in lines[2:])
    assert made.made("0007").names == ("1", "2") and made.made("0008").names == ()
    pixels = images.load(made.variant("0007", 1))
    assert pixels.shape == (128, 128, 3)
    told = provenance.read(made.variant("0007", 1))
    assert told["synthetic"] and told["seed"] == lines[0]["seed"]
    assert not made.variant("0008", 1).exists()
    code = np.load(made.code("0007"))
    assert code.shape[0] == 1 and code.dtype == np.float32
    assert made.reference("0007").exists()  # it was no crop


def test_a_run_goes_on_and_makes_only_what_is_not_there(made, sources, tmp_path):
    out = tmp_path / "again"
    shutil.copytree(made.out, out)
    studio = Studio.load("bundled", "cpu")
    paths = sorted(sources.iterdir())
    again = Protocol.begin(studio, out, ProtocolOptions(2))
    before = (out / "made.csv").read_bytes()
    first = images.load(again.variant("0007", 1))
    record = again.store.file("made", "0007")
    record.write_bytes(record.read_bytes()[:100])  # killed while it wrote
    again.variant("0007", 1).unlink()
    assert again.make(studio, paths, lambda *step: None) == (2, 4)
    assert (out / "made.csv").read_bytes() == before
    assert np.array_equal(images.load(again.variant("0007", 1)), first)
    studio.invert = None  # would be a TypeError
    again.make(studio, paths, lambda *step: None)
    with pytest.raises(OptionError, match=r"steps is 20, .* begun with 0"):
        Protocol.begin(studio, out, ProtocolOptions(2, strength=0.6))


def test_a_folder_of_an_earlier_version_is_refused(tmp_path, sources, capsys):
    (tmp_path / "settings.json").write_text('{"model": "facegen-128", "steps": 0}')
    base = ["evaluate", "--protocol", "anonymisation", "--out", str(tmp_path)]
    base += ["--references", str(sources), "--model", "bundled", "--device", "cpu"]
    for stage in ("make", "summarise"):
        assert main([*base, "--stages", stage]) == 2
        assert "begun by another version of Facegen" in capsys.readouterr().err


def test_seeds_do_not_depend_on_the_other_sources():
    seeds = {seed_of(f"{n:04d}", 0) for n in range(300)}
    assert len(seeds) == 300
    assert seed_of("0007", 3) == seed_of("0007", 0) + 3


def test_what_is_not_for_a_protocol_is_refused(tmp_path, capsys):
    base = ["evaluate", "--protocol", "anonymisation", "--out", str(tmp_path / "out")]
    for more, words in (
        ([], "--references"),
        (["--references", str(tmp_path), "--strength", "0.2", "0.5"], "one strength"),
        (["--references", str(tmp_path / "no")], "is not a folder"),
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
    protocol = Protocol.begin(tiny_studio, tmp_path / "out", ProtocolOptions(1))
    assert protocol.make(tiny_studio, [strange], lambda *step: None) == (0, 1)
    name, made = id_of(strange), protocol.made(id_of(strange))
    assert "udcff" in name and "no whole face" in made.facts["trouble"]
    tiny_studio.align = None  # would be a TypeError
    protocol.make(tiny_studio, [strange], lambda *step: None)
    with pytest.raises(DataError, match=r"a\.jpg and a\.png differ in their suffix alone"):
        check_ids([folder / "a.jpg", folder / "b.jpg", folder / "a.png"])
