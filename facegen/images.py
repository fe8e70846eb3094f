"""Pictures in, pictures out: the only place that decodes, scales values and encodes.

Conventions
    pixels  uint8 [H, W, 3], sRGB
    images  float32 [N, 3, H, W], RGB; -1 is black, 1 is white: value = pixel / 127.5 - 1

Whatever the file, `load` gives what a person expects to see: the first frame, turned as the camera
says (EXIF), in sRGB (an embedded colour profile is applied), transparency over white. Nothing else
of the file survives: metadata ends here.
"""

from __future__ import annotations

import contextlib
import io
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError, features

from .errors import ImageError

if TYPE_CHECKING:  # it takes seconds to import, which a wrong file's name should not wait for
    import torch

MAX_PIXELS = 50_000_000
MAX_FILE_BYTES = 64 * 1024 * 1024
MIN_SIDE = 32
_STRIP = 256  # rows that are copied at once

_AVIF = ("AVIF",) if find_spec("PIL.AvifImagePlugin") and features.check("avif") else ()
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *_AVIF)
READABLE = f"JPEG, PNG, WebP, GIF, BMP{', TIFF or AVIF' if _AVIF else ' or TIFF'}"
# by which a folder's pictures are known; what each file is, its bytes say
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif",
    ".heic", ".heif", ".avif",
)  # fmt: skip
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis")  # ISO/IEC 23008-12
_SAME_COLOUR = 2  # of 255: a profile that moves no colour by more is sRGB
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"RIFF": "WebP",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
LUMA = (0.299, 0.587, 0.114)  # of R, G and B (ITU-R BT.601)
XMP_KEY = "XML:com.adobe.xmp"  # where PNG keeps XMP (XMP specification, part 3)

# What Pillow warns of belongs in an error or nowhere, and Python's warning filters belong to the
# whole process: one thread decodes at a time.
_decoding_lock = threading.Lock()


# --- decoding --------------------------------------------------------------------------


def load(source: str | Path | bytes | IO[bytes]) -> np.ndarray:
    """Read a picture file into pixels, uint8 [H, W, 3].

    source: a path, the file's bytes, or an open binary file. Raises ImageError if it is not a
    readable picture, damaged, or outside the limits; the limits are checked on the header, before
    anything is decoded."""
    data = read_file(source)
    with _decoding(), _open(data) as image:
        _check_size(*image.size)
        image.load()
        white = _white_level(image)
        image = _turn(image)
        if image.mode[0] in "IF":
            return _flatten_deep(image, white)
        return _array(_to_srgb(_opaque(image)))


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    """Silence Pillow's warnings and turn whatever it raises into ImageError.

    Damaged or hostile bytes may raise anything (OSError, SyntaxError, ValueError, struct.error,
    MemoryError, ...); to the user it is all the same: a broken file."""
    with _decoding_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except ImageError:
            raise
        except Exception as error:
            raise ImageError(
                f"the picture is damaged or incomplete ({_one_line(error)}); "
                "open it in a picture viewer and save it again as JPEG or PNG"
            ) from error


