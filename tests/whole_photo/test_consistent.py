"""The same person twice: one new face; the key and the vectors go nowhere."""

import json

import numpy as np
import pytest
from PIL import Image

from facegen import Studio
from facegen.cli.main import main
from facegen.jobs.anonymise import WRITTEN, anonymise
from facegen.jobs.job import Finished, Picture
from facegen.options import AnonymiseOptions
from facegen.types import Unread, drained
from facegen.whole_photo import consistent
from facegen.whole_photo.replace import replace_faces

OPTIONS = AnonymiseOptions(rest="keep", steps=0, consistent=True)


@pytest.fixture(scope="module")
def studio():
    return Studio.load("bundled", "cpu")


@pytest.fixture(scope="module")
def photos(astronaut) -> list[np.ndarray]:
    """One person in two photos: as she is, and mirrored, smaller and darker."""
    face = astronaut[:300, 100:380]
    other = Image.fromarray(face[:, ::-1]).resize((240, 257))
    return [face, (np.asarray(other) * 0.8).astype(np.uint8)]


@pytest.fixture(scope="module")
def files(photos, tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / "jane-doe.png", folder / "jane-again.jpg", folder / "none.png"]
    for path, pixels in zip(paths, [*photos, np.full((90, 90, 3), 128, np.uint8)], strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def test_who_is_there_twice_is_found_and_has_one_stand_in(studio, photos):
    looks = [
        look
        for number, pixels in enumerate(photos)
        for look in consistent.look_at(studio, number, pixels)
    ]
    (person,) = consistent.people(studio.recognisers, studio.resolution, looks)
    assert [(look.photo, look.number) for look in person.looks] == [(0, 1), (1, 1)]
    first, same, other = (
        consistent.find(studio, key, person, photos[person.best.photo], OPTIONS)
        for key in (5, 5, 6)
    )
    assert np.array_equal(first.w, same.w) and not np.array_equal(first.w, other.w)
    places = consistent.by_photo({person: first}, 3)
    assert places == [{1: first}, {1: first}, {}]


def test_no_two_runs_have_one_key():
    """Or the new face of one set would be found again in another."""
    assert len({consistent.new_key() for _ in range(9)}) == 9


def test_one_photo_with_a_mirror_in_it(studio, photos):
    """Two faces of one photo that are as like as a mirror's are one person."""
    both = np.zeros((300, 520, 3), np.uint8)
    both[:, :280], both[:257, 280:] = photos[0], photos[1]
    done = drained(replace_faces(studio, both, OPTIONS))
    assert [face["person"] for face in done.faces] == [1, 1]
    for face in done.faces:
        assert set(face["to_the_new_face"]) == {one.name for one in studio.recognisers}
        assert "seed" not in face, "no key, no number that the new face could be drawn from"


def test_the_new_faces_of_one_person_are_alike(studio, photos, monkeypatch):
    """Nearer to each other than those of runs with other keys are."""

    def faces_of(key) -> list[dict]:
        monkeypatch.setattr(consistent, "new_key", lambda: key)
        vectors = []
        for pixels, people in zip(photos, consistent.stand_ins(*set_of), strict=True):
            done = drained(replace_faces(studio, pixels, OPTIONS, people=people))
            (look,) = consistent.look_at(studio, 0, done.pixels)
            vectors.append(look.vectors)
        return vectors

    def apart(a, b) -> float:
        return sum(one.distance(a[one.name], b[one.name]) for one in studio.recognisers)

    set_of = studio, photos, [studio.detect(pixels) for pixels in photos], OPTIONS
    first, second, third = map(faces_of, (1, 2, 3))
    within = [apart(*run) for run in (first, second, third)]
    across = [apart(a[0], b[1]) for a, b in ((first, second), (second, third), (third, first))]
    assert np.mean(within) < 0.8 * np.mean(across), (within, across)


def test_a_set_on_the_command_line(files, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["anonymise", *map(str, files), "--out", str(out), "--model", "bundled"]
    command += ["--steps", "0", "--consistent"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert "2 of 3 photos are new, 2 faces: " in told.out
    assert "photo 3: no face" in told.err
    names = sorted(path.name for path in out.iterdir())
    assert names == ["manifest.json", "photo-01.png", "photo-02.jpg"]
    text = (out / "manifest.json").read_text()
    assert "jane" not in text, "names of photos may be names of people"
    manifest = json.loads(text)
    assert [row["status"] for row in manifest["photos"]][2] == "no face"
    people = [face["person"] for row in manifest["photos"][:2] for face in row["faces"]]
    assert people == [1, 1]
    assert "vector" not in text and "key" not in text
    assert main(command) == 2 and "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--faces", "1"], "--faces is 1, but 2 photos are given"),
        (["--out", "."], "lies in"),
    ],
)
def test_mistakes_with_several_photos(files, tmp_path, monkeypatch, capsys, more, words):
    monkeypatch.chdir(files[0].parent)
    names = [path.name for path in files[:2]]
    command = ["anonymise", *names, "--out", str(tmp_path / "x"), "--overwrite", *more]
    assert main([*command, "--model", "bundled"]) == 2
    assert words in capsys.readouterr().err
    assert sorted(path.name for path in files[0].parent.iterdir()) == sorted(
        path.name for path in files
    )


def test_too_many_photos_are_refused_before_the_model_is_loaded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("facegen.cli.anonymise.load_studio", lambda arguments: 1 / 0)
    names = [f"{number}.jpg" for number in range(100_001)]
    assert main(["anonymise", *names, "--out", str(tmp_path / "x"), "--model", "bundled"]) == 2
    assert "100,001 given; anonymise takes 1 to 100,000 photos" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        main(["anonymise", *names[:1_001], "--out", str(tmp_path / "x"), "--model", "bundled"])


def test_a_photo_that_changes_meanwhile_is_not_given_somebody_elses_face(studio, files, tmp_path):
    contents = [files[0].read_bytes(), files[0].read_bytes(), files[1].read_bytes()]
    first = Unread("a", lambda: contents.pop(0))
    second = Unread("b", files[1].read_bytes)
    events = list(anonymise(studio, [first, second], tmp_path, OPTIONS))
    rows = [event.entry for event in events if isinstance(event, Picture)]
    assert "was changed while" in rows[0]["error"] and rows[0]["file"] is None
    assert rows[1]["status"] in WRITTEN
    assert isinstance(events[-1], Finished)
    assert not (tmp_path / "a.png").exists()
