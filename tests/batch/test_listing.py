"""Hostile folders: links, loops, pipes, names of any bytes."""

import os

from facegen.batch.listing import Item, walk


def test_links_loops_and_pipes_are_rows_and_never_followed(tmp_path):
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "1.jpg").write_bytes(b"x")
    (folder / "a.PNG").write_bytes(b"xy")
    (folder / "notes.txt").write_bytes(b"no picture")
    (folder / "b" / "loop").symlink_to(folder)
    (folder / "link.png").symlink_to(folder / "a.PNG")
    os.mkfifo(folder / "pipe.jpg")
    found = {item.id: item for item in walk(folder)}
    assert list(found) == ["a.PNG", "link.png", "notes.txt", "pipe.jpg", "b/1.jpg", "b/loop"]
    assert found["a.PNG"].size == 2 and not found["a.PNG"].problem
    assert "a link" in found["b/loop"].problem and "a link" in found["link.png"].problem
    assert "a pipe" in found["pipe.jpg"].problem


def test_names_of_any_bytes_have_ids_of_their_own(tmp_path):
    names = [b"\xff.jpg", b"\\udcff.jpg", "ä\n.jpg".encode()]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    ids = [item.id for item in walk(tmp_path)]
    assert len(set(ids)) == 3 and all(one.encode() for one in ids)
    assert Item(os.fsdecode(b"\xff.jpg")).id == "\\udcff.jpg"


def test_many_entries_come_sorted(tmp_path):
    for index in range(3_000):
        (tmp_path / f"{index:05d}.jpg").touch()
    ids = [item.id for item in walk(tmp_path)]
    assert ids == sorted(ids) and len(ids) == 3_000
