"""The bundled styles: what their cards say of them is true, and they draw."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from facegen import Studio, images, models, weights
from facegen.cli.main import main
from facegen.face.detect import Detector
from facegen.face.landmarks import outer_eye_distance
from facegen.images import luma, to_tensor
from facegen.jobs.generate import generate
from facegen.jobs.job import Source
from facegen.options import GenerateOptions, InvertOptions, StyleOptions, VaryOptions
from facegen.output import provenance
from facegen.output.portrait import Portrait
from facegen.stylize import Stylizer

STYLES = {"cel": "any use, with attribution", "comic": "non-commercial use only"}
WEIGHTS = Path(__file__).parents[3] / "weights"


@pytest.fixture(scope="module", params=STYLES)
def style(request) -> Stylizer:
    return Stylizer(models.load_anime(request.param, torch.device("cpu")), request.param)


@pytest.fixture(scope="module")
def face(astronaut) -> np.ndarray:
    return images.resize(np.ascontiguousarray(astronaut[:256, 96:352]), 512)


@pytest.fixture(scope="module")
def drawn(style, face) -> np.ndarray:
    return style(face)


def test_small_enough(style):
    assert sum(p.numel() for p in style.network.parameters()) <= 2_000_000
    assert (WEIGHTS / f"anime-{style.name}.safetensors").stat().st_size <= 4_000_000


def test_all_bundled_files_together_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 48_000_000


def test_the_default_is_free_for_any_use():
    assert weights.find(StyleOptions.style).licence_meaning == STYLES[StyleOptions.style]
    assert "any use" in STYLES[StyleOptions.style]


def steps(pixels: np.ndarray) -> torch.Tensor:
    """How much lightness changes from pixel to pixel, 0 to 255."""
    light = luma(to_tensor(pixels))[0, 0] * 127.5
    return torch.hypot(light.diff(dim=1)[:-1], light.diff(dim=0)[:, :-1])


def test_planes_and_outlines(face, drawn):
    """More of the picture is flat than of the photo, and what is not has stronger edges."""
    photo, drawing = steps(face), steps(drawn)
    assert (drawing < 2).float().mean() > (photo < 2).float().mean() + 0.03
    assert (drawing > 20).float().mean() > (photo > 20).float().mean()


def test_the_card_has_the_numbers_of_the_file(style):
    with safe_open(WEIGHTS / f"anime-{style.name}.safetensors", "pt") as file:
        metadata = file.metadata()
    said = json.loads(metadata["metrics"])
    assert said["test_pairs"] >= 30
    card = (WEIGHTS / f"anime-{style.name}.md").read_text(encoding="utf-8")
    for name in ("l1", "l1_photo", "ssim", "ssim_photo"):
        digits = 4 if name.startswith("l1") else 3
        assert f" {said[name]:.{digits}f} " in card, f"the card lacks {name}"
    entry = weights.find(style.name)
    assert metadata["licence"] == entry.licence
    assert metadata["licence_meaning"] == entry.licence_meaning == STYLES[style.name]


@pytest.mark.parametrize("side", [128, 1024])
def test_a_face_stays_a_face(style, astronaut, side):
    """Eyes, mouth and outline where they were: the landmarks move by little."""
    crop = images.resize(np.ascontiguousarray(astronaut[:256, 96:352]), side)
    detector = Detector()
    before, after = (
        detector.landmarks_of_crop(p) for p in (crop, images.resize(style(crop), side))
    )
    assert before is not None and after is not None
    moved = np.linalg.norm(before.landmarks - after.landmarks, axis=1).mean()
    assert moved / outer_eye_distance(before.landmarks) < 0.06


@pytest.mark.parametrize("colour", [(128, 128, 128), (200, 60, 40), (20, 40, 90)])
def test_no_checkerboard_and_no_colour_at_the_border(style, colour):
    """A flat picture becomes a flat one: a bleeding border would show here. The cards own up to
    a faint grid of 4 pixels; stronger than this it would be seen at first glance."""
    flat = np.full((512, 512, 3), colour, np.uint8)
    drawn = style(flat).astype(float)
    inside = drawn[32:-32, 32:-32].mean(axis=(0, 1))
    assert abs(drawn - inside).max() <= 10
    assert abs(inside - colour).max() < 40, "a style shifts colours, it does not replace them"


def test_no_checkerboard_in_a_real_picture(face, drawn):
    """The finest frequencies, in which a checkerboard lives, hold no more than the photo's."""

    def finest(pixels):
        spectrum = np.abs(np.fft.fft2(pixels.mean(axis=2)))
        for period in (2, 4):
            k = pixels.shape[0] // period
            yield spectrum[k, k] + spectrum[0, k] + spectrum[k, 0]

    for made, before in zip(finest(drawn), finest(face), strict=True):
        assert made < 2 * before + 1000


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (63, 65), (257, 131)])
def test_odd_sizes(style, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    drawn = style(pixels)
    assert drawn.dtype == np.uint8 and max(drawn.shape[:2]) == max(512, *size)


def test_the_licence_is_said_in_the_card_the_registry_and_the_picture(style, tmp_path):
    card = (WEIGHTS / f"anime-{style.name}.md").read_text(encoding="utf-8")
    entry = weights.find(style.name)
    assert f"**Licence: {entry.licence}: {STYLES[style.name]}.**" in card
    pixels = np.zeros((64, 64, 3), np.uint8)
    facts = {"style": style.name, "style_licence": entry.licence_meaning}
    portrait = Portrait(pixels, 0, {}, style(pixels), style.name, facts)
    told = provenance.read(portrait.save(tmp_path)[1])
    assert told["style"] == style.name and told["style_licence"] == STYLES[style.name]


@pytest.mark.parametrize("name", STYLES)
def test_the_licence_from_the_command_line_to_the_picture_and_the_manifest(name, tmp_path):
    arguments = ["random", "--count", "1", "--model", "bundled", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--anime", name]) == 0
    told = provenance.read(tmp_path / "out" / "random-01-anime.png")
    assert (told["style"], told["style_licence"]) == (name, STYLES[name])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert STYLES[name] in json.dumps(manifest)
    assert "style_licence" not in provenance.read(tmp_path / "out" / "random-01.png")


@pytest.mark.parametrize("name", STYLES)
def test_the_licence_in_the_manifest_of_a_run_with_a_photo(name, astronaut, tmp_path):
    studio, out = Studio.load("bundled", "cpu"), tmp_path
    options = GenerateOptions(VaryOptions(count=1), InvertOptions(0), StyleOptions(name))
    *_, done = generate(studio, [Source(astronaut, "0" * 64)], out, options)
    written = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert written["style"] == {"name": name, "licence": STYLES[name]} == done.manifest["style"]
    told = provenance.read(out / "variant-01-anime.png")
    assert told["style_licence"] == STYLES[name]
