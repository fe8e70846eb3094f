"""Whole photos: who is replaced, what stays, what is told."""

import dataclasses
import io
import itertools
import re
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import ExifTags, Image

from facegen import Studio, images
from facegen.cli.main import main
from facegen.errors import NoFaceError, OptionError
from facegen.face import cover, in_front, landmarks, paste
from facegen.face.detect import Glimpse
from facegen.options import AnonymiseOptions
from facegen.output import check, photo_file, watermark
from facegen.types import Face, drained
from facegen.whole_photo import everybody
from facegen.whole_photo import replace as job
from facegen.whole_photo.replace import REPLACING, replace_faces


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
def told() -> list:
    """The progress of `done`."""
    return []


@pytest.fixture(scope="module")
def done(studio, two, told):
    return studio.anonymise(two, AnonymiseOptions(seed=3, steps=0), told.append)


def test_every_face_is_replaced_and_the_rest_stays(done, two):
    last = done
    assert np.array_equal(last.pixels[~last.changed], two[~last.changed])
    assert last.changed[:, :280].any() and last.changed[60:210, 340:480].any()
    assert not last.changed[250:, 290:].any()
    told = last.faces
    assert last.summary.startswith("2 faces: ")
    assert [face["face"] for face in told] == [1, 2]
    for face in told:
        assert face["status"] in ("replaced", "covered") and face["identity"]
        recognised = {n for n in face["identity"] if n in face["recognised_by"]}
        assert bool(recognised) == (face.get("why") == "still recognised")


def test_only_the_named_face_and_the_same_again(studio, two, done):
    last = drained(replace_faces(studio, two, AnonymiseOptions(faces=(1,), seed=3, steps=0)))
    assert not last.changed[:, 290:].any() and len(last.faces) == 2
    place = np.s_[:, :280]
    assert np.array_equal(last.pixels[place], done.pixels[place]), "the seed decides"
    other = drained(replace_faces(studio, two, AnonymiseOptions(faces=(1,), seed=4, steps=0)))
    assert not np.array_equal(other.pixels, last.pixels)


def test_the_small_come_first_and_each_is_shown(done, two, told):
    steps = [event for event in told if event.stage == REPLACING]
    assert [event.note for event in steps] == ["face 2", "face 1"]
    assert [(event.done, event.of) for event in steps] == [(0, 2), (1, 2)]
    assert steps[0].preview is None and (steps[1].preview[:, 280:] != two[:, 280:]).any()


def test_a_face_that_is_too_small_is_covered_or_left_as_asked(studio, two, monkeypatch):
    monkeypatch.setattr(paste, "LEAST_FACE", 10_000)
    last = drained(replace_faces(studio, two, AnonymiseOptions(steps=0)))
    assert last.changed[:, :280].any() and last.changed[60:210, 340:480].any()
    assert last.summary == "2 faces: 2 covered (too small)"
    assert studio.detect(last.pixels) == []
    last = drained(replace_faces(studio, two, AnonymiseOptions(steps=0, rest="keep")))
    assert not last.changed.any() and np.array_equal(last.pixels, two)
    faces = last.faces
    assert {face["status"] for face in faces} == {"kept"} and len(everybody.left(faces)) == 2
    left, top, right, bottom = faces[0]["box"]
    assert 0 < left < right < 280 and 0 < top < bottom < 300


@pytest.mark.parametrize("rest", ["cover", "keep"])
def test_who_is_still_recognised_is_tried_again_and_covered(studio, two, rest):
    """At hardly any strength the same person comes out, whatever the seed."""
    options = AnonymiseOptions(faces=(1,), strength=0.1, seed=3, steps=20, rest=rest)
    last = drained(replace_faces(studio, two, options))
    first, other = last.faces
    assert first["tries"] == job.TRIES and first["recognised_by"]
    assert (other["status"], other["why"]) == ("kept", "as asked")
    if rest == "cover":
        assert (first["status"], first["why"]) == ("covered", "still recognised")
        assert everybody.left(last.faces) == []
    else:
        assert first["status"] == "replaced, still recognised"
        assert everybody.left(last.faces) == [first]


def test_own_boxes_take_the_place_of_detection(studio, two):
    boxes = [(350.0, 75.0, 440.0, 190.0), (300.0, 220.0, 340.0, 280.0)]
    found = everybody.find(studio.detector, two, AnonymiseOptions(), boxes)
    assert not isinstance(found[0], Glimpse) and found[1].box == boxes[1]
    with pytest.raises(OptionError, match="lies outside the photo, which has 520 x 300 pixels"):
        everybody.find(studio.detector, two, AnonymiseOptions(), [(600, 0, 700, 50)])


