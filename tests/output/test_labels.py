"""Labels of pictures: COCO, a table, a data card; and nobody in two splits."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from facegen import Studio, images
from facegen.cli.main import main
from facegen.output.labels import MASK, Labels, run_lengths, split_of
from facegen.types import Face

BUNDLED = ["--model", "bundled", "--device", "cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("labels") / "set"
    words = ["random", "--count", "6", "--seed", "3", "--labels", "--out", str(out)]
    assert main([*words, *BUNDLED]) == 0
    return out


def test_a_picture_has_points_a_box_a_mask_and_what_was_measured(folder):
    coco = json.loads((folder / "labels.json").read_text())
    assert [one["file_name"] for one in coco["images"]] == [
        path.name for path in sorted(folder.glob("random-*.png"))
    ]
    assert coco["categories"][0]["keypoints"][67] == "point 68"
    assert coco["licenses"][0]["name"]
    for one in coco["annotations"]:
        points = np.array(one["keypoints"]).reshape(-1, 3)
        assert points.shape == (68, 3) and one["num_keypoints"] == 68
        left, top, wide, high = one["bbox"]
        inside = (points[:, 0] >= left - 1) & (points[:, 0] <= left + wide + 1)
        assert inside.all() and 0 < wide < 128 and 0 < high < 128 and top >= -10
        assert sum(one["segmentation"]["counts"]) == MASK * MASK
        said = one["attributes"]
        assert 0 < said["age"] < 100 and -90 < said["yaw"] < 90 and "split" in said


def test_the_points_lie_where_the_detector_finds_them(folder):
    coco = json.loads((folder / "labels.json").read_text())
    (one,) = (it for it in coco["annotations"] if it["image_id"] == 1)
    found = Studio.load("bundled", "cpu").detector.landmarks_of_crop(
        images.load(folder / "random-01.png")
    )
    assert isinstance(found, Face)
    points = np.array(one["keypoints"]).reshape(-1, 3)[:, :2]
    assert np.abs(points - found.landmarks).max() < 3  # the file has its invisible mark


def test_the_table_has_a_row_a_picture(folder):
    rows = pq.read_table(folder / "labels.parquet").to_pylist()
    assert len(rows) == 6 and rows[0]["file_name"] == "random-01.png" and rows[0]["seed"] == 3
    assert len(rows[0]["landmarks"]) == 68 and rows[0]["mask"][0] >= 0


def test_the_card_says_what_it_is(folder):
    card = (folder / "README.md").read_text()
    assert "6 pictures of 6 people, drawn by the model bundled. Nobody in them exists" in card
    assert "**Licence of the pictures:** CC BY 4.0" in card
    shares = [line for line in card.splitlines() if line.startswith("| gender")]
    assert len(shares) == 2 and sum(int(line.split("|")[3]) for line in shares) == 6


def test_nobody_is_in_two_splits():
    people = [f"model {seed}" for seed in range(4000)]
    split = [split_of(person) for person in people]
    assert split == [split_of(person) for person in people]
    assert 0.77 < split.count("train") / 4000 < 0.83 and 0.08 < split.count("test") / 4000 < 0.12


def test_one_persons_pictures_are_in_one_split(tmp_path):
    out = tmp_path / "one"
    words = ["persona", "--set", "expressions", "--like", "woman, 30", "--seed", "3", "--labels"]
    assert main([*words, "--out", str(out), *BUNDLED]) == 0
    rows = pq.read_table(out / "labels.parquet").to_pylist()
    assert len(rows) > 1 and len({row["split"] for row in rows}) == 1
    assert rows[0]["look"] == "front"
    assert f"{len(rows)} pictures of 1 person," in (out / "README.md").read_text()


def test_run_lengths_go_down_the_columns_and_begin_outside():
    mask = np.array([[0, 1], [0, 1], [1, 0]], bool)
    assert run_lengths(mask) == [2, 3, 1]
    assert run_lengths(np.ones((2, 2), bool)) == [0, 4]
    assert run_lengths(np.zeros((2, 2), bool)) == [4]


def test_a_picture_without_a_face_has_no_annotation():
    from facegen.measure.observation import TRAITS, Observation

    labels = Labels("m", "free")
    nothing = Observation(64, None, None, 0.0, "no face", np.full(len(TRAITS), np.nan))
    labels.add("a.png", 64, "m 1", nothing, np.zeros((64, 64), np.float32))
    coco = labels.as_coco()
    assert len(coco["images"]) == 1 and coco["annotations"] == []
    assert "| age |" not in labels.card()
