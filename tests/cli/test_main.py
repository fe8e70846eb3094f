"""The command line as a process: exit codes, one-line errors, nothing half-written."""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from png_files import beside_pixels

from facegen import doctor, images
from facegen.cli import main as cli
from facegen.cli.flags import progress_bar
from facegen.errors import OutputError
from facegen.output import provenance

ROOT = Path(__file__).parents[2]


def bundled(*arguments) -> list[str]:
    """With the model named: "auto" says in a line of its own that the default is not available."""
    drawing = arguments[0] in ("generate", "random") and "--model" not in arguments
    return [*map(str, arguments), *(("--model", "bundled") if drawing else ())]


def run(*arguments, code=0) -> subprocess.CompletedProcess:
    done = subprocess.run(
        [sys.executable, "-m", "facegen", *bundled(*arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def one_line(said: str) -> str:
    """What a mistake is answered with."""
    lines = said.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("facegen: "), lines
    return lines[0]


@pytest.fixture
def here(capfd):
    """As `run`, in this process: each of its own would load torch and the model again."""

    def here(*arguments, code=0) -> subprocess.CompletedProcess:
        assert cli.main(bundled(*arguments)) == code
        said, complaint = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, said, complaint)

    return here


@pytest.fixture
def refused(here):
    """The one line that a mistake is answered with, in this process."""
    return lambda *arguments: one_line(here(*arguments, code=2).stderr)


@pytest.fixture(scope="module")
def photo(tmp_path_factory, astronaut) -> Path:
    """A photo that says where it was taken."""
    path = tmp_path_factory.mktemp("photo") / "private-name.jpg"
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.5)
    Image.fromarray(astronaut).save(path, quality=95, exif=exif)
    return path


@pytest.fixture(scope="module")
def result(photo, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("result") / "deep" / "er"
    arguments = ("--count", 6, "--anime", "--seed", 7, "--device", "cpu", "--out", out)
    done = run("generate", photo, *arguments)
    assert "6 variants in" in done.stdout and "a different person" in done.stdout
    assert not done.stderr
    return out


def test_generate_writes_what_the_manifest_says(result, photo):
    manifest = json.loads((result / "manifest.json").read_text())
    assert set(manifest) == {
        "facegen", "job", "model", "device", "seed", "strength", "reference", "inversion",
        "variants", "promise", "between", "seconds", "options", "style",
    }  # fmt: skip
    assert set(manifest["model"]) == {"name", "resolution", "licence"}
    assert manifest["seed"] == 7 and manifest["device"] == "cpu"
    assert manifest["reference"] == {
        "sha256": hashlib.sha256(photo.read_bytes()).hexdigest(), "faces_found": 1, "face": 0,
        "marks": None,
    }  # fmt: skip
    assert set(manifest["inversion"]) == {"seconds", "steps", "distance"}
    seeds = [v["seed"] for v in manifest["variants"]]
    assert len(set(seeds)) == 6 and manifest["promise"]["seeds_tried"] >= 6
    assert manifest["promise"]["asked"] == manifest["promise"]["made"] == 6
    between = manifest["between"]["dlib"]
    assert len(between) == 6 and all(row[i] == 0 for i, row in enumerate(between))
    for variant in manifest["variants"]:
        assert set(variant["identity"]["dlib"]) == {
            "distance",
            "threshold",
            "same_person",
            "in_words",
        }
        assert set(variant["structure"]) == {
            "landmark_nme", "yaw_delta", "pitch_delta", "roll_delta",
            "mouth_delta", "smile_delta", "eyes_delta",
        }  # fmt: skip
        assert set(variant["attributes"]) == {"age", "gender", "skin"}
        for shift in variant["attributes"].values():
            assert set(shift) == {"reference", "variant", "kept"}
        assert set(variant["dial"]) == {
            "judge", "amount", "target", "distance", "strength", "reached",
        }  # fmt: skip
    assert manifest["options"] == {
        "count": 6, "strength": 1.0, "seed": 7, "noise_mode": "const", "steps": 0,
        "keep": ["age", "gender", "skin"], "style": "cel", "blend": 1.0, "label": False,
        "background": "keep", "overlay": False,
    }  # fmt: skip
    assert set(manifest["seconds"]) == {"align", "invert", "vary", "stylize", "total"}
    named = {v[k] for v in manifest["variants"] for k in ("file", "anime_file")}
    expected = named | {"aligned.png", "sheet.jpg", "inversion.png", "manifest.json"}
    assert {p.name for p in result.iterdir()} == expected and len(named) == 12


def test_every_variant_is_another_picture(result):
    assert len({images.load(p).tobytes() for p in result.glob("variant-??.png")}) == 6


def test_outputs_say_they_are_synthetic_and_nothing_about_the_photo(result):
    for path in result.glob("variant-*.png"):
        facts = provenance.read(path)
        assert facts["synthetic"] and facts["strength"] == "1.0" and facts["model"] == "bundled"
        assert 0 <= int(facts["seed"]) < 2**31
        assert ("style_licence" in facts) == path.name.endswith("-anime.png")
    for path in result.iterdir():
        data = path.read_bytes()
        assert not [secret for secret in (b"SecretCamera", b"private-name") if secret in data]
        if path.suffix == ".png":
            told = beside_pixels(data)
            assert not [short for short in (b"GPS", b"Exif", b"eXIf") if short in told]


def test_the_same_seed_gives_the_same_pixels(result, photo, tmp_path):
    seed = json.loads((result / "manifest.json").read_text())["variants"][2]["seed"]
    run("generate", photo, "--count", 1, "--seed", seed, "--device", "cpu", "--out", tmp_path)
    # The files differ in their signatures, of which no two are the same.
    again, before = (
        images.load(path) for path in (tmp_path / "variant-01.png", result / "variant-03.png")
    )
    assert (again == before).all()


def test_random_draws_faces(here, tmp_path):
    here("random", "--count", 2, "--seed", 5, "--out", tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "manifest.json", "random-01.png", "random-02.png",
    ]  # fmt: skip
    manifest = json.loads((tmp_path / "new" / "manifest.json").read_text())
    assert [one["seed"] for one in manifest["variants"]] == [5, 6]
    assert manifest["reference"] is None and manifest["options"]["truncation_psi"] == 0.7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--count", "17"), ("count is 17", "between 1 and 16")),
        (("--count", "six"), ("invalid int value: 'six'",)),
        (("--strength", "1.5"), ("strength is 1.5", "between 0.0 and 1.0")),
        (("--strength", "nan"), ("strength is nan",)),
        (("--keep", "age,hair"), ("keep is 'hair'", "age-band, skin-band, or none")),
        (("--seed", "-1"), ("seed is -1",)),
        (("--steps", "99999"), ("steps is 99999",)),
        (("--face", "4"), ("no face 4", "only face 1")),
        (("--anime", "oil"), ("'oil'", "cel")),
        (("--anime", ""), ("anime style is ''", "cel")),
        (("--blend", "0.5"), ("--blend", "--anime")),
        (("--model", "nonsense"), ("'nonsense'", "bundled")),
        (("--model", "missing.pt"), ("no checkpoint file missing.pt",)),
        (("--device", "tpu"), ("'tpu'", "cpu, cuda or auto")),
        (("--speed", "3"), ("--speed",)),
    ],
)
def test_mistakes_are_named_and_leave_nothing(refused, photo, tmp_path, arguments, words):
    out = tmp_path / "out"
    line = refused("generate", photo, "--out", out, *arguments)
    assert all(word in line for word in words), line
    assert not out.exists() and not list(tmp_path.iterdir())


