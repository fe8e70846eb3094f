"""The walk: its path, where faces stop being found, and what is drawn of it."""

import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageSequence

from facegen.cli.main import main
from facegen.errors import OptionError
from facegen.evaluation import walk
from facegen.evaluation.walk import GONE, Walk, _natural, path, summary
from facegen.options import WalkOptions
from facegen.output import provenance


def test_the_path(tiny_studio):
    options = WalkOptions(steps=40, step=0.02)
    w, distances = path(tiny_studio, options, 3)
    statistics = tiny_studio.statistics
    radius = float(statistics.factor.square().sum().sqrt())
    assert w.shape == (41, 16) and distances[0] == pytest.approx(0, abs=1e-6)
    lengths = (w[1:] - w[:-1]).norm(dim=1) / radius
    assert lengths.numpy() == pytest.approx(np.full(40, 0.02), rel=1e-3)
    again, _ = path(tiny_studio, options, 3)
    assert (w == again).all() and not (w == path(tiny_studio, options, 4)[0]).all()


def test_a_persistent_walk_goes_farther(tiny_studio):
    ends = {
        rho: np.mean(
            [path(tiny_studio, WalkOptions(steps=200, persistence=rho), s)[1][-1] for s in range(9)]
        )
        for rho in (0.0, 0.99)
    }
    assert ends[0.99] > 3 * ends[0.0]
    # without persistence the distance grows with the root of the steps
    assert ends[0.0] == pytest.approx(0.01 * np.sqrt(200), rel=0.4)


@pytest.mark.parametrize("wrong", [{"steps": 3}, {"step": 5}, {"walks": 0}, {"persistence": 1}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        WalkOptions(**wrong)


def last(studio, options):
    *_, one = walk.walk(studio, options, options.seed)
    return one


def test_faces_are_lost_where_the_detector_loses_them(tiny_studio, monkeypatch):
    """With a detector that sees faces at steps 0 to 29, a gap of two, and at 32 to 37."""
    seen = [*range(30), *range(32, 38)]
    steps = iter(range(1000))
    face = object()
    monkeypatch.setattr(tiny_studio.detector, "confidence", lambda _: 0.9)
    monkeypatch.setattr(
        tiny_studio.detector,
        "landmarks_of_crop",
        lambda _: face if next(steps) in seen else None,
    )
    monkeypatch.setattr("facegen.evaluation.walk.detect.implausible", lambda *_: None)
    one = last(tiny_studio, WalkOptions(steps=60))
    assert one.lost == 38 and one.last_face_step == 37
    assert sum(one.found) == len(seen) and len(one.distances) == 61
    assert one.lost_at == one.distances[38]
    assert one.monster.shape == one.last_face.shape == (32, 32, 3)


def made_up(lost_at: float | None, seed: int = 0) -> Walk:
    """A walk of 100 steps of 0.02 whose faces are lost at that distance."""
    distances = list(np.linspace(0, 2, 101))
    one = Walk(seed, distances)
    one.lost = None if lost_at is None else round(lost_at * 50)
    one.found = [one.lost is None or step < one.lost for step in range(101)]
    one.confidences = [0.9 if found else 0.1 for found in one.found]
    rng = np.random.default_rng(seed)
    one.thumbs = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(11)]
    one.thumb_steps = list(range(0, 101, 10))
    one.vectors = list(rng.normal(size=(11, 8)))
    one.last_face = one.monster = one.thumbs[0]
    return one


def test_the_summary(tiny_studio):
    walks = [made_up(1.2, 5), made_up(0.8, 6), made_up(None, 7)]
    found = summary(walks, WalkOptions(walks=3), tiny_studio)
    assert found["lost"] == 2
    assert found["lost_distance"]["median"] == pytest.approx(1.0)
    assert found["lost_distance"]["nearest_seed"] == 6
    assert found["safe_distance"] == pytest.approx(np.percentile([1.2, 0.8, 2.0], 5))
    assert walk.nearest_monster(walks).seed == 6
    assert "2 of 3 walks" in walk.in_words(found)
    alone = summary([made_up(None)], WalkOptions(), tiny_studio)
    assert "all the way" in walk.in_words(alone)


@pytest.mark.parametrize("seed", range(10))
def test_the_spanning_tree_against_kruskal(seed):
    points = np.random.default_rng(seed).normal(size=(15, 3))
    points[3] = points[4]  # two at one place still hang together
    edges = walk.spanning_tree(points)
    assert len(edges) == 14

    def length(edge):
        return np.linalg.norm(points[edge[0]] - points[edge[1]])

    every = sorted(((i, j) for i in range(15) for j in range(i)), key=length)
    group = list(range(15))
    shortest = 0.0
    for edge in every:
        a, b = group[edge[0]], group[edge[1]]
        if a != b:
            shortest += length(edge)
            group = [a if one == b else one for one in group]
    assert sum(map(length, edges)) == pytest.approx(shortest)


def test_the_map_keeps_what_is_flat():
    points = np.random.default_rng(1).normal(size=(9, 2))
    turned = points @ np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0][:2]
    found = walk.flat(turned)
    for i in range(9):
        for j in range(i):
            before = np.linalg.norm(points[i] - points[j])
            assert np.linalg.norm(found[i] - found[j]) == pytest.approx(before)


