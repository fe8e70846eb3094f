"""ZIP archives of photos, and of anything else that somebody may send."""

import io
import random
import stat
import zipfile

import numpy as np
import pytest

from facegen import images
from facegen.datasets import sources
from facegen.errors import ImageError


def png(side: int = 32) -> bytes:
    return images.encode_png(np.full((side, side, 3), 90, np.uint8))


def packed(path, *parts, **more):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            archive.writestr(name, data, **more)
    return path


def test_photos_in_the_order_of_their_names(tmp_path):
    path = packed(
        tmp_path / "all.zip",
        ("b.png", png(33)),
        ("folder/a.png", png(32)),
        ("folder/", b""),
        ("__MACOSX/b.png", b"x"),
        ("folder/.DS_Store", b"x"),
    )
    found = sources.photos_of(path)
    assert [name for name, _ in found] == ["b.png", "folder/a.png"]
    assert [photo.name for _, photo in found] == ["photo-01", "photo-02"]
    assert [photo.read() for _, photo in found] == [png(33), png(32)]


def test_names_lead_nowhere(tmp_path):
    path = packed(tmp_path / "all.zip", ("../../up.png", png()), ("/etc/root.png", png()))
    for _, photo in sources.photos_of(path):
        assert photo.name.startswith("photo-0") and photo.read() == png()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.zip"]


@pytest.mark.parametrize("data", [b"", b"not an archive", png()])
def test_what_is_no_archive_is_one_line_without_our_path(tmp_path, data):
    path = tmp_path / "all.zip"
    path.write_bytes(data)
    with pytest.raises(ImageError, match="the file cannot be read as a ZIP") as caught:
        sources.photos_of(path)
    assert str(tmp_path) not in str(caught.value)


def test_limits_are_asked_before_anything_is_unpacked(tmp_path):
    path = packed(tmp_path / "all.zip", *((f"{i}.png", png()) for i in range(51)))
    with pytest.raises(ImageError, match="51 files, the limit is 50"):
        sources.photos_of(path)
    with pytest.raises(ImageError, match="no files"):
        sources.photos_of(packed(tmp_path / "none.zip", ("folder/", b"")))
    bomb = packed(tmp_path / "bomb.zip", *((f"{i}", bytes(10 * 2**20)) for i in range(21)))
    with pytest.raises(ImageError, match="the limit is 200"):
        sources.photos_of(bomb)


def test_a_part_that_says_less_than_it_holds_is_damaged(tmp_path):
    path = packed(tmp_path / "all.zip", ("a.png", random.Random(0).randbytes(2**20)))
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    ((_, photo),) = sources.photos_of(path)
    with pytest.raises(ImageError, match="cannot be unpacked"):
        photo.read()


def test_one_bad_part_ends_in_its_own_line(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    inner = io.BytesIO()
    packed(inner, ("a.png", png()))
    path = packed(
        tmp_path / "all.zip",
        ("a.png", png()),
        (link, "/etc/passwd"),
        ("nested.zip", inner.getvalue()),
    )
    (_, good), (_, linked), (_, nested) = sources.photos_of(path)
    with pytest.raises(ImageError, match="link"):
        linked.read()
    with pytest.raises(ImageError):  # its bytes are read, and are no picture
        images.load(nested.read())
    assert images.load(good.read()).shape == (32, 32, 3)

    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ImageError, match="encrypted"):
        sources.photos_of(path)[0][1].read()


def test_a_long_list_of_hidden_files_is_refused_before_it_is_read(tmp_path):
    """Each entry takes a kilobyte of memory when it is read, and it is read for each photo."""
    path = packed(
        tmp_path / "all.zip", ("a.png", png()), *((f".{i:06d}", b"") for i in range(10_000))
    )
    with pytest.raises(ImageError, match=r"the file has a list of files of 0\.5 MB, hidden ones"):
        sources.photos_of(path)
    few = packed(tmp_path / "few.zip", ("a.png", png()), *((f".{i:06d}", b"") for i in range(1000)))
    ((name, photo),) = sources.photos_of(few)
    assert name == "a.png" and photo.read() == png()