def test_photos_that_are_none(tmp_path):
    text = tmp_path / "words.jpg"
    text.write_text("not a picture")
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 300), "grey").save(blank)
    out = tmp_path / "out"
    for photo, words in (
        (text, "words.jpg"),
        (tmp_path / "absent.jpg", "absent.jpg"),
        (blank, "no whole face"),
    ):
        assert words in one_line(run("generate", photo, "--out", out, code=2).stderr)
    assert not out.exists()


def test_out_that_is_a_file_is_refused(refused, photo, tmp_path):
    out = tmp_path / "taken"
    out.write_text("mine")
    assert "taken is a file" in refused("generate", photo, "--out", out)
    assert out.read_text() == "mine"


def test_earlier_results_survive_a_mistake(refused, result, photo):
    before = {p.name: p.stat().st_mtime_ns for p in result.iterdir()}
    refused("generate", photo, "--out", result, "--face", 3, "--overwrite")
    assert before == {p.name: p.stat().st_mtime_ns for p in result.iterdir()}


def test_faces_are_counted_from_1_and_0_counts_as_1(here, photo, tmp_path):
    for face in (0, 1, 2):
        out, code = tmp_path / str(face), 2 * (face > 1)
        told = here("generate", photo, "--count", 1, "--out", out, "--face", face, code=code)
        line = "--face is 0; faces are counted from 1, and this is taken as 1, the largest"
        assert (line in told.stderr) == (face == 0)
        assert ("there is no face 2: the photo has only face 1" in told.stderr) == (face == 2)
    crops = [(tmp_path / str(face) / "aligned.png").read_bytes() for face in (0, 1)]
    assert crops[0] == crops[1]