def read_file(source: str | Path | bytes | IO[bytes]) -> bytes:
    """Read a file's bytes, for those who need them beside the pixels (a checksum).

    Raises ImageError if it cannot be read, is empty, or has more than MAX_FILE_BYTES."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, Path)):
        try:
            with open(source, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or _one_line(error)
            raise ImageError(f"cannot read {str(source)!r} ({reason}); check the path") from error
    else:
        data = source.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 2**20
        raise ImageError(f"the file has more than {limit} MB, the limit; save a smaller copy")
    if not data:
        raise ImageError("the file is empty (0 bytes); choose another picture")
    return data


def _open(data: bytes) -> Image.Image:
    """Parse the header. Only the formats named here are ever tried."""
    if looks_like_a_picture(data) and data[4:8] == b"ftyp" and b"avif" not in data[8:64]:
        return _open_heic(data)
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        (count,) = re.findall(r"(\d+) pixels\)", str(error)) or [str(Image.MAX_IMAGE_PIXELS)]
        raise ImageError(
            f"the picture has {int(count) / 1e6:.0f} megapixels; "
            f"the limit is {MAX_PIXELS // 10**6}: save a smaller copy"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"this is {_guess(data)}, not a picture that can be read; "
            f"save it as {READABLE} and try again"
        ) from error


def _open_heic(data: bytes) -> Image.Image:
    if find_spec("pillow_heif") is None:
        raise ImageError(
            "this is a HEIC photo and pillow-heif is not installed; "
            "run `pip install pillow-heif` or save the photo as JPEG"
        )
    import pillow_heif

    photo = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    _check_size(*photo.size)
    return photo.to_pillow()  # already turned: HEIC keeps its orientation outside EXIF


def looks_like_a_picture(head: bytes) -> bool:
    """Tell by a file's first 16 bytes whether it is of a kind that can be a picture."""
    if head[4:8] == b"ftyp":
        return head[8:12] in _BRANDS
    if head[:4] == b"RIFF":
        return head[8:12] == b"WEBP"
    return any(head.startswith(magic) for magic in _MAGIC)


def kind_in_words(head: bytes) -> str:
    """Say what a file that is not a picture seems to be, by its first bytes."""
    return _guess(head) if head else "an empty file"


def frames(source: str | Path | bytes) -> int:
    """Count the frames of an animation, or the pages of a TIFF, of which `load` takes the first.

    The second picture of a camera's JPEG (a gain map, the other eye's view) is not a frame; returns
    1 where the others are damaged."""
    with contextlib.suppress(ImageError), _decoding(), _open(read_file(source)) as image:
        return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    return 1


def alpha(source: str | Path | bytes, most: int = MAX_PIXELS) -> np.ndarray | None:
    """Read how opaque each pixel is, uint8 [H, W], turned as `load` does; None if all are.

    most: pixels, at most MAX_PIXELS. Raises ImageError as `load` does.
    """
    with _decoding(), _open(read_file(source)) as image:
        _check_size(*image.size, most)
        image.load()
        if image.mode[0] in "IF" or not (image.has_transparency_data or image.mode == "RGBa"):
            return None
        image = _turn(image)
        shown = image.convert("LA") if image.mode == "La" else image.convert("RGBA")
        opacity = np.array(shown.getchannel("A"))
    return None if (opacity == 255).all() else opacity


def _guess(data: bytes) -> str:
    """Guess what a file that is not a readable picture is, for the message."""
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            return f"a damaged {name} or one of an unusual kind"
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in head:
        return "an SVG drawing"
    if head.startswith(b"<!doctype html") or b"<html" in head:
        return "a web page"
    if head.startswith(b"%pdf"):
        return "a PDF document"
    if data[4:8] == b"ftyp":
        return "a video" if _AVIF else "a video or an AVIF picture"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in data[:256]):
        return "a text file"
    return "an unknown kind of file"


def _check_size(width: int, height: int, most: int = MAX_PIXELS) -> None:
    """Raise ImageError unless both sides and the product are within the limits."""
    if width * height > most:
        raise ImageError(
            f"the picture has {width} x {height} = {width * height / 1e6:.0f} megapixels; "
            f"the limit is {most // 10**6}: save a smaller copy"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"the picture has {width} x {height} pixels; each side needs at least {MIN_SIDE}: "
            "use a larger one"
        )