class Second:
    """A recogniser of another name, for where only one is at hand."""

    name = "second"

    def __init__(self, first):
        self.threshold, self.distance = first.threshold, first.distance
        self.embed, self.distances = first.embed, first.distances


def test_spared_people_stay_if_both_recognisers_know_them(studio, two, astronaut, monkeypatch):
    first = studio.recognisers[0]
    monkeypatch.setattr(studio, "recognisers", (first,))
    with pytest.raises(OptionError, match="needs both recognisers to agree, and only one is here"):
        everybody.vectors_of(studio, astronaut)
    monkeypatch.setattr(studio, "recognisers", (first, Second(first)))
    vectors = everybody.vectors_of(studio, astronaut)
    last = drained(replace_faces(studio, two, AnonymiseOptions(steps=0), spare=[vectors]))
    assert last.summary == "2 faces: 2 kept (spared)" and not last.changed.any()
    assert everybody.left(last.faces) == []
    half = vectors | {"second": -vectors["second"]}
    assert everybody.spared_in(studio, two, studio.detect(two), [half]) == set()
    with pytest.raises(NoFaceError, match="no whole face"):
        everybody.vectors_of(studio, np.full((99, 99, 3), 90, np.uint8))


def test_an_aligned_crop_needs_no_detection(studio, astronaut):
    crop = studio.align(astronaut).pixels
    options = AnonymiseOptions(aligned=True, cover=(1,))
    last = drained(replace_faces(studio, crop, options))
    assert len(last.faces) == 1 and last.changed.mean() > 0.2
    with pytest.raises(NoFaceError, match="leave --aligned out"):
        list(replace_faces(studio, np.full((128, 128, 3), 90, np.uint8), options))


def test_a_cover_tells_nothing_of_the_features(studio, astronaut, monkeypatch):
    """Two faces of one mean and one light are covered alike but for the noise."""
    (face,) = studio.detect(astronaut)
    noisy, _ = cover.cover(astronaut, face, seed=3)
    assert np.array_equal(noisy, cover.cover(astronaut, face, seed=3)[0])
    monkeypatch.setattr(cover, "_NOISE", 0.0)
    monkeypatch.setattr(cover, "_SLOPE", 1.0)
    pixels, where = cover.cover(astronaut, face, seed=3)
    assert 4 < np.abs(noisy[where].astype(int) - pixels[where]).mean() < 30
    assert np.array_equal(pixels[~where], astronaut[~where])
    rows, columns = np.nonzero(where)
    at = np.stack([np.ones(rows.size), columns - columns.mean(), rows - rows.mean()], axis=1)
    inside = astronaut[where].astype(np.float64)
    plane = at @ np.linalg.lstsq(at, inside, rcond=None)[0]
    flat = astronaut.astype(np.float64)
    flat[where] = plane
    again, _ = cover.cover(np.rint(flat).astype(np.uint8), face, seed=3)
    assert np.abs(again.astype(int) - pixels).max() <= 1
    assert studio.detector.find(pixels) == ([], [])


def test_a_cover_goes_beyond_the_whole_face(studio, astronaut):
    """Brow, cheeks and chin with a margin, also where the detector's box leaves them out."""
    (face,) = studio.detect(astronaut)
    left, top, right, bottom = face.box
    within = dataclasses.replace(face, box=(left + 20, top + 20, right - 20, bottom - 20))
    outline = face.mesh[list(paste.OUTLINE), :2]
    middle = outline.mean(axis=0)
    for one, points in (
        (face, outline), (within, outline), (Glimpse(face.box, 0.9, 60.0), face.landmarks)
    ):  # fmt: skip
        margin = 1.0 if isinstance(one, Glimpse) else 1.1
        _, where = cover.cover(astronaut, one)
        columns, rows = np.rint(middle + margin * (points - middle)).astype(int).T
        assert where[rows, columns].mean() > 0.98


def test_a_covers_noise_cannot_be_taken_off_without_the_face(studio, astronaut):
    (face,) = studio.detect(astronaut)
    covered, where = cover.cover(astronaut, face, seed=3)
    other = astronaut.copy()
    other[tuple(np.argwhere(where)[0])] ^= 1  # a pixel of it, by one
    again, _ = cover.cover(other, face, seed=3)
    assert np.abs(again[where].astype(int) - covered[where]).mean() > 2