def test_a_second_run_replaces_the_first_only_when_told(here, refused, photo, tmp_path):
    here("generate", photo, "--count", 2, "--out", tmp_path)
    (tmp_path / "mine.txt").write_text("keep")
    again = ("generate", photo, "--count", 1, "--seed", 50, "--out", tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    assert "name a new folder, or add --overwrite" in refused(*again)
    assert before == {p: p.read_bytes() for p in tmp_path.iterdir()}
    here(*again, "--overwrite")
    names = {p.name for p in tmp_path.iterdir()}
    made = {"aligned.png", "inversion.png", "manifest.json", "sheet.jpg", "variant-01.png"}
    assert names == made | {"mine.txt"}


def test_a_move_that_fails_half_way_is_undone(refused, photo, tmp_path):
    out = tmp_path / "out"
    (out / "variant-02.png").mkdir(parents=True)
    assert "variant-02.png is a folder" in refused(
        "generate", photo, "--count", 3, "--out", out, "--overwrite"
    )
    assert [p.name for p in out.iterdir()] == ["variant-02.png"]


def test_the_photo_itself_is_never_overwritten(refused, photo, tmp_path):
    mine = tmp_path / "aligned.png"
    Image.open(photo).save(mine)
    before = mine.read_bytes()
    assert "the photo itself" in refused(
        "generate", mine, "--count", 1, "--out", tmp_path, "--overwrite"
    )
    assert mine.read_bytes() == before and list(tmp_path.iterdir()) == [mine]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_run_leaves_nothing_of_the_photo(photo, tmp_path):
    command = ("generate", photo, "--steps", 2000, "--out", tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "facegen", *map(str, command)], cwd=ROOT, stderr=subprocess.PIPE
    )
    for _ in range(600):
        if process.poll() is not None or list(tmp_path.glob(".facegen-*/aligned.png")):
            break
        time.sleep(0.1)
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupt_anywhere_ends_with_its_exit_code(tmp_path):
    """Where code that is made of text is interrupted too, as in a dataclass being made."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from facegen.cli import main as command\n"
        "def parser():\n"
        "    exec('raise KeyboardInterrupt')\n"
        "command.parser = parser\n"
        "sys.exit(command.main([]))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == 130 and ended.stderr == b"facegen: interrupted\n"


def test_names_that_are_too_long_are_refused(refused, photo, tmp_path):
    assert "facegen: " in refused("generate", photo, "--out", tmp_path / ("a" * 300))
    assert "facegen: " in refused("random", "--out", tmp_path, "--model", "a" * 300)


def test_weights_and_doctor_answer_machines(here):
    listed = {row["name"]: row for row in json.loads(here("weights", "list", "--json").stdout)}
    assert listed["bundled"]["at_hand"] and not listed["ffhq-1024"]["bundled"]
    assert {row["name"] for row in json.loads(here("weights", "verify", "--json").stdout)} >= {
        "bundled", "cel", "comic",
    }  # fmt: skip
    report = json.loads(here("doctor", "--json", "--offline").stdout)
    assert report["problems"] == [] and report["seconds_per_face"]["draw"] > 0


def parsers(parser: argparse.ArgumentParser):
    """All commands below this one that do something themselves."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield parser
    for one in below:
        for child in one.choices.values():
            yield from parsers(child)


