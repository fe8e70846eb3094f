"""What prepare is made of: hostile ZIPs, hashes, augmentation, and who reads the result."""

import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from facegen import images
from facegen.datasets import writer
from facegen.datasets.prepare import augment, motion_kernel, prepare
from facegen.datasets.sources import Archive, list_pictures
from facegen.errors import DataError
from facegen.options.prepare import AUGMENTATIONS, PrepareOptions
from facegen.training import data


def blob(seed: int, side: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return images.resize(coarse, side)


def png(seed: int) -> bytes:
    return images.encode_png(blob(seed))


# --- ZIPs ------------------------------------------------------------------------------


def test_a_hostile_zip_gives_its_pictures_and_nothing_else(tmp_path):
    path = tmp_path / "in" / "hostile.zip"
    path.parent.mkdir()
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../escaped.png", png(0))
        archive.writestr("/absolute.png", png(1))
        archive.writestr("deep/" * 200 + "name.png", png(2))
        archive.writestr("new\nline\x1b[31m.png", png(3))
        archive.writestr(link, "/etc/passwd")
        archive.writestr("folder/", b"")
        archive.writestr("__MACOSX/._x.png", b"x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("/absolute.png", png(4))
        archive.writestr("inner.zip", b"PK\x03\x04" + bytes(100))
        archive.writestr("damaged.png", png(5) * 4)
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        where = archive.getinfo("damaged.png").header_offset
    raw[where + 60] ^= 0xFF
    path.write_bytes(raw)

    options = PrepareOptions(str(path), str(tmp_path / "out"), size=32, align=False, workers=1)
    before = sorted(p for p in tmp_path.rglob("*"))
    summary = prepare(options)
    assert summary.original == 8 and summary.cleaned == 5
    assert summary.removed == {"link": 1, "unreadable": 2}
    made = [p for p in tmp_path.rglob("*") if p not in before]
    assert all(p.is_relative_to(tmp_path / "out") for p in made)
    assert not list(tmp_path.parent.glob("escaped*"))
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    names = {one["source"] for one in facts["pictures"]}
    assert "../../../escaped.png" in names and r"new\nline\x1b[31m.png" in names


def test_a_zip_that_is_a_bomb_is_refused(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.bmp", bytes(20_000_000))
    with pytest.raises(DataError, match="unpacks to .* times its size, the limit is 200"):
        Archive(path)


def test_a_zip_whose_files_overlap_is_refused(tmp_path):
    path = tmp_path / "overlap.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.bin", np.random.default_rng(0).bytes(10_000))
        archive.filelist *= 3  # three names in the index for the same bytes
    with pytest.raises(DataError, match="they overlap, as in a ZIP bomb"):
        Archive(path)


def test_a_file_that_claims_to_be_small_is_read_no_further_than_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large.png", np.random.default_rng(0).bytes(300_000))
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100_000)
    archive = Archive(path)
    (entry,) = archive.entries()
    with pytest.raises(images.ImageError, match="the limit"):
        archive.read(entry)


def test_an_encrypted_part_is_named(tmp_path):
    path = tmp_path / "secret.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", png(0))
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        local, central = 0, archive.start_dir
    raw = bytearray(raw)
    raw[local + 6] |= 1
    raw[central + 8] |= 1
    path.write_bytes(raw)
    archive = Archive(path)
    with pytest.raises(images.ImageError, match="cannot be unpacked .*encrypted"):
        archive.read(archive.entries()[0])