def test_numbers_that_are_none():
    glimpses = [Glimpse((0.0, 0.0, 40.0, 50.0), 1.0, 30.0)] * 3
    with pytest.raises(NoFaceError, match=r"0 faces\), so nothing was changed"):
        everybody.plan([], AnonymiseOptions())
    with pytest.raises(NoFaceError, match="there is no face 4: the photo has 3, counted from 1"):
        everybody.plan(glimpses, AnonymiseOptions(faces=(1, 4)))
    fates = everybody.plan(glimpses, AnonymiseOptions(faces=(2, 2, 1), cover=(1,)))
    assert [fates[n].what for n in (1, 2, 3)] == ["covered", "covered", "kept"]
    fates = everybody.plan(glimpses, AnonymiseOptions(keep=(2,)))
    assert [fates[n].what for n in (1, 2, 3)] == ["covered", "kept", "covered"]
    for name in ("faces", "cover", "keep"):
        with pytest.raises(OptionError, match=f"{name} is 0"):
            AnonymiseOptions(**{name: (0,)})
    with pytest.raises(OptionError, match="rest is 'hide'; it must be cover or keep"):
        AnonymiseOptions(rest="hide")


@pytest.mark.parametrize(
    ("pixels", "fate"), [(12.0, ("replaced", "")), (11.9, ("covered", "too small"))]
)
def test_a_face_of_12_pixels_is_replaced_and_none_below(pixels, fate):
    """From the eyes to the chin, as docs/whole-photos.md says."""
    points = np.zeros((68, 2))
    points[landmarks.CHIN] = 0, pixels
    face = Face((0.0, 0.0, 20.0, 20.0), 0.9, points, np.zeros((468, 3)))
    assert everybody.plan([face], AnonymiseOptions()) == {1: everybody.Fate(*fate)}


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
    report = check.check(data)
    assert report.verdict.endswith("made this file, and it shows a photo among others.")
    told = str(report)
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


def test_nothing_but_facts_of_the_camera_stays(pixels):
    """What a TIFF out of an editing program carries: its thumbnail, names, another XMP."""
    exif = Image.Exif()
    exif[0x010F], exif[0x013B], exif[0x8298] = "Maker", "Jane Doe", "Eileen Collins"
    exif[0x010E], exif[0x9C9B], exif[0x501B] = "who it is", b"t\0i\0", b"\xff\xd8old face"
    exif[34377], exif[33723] = b"8BIM\x04\x0c\xff\xd8old face", b"\x1c\x02P\0\x08Jane Doe"
    exif[700], exif[50740] = b"<x:xmpmeta/>", b"private"
    exif.get_ifd(0x8769).update(
        {0x9003: "2026:01:02 03:04:05", 0x829D: 2.8, 0xA430: "Jane Doe", 0xA431: "0001",
         0x9286: b"ASCII\0\0\0Jane Doe", 0x9010: "+02:00", 0xA434: "x" * 500}
    )  # fmt: skip
    for source, kind in itertools.product(("TIFF", "JPEG"), photo_file.KINDS):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, source, exif=exif)
        data = photo_file.made_from(file.getvalue(), pixels, place(0.1), True, kind)
        told = Image.open(io.BytesIO(data)).getexif()
        kept = dict(told) | dict(told.get_ifd(0x8769))
        photo = {0x9003, 0x829D} if source == "JPEG" else set()  # Pillow writes none into a TIFF
        assert {key for key in kept if key != 0x8769} == {0x010F} | photo, (source, kind)
        if photo:
            assert kept[0x9003] == "2026:01:02 03:04:05" and float(kept[0x829D]) == 2.8
        for word in (b"Jane", b"Eileen", b"old face", b"private", b"8BIM", b"who it is"):
            assert word not in data


def test_no_fact_that_says_who_or_where_stays():
    told = re.compile(
        "Artist|Author|Copyright|Owner|Serial|Unique|Comment|Description|Title|Keywords|XPSubject"
        "|GPS|SubjectLocation|TimeZone|OffsetTime|Document|Page|Host|Software|Maker|History|Sound"
        "|ImageNumber|ImageID|Jpeg|IPTC|XML|Resources|Private|RawFile|Rating$|RatingPercent|Orientation"
    )
    names = {name: tag for tag, name in ExifTags.TAGS.items() if told.search(name)}
    assert len(names) > 50
    assert not [n for n, tag in names.items() for v in ("me", 7) if photo_file._may_stay(tag, v)]


@pytest.mark.parametrize(
    ("name", "stays", "goes"),
    [("LensModel", "x" * 64, "x" * 65), ("LensSpecification", (1, 2, 3, 4), (1,) * 5),
     ("ExifVersion", b"0232", b"02320"), ("ISOSpeedRatings", 100, ("Jane",))],
)  # fmt: skip
def test_nothing_hides_in_a_fact(name, stays, goes):
    tag = next(tag for tag, known in ExifTags.TAGS.items() if known == name)
    assert photo_file._may_stay(tag, stays) and not photo_file._may_stay(tag, goes)


