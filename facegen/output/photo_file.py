"""Files of whole photos with new faces, in the format of the source.

The file says that it is a composite: XMP and the signed record have IPTC's
compositeWithTrainedAlgorithmicMedia. The invisible mark lies where the photo was changed and
nowhere else, so that the rest stays the photographer's own, and only if it can be read there: a
small face has no room for it.
"""

from __future__ import annotations

import io
from numbers import Number
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from .. import images
from .._version import __version__
from ..errors import ImageError
from . import credentials, installation, watermark
from .provenance import COMPOSITE, NAME, payload_of, xmp_packet

DESCRIPTION = "Faces in this photo were replaced by faces of people who do not exist."
KINDS = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}
WITH_ALPHA = ("PNG", "WEBP")
QUALITY = 95  # of JPEG and WebP
_PHOTO_IFD = int(ExifTags.IFD.Exif)
# What may stay of EXIF (2.32, CIPA DC-008): how and when the photo was taken and with what kind of
# camera. All else goes: place and time zone, names, comments, serial numbers, thumbnails, maker's
# notes, what editing programs and raw converters left (Photoshop's resources, IPTC, XMP, DNG); and
# what is no longer true, for photos are read upright and in sRGB.
_MAY_STAY = {
    "Make", "Model", "DateTime",
    "ExposureTime", "FNumber", "ExposureProgram", "ISOSpeedRatings", "SensitivityType",
    "StandardOutputSensitivity", "RecommendedExposureIndex", "ISOSpeed", "ExifVersion",
    "DateTimeOriginal", "DateTimeDigitized", "SubsecTime", "SubsecTimeOriginal",
    "SubsecTimeDigitized", "ShutterSpeedValue", "ApertureValue", "BrightnessValue",
    "ExposureBiasValue", "MaxApertureValue", "SubjectDistance", "MeteringMode", "LightSource",
    "Flash", "FocalLength", "SensingMethod", "FileSource", "SceneType", "CustomRendered",
    "ExposureMode", "WhiteBalance", "DigitalZoomRatio", "FocalLengthIn35mmFilm",
    "SceneCaptureType", "GainControl", "Contrast", "Saturation", "Sharpness",
    "SubjectDistanceRange", "LensSpecification", "LensMake", "LensModel",
}  # fmt: skip
_MOST_LETTERS, _MOST_NUMBERS, _MOST_BYTES = 64, 4, 4  # of a value: nothing hides in one


def kind_of(data: bytes) -> str:
    """Choose the format to write, of KINDS: the source's, or PNG where that cannot be signed.

    Raises ImageError."""
    kind, _, _ = images.metadata(data)
    kind = "JPEG" if kind == "MPO" else kind  # a JPEG with a second picture behind it
    return kind if kind in KINDS else "PNG"


def made_from(
    source: bytes,
    pixels: np.ndarray,
    changed: np.ndarray,
    keep_exif: bool = False,
    kind: str | None = None,
) -> bytes:
    """Write a new photo, uint8 [H, W, 3], in its source's format, or as `kind`, of KINDS.

    source: the file that it was made from, whose transparency stays where the kind has one.
    changed: as in photo_bytes. keep_exif: keep facts of the camera. Raises ImageError, OutputError.
    """
    kind = kind or kind_of(source)
    exif = camera_exif(source) if keep_exif else None
    alpha = images.alpha(source) if kind in WITH_ALPHA else None
    return photo_bytes(pixels, changed, kind, exif, alpha)


def photo_bytes(
    pixels: np.ndarray,
    changed: np.ndarray,
    kind: str,
    exif: bytes | None = None,
    alpha: np.ndarray | None = None,
) -> bytes:
    """Encode the file of a photo, uint8 [H, W, 3].

    changed: bool [H, W], where it is no longer the photo. kind: of KINDS. exif: see camera_exif.
    alpha: uint8 [H, W], see images.alpha; pixels are then over white. As PNG all that is not
    changed has the photo's values; JPEG and WebP lose a little everywhere. Raises OutputError."""
    signer = installation.current()
    payload = payload_of(pixels, installation.mark_number()) if changed.any() else None
    if payload:
        marked = np.where(changed[..., None], watermark.embed(pixels, payload), pixels)
        if watermark.read(marked, thorough=False) == payload:
            pixels = marked
        else:  # a mark that nobody could read would only be named in the record
            payload = None
    software = f"{NAME} {__version__}"
    xmp = xmp_packet(software, COMPOSITE)
    if alpha is not None:
        pixels = _see_through(pixels, alpha)
    data = _encoded(pixels, kind, xmp, software, exif)
    return credentials.sign(data, Image.MIME[kind], signer, payload, composite=True)


def _encoded(pixels: np.ndarray, kind: str, xmp: str, software: str, exif: bytes | None) -> bytes:
    if kind == "JPEG":
        data = images.encode_jpeg(pixels, xmp, QUALITY)
        if exif is None:
            return data
        # Exif 2.3, 4.7.2: an APP1 segment after the file's first marker.
        return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    if kind == "WEBP":
        return images.encode_webp(pixels, xmp, QUALITY, exif or b"")
    told = {"Software": software, "Description": DESCRIPTION}
    return images.encode_png(pixels, told, xmp, exif or b"")


def _see_through(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Take the white out of pixels that lie over white: uint8 [H, W, 4].

    shown = a c + (1 - a) 255. White where nothing is shown, so that no hidden colour is written.
    """
    a = np.maximum(alpha, 1)[..., None] / np.float32(255)
    colours = np.clip(np.rint((pixels - (1 - a) * 255) / a), 0, 255)
    colours[alpha == 0] = 255
    return np.concatenate([colours.astype(np.uint8), alpha[..., None]], axis=2)


def camera_exif(source: str | Path | bytes) -> bytes | None:
    """Read the facts of the camera from a file: what is in _MAY_STAY and nothing else.

    None where there is nothing. Raises ImageError.
    """
    data = images.read_file(source)
    try:
        with Image.open(io.BytesIO(data), formats=images.FORMATS) as picture:
            exif = picture.getexif()
            kept = Image.Exif()
            camera = {tag: value for tag, value in exif.items() if _may_stay(tag, value)}
            kept.update(camera)
            photo = exif.get_ifd(_PHOTO_IFD).items()
            told = {tag: value for tag, value in photo if _may_stay(tag, value)}
            if told:
                kept.get_ifd(_PHOTO_IFD).update(told)
            return kept.tobytes() if camera or told else None
    except Exception as error:  # hostile metadata raise whatever they like
        raise ImageError(
            f"its EXIF cannot be read ({type(error).__name__}); leave --keep-exif out"
        ) from error


def _may_stay(tag: int, value: object) -> bool:
    if ExifTags.TAGS.get(tag) not in _MAY_STAY:
        return False
    if isinstance(value, (str, bytes)):
        return len(value) <= (_MOST_LETTERS if isinstance(value, str) else _MOST_BYTES)
    numbers = value if isinstance(value, tuple) else (value,)
    return len(numbers) <= _MOST_NUMBERS and all(isinstance(n, Number) for n in numbers)
