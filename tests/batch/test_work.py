"""One picture: each job's row and files, and what is wrong with a picture as its status."""

import errno
import json

import numpy as np
import pytest
from PIL import Image

from facegen.batch import work as worker
from facegen.batch.listing import Item, walk
from facegen.batch.options import BatchOptions
from facegen.batch.work import Work, do, seed_of
from facegen.errors import OptionError, OutputError
from facegen.jobs import align


@pytest.fixture(scope="module")
def source(tmp_path_factory, astronaut):
    folder = tmp_path_factory.mktemp("source")
    Image.fromarray(astronaut[:320, 60:400]).save(folder / "face.png")
    Image.fromarray(astronaut[:320, 60:400]).save(folder / "old.bmp")
    Image.fromarray(np.full((80, 80, 3), 99, np.uint8)).save(folder / "grey.jpg")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "tiny.png")
    (folder / "empty.jpg").touch()
    for name in ("noending", "photo.jfif", "wrong.txt"):  # JPEGs
        Image.fromarray(astronaut[:320, 60:400]).save(folder / name, "JPEG")
    (folder / "notes.md").write_text("of the day")
    (folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    (folder / "broken.png").write_bytes((folder / "face.png").read_bytes()[:3000])
    return folder


@pytest.fixture
def done(source, tmp_path):
    items = {item.id: item for item in walk(source)}

    def done(name, **options):
        work = Work(source, tmp_path, BatchOptions(**options), "bundled")
        row = do(work, items[name])
        json.dumps(row)
        assert not list((tmp_path / ".parts").glob("*")), "nothing half-written stays"
        return row, tmp_path / "pictures"

    return done


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("grey.jpg", "no face", "no whole face"),
        ("tiny.png", "unreadable", "8"),
        ("empty.jpg", "unreadable", "empty"),
        ("broken.png", "unreadable", "damaged"),
        ("notes.md", "passed over", "a text file, not a picture"),
        ("film.mp4", "passed over", "a video"),
    ],
)
def test_what_is_wrong_is_the_status(done, name, status, words):
    row, pictures = done(name, job="align")
    assert row["status"] == status and not (pictures / name).exists()
    assert words in row["error"] or status == "no face"


@pytest.mark.parametrize("name", ["noending", "photo.jfif", "wrong.txt"])
def test_a_picture_is_known_by_what_it_is(done, name):
    row, _ = done(name, job="align", size=64)
    assert row["status"] == "done" and row["files"] == [f"pictures/{name}/face-01.png"]


def test_align(done):
    row, pictures = done("face.png", job="align", size=64)
    assert row["status"] == "done" and row["files"] == ["pictures/face.png/face-01.png"]
    with Image.open(pictures / "face.png" / "face-01.png") as crop:
        assert crop.size == (64, 64)


def test_random_depends_on_the_content_alone(done):
    row, pictures = done("face.png", job="random")
    first = np.asarray(Image.open(pictures / "face.png" / "face.png"))
    done("face.png", job="random")
    assert np.array_equal(np.asarray(Image.open(pictures / "face.png" / "face.png")), first)
    assert row["seed"] == seed_of(row["sha256"], 0) != seed_of(row["sha256"], 1)
    assert row["model"] == "bundled" and row["licence"]


def test_anonymise_takes_the_photos_place_and_kind(done, source):
    row, pictures = done("face.png", job="anonymise", steps=0)
    assert row["status"] in ("done", "partly") and row["files"] == ["pictures/face.png"]
    assert row["different_person"] == (row["status"] == "done") and row["identity_dlib"] > 0
    with Image.open(pictures / "face.png") as new, Image.open(source / "face.png") as old:
        assert new.format == "PNG" and new.size == old.size
        assert not np.array_equal(np.asarray(new), np.asarray(old))
    row, pictures = done("old.bmp", job="anonymise", steps=0)
    assert row["files"] == ["pictures/old.bmp/photo.png"]


def test_generate(done):
    row, pictures = done("face.png", job="generate", steps=0)
    assert row["status"] == "done" and row["faces"] == 1 and row["landmark_nme"] is not None
    assert (pictures / "face.png" / "manifest.json").is_file()


def test_a_file_that_changes_is_told(source, tmp_path):
    item = next(item for item in walk(source) if item.id == "face.png")
    late = Item(item.relative, item.size, item.changed - 1)
    row = do(Work(source, tmp_path, BatchOptions(job="align")), late)
    assert row["status"] == "unreadable" and "was changed" in row["error"]


def test_a_link_in_the_place_of_a_listed_file_is_not_followed(source, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.png").symlink_to(source / "face.png")
    stat = (source / "face.png").stat()
    item = Item("a.png", stat.st_size, stat.st_mtime_ns)
    assert do(Work(folder, tmp_path, BatchOptions(job="align")), item)["status"] == "unreadable"


def test_a_fault_of_ours_is_the_pictures_row(done, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("a\nfault")

    monkeypatch.setattr(align, "align", fails)
    row, _ = done("face.png", job="align")
    assert row["status"] == "failed" and row["error"] == "ZeroDivisionError: a fault"


def test_a_full_disk_ends_the_run(done, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(worker, "_place", full)
    with pytest.raises(OutputError, match="No space left on device.*call it again"):
        done("face.png", job="align")


def test_an_unknown_job():
    with pytest.raises(OptionError, match="job is 'paint'; it must be one of generate"):
        BatchOptions("paint")


def test_who_is_spared_is_part_of_the_job(tmp_path):
    photo = tmp_path / "me.png"
    photo.write_bytes(b"one")
    first = BatchOptions(spare=(str(photo),)).told()
    moved = photo.rename(tmp_path / "moved.png")
    assert BatchOptions(spare=(str(moved),)).told() == first
    moved.write_bytes(b"two")
    assert BatchOptions(spare=(str(moved),)).told() != first
    assert BatchOptions(rest="keep").of_job(0).rest == "keep"
    with pytest.raises(OptionError, match="--spare is for --job anonymise"):
        BatchOptions("align", spare=(str(moved),))
    with pytest.raises(OptionError, match="rest is 'x'"):
        BatchOptions(rest="x")