def test_the_moving_pictures(tmp_path):
    one = made_up(1.0)
    with Image.open(io.BytesIO(walk.gif(one))) as picture:
        assert picture.info["comment"].startswith(b"Drawn by a generative model")
        assert len(list(ImageSequence.Iterator(picture))) == 11
    if walk.mp4(one, tmp_path / "walk.mp4"):
        import cv2

        video = cv2.VideoCapture(str(tmp_path / "walk.mp4"))
        assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 11
        assert video.read()[1].shape == (256, 256, 3)


def test_the_command(tmp_path, capsys):
    """On the bundled model, with steps so long that the faces break."""
    provenance.save_png(tmp_path / "monster.png", np.zeros((8, 8, 3), np.uint8), {})
    arguments = ["walk", "--steps", "10", "--out", str(tmp_path), "--json", "--overwrite"]
    assert main([*arguments, "--model", "bundled", "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["lost"] == 0
    assert not (tmp_path / "monster.png").exists(), "that was an earlier walk's"
    arguments = [
        "walk",
        "--overwrite",
        "--steps",
        "40",
        "--step",
        "0.15",
        "--out",
        str(tmp_path),
        "--json",
    ]
    assert main([*arguments, "--model", "bundled", "--device", "cpu"]) == 0
    found = json.loads(capsys.readouterr().out)
    (one,) = found["walks"]
    assert one["lost_step"] > GONE and 0.5 < one["lost_distance"] < 6
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "walk.html", "walk.json", "walk.csv", "walk.gif", "strip.png", "map.png", "monster.png",
    } <= names  # fmt: skip
    with Image.open(tmp_path / "monster.png") as picture:
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]
    assert (tmp_path / "walk.csv").read_text().count("\n") == 42
    # a shorter walk that keeps its face leaves no monster of the one before
    assert main([*arguments, "--steps", "10", "--step", "0.001", "--device", "cpu"]) == 0
    assert not (tmp_path / "monster.png").exists() and (tmp_path / "walk.gif").exists()


def test_where_a_preview_seems_unnatural_the_finished_picture_is_asked():
    small, large = np.zeros((4, 4, 3), np.uint8), np.ones((8, 8, 3), np.uint8)
    drawn = []

    def pixels(ws):
        drawn.append(ws)
        return large

    renderer = SimpleNamespace(previewed=4, resolution=8, pixels=pixels)
    one = SimpleNamespace(renderer=renderer, natural=lambda seen: 1.0 if len(seen) == 8 else -1.0)
    assert _natural(one, "ws", small, sure=True) and drawn == ["ws"]
    assert not _natural(one, "ws", small, sure=False) and len(drawn) == 1
    renderer.previewed = 8
    assert not _natural(one, "ws", small, sure=True)
    one.natural = None
    assert _natural(one, "ws", small, sure=True)