def _turn(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; a damaged EXIF block is no reason to refuse a photo."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)  # a copy of 50 megapixels is 200 MB
    return image


def _opaque(image: Image.Image) -> Image.Image:
    """Put transparency over white, so that no hidden colour ever shows."""
    if image.mode == "La":  # premultiplied grey; Pillow converts it to LA and nothing else
        image = image.convert("LA")
    if not (image.has_transparency_data or image.mode == "RGBa"):
        return image
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # The key colour of a 16-bit file, of which Pillow keeps the high bytes only.
        image.info["transparency"] = tuple(value >> 8 for value in key)
    image = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    canvas.info["icc_profile"] = image.info.get("icc_profile")
    return canvas


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to RGB, through the embedded colour profile where there is a usable one."""
    if image.mode in ("LAB", "HSV"):
        raise ImageError(f"the picture is in {image.mode} colours; save it as RGB")
    profile = image.info.get("icc_profile")
    if image.mode == "P":
        image = image.convert("RGB")
    if profile and image.mode in ("L", "RGB", "CMYK"):
        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if image.mode != "RGB" or not _is_srgb(embedded):
                image = _converted(image, embedded)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile, or one for another kind of picture: do without
    return image if image.mode == "RGB" else image.convert("RGB")


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    return ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
    ) or image  # fmt: skip


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Test a profile by its effect on colours, not by its name: "linear sRGB" is another one."""
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    after = np.asarray(_converted(Image.fromarray(colours), profile))
    return bool(np.abs(after.astype(int) - colours).max() <= _SAME_COLOUR)


def _array(image: Image.Image) -> np.ndarray:
    """Copy the pixels of an RGB image in strips: NumPy alone would hold everything three times."""
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels


def _white_level(image: Image.Image) -> float | None:
    """Return the white level of a grey picture of more than 8 bits; None where unknown."""
    if image.mode.startswith("I;") or (image.mode == "I" and image.format == "PNG"):
        bits = getattr(image, "tag_v2", {}).get(258, (16,))[0]  # TIFF BitsPerSample: 12 or 16
        return 2.0**bits - 1
    return None


def _flatten_deep(image: Image.Image, white: float | None) -> np.ndarray:
    """Scale 16-bit, 32-bit and float greys to 8 bits, never clipped."""
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise ImageError("the picture contains NaN or infinity; save it as 8-bit RGB")
    if white is None:
        low, high = float(values.min()), float(values.max())
        white = next((top for top in (1.0, 255.0, 65535.0) if high <= top), None)
        if white is None or low < 0:
            raise ImageError(
                f"the picture's values run from {low:g} to {high:g}; of 32-bit pictures only "
                "0 to 1, 255 or 65535 are understood: save it as 8-bit RGB"
            )
    grey = np.rint(np.minimum(values * (255.0 / white), 255)).astype(np.uint8)
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey[values == key] = 255
    return np.repeat(grey[:, :, None], 3, axis=2)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


# --- arrays ----------------------------------------------------------------------------


def to_tensor(pixels: np.ndarray | Sequence[np.ndarray]) -> torch.Tensor:
    """Convert pixels [H, W, 3], [N, H, W, 3] or a list to images [N, 3, H, W] in [-1, 1]."""
    batch = np.stack(pixels) if isinstance(pixels, (list, tuple)) else np.asarray(pixels)
    if batch.ndim == 3:
        batch = batch[None]
    assert batch.ndim == 4 and batch.shape[3] == 3 and batch.dtype == np.uint8, (
        f"pixels are uint8 [H, W, 3], not {batch.dtype} {batch.shape}"
    )
    import torch

    # A copy: torch must not write into somebody's (perhaps read-only) pixels.
    planes = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)).astype(np.float32)
    return torch.from_numpy(planes).div_(127.5).sub_(1)


