"""What a batch remembers: which picture was done as it is now, whatever became of its file."""

from dataclasses import replace

import pytest

from facegen.batch.listing import Item
from facegen.batch.rows import ROWS, Rows

ITEMS = [Item(f"{number}.jpg", 100 + number, 10**18 + number) for number in range(6)]


@pytest.fixture
def written(tmp_path):
    rows = Rows(tmp_path)
    for item in ITEMS:
        rows.add(item, {"status": "done"})
    rows.close()
    return tmp_path


def known(folder) -> list[int]:
    rows = Rows(folder)
    found = [number for number, item in enumerate(ITEMS) if rows.has(item)]
    rows.close()
    return found


def test_what_is_known_is_known_again(written):
    assert known(written) == [0, 1, 2, 3, 4, 5]


def test_a_picture_that_changed_is_done_again(written):
    rows = Rows(written)
    assert rows.has(ITEMS[0])
    assert not rows.has(replace(ITEMS[0], changed=ITEMS[0].changed + 1))  # of the same size
    assert not rows.has(replace(ITEMS[0], size=ITEMS[0].size + 1))  # in the same moment
    assert not rows.has(replace(ITEMS[0], relative="other.jpg"))
    rows.close()


@pytest.mark.parametrize(
    "bad", [b"\x00" * 8, b"{", b'"words"', b"[]", b"null", b'{"id": []}', b"\xff\xfe"]
)
def test_a_bad_line_costs_its_own_picture_alone_and_is_told(written, bad):
    path = written / ROWS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], bad + b"\n", *lines[3:]]))
    rows = Rows(written)
    assert [n for n, item in enumerate(ITEMS) if rows.has(item)] == [0, 1, 3, 4, 5]
    assert rows.damaged == 1
    rows.add(ITEMS[2], {"status": "again"})
    assert [row["id"] for row in rows] == [item.id for item in ITEMS]
    rows.close()
    again = Rows(written)
    assert len(again) == 6 and again.damaged == 0, "it is told once"
    again.close()


def test_a_line_that_was_cut_off_goes_without_a_word(written):
    path = written / ROWS
    path.write_bytes(path.read_bytes()[:-7])
    assert known(written) == [0, 1, 2, 3, 4]
    rows = Rows(written)
    assert rows.damaged == 0
    rows.add(ITEMS[5], {"status": "done"})
    rows.close()
    assert known(written) == [0, 1, 2, 3, 4, 5]
