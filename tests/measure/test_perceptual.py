import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from facegen import weights
from facegen.errors import WeightsError
from facegen.measure import perceptual
from facegen.weights import hub

WIDTHS = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]


@pytest.fixture(scope="module")
def vgg():
    """VGG16's convolutions with random weights, in the Hub file's key names."""
    torch.manual_seed(0)
    state, index, inputs = {}, 0, 3
    for width in WIDTHS:
        if width == "M":
            index += 1
            continue
        state[f"features.{index}.weight"] = torch.randn(width, inputs, 3, 3) / (9 * inputs) ** 0.5
        state[f"features.{index}.bias"] = torch.randn(width) * 0.1
        inputs, index = width, index + 2
    return state


def by_hand(vgg, a, b):
    """Equation 1 of the paper, word for word."""
    package = importlib.util.find_spec("lpips").submodule_search_locations[0]
    linear = torch.load(Path(package) / "weights/v0.1/vgg.pth", map_location="cpu")
    shift, scale = (torch.tensor(v)[:, None, None] for v in (perceptual.SHIFT, perceptual.SCALE))
    x, total, index, level = torch.stack([(a - shift) / scale, (b - shift) / scale]), 0, 0, 0
    for i, width in enumerate(WIDTHS):
        if width == "M":
            x, index = F.max_pool2d(x, 2), index + 1
            continue
        x = F.conv2d(x, vgg[f"features.{index}.weight"], vgg[f"features.{index}.bias"], padding=1)
        x, index = F.relu(x), index + 2
        if WIDTHS[i + 1] == "M":
            unit = F.normalize(x, dim=1, eps=1e-10)
            difference = (unit[0] - unit[1]).square()
            weight = linear[f"lin{level}.model.1.weight"]
            total = total + F.conv2d(difference[None], weight).mean()
            level += 1
    return total


@torch.no_grad()
def test_it_computes_the_published_distance(vgg):
    distance = perceptual.build_lpips(vgg, "vgg16")
    a, b = torch.rand(2, 3, 64, 64) * 2 - 1
    ours = distance(a[None], b[None])
    torch.testing.assert_close(ours.flatten()[0], by_hand(vgg, a, b), rtol=1e-4, atol=1e-6)
    assert float(distance(a[None], a[None])) == 0 and float(ours) > 0


def test_it_is_used_only_when_its_weights_are_at_hand(vgg, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "locate", lambda entry: None)
    assert perceptual.lpips_at_hand(torch.device("cpu")) is None
    path = tmp_path / "model.safetensors"
    save_file(vgg, path)
    monkeypatch.setattr(weights, "locate", lambda entry: path)
    monkeypatch.setattr(hub, "expected_sha256", lambda entry: "0" * 64)
    monkeypatch.setattr(weights, "fetch", lambda entry, progress: path)
    with pytest.raises(WeightsError, match="sha256"):  # another file than the publisher's
        perceptual.lpips_at_hand(torch.device("cpu"))
    right = weights.fingerprint(path).sha256
    monkeypatch.setattr(hub, "expected_sha256", lambda entry: right)
    distance = perceptual.lpips_at_hand(torch.device("cpu"))
    assert distance(*torch.rand(2, 3, 3, 64, 64)).shape == (3,)


def test_another_network_is_refused(vgg):
    with pytest.raises(WeightsError, match="not a VGG16"):
        perceptual.build_lpips(dict(list(vgg.items())[:4]), "other.safetensors")


def test_the_whole_is_seen_small_and_the_face_large():
    sizes = []

    def features(pictures):
        sizes.append(tuple(pictures.shape[-2:]))
        return [pictures]

    look = perceptual.views_of(features)
    whole, face = look(torch.rand(1, 3, 256, 256))
    assert sizes == [(128, 128), (192, 192)]
    assert (whole[0], face[0]) == (perceptual.WHOLE_WEIGHT, perceptual.FACE_WEIGHT)
    look(torch.rand(1, 3, 64, 64))
    assert sizes[2:] == [(64, 64), (48, 48)]
