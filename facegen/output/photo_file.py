"""A whole photo with new faces in it, as a file of the kind that came in.

It says that it is a composite: XMP and the signed record have IPTC's
compositeWithTrainedAlgorithmicMedia. The invisible mark lies where the photo was changed and
nowhere else, so that the rest stays the photographer's own; on a small face it cannot be read.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from .. import images
from .._version import __version__
from ..errors import ImageError
from . import credentials, installation, watermark
from .provenance import COMPOSITE, NAME, payload_of, xmp_packet

DESCRIPTION = "Faces in this photo were replaced by faces of people who do not exist."
KINDS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
QUALITY = 95  # of JPEG and WebP
_PHOTO_IFD, _PLACE_IFD = int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo)
_MAKER_NOTE, _INTEROP_IFD = int(ExifTags.IFD.MakerNote), int(ExifTags.IFD.Interop)
# Upright and in sRGB is how photos are read, so what the file said of that is no longer true.
_NO_LONGER_TRUE = {int(ExifTags.Base.Orientation), int(ExifTags.Base.XMLPacket)}


def kind_of(data: bytes) -> str:
    """What a photo is written as, of KINDS: as what it came, or as PNG where that is no photo
    format that can be signed. Raises ImageError."""
    kind, _, _ = images.metadata(data)
    return kind if kind in KINDS else "PNG"


def photo_bytes(
    pixels: np.ndarray, changed: np.ndarray, kind: str, exif: bytes | None = None
) -> bytes:
    """The file of a photo, uint8 [H, W, 3].

    changed: bool [H, W], where it is no longer the photo. kind: of KINDS. exif: see camera_exif.
    As PNG all that is not changed has the photo's values; JPEG and WebP lose a little everywhere.
    Raises OutputError.
    """
    signer = installation.current()
    payload = payload_of(pixels, installation.mark_number()) if changed.any() else None
    if payload:
        marked = watermark.embed(pixels, payload)
        pixels = np.where(changed[..., None], marked, pixels)
    software = f"{NAME} {__version__}"
    xmp = xmp_packet(software, COMPOSITE)
    data = _encoded(pixels, kind, xmp, software, exif)
    return credentials.sign(data, Image.MIME[kind], signer, payload, composite=True)


def _encoded(pixels: np.ndarray, kind: str, xmp: str, software: str, exif: bytes | None) -> bytes:
    if kind == "JPEG":
        data = images.encode_jpeg(pixels, xmp, QUALITY)
        if exif is None:
            return data
        # Exif 2.3, 4.7.2: an APP1 segment after the file's first marker.
        return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    file, picture = io.BytesIO(), Image.fromarray(pixels)
    if kind == "WEBP":
        picture.save(file, "WEBP", quality=QUALITY, xmp=xmp.encode(), exif=exif or b"")
    else:
        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt(images.XMP_KEY, xmp)
        chunks.add_text("Software", software)
        chunks.add_text("Description", DESCRIPTION)
        picture.save(file, "PNG", pnginfo=chunks, exif=exif or b"")
    return file.getvalue()


def camera_exif(source: str | Path | bytes) -> bytes | None:
    """What the camera wrote into a file, without what tells too much: the place, the thumbnail
    (it shows the old face) and the maker's own notes. None where there is nothing, or more than a
    JPEG has room for. Raises ImageError."""
    data = images.read_file(source)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            exif = picture.getexif()
            photo = exif.get_ifd(_PHOTO_IFD)
            kept = Image.Exif()
            for tag, value in exif.items():
                if tag not in {_PHOTO_IFD, _PLACE_IFD, *_NO_LONGER_TRUE}:
                    kept[tag] = value
            told = {k: v for k, v in photo.items() if k not in (_MAKER_NOTE, _INTEROP_IFD)}
            if told:
                kept.get_ifd(_PHOTO_IFD).update(told)
            packed = kept.tobytes() if kept or told else b""
    except Exception as error:  # hostile metadata raise whatever they like
        raise ImageError(
            f"its EXIF cannot be read ({type(error).__name__}); leave --keep-exif out"
        ) from error
    return packed if 0 < len(packed) < 2**16 - 2 else None