@pytest.mark.parametrize("parser", parsers(cli.parser()), ids=lambda one: one.prog)
def test_the_help_tells_what_every_option_is_and_its_default(parser):
    text = " ".join(parser.format_help().split())
    for action in parser._actions:
        assert action.help, action.dest
        if action.option_strings and type(action.default) in (int, float) and action.default:
            assert f"default {action.default}" in text
    assert "%" not in text and "default None" not in text and "default False" not in text


def test_the_help_tells_what_is_done_without_an_option(capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "of each reference, 1 to 16; default 4" in text and "0 to 1; default 1" in text


def test_help_needs_no_heavy_import():
    code = "import sys, facegen.cli.main as c; c.parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_too_little_memory_is_one_line(monkeypatch, capsys, error):
    def run_out(argv):
        raise error

    monkeypatch.setattr(cli, "parser", lambda: type("Parser", (), {"parse_args": run_out}))
    assert cli.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("facegen: there is too little memory")


def test_a_mistake_begins_its_own_line(monkeypatch, capsys):
    """On a terminal, where a line of progress may stand already."""

    def fail(argv):
        with progress_bar("variants", 6) as bar:
            bar.update(2)
            bar.refresh()
            raise OutputError("the disk is full")

    monkeypatch.setattr(cli, "parser", lambda: type("Parser", (), {"parse_args": fail}))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main([]) == 2
    shown = capsys.readouterr().err
    assert "variants:  33%" in shown
    bar, cleared, mistake = shown.rsplit("\r", 2)
    assert mistake == "facegen: the disk is full\n"
    assert cleared.isspace() and len(cleared) >= len(bar.rsplit("\r")[-1])


def test_a_bar_counts_the_seconds_of_a_step_that_moves_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown, until = "", time.monotonic() + 30
    with progress_bar("faces") as bar:
        while "00:01, " not in shown and time.monotonic() < until:
            time.sleep(0.2)
            shown += capsys.readouterr().err
        assert "faces:   0%" in shown and "00:01, " in shown and bar.n == 0


@pytest.mark.parametrize(
    ("arguments", "bars"),
    [
        (("align", "PHOTO"), ["loading", "looking for faces", "faces"]),
        (("doctor", "--offline", "--model", "bundled"), ["looking", "how long a face takes to"]),
        (("walk", "--steps", "12", "--model", "bundled"), ["loading", "steps", "the film", "6 "]),
        (("prepare", "FOLDER", "--size", "64", "--workers", "1"), ["files", "writing pictures"]),
        (("random", "--count", "2"), ["loading", "faces"]),
        (
            ("evaluate", "--references", "FOLDER", "--variants", "1", "--model", "bundled"),
            ["loading", "measuring pictures", "2/2", "the report"],
        ),
        (
            ("generate", "PHOTO", "--count", "2", "--steps", "2"),
            ["loading", "finding the face", "refining", "finding people who fit", "variants"],
        ),
    ],
    ids=lambda one: one[0],
)
def test_what_takes_a_while_moves_a_bar(photo, tmp_path, monkeypatch, capsys, arguments, bars):
    """On a terminal; elsewhere nothing is said, which other tests see to."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    named = {"PHOTO": str(photo), "FOLDER": str(photo.parent)}
    out = [] if arguments[0] == "doctor" else ["--out", str(tmp_path / "out")]
    assert cli.main(bundled(*(named.get(one, one) for one in arguments), *out)) == 0
    shown = capsys.readouterr().err
    assert all(words in shown for words in bars), shown
    assert shown.count("%|") >= len(bars) and re.search(r"\d left", shown)


def test_another_error_of_torch_is_not_hidden(monkeypatch):
    def fail(argv):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(cli, "parser", lambda: type("Parser", (), {"parse_args": fail}))
    with pytest.raises(RuntimeError, match="mat1"):
        cli.main([])


def test_doctor_fetches_nothing(monkeypatch):
    monkeypatch.setattr(doctor.Studio, "load", lambda *_: pytest.fail("it loads"))
    report = doctor.examine("ffhq-1024", "cpu", ask_hub=False)
    assert (
        "ffhq-1024 is not available; run 'python -m facegen weights fetch ffhq-1024'"
        in (report["problems"])
    )


def test_a_wrong_value_is_answered_before_torch_is_loaded(tmp_path):
    wrong = [
        ["generate", "x.png", "--out", "OUT", "--strength", "2"],
        ["random", "--out", "OUT", "--count", "10001"],
        ["walk", "--out", "OUT", "--walks", "0"],
        ["align", "x.png", "--out", "OUT", "--size", "3"],
        ["prepare", "x", "--out", "OUT", "--size", "3"],
        ["evaluate", "--references", "x", "--out", "OUT", "--strength", "3"],
        ["train", "stylegan2", "--data", "x", "--out", "OUT", "--batch", "-1"],
        ["train", "joint", "--data", "x", "--out", "OUT", "--batch", "-1"],
        ["train", "photo-encoder", "--out", "OUT", "--seed", "-1"],
        ["train", "anime", "--pairs", "x", "--out", "OUT", "--total", "-1"],
    ]
    no_value = [
        ["generate", "x.png", "--out", "OUT"],
        ["generate", "x.png", "--out", "OUT", "--face", "-1"],
        ["generate", "x.png", "--out", "OUT", "--device", "tpu"],
        ["align", "x.png", "--out", "OUT"],
        ["prepare", "nowhere", "--out", "OUT"],
        ["evaluate", "--references", "nowhere", "--out", "OUT"],
        ["train", "stylegan2", "--data", "nowhere", "--out", "OUT"],
        ["train", "joint", "--data", "nowhere", "--out", "OUT"],
        ["train", "dcgan", "--data", "nowhere", "--out", "OUT"],
        ["train", "anime", "--pairs", "nowhere", "--out", "OUT"],
        ["random", "--out", "OUT", "--device", "tpu"],
        ["random", "--out", "OUT", "--model", "nobody"],
        ["random", "--out", "OUT", "--model", "nowhere.pt"],
        ["random", "--out", "OUT", "--anime", "nobody"],
        ["weights", "fetch", "nobody"],
        ["doctor", "--device", "tpu"],
    ]
    code = (
        f"import sys; from facegen.cli.main import main\n"
        f"print([main(one) for one in {wrong + no_value}], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{[2] * len(wrong + no_value)} False"
    assert done.stderr.count("must lie between") == len(wrong)


def test_check_says_of_each_file_what_is_found(here, result, photo, tmp_path):
    ours, words = result / "variant-01.png", tmp_path / "words.png"
    said = here("check", ours, photo).stdout
    assert f"{ours}: This installation of Facegen made this file" in said
    assert f"{photo}: Nothing is found" in said
    (entry,) = json.loads(here("check", ours, "--json").stdout)
    assert entry["made_here"] and len(entry["findings"]) == 4 and "proves" in entry
    words.write_text("words")
    done = here("check", words, ours, code=2)
    assert "This installation" in done.stdout and "words.png" in one_line(done.stderr)


def test_a_certificate_without_its_key_is_refused_before_anything_is_loaded(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["random", "--out", str(out), "--c2pa-cert", "nowhere.pem"]
    assert cli.main(words) == 2
    assert "--c2pa-cert needs --c2pa-key" in capsys.readouterr().err
    assert cli.main([*words, "--c2pa-key", "nowhere.pem"]) == 2
    assert "c2pa-cert is nowhere.pem, which cannot be read" in capsys.readouterr().err
    assert not out.exists()


def test_no_byte_of_the_reference_or_its_name_is_in_any_picture(result, photo):
    """C2PA could carry an ingredient and a thumbnail; aligned.png is the photo's own crop."""
    whole = photo.read_bytes()
    pieces = [whole[i : i + 24] for i in range(64, len(whole) - 24, 997)]
    for path in (result / name for name in os.listdir(result)):
        data = path.read_bytes()
        assert photo.name.encode() not in data and photo.stem.encode() not in data, path
        assert b"ingredient" not in data and b"thumbnail" not in data, path
        assert not any(piece in data for piece in pieces), path