def to_pixels(images: torch.Tensor) -> np.ndarray:
    """Convert images [N, 3, H, W] to pixels, uint8 [N, H, W, 3]: clamped to [-1, 1] and rounded.

    The inverse of `to_tensor`, exact for all 256 values. Only bytes leave the device."""
    import torch

    assert images.ndim == 4 and images.shape[1] == 3, f"images are NCHW, not {images.shape}"
    bytes_ = images.detach().float().add(1).mul(127.5).clamp(0, 255).round().to(torch.uint8)
    return bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def luma(images: torch.Tensor) -> torch.Tensor:
    """Compute the luma of images [N, 3, R, R], [N, 1, R, R], on the same scale."""
    return (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def resize(pixels: np.ndarray, size: int | tuple[int, ...]) -> np.ndarray:
    """Resize pixels to (height, width), or one number for a square.

    Lanczos with its support widened when shrinking: no aliasing."""
    height, width = (size, size) if isinstance(size, int) else size
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels)
    # reducing_gap: first by a whole factor with a box, ten times as fast on a large photo and
    # not to be told from the plain filter.
    resized = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.array(resized)


def square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Cut out the middle of a picture as a square, uint8 [size, size, 3]."""
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return resize(np.ascontiguousarray(pixels[top : top + side, left : left + side]), size)


def within(pixels: np.ndarray, longest: int) -> np.ndarray:
    """Shrink pixels so that neither side is longer than that; smaller ones stay as they are."""
    height, width = pixels.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))


# --- encoding --------------------------------------------------------------------------


def encode_png(
    pixels: np.ndarray,
    text: Mapping[str, str] | None = None,
    xmp: str | None = None,
    exif: bytes = b"",
) -> bytes:
    """Encode pixels as a PNG with text chunks (Latin-1 keywords) and an XMP packet."""
    chunks = PngImagePlugin.PngInfo()
    if xmp:
        chunks.add_itxt(XMP_KEY, xmp)
    for keyword, value in (text or {}).items():
        chunks.add_text(keyword, value)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", pnginfo=chunks, exif=exif)
    return file.getvalue()


def encode_webp(pixels: np.ndarray, xmp: str, quality: int = 95, exif: bytes = b"") -> bytes:
    """Encode pixels, uint8 [H, W, 3 or 4], as a WebP with an XMP packet."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", quality=quality, xmp=xmp.encode(), exif=exif)
    return file.getvalue()


def encode_jpeg(pixels: np.ndarray, xmp: str, quality: int = 90) -> bytes:
    """Encode pixels as a JPEG with an XMP packet.

    XMP specification, part 3: an APP1 segment after the file's first marker."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=quality)
    data = file.getvalue()
    packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()
    return data[:2] + b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet + data[2:]


def metadata(source: str | Path | bytes) -> tuple[str, dict[str, str], str | None]:
    """Read a file's format as Pillow names it, the text chunks of a PNG, and its XMP packet.

    All of it may be forged. Raises ImageError, also for metadata that are unreasonably large."""
    data = read_file(source)
    with _decoding(), _open(data) as image:
        _check_size(*image.size)
        text = getattr(image, "text", {})  # of a PNG: reads what stands behind the pixels, too
        told = {str(key): str(value) for key, value in text.items()} if text else {}
        packet = image.info.get("xmp") or told.pop(XMP_KEY, None)
        if isinstance(packet, bytes):
            packet = packet.decode("utf-8", "replace")
        return str(image.format), told, packet and str(packet)


def png_text(source: str | Path | bytes) -> dict[str, str]:
    """Read the text chunks of a PNG, the XMP packet under XMP_KEY. Raises ImageError."""
    data = read_file(source)
    with _decoding(), _open(data) as image:
        if image.format != "PNG":
            raise ImageError(f"the picture is a {image.format}; only a PNG has text chunks")
        return {str(key): str(value) for key, value in getattr(image, "text", {}).items()}


def grid(pictures: Sequence[np.ndarray], columns: int, gap: int = 2, background: int = 255) -> Any:
    """Arrange pictures of one size, uint8 [H, W, 3], row by row: pixels uint8 [*, *, 3].

    gap: pixels between and around them, in the background's grey."""
    assert len(pictures), "a sheet needs a picture"
    height, width = pictures[0].shape[:2]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, 3)
    sheet = np.full(shape, background, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet
