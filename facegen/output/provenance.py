"""Provenance of saved pictures: that they are synthetic, and how they were made.

The one place where synthetic pictures become files. In the PNG: an XMP packet with IPTC's digital
source type (https://cv.iptc.org/newscodes/digitalsourcetype/), which photo software and platforms
read, text chunks for people, and a signed record (credentials.py). In the pixels: an invisible mark
(watermark.py), which remains when all that is gone. Only the facts named in FACTS can get in:
nothing about the reference photo (its name, path, EXIF, latent code) has a name there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from .. import images
from .._version import __version__
from ..errors import ImageError
from ..files import write_file
from . import watermark
from .mark_code import PICTURE_BITS, Payload

NAME = "Facegen"  # the program, as every file names it, its version after it
TRAINED_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
DESCRIPTION = "Drawn by a generative model; this is not a photograph."

# Everything that a picture may tell of how it was made.
FACTS = frozenset({
    "facegen", "model", "licence", "seed", "strength", "keep", "steps", "truncation_psi",
    "noise_mode", "mix", "restored", "edit", "persona", "like", "style", "style_licence", "blend",
    "code",  # see latent/codes.py
    "front",  # the code of the same person, seen from the front
})  # fmt: skip

CODES = frozenset({"code", "front"})  # of FACTS, those for programs
CHILD = "child of two faces"  # the fact "mix" of one

_PREFIX = "facegen:"  # keeps our keywords apart from those that the PNG specification defines

# XMP specification, part 1; IPTC Photo Metadata Standard, "Digital Source Type".
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="{software}"
    Iptc4xmpExt:DigitalSourceType="{source_type}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
_SOURCE_TYPE = re.compile(r"DigitalSourceType\s*(?:=\s*[\"']|>\s*)([^\"'<\s]+)")


def xmp_packet(software: str, source_type: str) -> str:
    """Make an XMP packet with IPTC's digital source type, TRAINED_MEDIA or COMPOSITE."""
    return _XMP.format(software=software, source_type=source_type)


def png_bytes(
    pixels: np.ndarray,
    facts: Mapping[str, object],
    *,
    synthetic: bool = True,
    marked: bool = True,
    alpha: np.ndarray | None = None,
) -> bytes:
    """Encode a picture, uint8 [H, W, 3], as a PNG file that says what it is.

    facts: of FACTS; None values are left out. synthetic=False is for a piece of the user's own
    photo: only the program's version is written. alpha: uint8 [H, W], of a cut-out. marked=False
    leaves out the invisible mark and the signature. The pixels of the file follow from the picture
    and from whose key signs; the signature is another one each time. Raises ValueError for a fact
    that is not in FACTS, OutputError."""
    if unknown := set(facts) - FACTS:
        raise ValueError(f"{sorted(unknown)}: no facts that a picture may tell; see FACTS")
    software = f"{NAME} {__version__}"
    if not synthetic:
        return images.encode_png(pixels, {"Software": software})
    text = {"Software": software, "Description": DESCRIPTION}
    text |= {
        _PREFIX + name: _as_text(name, value) for name, value in facts.items() if value is not None
    }
    xmp = xmp_packet(software, TRAINED_MEDIA)
    if not marked:
        return images.encode_png(pixels, text, xmp)

    return _signed(pixels, alpha, "PNG", lambda pixels: images.encode_png(pixels, text, xmp))


def webp_bytes(pixels: np.ndarray, alpha: np.ndarray | None = None) -> bytes:
    """Encode a picture, uint8 [H, W, 3], as a WebP file that says that it is synthetic.

    It is marked and signed as `png_bytes` are, but has no room for facts. alpha: uint8 [H, W], of a
    cut-out. Raises OutputError."""
    xmp = xmp_packet(f"{NAME} {__version__}", TRAINED_MEDIA)
    return _signed(pixels, alpha, "WEBP", lambda pixels: images.encode_webp(pixels, xmp))


def _signed(
    pixels: np.ndarray, alpha: np.ndarray | None, kind: str, encode: Callable[[np.ndarray], bytes]
) -> bytes:
    from . import credentials, installation  # the library works without the extra "marks"

    payload = payload_of(pixels, installation.mark_number())
    if payload:
        pixels = watermark.embed(pixels, payload)
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    return credentials.sign(encode(pixels), Image.MIME[kind], installation.current(), payload)


def payload_of(pixels: np.ndarray, number: int) -> Payload | None:
    """Make the payload of a picture's invisible mark.

    The installation's number, and one derived from the pixels before they are marked. None for a
    picture that is too small for a mark."""
    if min(pixels.shape[:2]) < watermark.MIN_SIDE:
        return None
    digest = hashlib.sha256(pixels.tobytes()).digest()
    return Payload(number, int.from_bytes(digest[:4], "big") >> 32 - PICTURE_BITS)


def jpeg_bytes(pixels: np.ndarray, source_type: str = COMPOSITE) -> bytes:
    """Encode a sheet of a photo and synthetic pictures, or a preview (TRAINED_MEDIA), as JPEG.

    Signed as what it is; a sheet has no invisible mark, for the photo is in it. Raises OutputError.
    """
    from . import credentials, installation

    software, signer = f"{NAME} {__version__}", installation.current()
    payload = (
        payload_of(pixels, installation.mark_number()) if source_type == TRAINED_MEDIA else None
    )
    if payload:
        pixels = watermark.embed(pixels, payload)
    data = images.encode_jpeg(pixels, xmp_packet(software, source_type))
    return credentials.sign(data, "image/jpeg", signer, payload, source_type == COMPOSITE)


def save_png(
    path: str | Path,
    pixels: np.ndarray,
    facts: Mapping[str, object],
    *,
    synthetic: bool = True,
    marked: bool = True,
    alpha: np.ndarray | None = None,
) -> None:
    """Write `png_bytes` to a file, all of it or nothing. Raises OutputError."""
    data = png_bytes(pixels, facts, synthetic=synthetic, marked=marked, alpha=alpha)
    write_file(path, data)


def read(source: str | Path | bytes) -> dict[str, str | bool]:
    """Read what a PNG says about itself: "synthetic" (bool), "software", and the facts as text.

    Raises ImageError if it is not a PNG."""
    text = images.png_text(source)
    told: dict[str, str | bool] = {
        "synthetic": source_type(text.get(images.XMP_KEY, "")) == TRAINED_MEDIA
    }
    if "Software" in text:
        told["software"] = text["Software"]
    return told | facts_of(text)


def facts_in(data: bytes) -> dict[str, str | bool]:
    """Read what a picture of ours says about itself; empty for any other file."""
    try:
        told = read(data)
    except ImageError:
        return {}
    return told if str(told.get("software", "")).startswith(NAME) else {}


def source_type(xmp: str) -> str | None:
    """Find IPTC's digital source type in an XMP packet."""
    found = _SOURCE_TYPE.search(xmp)
    return found.group(1) if found else None


def facts_of(text: Mapping[str, str]) -> dict[str, str]:
    """Select the facts in a PNG's text chunks."""
    return {name: text[_PREFIX + name] for name in FACTS if _PREFIX + name in text}


def _as_text(name: str, value: object) -> str:
    """Format a fact's value as one line of text; of what looks like a path only the name."""
    known = str(value).encode("utf-8", "replace").decode()  # a file's name may have any bytes
    text = " ".join(known.split())
    if name in CODES:
        return text
    if name.endswith("licence"):  # whole, or it would allow what it does not
        return text[:500]
    return re.split(r"[\\/]", text[:200])[-1]
