"""A saved picture is all that is needed to make it again, and the photo where there was one."""

import pytest
from PIL import Image

from facegen import images
from facegen.cli import main as cli
from facegen.cli.again import command_of
from facegen.errors import ImageError, OptionError

RANDOM = {
    "software": "Facegen 1", "seed": "5", "truncation_psi": "0.7", "noise_mode": "const",
    "model": "bundled",
}  # fmt: skip
VARIANT = RANDOM | {
    "strength": "0.5", "steps": "20", "keep": "age,skin",
}  # fmt: skip


def test_a_random_face_comes_again(tmp_path, capsys):
    words = ["random", "--count", "3", "--seed", "4", "--psi", "0.6", "--model", "bundled"]
    assert cli.main([*words, "--out", str(tmp_path / "one")]) == 0
    third = tmp_path / "one" / "random-03.png"
    assert cli.main(["again", str(third), "--out", str(tmp_path / "two")]) == 0
    (again,) = (tmp_path / "two").glob("*.png")
    assert (images.load(again) == images.load(third)).all()


def test_a_variant_comes_again_with_its_photo(tmp_path, astronaut):
    photo, one, two = tmp_path / "photo.png", tmp_path / "one", tmp_path / "two"
    Image.fromarray(astronaut).save(photo)
    words = ["generate", str(photo), "--count", "2", "--steps", "2", "--strength", "0.6", "--anime"]
    assert cli.main([*words, "--seed", "9", "--model", "bundled", "--out", str(one)]) == 0
    for name in ("variant-02.png", "variant-02-anime.png"):
        file = str(one / name)
        arguments = ["again", file, str(photo), "--out", str(two), "--overwrite"]
        assert cli.main(arguments) == 0
        again = images.load(two / "variant-01.png")
        assert (again == images.load(one / "variant-02.png")).all()
    assert (two / "variant-01-anime.png").exists()


def test_what_the_file_says_becomes_the_command():
    assert command_of(RANDOM, "f.png", None) == [
        "random", "--count", "1", "--seed=5", "--psi=0.7", "--noise=const", "--model=bundled",
    ]  # fmt: skip
    words = command_of(VARIANT | {"style": "cel", "blend": "0.5"}, "f.png", "p.jpg")
    assert words[:2] == ["generate", "p.jpg"] and "--steps=20" in words
    assert "--keep=age,skin" in words
    assert words[-2:] == ["--anime=cel", "--blend=0.5"]


def test_a_photo_is_asked_for_where_there_was_one_and_only_there():
    with pytest.raises(OptionError, match="name the photo after it"):
        command_of(VARIANT, "f.png", None)
    with pytest.raises(OptionError, match="leave p.jpg out"):
        command_of(RANDOM, "f.png", "p.jpg")


@pytest.mark.parametrize(
    "facts", [{}, {"software": "Paint", "seed": "1"}, RANDOM | {"seed": "--out=/"}, {"seed": "1"}]
)
def test_a_strangers_file_gives_no_command(facts):
    with pytest.raises(ImageError):
        command_of(facts, "f.png", None)


@pytest.mark.parametrize(
    ("told", "command"),
    [
        ({"seed": "5", "mix": "child of two faces"}, "child"),
        ({"mix": "pose of A, the rest of B"}, "mix"),
        ({"seed": "5", "restored": "from a damaged picture"}, "restore"),
    ],
)
def test_what_no_file_can_make_again_is_no_random_face(told, command):
    facts = {"software": "Facegen 1", "model": "bundled"} | told
    for photo in (None, "p.jpg"):
        with pytest.raises(ImageError, match=f"f.png was made by 'facegen {command}', and only"):
            command_of(facts, "f.png", photo)


def test_a_childs_file_says_what_made_it(tmp_path, capsys):
    words = ["random", "--count", "2", "--seed", "4", "--model", "bundled"]
    assert cli.main([*words, "--out", str(tmp_path / "faces")]) == 0
    parents = [str(tmp_path / "faces" / f"random-0{number}.png") for number in (1, 2)]
    words = ["child", *parents, "--count", "1", "--model", "bundled"]
    assert cli.main([*words, "--out", str(tmp_path / "family")]) == 0
    assert f"\n1 child in {tmp_path / 'family'} after" in capsys.readouterr().out
    file = str(tmp_path / "family" / "child-01.png")
    assert cli.main(["again", file, "--out", str(tmp_path / "again")]) == 2
    assert "made by 'facegen child'" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_a_name_cannot_become_a_flag():
    words = command_of(RANDOM | {"model": "--overwrite", "noise_mode": "--out"}, "f.png", None)
    assert "--overwrite" not in words and "--model=--overwrite" in words


def test_mistakes_are_one_line(tmp_path, capsys):
    (tmp_path / "words.png").write_text("words")
    for file in ("words.png", "missing.png"):
        arguments = ["again", str(tmp_path / file), "--out", str(tmp_path / "out")]
        assert cli.main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_an_edited_face_comes_again_with_what_it_was_made_from(tmp_path):
    made = ["random", "--count", "1", "--seed", "4", "--model", "bundled"]
    assert cli.main([*made, "--out", str(tmp_path / "faces")]) == 0
    face = str(tmp_path / "faces" / "random-01.png")
    words = ["edit", face, "--set", "age=+15y", "--model", "bundled"]
    assert cli.main([*words, "--out", str(tmp_path / "one")]) == 0
    edited = tmp_path / "one" / "edited.png"
    assert cli.main(["again", str(edited), face, "--out", str(tmp_path / "two")]) == 0
    again = images.load(tmp_path / "two" / "edited.png")
    assert (again == images.load(edited)).all()
    assert (again != images.load(face)).any()


def test_what_a_file_claims_of_its_edit_is_checked(capsys, tmp_path):
    told = {"software": "Facegen 1", "edit": "age=+10y smile=+0.5", "steps": "48"}
    words = command_of(told, "file.png", "photo.png")
    assert words == ["edit", "photo.png", "--set=age=+10y", "--set=smile=+0.5", "--steps=48"]
    with pytest.raises(OptionError, match="name it after it"):
        command_of(told, "file.png", None)
