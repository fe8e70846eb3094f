"""Whole photos: who is replaced, what stays, what is told."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from facegen import Studio
from facegen.cli.main import main
from facegen.errors import NoFaceError, OptionError
from facegen.face.landmarks import eyes_to_chin
from facegen.images import resize
from facegen.jobs import anonymise as job
from facegen.jobs.anonymise import Done, Found, Replaced, anonymise, chosen
from facegen.options import AnonymiseOptions
from facegen.output import check, photo_file, watermark


@pytest.fixture(scope="module")
def studio():
    return Studio.load("bundled", "cpu")


@pytest.fixture(scope="module")
def two(astronaut) -> np.ndarray:
    """Two faces, the left one larger."""
    face = astronaut[:300, 100:380]
    small = np.asarray(Image.fromarray(face).resize((140, 150)))
    photo = np.full((300, 520, 3), 90, np.uint8)
    photo[:, :280] = face
    photo[60:210, 340:480] = small
    return photo


@pytest.fixture(scope="module")
def done(studio, two) -> list:
    return list(anonymise(studio, two, AnonymiseOptions(seed=3, steps=0)))


def test_every_face_is_replaced_and_the_rest_stays(done, two):
    found = next(event for event in done if isinstance(event, Found))
    assert found.numbers == (1, 2)
    last = done[-1]
    assert isinstance(last, Done)
    assert np.array_equal(last.pixels[~last.changed], two[~last.changed])
    assert last.changed[:, :280].any() and last.changed[60:210, 340:480].any()
    assert not last.changed[250:, 290:].any()
    told = last.manifest["faces"]
    assert [face["face"] for face in told] == [1, 2]
    for face in told:
        assert face["status"].startswith("replaced") and face["identity"]
        recognised = {n for n in face["identity"] if n in face["recognised_by"]}
        assert bool(recognised) == (face["status"] == "replaced, still recognised")


def test_only_the_named_face_and_the_same_again(studio, two, done):
    *_, last = anonymise(studio, two, AnonymiseOptions(faces=(1,), seed=3, steps=0))
    assert not last.changed[:, 290:].any() and last.manifest["faces_found"] == 2
    place = np.s_[:, :280]
    assert np.array_equal(last.pixels[place], done[-1].pixels[place]), "the seed decides"
    *_, other = anonymise(studio, two, AnonymiseOptions(faces=(1,), seed=4, steps=0))
    assert not np.array_equal(other.pixels, last.pixels)


def test_the_small_come_first_and_each_is_shown(done):
    replaced = [event for event in done if isinstance(event, Replaced)]
    assert [event.number for event in replaced] == [2, 1]
    assert [event.index for event in replaced] == [1, 2]


def test_a_face_that_is_too_small_is_left_and_told(studio, two, monkeypatch):
    monkeypatch.setattr(job, "LEAST_FACE", 10_000)
    *_, last = anonymise(studio, two, AnonymiseOptions(steps=0))
    assert not last.changed.any() and np.array_equal(last.pixels, two)
    assert {face["status"] for face in last.manifest["faces"]} == {"too small"}


@pytest.mark.parametrize(("pixels", "small"), [(23, True), (25, False)])
def test_how_small_is_too_small(studio, two, pixels, small):
    """As docs/whole-photos.md says: 24 pixels from the eyes to the chin."""
    face = studio.detect(two)[0]
    scale = pixels / eyes_to_chin(face.landmarks)
    face = replace(
        face,
        box=tuple(scale * edge for edge in face.box),
        landmarks=scale * face.landmarks,
        mesh=scale * face.mesh,
    )
    photo = resize(two, (round(scale * 300), round(scale * 520)))
    *_, last = anonymise(studio, photo, AnonymiseOptions(steps=0), [face])
    (told,) = last.manifest["faces"]
    assert (told["status"] == "too small") == small
    if small:
        assert np.array_equal(last.pixels, photo)


def test_who_is_still_recognised_is_tried_again_and_told(studio, two, monkeypatch):
    """At hardly any strength the same person comes out, whatever the seed."""
    options = AnonymiseOptions(faces=(1,), strength=0.1, seed=3, steps=20)
    *_, last = anonymise(studio, two, options)
    (face,) = last.manifest["faces"]
    assert face["status"] == "replaced, still recognised" and face["tries"] == job.TRIES
    assert face["recognised_by"]


def test_numbers_that_are_none(two):
    with pytest.raises(NoFaceError, match=r"0 faces\), so nothing was changed"):
        chosen([], ())
    with pytest.raises(NoFaceError, match="there is no face 3: the photo has 2, counted from 1"):
        chosen([object(), object()], (1, 3))
    assert chosen([object()] * 3, (2, 2, 1)) == (2, 1)
    with pytest.raises(OptionError, match="faces is 0"):
        AnonymiseOptions(faces=(0,))


# --- the file ----------------------------------------------------------------------------


def place(share: float) -> np.ndarray:
    """The left part of a picture of 400 x 400 pixels."""
    where = np.zeros((400, 400), bool)
    where[:, : round(400 * share)] = True
    return where


@pytest.fixture
def pixels(astronaut):
    return np.ascontiguousarray(astronaut[:400, :400])


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("kind", list(photo_file.KINDS))
def test_a_file_says_what_it_is_in_every_format(kind, pixels):
    data = photo_file.photo_bytes(pixels, place(0.1), kind)
    assert photo_file.kind_of(data) == kind
    told = str(check.check(data))
    assert "compositeWithTrainedAlgorithmicMedia" in told
    assert "Contradiction" not in told and "is not in the picture" not in told


def test_the_mark_lies_where_it_can_be_read_and_nowhere_else(pixels):
    for share, marked in ((0.02, False), (0.9, True)):
        read = decoded(photo_file.photo_bytes(pixels, place(share), "PNG"))
        where = place(share)
        assert np.array_equal(read[~where], pixels[~where])
        assert np.array_equal(read[where], pixels[where]) is not marked
        assert (watermark.read(read) is not None) is marked


def exif_of(path):
    with Image.open(path) as picture:
        exif = picture.getexif()
        return dict(exif), dict(exif.get_ifd(0x8769)), dict(exif.get_ifd(0x8825))


@pytest.fixture
def camera(two, tmp_path):
    """A JPEG as a camera writes it: with a place, maker's notes, a thumbnail of the old face."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 1
    exif.get_ifd(0x8769).update({0x9003: "2026:01:02 03:04:05", 0x927C: b"secret notes"})
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 0.0)})
    path = tmp_path / "camera.jpg"
    Image.fromarray(two).save(path, quality=95, exif=exif)
    return path


