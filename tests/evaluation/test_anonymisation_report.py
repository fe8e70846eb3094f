"""From what was measured to the report: numbers, groups, bars, files."""

import csv
import json
import re

import numpy as np
import pytest

from facegen.cli.main import main
from facegen.evaluation import attack, measure, store
from facegen.evaluation.anonymisation import Protocol
from facegen.evaluation.hiding import by_kind
from facegen.evaluation.store import Rows
from facegen.files import make_folder
from facegen.measure.kinds import KINDS
from facegen.options import ProtocolOptions

COUNT = 30


def face(rng, shift=0.0):
    """A mesh of which nothing but its changes means anything."""
    mesh = np.random.default_rng(9).uniform(60, 200, (478, 3))
    return (mesh + shift * rng.normal(size=mesh.shape)).astype(np.float32)


def row(rng, identity, age=40.0, gender=20.0, skin=20.0, shift=0.0, seen=True):
    found = {
        "mesh": face(rng, shift),
        "vector dlib": identity.astype(np.float32),
        "vector sface": identity[::-1].astype(np.float32),
        "look": rng.normal(size=40).astype(np.float16),
        "rated": np.array([age, gender, skin]),
        "encoded": np.array([age, gender, skin]),
        "kinds": np.full(len(KINDS), -3.0),
        **{name: np.bool_(seen) for name in ("detected", "hog")},
        **{name: np.float64(2.0) for name in ("natural", "sharpness", "quality")},
    }
    return {name: np.asarray(value) for name, value in found.items()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """30 measured sources, a third of them women. Variants are strangers, the blur hides nothing;
    the last woman is not detected in her first variant."""
    out = tmp_path_factory.mktemp("run")
    protocol = Protocol(store.begin(out, {}), ProtocolOptions(2, samples=200))
    folder, rng = out / "sources", np.random.default_rng(0)
    make_folder(folder)
    for n in range(COUNT):
        own = rng.normal(size=128)
        woman = n % 3 == 0
        (folder / f"{n:04d}.png").touch()
        mine = {
            "source": row(rng, own, gender=80 if woman else 20),
            **{
                f"facegen {k}": row(
                    rng, rng.normal(size=128), age=43, gender=75 if woman else 30, shift=0.5,
                    seen=not (n == 27 and k == 1),
                )
                for k in (1, 2)
            },
            "blur": row(rng, own + 0.01 * rng.normal(size=128), seen=False),
        }  # fmt: skip
        if n % 2:
            mine["plain 1"] = row(rng, rng.normal(size=128))
        protocol.store.save(Rows.of(mine), "source", *protocol._key(f"{n:04d}"))
    for start in (0, 100):
        drawn = {str(start + i): row(rng, rng.normal(size=128), age=20) for i in range(100)}
        protocol.store.save(Rows.of(drawn), "random", *protocol._random_key(start))
    arguments = ["evaluate", "--protocol", "anonymisation", "--stages", "attack", "summarise"]
    arguments += ["--samples", "200", "--references", str(folder), "--out", str(out)]
    assert main(arguments) == 0
    return out, arguments


def test_the_table_says_what_there_is(run):
    out, _ = run
    told = json.loads((out / "protocol.json").read_text())
    assert list(told["table"]) == ["facegen", "plain", "blur", "source"]
    ours, blur = told["table"]["facegen"], told["table"]["blur"]
    assert ours["protected dlib"]["value"] > 0.95 and blur["protected dlib"]["value"] == 0
    assert blur["rank 1 sface"]["value"] == 1 and ours["rank 1 sface"]["value"] < 0.15
    assert ours["pair different dlib"]["value"] > 0.95 and "pair different dlib" not in blur
    assert ours["age"]["value"] == pytest.approx(3) and ours["gender"]["value"] == 1
    assert ours["mediapipe"]["value"] == pytest.approx(1 - 1 / 60, abs=1e-4)
    assert blur["attack identity"]["value"] > 0.8 > 0.3 > ours["attack identity"]["value"]
    assert "attack floor" in ours and "attack floor" not in blur
    assert told["chance"] == pytest.approx(5 / COUNT)
    assert told["table"]["plain"]["rank 1 dlib"]["sources"] == COUNT // 2
    for one in ours.values():
        assert one["low"] <= one["value"] <= one["high"] and one["sources"] == COUNT


def test_groups_have_their_sizes_and_the_worse_one_is_named(run):
    out, _ = run
    told = json.loads((out / "protocol.json").read_text())
    sizes = {(g["trait"], g["group"]): g["size"] for g in told["groups"]}
    assert sizes["gender presentation", "feminine"] == 10
    assert sizes["gender presentation", "masculine"] == 20
    assert told["drawn"]["age"]["under 25"] == [0, 1] and told["drawn_faces"] == 200
    gap = next(b for b in told["bars"] if b["bar"].startswith("gender presentation: how far"))
    assert "feminine (10) fall behind masculine (20)" in gap["bar"]
    assert gap["reached"] >= 0.05 and gap["met"] == (gap["reached"] <= 0.05)
    assert not any("skin" in bar["bar"] and "how far" in bar["bar"] for bar in told["bars"])


def test_the_files_hang_together(run):
    out, _ = run
    lines = list(csv.DictReader((out / "protocol.csv").open()))
    assert len(lines) == 4 * COUNT
    plain = [one["rank 1 dlib"] for one in lines if one["kind"] == "plain"]
    assert plain.count("") == COUNT // 2  # no number where there is no picture
    told = json.loads((out / "protocol.json").read_text())
    ours = [float(one["nme"]) for one in lines if one["kind"] == "facegen"]
    assert np.mean(ours) == pytest.approx(told["table"]["facegen"]["nme"]["value"], rel=1e-3)
    html = (out / "protocol.html").read_text()
    assert not re.search(r"(src|href)=['\"](?!data:)", html) and "<script" not in html
    table = (out / "protocol.md").read_text()
    assert "| **facegen** |" in table and "| gender presentation: feminine | 10 |" in table
    assert "MISSED" in html and "who is served worse" in html.lower()


def test_attackers_are_not_trained_twice(run, monkeypatch):
    out, arguments = run
    before = (out / "protocol.json").read_bytes()
    monkeypatch.setattr(attack, "attack", None)  # would be a TypeError
    assert main(arguments) == 0
    assert (out / "protocol.json").read_bytes() == before


def test_too_few_sources_are_refused(tmp_path, capsys):
    (tmp_path / "a.png").touch()
    arguments = ["evaluate", "--protocol", "anonymisation", "--stages", "summarise"]
    assert main([*arguments, "--references", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "0 sources were measured" in capsys.readouterr().err


def test_angles_between_poses():
    assert measure._turned((10, 0, 0), (30, 0, 0)) == pytest.approx(np.radians(20))
    assert measure._turned((0, 5, 0), (0, -5, 0)) == pytest.approx(np.radians(10))
    assert measure._turned((0, 0, 0), (3, 4, 0)) == pytest.approx(np.radians(5), rel=0.01)


def test_rows_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(1)
    kept = Rows.of({"source": row(rng, rng.normal(size=128))})
    kept.save(tmp_path / "a.npz")
    back = store.load(tmp_path / "a.npz")
    assert back.names == ("source",)
    assert all(np.array_equal(back.fields[k], v) for k, v in kept.fields.items())
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    assert store.load(tmp_path / "a.npz") is None
    both = by_kind([kept, Rows.of({"blur": row(rng, rng.normal(size=128))})])
    assert both["blur"].there.tolist() == [False, True]
    assert np.isnan(both["blur"].fields["vector dlib"][0]).all()
