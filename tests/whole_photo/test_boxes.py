"""Somebody else's detections: what is read, and what is one line."""

import json

import pytest

from facegen.errors import OptionError
from facegen.whole_photo import boxes

BOX = (10.0, 20.0, 30.5, 60.0)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[[10, 20, 30.5, 60]]"),
        ("a.json", json.dumps([{"left": 10, "top": 20, "right": 30.5, "bottom": 60}])),
        ("a.csv", "left,top,right,bottom\n10,20,30.5,60\n"),
        ("a.csv", "\ufeffscore,right,bottom,left,top\n.9,30.5,60,10,20\n"),
    ],
)
def test_boxes_of_one_photo(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = boxes.read(tmp_path / name)
    assert boxes.of_photo(found, "/any/photo.jpg") == [BOX]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"one.jpg": [[10, 20, 30.5, 60]], "two.jpg": []}'),
        ("a.csv", "file,left,top,right,bottom\none.jpg,10,20,30.5,60\n"),
    ],
)
def test_boxes_of_several_photos(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = boxes.read(tmp_path / name)
    assert boxes.of_photo(found, "in/one.jpg") == [BOX]
    assert boxes.of_photo(found, "in/two.jpg") == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "[[1, 2, 3]]", "holds no boxes"),
        ("a.json", "[[5, 2, 3, 4]]", "is not a box"),
        ("a.json", "[[0, 0, NaN, 4]]", "is not a box"),
        ("a.json", "7", "int in the place of a list"),
        ("a.json", "[" * 100_000, "holds no boxes"),
        ("a.json", json.dumps([[0, 0, 9, 9]] * 1001), "holds 1001 boxes; at most 1000"),
        ("a.csv", "x,y\n1,2\n", "holds no boxes"),
        ("a.csv", "left,top,right,bottom\n1,2,three,4\n", "three"),
    ],
)
def test_what_is_no_list_of_boxes_is_one_line(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(OptionError, match=words) as caught:
        boxes.read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_long_file_is_not_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b"[]" + b" " * 2**22)
    with pytest.raises(OptionError, match="has more than 4 MB"):
        boxes.read(tmp_path / "a.json")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(OptionError, match="cannot be read"):
        boxes.read(tmp_path / "none.json")
