"""Saved pictures say that they are synthetic, how they were made, and nothing else."""

import errno
import io
import os

import numpy as np
import pytest
from PIL import Image
from png_files import beside_pixels

from facegen import images
from facegen._version import __version__
from facegen.errors import ImageError, OutputError
from facegen.output import provenance

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
TOLD = {
    "facegen": __version__,
    "model": "bundled",
    "licence": "CC BY 4.0 / https://example.org",
    "seed": 7,
    "strength": 0.5,
    "style": "cel",
    "blend": None,
}


def test_there_and_back(tmp_path):
    path = tmp_path / "a.png"
    provenance.save_png(path, PIXELS, TOLD)
    assert (images.load(path) == PIXELS).all()
    assert provenance.read(path) == {
        "synthetic": True,
        "software": f"Facegen {__version__}",
        **{name: str(value) for name, value in TOLD.items() if value is not None},
    }
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_others_can_read_it():
    """By the standards' names, with a reader that is not ours."""
    with Image.open(io.BytesIO(provenance.png_bytes(PIXELS, TOLD))) as image:
        assert (
            image.text["Software"].startswith("Facegen")
            and "not a photograph" in image.text["Description"]
        )
        xmp = image.info["xmp"]
    assert b'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/' in xmp
    assert b"trainedAlgorithmicMedia" in xmp


def test_a_piece_of_the_photo_does_not_call_itself_synthetic():
    told = provenance.read(provenance.png_bytes(PIXELS, TOLD, synthetic=False))
    assert told == {"synthetic": False, "software": f"Facegen {__version__}"}


@pytest.mark.parametrize("name", ["path", "file", "exif", "ws", "latent", "Seed"])
def test_only_facts_of_the_list(name):
    with pytest.raises(ValueError, match=name):
        provenance.png_bytes(PIXELS, {"seed": 1, name: "x"})


@pytest.mark.parametrize("model", ["/home/ann/secret/net.pt", "C:\\Users\\ann\\secret\\net.pt"])
def test_of_a_path_only_the_name_is_told(model):
    data = provenance.png_bytes(PIXELS, {"model": model})
    assert provenance.read(data)["model"] == "net.pt" and b"ann" not in data


def test_a_name_of_any_bytes_can_be_told():
    told = provenance.read(provenance.png_bytes(PIXELS, {"style": os.fsdecode(b"\xff-ink")}))
    assert told["style"] == "?-ink"


def test_nothing_of_the_camera_survives():
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 15.0)})  # GPS latitude
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", exif=exif, comment=b"private-comment")
    assert b"SecretCamera" in file.getvalue()
    saved = provenance.png_bytes(images.load(file.getvalue()), TOLD)
    for secret in (b"SecretCamera", b"private-comment", b"Exif", b"eXIf", b"GPS"):
        assert secret not in beside_pixels(saved)


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "you may write to")],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, number, words):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match=words) as caught:
        provenance.save_png(path, PIXELS, TOLD)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for folder, words in (("nowhere", "does not exist"), ("file", "a part of it is a file")):
        with pytest.raises(OutputError, match=words):
            provenance.save_png(tmp_path / folder / "a.png", PIXELS, TOLD)


def test_reading_what_is_no_png(tmp_path):
    plain = images.encode_png(PIXELS)
    assert provenance.read(plain) == {"synthetic": False}
    jpeg = io.BytesIO()
    Image.fromarray(PIXELS).save(jpeg, "JPEG")
    for data in (jpeg.getvalue(), plain[:100], b"words"):
        with pytest.raises(ImageError):
            provenance.read(data)


def test_a_licence_is_never_cut():
    terms = "CC BY 4.0, " + "with attribution to everybody who is named here, " * 9
    data = provenance.png_bytes(np.zeros((8, 8, 3), np.uint8), {"licence": terms}, marked=False)
    assert provenance.read(data)["licence"] == " ".join(terms.split())
