"""Checkpoints: the registry, reading without running, refusing by name."""

import json
import pickle
from dataclasses import replace

import golden
import pytest
import torch
from safetensors.torch import save_file

from facegen import Studio, models, runtime, weights
from facegen.errors import OptionError, WeightsError
from facegen.networks.encoder import Encoder, EncoderConfig

CPU = torch.device("cpu")


def community(tmp_path, **changes):
    """A 64-pixel community checkpoint, golden-filled."""
    state = golden.state_dict("stylegan2_rosinality_64")
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    for entry in golden.load("stylegan2_rosinality_64")[1]:
        if entry["fill"] is None:
            state[entry["key"]] = torch.outer(taps, taps) / 16
    path = tmp_path / "any name at all.bin"
    torch.save({"g_ema": state | changes, "latent_avg": torch.zeros(512)}, path)
    return path


def test_registry_names_are_unique_and_complete():
    names = [entry.name for entry in weights.REGISTRY]
    assert len(names) == len(set(names))
    for entry in weights.REGISTRY:
        assert entry.licence and entry.licence_meaning and entry.origin
    with pytest.raises(WeightsError, match=r"'nonsense'.*bundled"):
        weights.find("nonsense")


def test_bundled_weights_are_there_small_and_described():
    total = 0
    for entry in weights.REGISTRY:
        if entry.bundled:
            path = weights.locate(entry)
            assert path, f"{entry.file} is missing"
            assert path.with_suffix(".md").is_file(), f"{entry.file} has no card"
            _, metadata = weights.read(path)
            assert metadata["licence"] and metadata["training_data"]
            total += path.stat().st_size
    assert total < 40e6


def test_our_format_survives_a_round_trip(tiny_model, tmp_path):
    generator = tiny_model.generator
    encoder = Encoder(EncoderConfig(32, generator.config.num_ws, 16, 512, 16, hidden=32))
    path = tmp_path / "own.safetensors"
    facts = {"licence": "CC0", "licence_meaning": "any use", "training_data": "nothing"}
    models.save_face_model(path, generator, encoder, facts)
    studio = Studio.load(str(path), "cpu")
    assert studio.info.licence == "CC0" and studio.resolution == 32
    z = runtime.seeded_normal((1, 16), 0)
    ours, original = studio.model.generator(z), generator(z)
    assert (ours - original).abs().max() < 0.02 * original.abs().max()  # half precision


def test_a_community_checkpoint_loads_whatever_its_name(tmp_path):
    studio = Studio.load(str(community(tmp_path)), "cpu")
    assert studio.resolution == 64 and studio.model.encode is None
    _, _, arrays = golden.load("stylegan2_rosinality_64")
    ours = studio.synthesize(torch.from_numpy(arrays["ws_plus"]))
    assert golden.relative_error(ours, arrays["image_ws_plus"]) < 1e-5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"style.1.bias": torch.zeros(511)}, "shape"),
        ({"style.1.bias": torch.full((512,), float("nan"))}, "not finite"),
        ({"surplus.weight": torch.zeros(1)}, "surplus.weight"),
    ],
)
def test_one_wrong_tensor_is_refused_by_name(tmp_path, changes, words):
    with pytest.raises(WeightsError, match=words):
        Studio.load(str(community(tmp_path, **changes)), "cpu")


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch owned",)


def hostile(tmp_path):
    html = b"<!DOCTYPE html><html><body>Quota exceeded</body></html>"
    good = tmp_path / "good.safetensors"
    save_file({"x": torch.zeros(1000)}, good)
    evil = tmp_path / "evil.pt"
    torch.save({"g_ema": Evil()}, evil)
    return {
        "web page": html,
        "empty": b"",
        "neither": b"hello world, this is text",
        "bare pickle": pickle.dumps({"g_ema": Evil()}),
        "damaged": good.read_bytes()[:500],
        "safely": evil.read_bytes(),
        "no face generator": good.read_bytes(),
    }


@pytest.mark.parametrize(
    "words",
    ["web page", "empty", "neither", "bare pickle", "damaged", "safely", "no face generator"],
)
def test_hostile_files_are_refused_and_run_nothing(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    path.write_bytes(hostile(tmp_path)[words])
    with pytest.raises(WeightsError, match=words) as caught:
        Studio.load(str(path), "cpu")
    assert "model.pt" in str(caught.value) and not (tmp_path / "owned").exists()


def test_a_folder_or_nothing_is_no_checkpoint(tmp_path):
    for path in (tmp_path, tmp_path / "absent.pt"):
        with pytest.raises(WeightsError, match="no checkpoint file"):
            models.load_face_model(str(path), CPU)


def test_a_config_that_lies_is_refused(tmp_path, tiny_model):
    path = tmp_path / "lie.safetensors"
    for generator in (
        {"resolution": 33},
        {"resolution": "64"},
        {"resolution": 2**15},
        {"resolution": 64, "w_dim": 2**40},
        {"resolution": 64, "w_dim": -1},
        {"resolution": 64, "nonsense": 1},
    ):
        config = {"generator": generator, "encoder": {}}
        metadata = {"format": "facegen", "network": "face", "config": json.dumps(config)}
        weights.write(path, {"x": torch.zeros(1)}, metadata)
        with pytest.raises(WeightsError, match=r"lie\.safetensors"):
            Studio.load(str(path), "cpu")


@pytest.mark.parametrize(
    "content",
    [
        {"g_ema": torch.zeros(3)},
        {"g_ema": {1: torch.zeros(1)}},
        {"g_ema": {"style.1.weight": 5}},
        {"g_ema": {"convs.99999999999999999999.conv.weight": torch.zeros(1)}},
        {"state_dict": {}, "latent_avg": 5},
    ],
)
def test_malformed_contents_are_refused_in_our_words(tmp_path, content):
    path = tmp_path / "odd.pt"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"odd\.pt"):
        Studio.load(str(path), "cpu")


def test_a_tensor_that_pretends_to_be_large_is_refused(tmp_path):
    huge = torch.zeros(1).expand(512, 512)
    with pytest.raises(WeightsError, match="pretends"):
        Studio.load(str(community(tmp_path, **{"style.1.weight": huge})), "cpu")


def test_a_folder_of_a_models_name_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auto").mkdir()
    (tmp_path / "bundled").mkdir()
    assert Studio.load("auto", "cpu").info.name == Studio.load("bundled", "cpu").info.name


def test_offline_fetch_says_what_was_tried(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"ffhq-1024 could not be fetched.*--model bundled"):
        weights.fetch(weights.find("ffhq-1024"))


def test_trust_on_first_use_notices_a_changed_file(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    path = tmp_path / "weights.bin"
    path.write_bytes(b"first")
    entry = weights.find("ffhq-1024")
    weights._verify(entry, path)
    weights._verify(entry, path)
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match="sha256"):
        weights._verify(entry, path)


def test_a_stated_sha256_is_checked(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"anything")
    entry = replace(weights.find("ffhq-1024"), sha256="0" * 64)
    with pytest.raises(WeightsError, match="sha256"):
        weights._verify(entry, path)


def test_devices_are_checked():
    with pytest.raises(OptionError, match="'tpu'"):
        runtime.choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="no CUDA device"):
            runtime.choose_device("cuda")


def test_seeded_numbers_differ_in_every_key():
    drawn = {
        float(runtime.seeded_normal((1,), *keys))
        for keys in [(1, 2), (2, 1), (1,), (2,), (0, 0), (0,)]
    }
    assert len(drawn) == 6
    assert torch.equal(runtime.seeded_normal((3,), 5), runtime.seeded_normal((3,), 5))
