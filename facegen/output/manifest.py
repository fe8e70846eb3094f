"""manifest.json: the settings and results of a run, beside its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import write_file
from ..measure.identity import calibration
from ..options import GenerateOptions, StyleOptions
from ..options.background import in_words
from ..types import AlignedFace, IdentityDistance, Inversion, SelectionReport, Variant

if TYPE_CHECKING:
    from ..models import ModelInfo
    from .portrait import Portrait

MANIFEST = "manifest.json"  # what a run says about itself, beside its pictures


def without_photo(manifest: Mapping) -> dict:
    """Remove all that comes from the photo, alone or among others."""
    nothing = {"sha256": None, "marks": None}
    told = dict(manifest)
    if told.get("reference"):
        told["reference"] = {**told["reference"], **nothing}
    if told.get("references"):
        told["references"] = [{**one, **nothing} for one in told["references"]]
    return told


def write_manifest(folder: Path, manifest: dict) -> dict:
    """Write it into a run's folder, and return it. Raises OutputError."""
    write_file(folder / MANIFEST, as_bytes(manifest))
    return manifest


def as_bytes(manifest: Mapping) -> bytes:
    """Encode the manifest's file."""
    return (json.dumps(manifest, indent=2) + "\n").encode()


def face_entry(portrait: Portrait, paths: Sequence[Path]) -> dict:
    """Make a random face's entry. paths: what Portrait.save returned."""
    return {
        "file": paths[0].name,
        "anime_file": paths[1].name if len(paths) > 1 else None,
        "seed": portrait.seed,
    }


def model_entry(info: ModelInfo) -> dict:
    return {"name": info.name, "resolution": info.resolution, "licence": info.terms}


def inversion_entry(inversion: Inversion) -> dict:
    return {
        "seconds": round(inversion.seconds, 4),
        "steps": inversion.steps,
        "distance": round(inversion.distance, 4),
    }


def drawn_entry(style: StyleOptions | None, licence: str | None) -> dict | None:
    """Make the entry of the drawings' style and licence; None without drawings."""
    return {"name": style.style, "licence": licence} if style else None


def style_entry(style: StyleOptions | None) -> dict:
    return {"style": style and style.style, "blend": style and style.blend}


def reference_entry(sha256: str, aligned: AlignedFace, marks: Mapping | None = None) -> dict:
    """Make the reference's entry, the only trace of a photo.

    Its file's hash, which of its faces it was, and which marks of origin it carries (see
    check.marks_entry; None for none)."""
    return {
        "sha256": sha256,
        "faces_found": aligned.faces_found,
        "face": aligned.face,
        "marks": marks,
    }


def options_entry(options: GenerateOptions, steps: int) -> dict:
    """Make the entry of a run's options: with the photo, all that is needed to reproduce it."""
    told = {name: one for name, one in vars(options).items() if not is_dataclass(one)}
    told |= {"keep": list(options.vary.keep), "steps": steps}
    told["background"] = in_words(options.background)
    return {**asdict(options.vary), **told, **style_entry(options.style)}


def report_entry(report: SelectionReport) -> dict:
    """Make the entry of the selection report."""
    return {
        "asked": report.asked,
        "made": report.made,
        "different": report.different,
        "seeds_tried": report.tried,
        "passed_over": dict(report.passed_over),
        "last_resorts": None,
        "changed": report.changed,
        "search_judge": None,
        "alike_pairs": report.alike_pairs,
        "unreached": None,
        "unseen": list(report.unseen),
        "moved": report.moved,
        "in_words": report.in_words(),
    }


def identity_entry(identity: Mapping[str, IdentityDistance]) -> dict:
    """Make the entry of each recogniser's distance."""
    return {
        name: {
            "distance": round(found.distance, 4),
            "threshold": found.threshold,
            "same_person": found.same_person,
        }
        for name, found in identity.items()
    }


def between_entry(report: SelectionReport) -> dict:
    """Make the entry of each recogniser's distances between the variants."""
    return {
        name: [[value if value is None else round(value, 4) for value in row] for row in rows]
        for name, rows in report.between.items()
    }


def variant_entry(variant: Variant, path: Path, files: Mapping[str, Path], resolution: int) -> dict:
    """Make a variant's entry. files: its drawing and overlay, see Picture.files."""
    moved, read = variant.structure, variant.dial
    return {
        "file": path.name,
        "anime_file": files["anime"].name if "anime" in files else None,
        "overlay_file": files["overlay"].name if "overlay" in files else None,
        "seed": variant.seed,
        "identity": {
            name: entry
            | {"in_words": calibration.words_of(name, resolution, variant.identity[name].distance)}
            for name, entry in identity_entry(variant.identity).items()
        },
        "structure": moved
        and {
            "landmark_nme": round(moved.landmark_nme, 4),
            "yaw_delta": round(moved.yaw_delta, 2),
            "pitch_delta": round(moved.pitch_delta, 2),
            "roll_delta": round(moved.roll_delta, 2),
            "mouth_delta": round(moved.mouth_delta, 4),
            "smile_delta": round(moved.smile_delta, 4),
            "eyes_delta": round(moved.eyes_delta, 4),
        },
        "attributes": {
            name: {
                "reference": round(shift.reference, 1),
                "variant": round(shift.variant, 1),
                "kept": shift.kept,
            }
            for name, shift in variant.attributes.items()
        },
        "dial": read
        and {
            "judge": None,
            "amount": round(read.amount, 4),
            "target": None,
            "distance": None,
            "strength": round(read.strength, 4),
            "reached": read.reached,
        },
    }
