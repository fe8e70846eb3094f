"""Mixtures of two codes: by layers, along the arc, by region."""

from dataclasses import replace

import pytest
import torch
from miniature import INFO, generator

from facegen.errors import OptionError
from facegen.latent.codes import CodeStatistics
from facegen.latent.mix.crossover import Recipe, RegionMixer, along_arc, by_layers, mixture, recipes
from facegen.latent.mix.regions import REGIONS, RegionStyles, masks, measure, places_of
from facegen.models import FaceModel, Renderer
from facegen.options import MixOptions
from facegen.types import drained


@pytest.fixture(scope="module")
def model():
    return FaceModel(replace(INFO, resolution=512), generator(), None)


@pytest.fixture(scope="module")
def statistics(model):
    return CodeStatistics.of(model.sample_w(500))


@pytest.fixture(scope="module")
def codes(model):
    return [model.generator.broadcast(w[None]).clone() for w in model.sample_w(3)]


def spread_styles(model) -> RegionStyles:
    """Channel i belongs to region i modulo 5."""
    energy = torch.full((len(REGIONS), len(places_of(model))), 1e-6)
    channels = torch.arange(energy.shape[1])
    energy[channels % len(REGIONS), channels] = 1.0
    return RegionStyles(energy)


def test_layers_come_from_the_face_that_the_cut_says(codes):
    first, second, _ = codes
    sizes = [4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512]
    mixed = by_layers(first, second, sizes, 32)
    assert torch.equal(mixed[:, :5], first[:, :5]) and torch.equal(mixed[:, 5:], second[:, 5:])


def test_the_arc_keeps_its_distance_and_ends_at_both_faces(codes):
    mean = torch.zeros(16)
    first = codes[0] / codes[0].norm(dim=-1, keepdim=True)
    second = codes[1] / codes[1].norm(dim=-1, keepdim=True)
    assert torch.allclose(along_arc(first, second, mean, 0.0), first, atol=1e-6)
    assert torch.allclose(along_arc(first, second, mean, 1.0), second, atol=1e-6)
    middle = along_arc(first, second, mean, 0.5)
    assert torch.allclose(middle.norm(dim=-1), torch.ones(1, middle.shape[1]), atol=1e-5)
    assert torch.allclose(along_arc(first, first, mean, 0.3), first, atol=1e-6), "no angle at all"


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_beyond_the_faces_is_refused(codes, share):
    with pytest.raises(OptionError, match="share is"):
        along_arc(codes[0], codes[1], torch.zeros(16), share)


def test_two_models_are_refused(codes, model, statistics):
    other = torch.zeros(1, 8, 16)
    mixer = RegionMixer(model, statistics, spread_styles(model))
    for mixing in (
        lambda: by_layers(codes[0], other, [4] * 14, 8),
        lambda: along_arc(codes[0], other, torch.zeros(16), 0.5),
        lambda: mixer({name: other if name == "nose" else codes[0] for name in REGIONS}),
    ):
        with pytest.raises(OptionError, match="two models cannot be mixed"):
            mixing()


def test_all_regions_of_one_face_are_that_face(model, statistics, codes):
    mixer = RegionMixer(model, statistics, spread_styles(model))
    assert torch.allclose(mixer(dict.fromkeys(REGIONS, codes[0])), codes[0], atol=1e-4)


def test_a_region_brings_its_own_channels(model, statistics, codes):
    """As many channels as w has numbers: then each can have what its region's face has."""
    first, second, _ = codes
    styles = spread_styles(model)
    mixed = RegionMixer(model, statistics, styles)(
        {name: second if name == "mouth" else first for name in REGIONS}
    )
    layer, place = model.generator.style_layers[0]
    with torch.no_grad():
        a, b, c = (layer(one[:, place])[0] for one in (first, second, mixed))
    of_mouth = torch.arange(len(a)) % len(REGIONS) == REGIONS.index("mouth")
    nearer = (c - b).abs() < (c - a).abs()
    assert nearer[of_mouth].all() and not nearer[~of_mouth].any()


def test_masks_cover_everything_once():
    cover = masks(64)
    assert cover.shape == (len(REGIONS), 1, 64, 64)
    assert torch.allclose(cover.sum(dim=0), torch.ones(1, 64, 64)) and cover.min() >= 0
    nose = cover[REGIONS.index("nose"), 0]
    assert nose[37, 32] == 1 and nose[10, 32] == 0


def test_styles_are_measured_once_and_kept(model, statistics, monkeypatch):
    monkeypatch.setattr("facegen.latent.mix.regions.SAMPLES", 2)
    renderer = Renderer(model, torch.device("cpu"))
    found = drained(measure(model, statistics, renderer))
    places = places_of(model)
    assert found.energy.shape == (len(REGIONS), len(places)) and found.energy.isfinite().all()
    sums = found.energy[:, places == 1].sum(dim=1)
    assert torch.allclose(sums, torch.ones(len(REGIONS)), atol=1e-4)
    assert torch.allclose(found.shares().sum(dim=0), torch.ones(len(places)), atol=1e-5)
    told = []
    again = drained(measure(model, statistics, renderer), told.append)
    assert told == [] and torch.equal(again.energy, found.energy)


def test_the_arc_keeps_the_distance_from_the_mean_and_goes_evenly():
    mean = torch.zeros(2)
    a, b = torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[0.0, 3.0]]])
    for share in (0.25, 0.5, 0.75):
        found = along_arc(a, b, mean, share)[0, 0]
        assert float(found.norm()) == pytest.approx(3, abs=1e-5)
        angle = torch.atan2(found[1], found[0]).rad2deg()
        assert float(angle) == pytest.approx(90 * share, abs=0.01)


SIZES = (4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128, 128, 256, 256)


def test_the_board_goes_from_the_arc_to_layers_to_regions():
    board = recipes(SIZES, MixOptions(steps_between=3), regional=True)
    assert [one.value for one in board if one.row == "arc"] == [0.25, 0.5, 0.75]
    assert [one.value for one in board if one.row == "layers"] == [128, 64, 32, 16, 8]
    for row in ("regions-a", "regions-b"):
        assert [one.value for one in board if one.row == row] == list(REGIONS)
    flat = recipes(SIZES, MixOptions(steps_between=1), regional=False)
    assert {one.row for one in flat} == {"arc", "layers"}


@pytest.mark.parametrize("row", ["regions-a", "regions-b"])
def test_one_region_comes_from_the_other_face(row):
    first, second = torch.zeros(1, 2, 3), torch.ones(1, 2, 3)
    asked = {}

    def mixer(parts):
        asked.update(parts)
        return first

    mixture(Recipe(row, "nose"), first, second, torch.zeros(3), SIZES, mixer)
    base, other = (first, second) if row == "regions-a" else (second, first)
    assert {name for name, code in asked.items() if code is other} == {"nose"}
    assert all(code is base for name, code in asked.items() if name != "nose")
