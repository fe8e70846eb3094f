"""Content Credentials (C2PA): a signed record in a picture's file that a model drew it.

The record says that the picture was created by a trained model, that it may not be used for
training, and which invisible mark belongs to it. It has no thumbnail and no ingredient: those would
carry a reference photo into the file. C2PA specification 2.x, https://spec.c2pa.org/.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import images
from .._version import __version__
from ..errors import MissingExtraError, OptionError, OutputError
from .installation import Installation
from .mark_code import PAYLOAD_BITS, VERSION, Payload

try:
    import c2pa
    from c2pa import C2paBuilderIntent, C2paDigitalSourceType
except ModuleNotFoundError as error:
    raise MissingExtraError("marks", error.name) from error

GENERATOR = "Facegen"
SOFT_BINDING = f"facegen.mark.{VERSION}"  # the name of our mark; C2PA's list does not have it
MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}

_LOCAL = {
    # No thumbnails; nothing is asked for anywhere: neither a manifest, nor revocations.
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
}
_NOT_ALLOWED = {
    f"cawg.{use}": {"use": "notAllowed"}
    for use in ("ai_generative_training", "ai_inference", "ai_training", "data_mining")
}
_SHOWN = 120  # characters of what a stranger's file says


@dataclass(frozen=True)
class Credentials:
    """A file's record.

    intact: the record and the picture are as they were signed. ours: by the key of this
    installation. signer: who claims to have signed. generator: the program it names.
    created_by_model: it says that a trained model created the picture, from nothing else. mark: the
    invisible mark that belongs to the picture, None if it names none. time_stamped: an authority
    states the time. problems: C2PA's codes, where it is not intact."""

    intact: bool
    ours: bool
    signer: str
    generator: str
    created_by_model: bool
    mark: str | None
    time_stamped: bool
    problems: tuple[str, ...]


class DamagedError(Exception):
    """A record, or a piece of one, that cannot be read."""


def sign(
    data: bytes,
    mime: str,
    installation: Installation,
    payload: Payload | None = None,
    composite: bool = False,
) -> bytes:
    """Put a signed record into a file. mime: of MIME.

    payload: the invisible mark that is in its pixels. composite: a photo is among what it shows.
    Raises OutputError."""
    source = (
        C2paDigitalSourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
        if composite
        else C2paDigitalSourceType.TRAINED_ALGORITHMIC_MEDIA
    )
    out = io.BytesIO()
    try:
        with (
            contextlib.closing(_signer(installation)) as signer,
            contextlib.closing(c2pa.Context.from_dict(_LOCAL)) as context,
            contextlib.closing(c2pa.Builder.from_json(_record(payload), context)) as builder,
        ):
            builder.set_intent(C2paBuilderIntent.CREATE, source)
            builder.sign(signer, mime, io.BytesIO(data), out)
    except c2pa.C2paError as error:
        raise OutputError(
            f"the picture cannot be signed ({_line(error)}); look at the certificate and its key"
        ) from error
    return out.getvalue()


def check_signer(installation: Installation) -> None:
    """Sign something small. Raises OptionError where this pair cannot."""
    try:
        data = images.encode_png(np.zeros((8, 8, 3), np.uint8))
        found = read(sign(data, "image/png", installation), "image/png", installation)
    except (OutputError, DamagedError) as error:
        raise OptionError(f"c2pa-cert and c2pa-key cannot sign: {_line(error)}") from error
    if found is None or not found.intact:
        problems = ", ".join(found.problems) if found else "no record"
        raise OptionError(
            f"what c2pa-cert and c2pa-key sign does not hold ({problems}); C2PA asks for a "
            "certificate with digitalSignature and a purpose such as emailProtection, in its time"
        )


def read(data: bytes, mime: str, installation: Installation | None) -> Credentials | None:
    """Read a file's record, None where there is none. installation: the one to call ours.

    Raises DamagedError."""
    settings: dict[str, Any] = dict(_LOCAL)
    if installation:
        settings["trust"] = {"trust_anchors": installation.anchor}
    try:
        with contextlib.closing(c2pa.Context.from_dict(settings)) as context:
            reader = c2pa.Reader.try_create(mime, io.BytesIO(data), context=context)
            if reader is None:
                return None
            with contextlib.closing(reader):
                told = json.loads(reader.json())
                state = reader.get_validation_state()
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        raise DamagedError(_line(error)) from error
    manifest = told.get("manifests", {}).get(told.get("active_manifest"))
    if not isinstance(manifest, dict):
        raise DamagedError("the record names no manifest that is there")
    return _credentials_of(manifest, told, state, installation)


def _credentials_of(
    manifest: dict, told: dict, state: str | None, installation: Installation | None
) -> Credentials:
    signature = manifest.get("signature_info") or {}
    intact = state in ("Valid", "Trusted")
    serial = str(signature.get("cert_serial_number"))
    codes = [str(status.get("code")) for status in told.get("validation_status") or []]
    name = signature.get("common_name") or signature.get("issuer") or "somebody without a name"
    generators = manifest.get("claim_generator_info") or [{}]
    return Credentials(
        intact=intact,
        # Trusted: the certificates lead to our own root, and no other can be made under it.
        ours=intact
        and state == "Trusted"
        and installation is not None
        and serial == installation.serial,
        signer=_line(name),
        generator=_line(generators[0].get("name") or "a program without a name"),
        created_by_model=_created_by_model(manifest),
        mark=_mark(manifest),
        time_stamped=bool(signature.get("time")),
        problems=tuple(_line(code) for code in codes if code != "signingCredential.untrusted"),
    )


def _record(payload: Payload | None) -> dict:
    assertions: list[dict] = [{"label": "cawg.training-mining", "data": {"entries": _NOT_ALLOWED}}]
    if payload is not None:
        value = base64.b64encode(payload.number.to_bytes(PAYLOAD_BITS // 8, "big")).decode()
        binding = {"alg": SOFT_BINDING, "blocks": [{"scope": {}, "value": value}]}
        assertions.append({"label": "c2pa.soft-binding", "data": binding})
    generator = {"name": GENERATOR, "version": __version__}
    return {"claim_generator_info": [generator], "assertions": assertions}


def _signer(installation: Installation) -> c2pa.Signer:
    return c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(
            installation.algorithm,
            installation.chain.encode(),
            installation.key.encode(),
            None,  # no time stamp: that would ask a server
        )
    )


def _assertions(manifest: dict, label: str) -> list[dict]:
    found = [
        entry.get("data")
        for entry in manifest.get("assertions") or []
        if str(entry.get("label")).split("__")[0] in (label, f"{label}.v2")
    ]
    return [data for data in found if isinstance(data, dict)]


def _created_by_model(manifest: dict) -> bool:
    actions = [
        action
        for data in _assertions(manifest, "c2pa.actions")
        for action in data.get("actions") or []
        if isinstance(action, dict)
    ]
    return not manifest.get("ingredients") and any(
        action.get("action") == "c2pa.created"
        and str(action.get("digitalSourceType")).endswith("/trainedAlgorithmicMedia")
        for action in actions
    )


def _mark(manifest: dict) -> str | None:
    """Return the mark that the record names, in the form of Payload.hex."""
    for data in _assertions(manifest, "c2pa.soft-binding"):
        with contextlib.suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
            if data.get("alg") == SOFT_BINDING:
                return base64.b64decode(data["blocks"][0]["value"], validate=True).hex()[:24]
    return None


def _line(said: object) -> str:
    """Shorten to one line without control characters."""
    text = "".join(c if c.isprintable() else " " for c in str(said))
    return " ".join(text.split())[:_SHOWN]