@pytest.mark.parametrize("kind", photo_file.WITH_ALPHA)
def test_transparency_stays_and_shows_no_hidden_colour(pixels, kind):
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[:, :200], alpha[:, 200:240] = 0, 128
    file = io.BytesIO()
    Image.fromarray(np.dstack([pixels, alpha])).save(file, "PNG")
    shown = images.load(file.getvalue())
    data = photo_file.made_from(file.getvalue(), shown, place(0), kind=kind)
    after = np.asarray(Image.open(io.BytesIO(data)))
    assert np.array_equal(after[..., 3], alpha)
    if kind == "PNG":
        assert (after[:, :200, :3] == 255).all()
        assert np.array_equal(after[:, 240:, :3], pixels[:, 240:])
        assert np.abs(after[:, 200:240, :3].astype(int) - pixels[:, 200:240]).max() <= 2
        drawn = photo_file.photo_bytes(pixels, place(0), kind, alpha=alpha)  # where nothing shows
        assert (np.asarray(Image.open(io.BytesIO(drawn)))[:, :200, :3] == 255).all()


@pytest.mark.parametrize("keep", [False, True])
def test_on_the_command_line_with_and_without_exif(camera, tmp_path, monkeypatch, capsys, keep):
    out = tmp_path / "out.jpg"
    arguments = ["anonymise", str(camera), "--out", str(out), "--model", "bundled", "--faces", "2"]
    arguments += ["--steps", "0", "--seed", "3", *(["--keep-exif"] if keep else [])]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))  # nothing lies there
    assert main(arguments) == 0
    assert "2 faces: 1 " in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {camera.name, out.name}
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


def test_where_no_stranger_is_found_the_face_is_covered_and_told(studio, two, monkeypatch):
    monkeypatch.setattr(studio, "select", lambda *_, **__: iter(()))
    last = drained(replace_faces(studio, two, AnonymiseOptions(faces=(1,), steps=0)))
    face, _ = last.faces
    assert (face["status"], face["why"]) == ("covered", "no stranger was drawn")
    assert last.changed[:, :280].any() and not last.changed[:, 290:].any()


def test_who_is_mostly_hidden_is_covered(studio, two, monkeypatch):
    hidden = in_front.InFront(np.ones((studio.resolution,) * 2, np.uint8), 0.7)
    monkeypatch.setattr(in_front, "find", lambda *_: hidden)
    last = drained(replace_faces(studio, two, AnonymiseOptions(faces=(1,), steps=0)))
    assert (last.faces[0]["status"], last.faces[0]["why"]) == ("covered", everybody.HIDDEN)


def test_the_label_is_on_request_and_counts_as_a_change(studio, two):
    options = AnonymiseOptions(keep=(1, 2), steps=0, label=True)
    last = drained(replace_faces(studio, two, options))
    assert last.changed[280:, 400:].any() and not last.changed[:200].any()
    assert np.array_equal((last.pixels != two).any(axis=2), last.changed)


def tried(known=(), trouble=None, broken=None, uneven=0.0):
    identity = {
        name: SimpleNamespace(same_person=name in known, distance=0.5) for name in ("one", "two")
    }
    found = SimpleNamespace(identity=identity, trouble=trouble, structure=None)
    return job._Try(None, None, found, 7, {}, broken, "", uneven)


def test_a_try_that_nobody_knows_is_better_than_one_that_looks_right():
    worse = [
        tried(), tried(uneven=0.2), tried(broken="age"), tried(("one",)), tried(("one", "two")),
        tried(trouble="no face"),
    ]  # fmt: skip
    assert sorted(worse[::-1], key=lambda one: one.rank) == worse
    status = [one.facts(1, None)["status"] for one in worse]
    assert status == ["replaced"] * 3 + ["replaced, still recognised"] * 2 + [
        "replaced, not seen as a face"
    ]


def test_exit_code_3_where_somebody_is_left(camera, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paste, "LEAST_FACE", 10_000)
    arguments = ["anonymise", str(camera), "--model", "bundled", "--steps", "0", "--overwrite"]
    arguments += ["--out", str(tmp_path / "out.jpg")]
    assert main([*arguments, "--rest", "keep"]) == 3
    told = capsys.readouterr()
    assert "2 faces: 2 kept (too small)" in told.out
    assert "2 faces may still be recognised; --rest cover covers" in told.err
    assert main(arguments) == 0