@pytest.mark.parametrize("keep", [False, True])
def test_on_the_command_line_with_and_without_exif(camera, tmp_path, capsys, keep):
    out = tmp_path / "out.jpg"
    arguments = ["anonymise", str(camera), "--out", str(out), "--model", "bundled", "--faces", "2"]
    arguments += ["--steps", "0", "--seed", "3", *(["--keep-exif"] if keep else [])]
    assert main(arguments) == 0
    assert "1 of 2 faces are other people's" in capsys.readouterr().out
    first, photo, place = exif_of(out)
    assert first.get(0x010F) == ("Maker" if keep else None)
    assert photo.get(0x9003) == ("2026:01:02 03:04:05" if keep else None)
    assert not place and b"secret notes" not in out.read_bytes()
    assert b"camera.jpg" not in out.read_bytes()
    before = out.read_bytes()
    assert main(arguments) == 2
    assert "is there already" in capsys.readouterr().err and out.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--out", "x.gif"),
            "has to end with .png, .jpg, .webp (.jpg is what the photo is",
        ),
        (("--out", "x.png", "--faces", "one"), "faces is 'one'; name numbers with commas"),
        (("--out", "x.png", "--faces", "0"), "faces is 0"),
        (("--out", "x.png", "--strength", "7"), "strength is 7"),
        (("--out", "."), "is a folder; name the file to write"),
    ],
)
def test_mistakes_are_one_line(camera, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(["anonymise", str(camera), "--model", "bundled", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_the_photo_itself_is_never_overwritten(camera, capsys):
    before = camera.read_bytes()
    command = ["anonymise", str(camera), "--out", str(camera), "--overwrite", "--model", "bundled"]
    assert main(command) == 2
    assert "the photo itself" in capsys.readouterr().err and camera.read_bytes() == before


def test_where_no_stranger_is_found_the_face_is_left_and_told(studio, two, monkeypatch):
    monkeypatch.setattr(studio, "select", lambda *_: iter(()))
    *_, last = anonymise(studio, two, AnonymiseOptions(faces=(1,), steps=0))
    (face,) = last.manifest["faces"]
    assert face["status"] == "not replaced" and not last.changed.any()
