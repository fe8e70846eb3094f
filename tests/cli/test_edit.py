"""`facegen edit`: what is refused before anything is loaded, in one line."""

import pytest

from facegen.cli.main import main


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["nose=1"], "no slider 'nose'; there are: age"),
        (["age=80"], "age is 80.0; it must lie between -25 and 25"),
        (["smile"], "NAME=AMOUNT"),
    ],
)
def test_a_mistake_ends_in_one_line(settings, words, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["edit", "missing.png", "--out", str(out)]
    code = main([*arguments, *(word for setting in settings for word in ("--set", setting))])
    said = capsys.readouterr().err
    assert code == 2 and said.startswith("facegen: ") and words in said
    assert said.count("\n") == 1 and not out.exists()


def test_a_folder_with_something_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "theirs.txt").write_text("x")
    assert main(["edit", "missing.png", "--set", "age=1", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