def test_what_is_no_zip(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x05\x06 no")
    with pytest.raises(DataError, match="cannot be read as a ZIP"):
        Archive(tmp_path / "a.zip")


# --- hashes ----------------------------------------------------------------------------


def test_the_hash_sees_through_what_copies_suffer(astronaut, tmp_path):
    picture = Image.fromarray(np.ascontiguousarray(astronaut[:256, 96:352])).resize((128, 128))
    reference = writer.perceptual_hash(np.array(picture))
    picture.save(tmp_path / "low.jpg", quality=30)
    copies = {
        "recompressed": images.load(tmp_path / "low.jpg"),
        "half": np.array(picture.resize((64, 64))),
        "brighter": np.array(picture.point(lambda value: value * 1.2)),
    }
    for name, copy in copies.items():
        assert (writer.perceptual_hash(copy) != reference).sum() <= 24, name
    mirrored = writer.perceptual_hash(np.array(picture)[:, ::-1])
    assert (mirrored != reference).sum() > 60
    elsewhere = writer.perceptual_hash(np.ascontiguousarray(astronaut[256:, 96:352]))
    assert (elsewhere != reference).sum() > 60


def test_a_flat_picture_has_a_hash():
    assert writer.perceptual_hash(np.full((64, 64, 3), 7, np.uint8)).shape == (writer.BITS,)


def test_a_hash_in_hexadecimal_comes_back():
    bits = np.random.default_rng(0).random(writer.BITS) < 0.5
    assert np.array_equal(writer.from_hex(writer.to_hex(bits)), bits)


@pytest.mark.parametrize("count", [1, 40, 1200])
def test_near_duplicates_are_those_of_the_plain_search(count):
    rng = np.random.default_rng(count)
    hashes = rng.random((count, writer.BITS)) < 0.5
    for index in range(1, count, 3):  # every third is a copy with a few bits wrong
        wrong = rng.random(writer.BITS) < rng.choice([0.02, 0.09, 0.12])
        hashes[index] = hashes[index - 1] ^ wrong
    order = rng.permutation(count).tolist()
    found = writer.near_duplicates(hashes, order, 24)
    kept: list[int] = []
    for index in order:
        distances = [(int((hashes[index] != hashes[k]).sum()), i) for i, k in enumerate(kept)]
        nearest, where = min(distances, default=(999, 0))
        if nearest <= 24:
            assert found[index] == (kept[where], nearest)
        else:
            assert index not in found
            kept.append(index)


# --- augmentation ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_an_augmented_picture_is_another_of_the_same_kind(kind):
    picture = blob(0)
    made = augment(picture, kind, seed=0)
    assert made.shape == picture.shape and made.dtype == np.uint8
    assert not np.array_equal(made, picture)
    assert np.array_equal(made, augment(picture.copy(), kind, seed=0))
    if kind != "flip":
        assert not np.array_equal(made, augment(picture, kind, seed=1))
    # nothing is cut off or darkened: the mean stays about where it was
    assert abs(made.mean() - picture.mean()) < 6


@pytest.mark.parametrize("kind", ["rotation", "affine", "blur", "motion"])
def test_a_flat_picture_stays_flat_to_the_border(kind):
    flat = np.full((48, 48, 3), 130, np.uint8)
    assert (augment(flat, kind, seed=3) == 130).all()


@pytest.mark.parametrize("degrees", [0, 30, 90, 179])
def test_motion_blurs_along_its_direction_only(degrees):
    kernel = motion_kernel(9.0, degrees)
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.shape[0] % 2 == 1
    y, x = np.indices(kernel.shape) - kernel.shape[0] // 2
    along = x * np.cos(np.deg2rad(degrees)) + y * np.sin(np.deg2rad(degrees))
    across = x * np.sin(np.deg2rad(degrees)) - y * np.cos(np.deg2rad(degrees))
    assert (kernel * along).sum() == pytest.approx(0, abs=1e-4)
    # an even motion of length 9 has the variance 9^2 / 12; across only the grid spreads it
    assert (kernel * along**2).sum() == pytest.approx(81 / 12, rel=0.1)
    assert (kernel * across**2).sum() < 0.3


# --- who reads it ----------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path) -> Path:
    source = tmp_path / "source"
    for seed in range(9):  # torchvision's layout: a folder for each class
        folder = source / ("cats" if seed % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}.png").write_bytes(png(seed))
    out = tmp_path / "sets" / "one"
    options = PrepareOptions(
        str(source), str(out), size=32, align=False, augment=("blur",), workers=1
    )
    prepare(options)
    return out


def test_the_trainers_read_all_of_it(dataset):
    pictures = data.load_pictures([dataset], 32)
    assert pictures.shape == (18, 3, 32, 32)
    first = torch.from_numpy(images.load(dataset / "images/000001.png")).permute(2, 0, 1)
    assert torch.equal(pictures[0], first)
    # one level up there are the same pictures, and no contact sheet
    assert len(list_pictures([dataset.parent])) == 18


def test_the_trainers_refuse_what_is_not_finished(dataset):
    facts = (dataset / "dataset.json").rename(dataset / "later.json")
    (dataset / ".prepare").mkdir()
    (dataset / ".prepare" / "0123-0.png").write_bytes(png(1))
    for folder in (dataset, dataset.parent):
        with pytest.raises(DataError, match="'prepare' has not finished; call it again"):
            list_pictures([folder])
    facts.rename(dataset / "dataset.json")
    assert len(list_pictures([dataset])) == 18


def test_torchvision_reads_it(dataset):
    found = ImageFolder(str(dataset))
    assert found.classes == ["images"] and len(found) == 18
    assert found[0][0].size == (32, 32)


def test_torchvisions_layout_is_read_as_it_is(dataset, tmp_path):
    source = dataset.parent.parent / "source"
    assert len(ImageFolder(str(source))) == 9
    assert data.load_pictures([source], 32).shape == (9, 3, 32, 32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda facts: facts["pictures"][0].update(file="../../x.png"), "outside its folder"),
        (lambda facts: facts["pictures"][0].pop("file"), "is not a data set's description"),
        (lambda facts: facts.pop("augmented"), "is not a data set's description"),
    ],
)
def test_a_tampered_description_is_refused(dataset, damage, message):
    path = dataset / "dataset.json"
    facts = json.loads(path.read_text())
    damage(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(DataError, match=message):
        data.load_pictures([dataset], 32)
