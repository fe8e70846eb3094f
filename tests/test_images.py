"""Every file a user may offer becomes the picture they expect, or one clear ImageError."""

import io
import struct
import sys
import warnings
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from facegen import images
from facegen.errors import ImageError

HEIGHT, WIDTH = 40, 56


def ramp() -> np.ndarray:
    """A picture whose four corners, axes and channels can be told apart."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green = x * 255 / (WIDTH - 1), y * 255 / (HEIGHT - 1)
    return np.stack([red, green, np.full_like(red, 90)], axis=2).round().astype(np.uint8)


RAMP = ramp()
GREY = RAMP[:, :, 0]
LEFT_HALF = np.arange(WIDTH) < WIDTH // 2


def encode(picture, kind: str, **options) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes, **extra) -> bytes:
    """A PNG put together by hand; extra: chunks before the data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    middle = b"".join(chunk(name.encode(), data) for name, data in extra.items())
    body = chunk(b"IHDR", header) + middle + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def png16(values: np.ndarray, colour_type: int, **extra) -> bytes:
    """A PNG of 16 bits a channel, uint16 [H, W, C]."""
    rows = values.astype(">u2").reshape(len(values), -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    return png(values.shape[1], values.shape[0], 16, colour_type, data, **extra)


def assert_close(pixels, expected, tolerance=1):
    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= tolerance


# --- what is read ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "JPEG", "WEBP"])
def test_formats(kind):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    pixels = images.load(encode(RAMP, kind, **options.get(kind, {})))
    assert_close(pixels, RAMP, {"JPEG": 4, "GIF": 60}.get(kind, 0))


def test_path_file_and_bytes_are_the_same(tmp_path):
    data = encode(RAMP, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    for source in (path, str(path), data, io.BytesIO(data)):
        assert (images.load(source) == RAMP).all()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_keeps_its_colours(kind):
    """Adobe's JPEGs hold inverted CMYK; taken literally, they are negatives."""
    options = {"quality": 100} if kind == "JPEG" else {}
    pixels = images.load(encode(Image.fromarray(RAMP).convert("CMYK"), kind, **options))
    assert_close(pixels, RAMP, 12)


def test_16_bits_are_scaled_not_clipped():
    deep = RAMP.astype(np.uint16) * 257
    assert_close(images.load(png16(deep, 2)), RAMP)
    assert_close(images.load(png16(deep[:, :, :1], 0)), np.repeat(GREY[:, :, None], 3, 2))
    tiff = images.load(encode(deep[:, :, 0], "TIFF"))
    assert_close(tiff, np.repeat(GREY[:, :, None], 3, 2))


def test_float_tiff_is_scaled_or_refused():
    unit = (GREY / 255).astype(np.float32)
    assert_close(images.load(encode(unit, "TIFF")), np.repeat(GREY[:, :, None], 3, 2))
    for bad in (unit * 1e6, unit - 1, np.where(unit > 0.5, np.nan, unit)):
        with pytest.raises(ImageError):
            images.load(encode(bad.astype(np.float32), "TIFF"))


ALPHA = np.where(LEFT_HALF, 0, 255).astype(np.uint8)[None].repeat(HEIGHT, 0)
DEEP_ALPHA = np.dstack([RAMP, ALPHA]).astype(np.uint16) * 257
HIDING = {
    "RGBA": encode(np.dstack([RAMP, ALPHA]), "PNG"),
    "RGBA WebP": encode(np.dstack([RAMP, ALPHA]), "WEBP", lossless=True),
    "RGBA TIFF": encode(np.dstack([RAMP, ALPHA]), "TIFF"),
    "RGBA 16 bit": png16(DEEP_ALPHA, 6),
    "LA": encode(Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), "PNG"),
    "LA 16 bit": png16(DEEP_ALPHA[:, :, [0, 3]], 4),
}


@pytest.mark.parametrize("name", HIDING)
def test_transparency_is_white(name):
    pixels = images.load(HIDING[name])
    assert (pixels[:, LEFT_HALF] == 255).all()
    expected = RAMP if "RGB" in name else np.repeat(GREY[:, :, None], 3, 2)
    assert_close(pixels[:, ~LEFT_HALF], expected[:, ~LEFT_HALF])


KEY = np.array([200, 30, 40], np.uint8)
KEYED = np.where(LEFT_HALF[None, :, None], KEY, RAMP // 2).astype(np.uint8)
KEYED16 = KEYED.astype(np.uint16) * 256 + 17
KEY16 = struct.pack(">HHH", *(int(value) * 256 + 17 for value in KEY))
COLOUR_KEYS = {
    "RGB": encode(KEYED, "PNG", transparency=tuple(int(value) for value in KEY)),
    "RGB 16 bit": png16(KEYED16, 2, tRNS=KEY16),
    "L": encode(KEYED[:, :, 0], "PNG", transparency=200),
    "L 16 bit": png16(KEYED16[:, :, :1], 0, tRNS=KEY16[:2]),
    "1": encode(Image.fromarray(KEYED[:, :, 0]).point(lambda v: 255 * (v > 150), "1"), "PNG",
                transparency=1),
}  # fmt: skip


@pytest.mark.parametrize("name", COLOUR_KEYS)
def test_a_transparent_colour_is_white(name):
    pixels = images.load(COLOUR_KEYS[name])
    assert (pixels[:, LEFT_HALF] == 255).all() and (pixels[:, ~LEFT_HALF] < 130).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_with_transparency(kind):
    palette = Image.fromarray(KEYED).quantize(32)
    hidden = int(np.array(palette)[0, 0])
    pixels = images.load(encode(palette, kind, transparency=hidden))
    assert (pixels[:, LEFT_HALF] == 255).all() and (pixels[:, ~LEFT_HALF] < 160).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_many(kind):
    frames = [Image.new("RGB", (64, 64), (shade,) * 3) for shade in (10, 200, 90)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert_close(images.load(data), np.full((64, 64, 3), 10), 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_frames_are_counted(kind):
    frames = [Image.new("RGB", (64, 64), (shade,) * 3) for shade in (10, 200, 90)]
    assert images.frames(encode(frames[0], kind)) == 1
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert images.frames(data) == 3


def test_a_second_picture_of_a_camera_is_no_frame():
    data = encode(RAMP, "MPO", save_all=True, append_images=[Image.fromarray(RAMP)])
    assert images.metadata(data)[0] == "MPO" and images.frames(data) == 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_how_opaque_each_pixel_is(kind):
    opacity = np.full((HEIGHT, WIDTH), 255, np.uint8)
    opacity[:, : WIDTH // 2] = 0
    shown = Image.fromarray(np.dstack([RAMP, opacity]))
    assert np.array_equal(images.alpha(encode(shown, kind)), opacity)
    assert images.alpha(encode(RAMP, kind)) is None


def test_alpha_is_turned_with_the_photo():
    opacity = np.full((HEIGHT, WIDTH), 255, np.uint8)
    opacity[:9] = 7
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(np.dstack([RAMP, opacity]), "PNG", exif=exif)
    assert np.array_equal(images.alpha(data), np.rot90(opacity, -1))


@pytest.mark.skipif("AVIF" not in images.FORMATS, reason="this Pillow reads no AVIF")
def test_avif_is_read():
    assert_close(images.load(encode(RAMP, "AVIF", quality=95)), RAMP, 12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_picture_is_known_by_its_first_bytes(kind):
    assert images.looks_like_a_picture(encode(RAMP, kind)[:16])


@pytest.mark.parametrize("head", [b"", b"words", b"%PDF-1.7", b"RIFF\0\0\0\0WAVEfmt ",
                                  b"\0\0\0\x18ftypmp42\0\0\0\0"])  # fmt: skip
def test_what_is_none_is_known_too(head):
    assert not images.looks_like_a_picture(head) and images.kind_in_words(head)


TURNED = {
    1: RAMP,
    2: RAMP[:, ::-1],
    3: RAMP[::-1, ::-1],
    4: RAMP[::-1],
    5: RAMP.transpose(1, 0, 2),
    6: np.rot90(RAMP, -1),
    7: RAMP[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(RAMP),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation(kind, orientation):
    """The eight orientations of EXIF 2.32, tag 0x0112."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    data = encode(RAMP, kind, exif=exif, **options.get(kind, {}))
    assert_close(images.load(data), TURNED[orientation], 4)


def test_a_broken_exif_block_is_ignored(recwarn):
    data = encode(RAMP, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert (images.load(data) == RAMP).all() and not recwarn


def matrix_profile(gamma: float, called: bytes = b"gamma") -> bytes:
    """A display profile (ICC.1:2001-04) with sRGB's primaries and a plain gamma."""

    def fixed(value):
        return struct.pack(">i", round(value * 65536))

    def xyz(*values):
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = called + b"\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {
        b"desc": name + bytes(-len(name) % 4),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4360, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7139),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, data, offset = b"", b"", 132 + 12 * len(tags)
    for key, value in tags.items():
        table += key + struct.pack(">II", offset + len(data), len(value))
        data += value
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    return header + bytes(128 - len(header)) + body


def test_a_colour_profile_is_applied():
    """Linear light 0.5 is 188 in sRGB (IEC 61966-2-1), whatever the profile calls itself."""
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for name in (b"gamma", b"GIMP built-in Linear sRGB", b"sRGB IEC61966-2.1"):
        profile = matrix_profile(1.0, name)
        assert_close(images.load(encode(grey, "PNG", icc_profile=profile)), grey + 60, 2)


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        matrix_profile(1.0)[:200],
        b"no profile at all",
    ],
    ids=["sRGB", "of another kind", "cut short", "rubbish"],
)
def test_a_useless_profile_changes_nothing(profile):
    assert_close(images.load(encode(RAMP, "PNG", icc_profile=profile)), RAMP, 0)


# --- what is refused -------------------------------------------------------------------

NO_PICTURES = {
    "empty": (b"", "0 bytes"),
    "text": (b"not a picture, just words", "a text file"),
    "svg": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "html": (b"<!DOCTYPE html><html><body>Quota exceeded</body></html>", "a web page"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", "a text file"),
    "rubbish": (bytes(range(256)), "unknown"),
    "truncated JPEG": (encode(np.tile(RAMP, (9, 9, 1)), "JPEG")[:-900], "damaged"),
    "truncated PNG": (encode(RAMP, "PNG")[:-60], "damaged"),
    "header only": (encode(RAMP, "TIFF")[:20], "TIFF"),
    "small": (encode(RAMP[:20, :50], "PNG"), "50 x 20"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_named(name):
    data, words = NO_PICTURES[name]
    with pytest.raises(ImageError, match=words) as caught:
        images.load(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("side", [7100, 12_000, 20_000])
def test_bombs_are_refused_before_decoding(side):
    """A few bytes that ask for up to 400 megapixels; 89 is where Pillow begins to warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError, match=f"{side**2 / 1e6:.0f} megapixels; the limit is 50"):
            images.load(png(side, side, 1, 0, bytes(1000)))


def test_a_bomb_is_not_decoded_for_its_metadata():
    with pytest.raises(ImageError, match="50 megapixels; the limit is 50"):
        images.metadata(png(7100, 7100, 1, 0, bytes(1000)))


def test_a_heic_bomb_is_not_decoded(monkeypatch):
    """With pillow-heif, which only some have: its header alone is asked for."""
    photo = SimpleNamespace(size=(8000, 8000), to_pillow=lambda: pytest.fail("it was decoded"))
    there = SimpleNamespace(open_heif=lambda *_, **__: photo)
    monkeypatch.setitem(sys.modules, "pillow_heif", there)
    monkeypatch.setattr(images, "find_spec", lambda name: name)
    with pytest.raises(ImageError, match="64 megapixels; the limit is 50"):
        images.load(b"\0\0\0\x18ftypheic" + bytes(100))


def test_the_smallest_and_the_longest_that_are_read(monkeypatch):
    data = encode(RAMP[:32, :32], "PNG")
    monkeypatch.setattr(images, "MAX_FILE_BYTES", len(data))
    assert images.load(data).shape == (32, 32, 3)


def test_files_that_are_missing_or_too_long(tmp_path, monkeypatch):
    for path in (tmp_path / "nothing.png", tmp_path):
        with pytest.raises(ImageError, match="check the path"):
            images.load(path)
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 2**20)
    for source in (bytes(2**20 + 1), io.BytesIO(bytes(2**20 + 1))):
        with pytest.raises(ImageError, match="more than 1 MB"):
            images.load(source)


class Endless:
    """A stream without an end; whoever asks for all of it would wait for ever."""

    def __init__(self):
        self.given = 0

    def read(self, size=-1):
        assert size >= 0, "all of it was asked for"
        self.given += size
        return bytes(size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("by_path", [False, True])
def test_no_more_of_a_stream_is_read_than_a_picture_may_have(monkeypatch, by_path):
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 2**20)
    stream = Endless()
    monkeypatch.setattr(images, "open", lambda *_: stream, raising=False)
    with pytest.raises(ImageError, match="more than 1 MB"):
        images.load("/dev/zero" if by_path else stream)
    assert stream.given <= 2**20 + 1


def test_opacity_has_a_limit_of_its_own():
    picture = Image.new("RGBA", (50, 40))
    picture.paste((9, 9, 9, 77), (0, 0, 10, 20))
    found = images.alpha(encode(picture, "PNG"), most=2000)
    assert found.shape == (40, 50) and found.dtype == np.uint8
    assert (found[:20, :10] == 77).all() and found.sum() == 77 * 200
    with pytest.raises(ImageError, match="0 megapixels; the limit is 0"):
        images.alpha(encode(picture, "PNG"), most=1999)


SEEDS = [
    encode(RAMP, "PNG"),
    encode(RAMP, "JPEG"),
    encode(RAMP, "GIF"),
    encode(RAMP, "WEBP"),
    encode(RAMP, "TIFF"),
    encode(RAMP, "BMP"),
    encode(Image.fromarray(KEYED).quantize(32), "PNG", transparency=3),
    png16(DEEP_ALPHA, 6),
]


@given(st.sampled_from(SEEDS), st.data())
def test_mutated_bytes_end_in_pixels_or_our_error(data, draw):
    position = draw.draw(st.integers(0, min(len(data), 400) - 1))
    replacement = draw.draw(st.binary(min_size=1, max_size=6))
    cut = draw.draw(st.one_of(st.just(len(data)), st.integers(0, len(data))))
    mutated = (data[:position] + replacement + data[position + len(replacement) :])[:cut]
    try:
        pixels = images.load(mutated)
    except ImageError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3


# --- arrays ----------------------------------------------------------------------------


def test_tensor_and_back_is_exact():
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    tensor = images.to_tensor([pixels, pixels[::-1]])
    assert tensor.shape == (2, 3, 16, 16) and tensor.dtype == torch.float32
    assert tensor.is_contiguous() and tensor.min() == -1 and tensor.max() == 1
    back = images.to_pixels(tensor)
    assert (back[0] == pixels).all() and (back[1] == pixels[::-1]).all()


def test_to_pixels_clamps_and_rounds():
    values = torch.tensor([-9.0, -1.0, 0.6 / 127.5 - 1, 1.4 / 127.5 - 1, 1.0, 9.0])
    pixels = images.to_pixels(values.expand(1, 3, 1, 6))
    assert pixels[0, 0, :, 0].tolist() == [0, 0, 1, 1, 255, 255]


def test_resize_does_not_alias():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    small = images.resize(stripes, 50)
    assert small.shape == (50, 50, 3) and np.abs(small[:, 2:-2].astype(int) - 127.5).max() < 8
    assert images.resize(RAMP, (10, 20)).shape == (10, 20, 3)
