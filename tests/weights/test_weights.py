"""Checkpoints: the registry, reading without running, refusing by name."""

import copy
import hashlib
import json
import os
import pickle
import warnings
import zipfile

import checkpoint_files
import golden
import pytest
import torch
from safetensors.torch import save_file

from facegen import Studio, models, runtime, weights
from facegen.errors import OptionError, OutputError, WeightsError
from facegen.measure.identity import calibration
from facegen.models import loading
from facegen.networks import animegan
from facegen.networks.encoder import Encoder, EncoderConfig
from facegen.weights import formats

CPU = torch.device("cpu")


def load(path):
    return Studio.load(str(path), "cpu")


# --- the registry ------------------------------------------------------------------------


def test_registry_names_are_unique_and_complete():
    names = [entry.name for entry in weights.REGISTRY]
    assert len(names) == len(set(names))
    for entry in weights.REGISTRY:
        assert entry.licence and entry.licence_meaning and entry.origin
        assert entry.contains and entry.inputs
        assert bool(entry.file) == entry.bundled
        assert not (entry.sources and entry.package)
        for source in entry.sources:
            assert source.sha256 is None or len(source.sha256) == 64
            assert source.revision is None or len(source.revision) == 40
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


def test_what_is_at_hand_stands_first(monkeypatch):
    monkeypatch.setattr(weights, "at_hand", lambda entry: entry.name == "ffhq-512")
    infos = models.available()
    assert infos[0].name == "ffhq-512" and infos[0].at_hand
    assert not any(info.at_hand for info in infos[1:]) and len(infos) > 4


# --- formats -----------------------------------------------------------------------------


def test_our_format_survives_a_round_trip(tiny_model, tmp_path):
    generator = tiny_model.generator
    encoder = Encoder(EncoderConfig(32, generator.config.num_ws, 16, 512, 16, hidden=32))
    path = tmp_path / "own.safetensors"
    facts = {"licence": "CC0", "licence_meaning": "any use", "training_data": "nothing"}
    models.save_face_model(path, generator, encoder, facts)
    studio = load(path)
    assert studio.info.licence == "CC0" and studio.resolution == 32
    z = runtime.seeded_normal((1, 16), 0)
    ours, original = studio.model.generator(z), generator(z)
    assert (ours - original).abs().max() < 0.02 * original.abs().max()  # half precision


@pytest.mark.parametrize("legacy", [False, True])
def test_a_community_checkpoint_loads_whatever_its_name(tmp_path, legacy):
    studio = load(checkpoint_files.community(tmp_path, legacy))
    assert studio.resolution == 64 and studio.model.encode is None
    _, _, arrays = golden.load("stylegan2_rosinality_64")
    ours = studio.synthesize(torch.from_numpy(arrays["ws_plus"]))
    assert golden.relative_error(ours, arrays["image_ws_plus"]) < 1e-5


def test_the_state_dict_alone_loads_and_gets_its_average(tmp_path):
    path = tmp_path / "bare.pt"
    torch.save(checkpoint_files.community_state(), path)
    model = load(path).model
    w = model.sample_w(2000)
    apart = (model.generator.mapping.w_avg - w.mean(dim=0)).abs().max()
    assert model.generator.mapping.w_avg.abs().max() > 0.01 and apart < 0.2 * w.std()


def test_without_an_encoder_a_photo_is_met_by_optimisation(tmp_path, astronaut):
    studio = load(checkpoint_files.tiny("zip", tmp_path / "tiny.pt"))
    aligned = studio.align(astronaut)
    with pytest.raises(OptionError, match="no encoder"):
        studio.invert(aligned)
    distances = [step.distance for step in studio.refine(aligned, 20)]
    assert distances[-1] < distances[0]


def test_the_readers_agree(tmp_path):
    """The same generator out of four formats draws the same picture."""
    z = runtime.seeded_normal((1, 8), 0)
    pictures = {}
    for kind in ("zip", "legacy", "nvidia"):
        studio = load(checkpoint_files.tiny(kind, tmp_path / f"{kind}.bin"))
        pictures[kind] = studio.model.generator(z)
    assert torch.equal(pictures["zip"], pictures["legacy"])
    assert torch.equal(pictures["zip"], pictures["nvidia"])


def test_an_animegan_checkpoint_draws_and_is_no_face_model(tmp_path):
    path = tmp_path / "face_paint.pt"
    state = golden.state_dict("animeganv2_generator")
    torch.save(state, path)
    _, _, arrays = golden.load("animeganv2_generator")
    content, metadata = weights.read(path)
    for corners, expected in ((False, "stylised"), (True, "stylised_align_corners")):
        config = {"align_corners": corners}
        network = models.anime_generator(content, metadata, path.name, CPU, config)
        with torch.no_grad():
            output = network(torch.from_numpy(arrays["image"]))
        assert golden.relative_error(output, arrays[expected]) < 1e-4
    with pytest.raises(WeightsError, match="is an AnimeGANv2 generator"):
        load(path)


def test_a_fetched_style_is_used_as_published(tmp_path, monkeypatch):
    path = tmp_path / "face_paint.pt"
    torch.save(golden.state_dict("animeganv2_generator"), path)
    entry = weights.find("face-paint")
    monkeypatch.setattr(weights, "locate", lambda e: path if e.name == entry.name else None)
    monkeypatch.setattr(weights.hub, "expected_sha256", lambda e: formats.fingerprint(path).sha256)
    assert weights.anime_styles() == ("face-paint",)
    assert models.load_anime("face-paint", CPU).align_corners is True


def test_psp_is_not_mistaken_for_e4e(tmp_path):
    """Its keys and shapes are e4e's; only its options tell."""
    path = tmp_path / "psp.pt"
    options = {"encoder_type": "GradualStyleEncoder"}
    torch.save({"state_dict": {}, "latent_avg": torch.zeros(18, 512), "opts": options}, path)
    with pytest.raises(WeightsError, match=r"GradualStyleEncoder \(pSp\).*not e4e"):
        load(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"features.0.weight": torch.zeros(1)}, "a VGG classifier"),
        ({"state_dict": {"final_conv.0.weight": torch.zeros(1)}}, "a StyleGAN2 discriminator"),
        ({"d": {}}, "a StyleGAN2 discriminator"),
        ({"generator.progression.0.conv1.weight": torch.zeros(1)}, "StyleGAN1"),
        ({"synthesis.input.weight": torch.zeros(1)}, "StyleGAN3"),
        ({"down_blocks.0.weight": torch.zeros(1)}, "a diffusion model"),
        ({"weight": torch.zeros(1)}, "no face generator that is known"),
    ],
)
def test_other_networks_are_refused_by_what_they_are(tmp_path, content, words):
    path = tmp_path / "other.pt"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=rf"other\.pt.*{words}"):
        load(path)


# --- damage ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"style.1.bias": torch.zeros(511)}, "shape"),
        ({"style.1.bias": torch.full((512,), float("nan"))}, "not finite"),
        ({"style.1.bias": torch.full((512,), float("inf"))}, "not finite"),
        ({"style.1.bias": torch.zeros(512, dtype=torch.int64)}, "as torch.int64, not"),
        ({"style.1.bias": torch.zeros(512, dtype=torch.complex64)}, "as torch.complex64, not"),
        ({"surplus.weight": torch.zeros(1)}, "surplus.weight"),
        ({"style.1.weight": torch.zeros(1).expand(512, 512)}, "pretends"),
    ],
)
def test_one_wrong_tensor_is_refused_by_name(tmp_path, changes, words):
    with pytest.raises(WeightsError, match=words):
        load(checkpoint_files.community(tmp_path, **changes))


def test_a_missing_key_is_refused_by_name(tmp_path):
    state = checkpoint_files.community_state()
    del state["convs.3.activate.bias"]
    path = tmp_path / "less.pt"
    torch.save({"g_ema": state, "latent_avg": torch.zeros(512)}, path)
    with pytest.raises(WeightsError, match=r"less\.pt lacks 'synthesis.b16.conv1.bias'"):
        load(path)


class Evil:
    def __reduce__(self):
        return os.system, ("touch owned",)


def _save(content, path, **more):
    torch.save(content, path, **more)
    return path.read_bytes()


def hostile(tmp_path):
    good = tmp_path / "good.safetensors"
    save_file({"x": torch.zeros(1000)}, good)
    torch_file = _save({"x": torch.zeros(1000)}, tmp_path / "torch.pt")
    return {
        "web page": b"\n <!DOCTYPE html><html><body>Quota exceeded</body></html>",
        "empty": b"",
        "neither": b"hello world, this is text",
        "names posix.system": pickle.dumps({"g_ema": Evil()}),
        "damaged safetensors": good.read_bytes()[:500],
        "os.system": _save({"g_ema": Evil()}, tmp_path / "evil.pt"),
        "only tensors": _save(
            {"g_ema": Evil()}, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False
        ),
        "no face generator": good.read_bytes(),
        "cut off": torch_file[:-200],
        "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        "server's error message": b'{"error": "not found"}',
        "archive": b"\x1f\x8b\x08" + bytes(100),
        "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x052.0.0" + bytes(100),
    }


HOSTILE = [
    "web page", "empty", "neither", "names posix.system", "damaged safetensors", "os.system",
    "only tensors", "no face generator", "cut off", "Git LFS pointer", "server's error message",
    "archive", "ONNX",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_files_are_refused_and_run_nothing(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    path.write_bytes(hostile(tmp_path)[words])
    pattern = words.replace("os.system", r"(posix|os|nt)\.system")
    with pytest.raises(WeightsError, match=pattern) as caught:
        load(path)
    assert "model.pt" in str(caught.value) and not (tmp_path / "owned").exists()


def rezipped(source, target, change):
    """A zip's parts again, each as `change(name, data)` -> [(name, data, compression)]."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.infolist():
            for name, data, compression in change(part.filename, old.read(part)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of two parts with one name
                    new.writestr(name, data, compression)
    return target


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n, d: [(n, bytes(50_000_000) if n.endswith("/data/3") else d, 8)], "compressed"),
        (lambda n, d: [(n, d, 8 if n.endswith("data.pkl") else 0)], "compressed part.*data.pkl"),
        (lambda n, d: [(n, d, 0), (n, d, 0)], "two parts of one name"),
        (lambda n, d: [] if n.endswith("data.pkl") else [(n, d, 0)], "not one of torch's"),
    ],
)
def test_a_zip_that_torch_never_wrote_is_refused(tmp_path, change, words):
    good = checkpoint_files.tiny("zip", tmp_path / "good.pt")
    path = rezipped(good, tmp_path / "bomb.pt", change)
    with pytest.raises(WeightsError, match=rf"bomb\.pt.*{words}"):
        load(path)


def wrapped(state: dict) -> dict:
    return {f"module.{key}": value for key, value in state.items()}


@pytest.mark.parametrize(
    "content",
    [
        lambda state: {"g_ema": wrapped(state)},
        lambda state: {"state_dict": state},
        lambda state: {"state_dict": wrapped(state), "epoch": 3},
        lambda state: wrapped(state),
        lambda state: state,
    ],
    ids=["g_ema module.", "state_dict", "state_dict module.", "module.", "bare"],
)
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_community_generator_is_read_however_it_is_wrapped(tmp_path, content, name, new):
    """Whatever the file is called: its content decides, inside torch.load, too."""
    generator = checkpoint_files.tiny_generator()
    state = checkpoint_files.to_community(generator)
    path = tmp_path / name
    torch.save(content(state), path, _use_new_zipfile_serialization=new)
    drawn = load(path).model.generator
    ws = torch.randn(1, generator.config.num_ws, 8)
    with torch.no_grad():
        torch.testing.assert_close(drawn.synthesis(ws), generator.synthesis(ws))


def test_a_community_generator_without_noise_maps_has_its_own(tmp_path):
    """As the first published ones: standard normal maps, the same at each reading."""
    state = checkpoint_files.to_community(checkpoint_files.tiny_generator())
    bare = {key: value for key, value in state.items() if not key.startswith("noises.")}
    assert len(bare) < len(state)
    torch.save({"g_ema": bare}, tmp_path / "model.pt")
    first, second = (load(tmp_path / "model.pt").model.generator for _ in range(2))
    shapes = [layer.noise_const.shape for layer in first.synthesis.layers]
    assert shapes == [(4, 4), (8, 8), (8, 8)]
    for one, other in zip(first.synthesis.layers, second.synthesis.layers, strict=True):
        assert torch.equal(one.noise_const, other.noise_const)
    values = torch.cat([layer.noise_const.flatten() for layer in first.synthesis.layers])
    assert abs(values.mean()) < 0.3 and 0.7 < values.std() < 1.3
    del state["noises.noise_1"]  # some of them missing is a damaged file
    torch.save({"g_ema": state}, tmp_path / "model.pt")
    with pytest.raises(WeightsError, match="lacks 'synthesis.b8.conv0.noise_const'"):
        load(tmp_path / "model.pt")


@pytest.mark.parametrize("known", [False, True])
def test_a_zip_whose_parts_overlap_is_refused(tmp_path, known):
    """Each part alone is as torch writes it; together they claim more than the file has."""
    path = checkpoint_files.tiny("zip", tmp_path / "bomb.pt")
    with zipfile.ZipFile(path, "a") as archive:
        largest = max(archive.infolist(), key=lambda part: part.file_size)
        for number in range(200):
            again = copy.copy(largest)
            again.filename = f"{largest.filename}{number}"
            archive.filelist.append(again)
        archive._didModify = True
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if known else None
    with pytest.raises(WeightsError, match=r"bomb\.pt has parts that overlap"):
        formats.read(path, sha256)


def test_a_zip_with_a_flipped_bit_is_refused(tmp_path):
    path = checkpoint_files.tiny("zip", tmp_path / "model.pt")
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
    with pytest.raises(WeightsError, match="cut off or damaged.*CRC"):
        load(path)


def test_our_files_notice_a_flipped_bit(tmp_path):
    path = checkpoint_files.tiny("ours", tmp_path / "ours.safetensors")
    assert load(path).resolution == 8
    body = bytearray(path.read_bytes())
    body[-100] ^= 1
    path.write_bytes(body)
    with pytest.raises(WeightsError, match="its numbers are not those it was written with"):
        load(path)


@pytest.mark.parametrize("kind", ["folder", "loop", "absent", "pipe", "broken link"])
def test_what_is_no_file_is_refused(tmp_path, kind):
    path = tmp_path / "model.pt"
    words = "model.pt"
    if kind == "folder":
        path.mkdir()
        words = "is a folder"
    elif kind == "loop":
        path.symlink_to(path)
        words = "cannot be read"
    elif kind == "broken link":
        path.symlink_to(tmp_path / "nothing")
        words = "cannot be read"
    elif kind == "pipe":
        os.mkfifo(path)
        words = "not a regular file"
    else:
        words = "there is no checkpoint file"
    with pytest.raises(WeightsError, match=words) as caught:
        models.load_face_model(str(path), CPU)
    assert "model.pt" in str(caught.value)


@pytest.mark.parametrize("how", ["replaced", "written to", "cut"])
def test_a_file_that_changes_between_the_look_and_the_load(tmp_path, monkeypatch, how):
    path = checkpoint_files.tiny("zip", tmp_path / "model.pt")
    good = path.read_bytes()
    sha256 = weights.fingerprint(path).sha256
    read = formats._read

    def meanwhile(*arguments, **more):
        if how == "replaced":
            other = tmp_path / "other"
            other.write_bytes(good)
            os.replace(other, path)
        elif how == "written to":
            with path.open("r+b") as file:
                file.seek(-1, 2)
                file.write(good[-1:])
            os.utime(path, ns=(1, 1))
        result = read(*arguments, **more)
        if how == "cut":
            os.utime(path)
            with path.open("r+b") as file:
                file.truncate(len(good) - 1)
        return result

    monkeypatch.setattr(formats, "_read", meanwhile)
    with pytest.raises(WeightsError, match="changed while it was being read"):
        weights.read(path, sha256)


def test_a_file_is_read_only_with_the_hash_it_should_have(tmp_path):
    path = checkpoint_files.tiny("zip", tmp_path / "model.pt")
    content, _ = weights.read(path, weights.fingerprint(path).sha256)
    assert "g_ema" in content
    with pytest.raises(WeightsError, match="expected was 000"):
        weights.read(path, "0" * 64)


def test_a_config_that_lies_is_refused(tmp_path):
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
            load(path)


@pytest.mark.parametrize(
    "content",
    [
        {"g_ema": torch.zeros(3)},
        {"g_ema": {1: torch.zeros(1)}},
        {"g_ema": {"style.1.weight": 5}},
        {"g_ema": {"convs.99999999999999999999.conv.weight": torch.zeros(1)}},
        {"state_dict": {}, "latent_avg": 5},
        {1: {}, "state_dict": 5},
    ],
)
def test_malformed_contents_are_refused_in_our_words(tmp_path, content):
    path = tmp_path / "odd.pt"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"odd\.pt"):
        load(path)


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "model.safetensors"
    path.mkdir()
    with pytest.raises(OutputError, match=r"model\.safetensors cannot be written"):
        weights.write(path, {"x": torch.zeros(1)}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
    with pytest.raises(OutputError, match="cannot be written"):
        weights.write(tmp_path / "absent" / "x.safetensors", {"x": torch.zeros(1)}, {})


def test_words_of_any_bytes_are_written(tmp_path):
    path = tmp_path / "model.safetensors"
    weights.write(path, {"x": torch.zeros(1)}, {"licence": os.fsdecode(b"CC\xff")})
    assert weights.read(path)[1]["licence"] == r"CC\udcff"


def test_a_folder_of_a_models_name_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auto").mkdir()
    (tmp_path / "bundled").mkdir()
    assert Studio.load("auto", "cpu").info.name == Studio.load("bundled", "cpu").info.name


# --- converting --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "legacy", "nvidia", "ours"])
def test_a_converted_model_computes_the_same(tmp_path, kind):
    model = load(checkpoint_files.tiny(kind, tmp_path / "in.bin")).model
    out = tmp_path / "out.safetensors"
    models.save_as_it_is(out, model, model.info)
    again = load(out).model
    z = runtime.seeded_normal((2, 8), 0)
    assert torch.equal(model.generator(z, 0.7), again.generator(z, 0.7))
    assert (model.encode is None) == (again.encode is None)
    if model.encode:
        images = runtime.seeded_normal((1, 3, 8, 8), 1)
        assert torch.equal(model.encode(images), again.encode(images))
    assert again.info.licence == model.info.licence


def test_a_converted_anime_generator_computes_the_same(tmp_path):
    network = animegan.Generator(width=4, align_corners=True).eval()
    network.to(memory_format=torch.channels_last)  # as it is loaded
    info = models.info_of(weights.find("face-paint"))
    out = tmp_path / "out.safetensors"
    models.save_as_it_is(out, network, info)
    content, metadata = weights.read(out)
    again = models.anime_generator(content, metadata, out.name, CPU)
    images = runtime.seeded_normal((1, 3, 16, 16), 1)
    assert torch.equal(network(images), again(images)) and again.align_corners
    assert metadata["licence"] == info.licence


# --- small things ------------------------------------------------------------------------


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


# --- e4e, with a small network in the encoder's place ------------------------------------


class SmallEncoder(torch.nn.Module):
    """The interface of e4e.Encoder, whose real one has 267 million parameters."""

    def __init__(self, num_ws: int):
        super().__init__()
        self.num_ws = num_ws
        self.linear = torch.nn.Linear(3, num_ws * 512)

    def forward(self, images):
        assert images.shape[2:] == (256, 256)
        return self.linear(images.mean(dim=(2, 3))).unflatten(1, (self.num_ws, 512))


def e4e_file(path, monkeypatch, average=(10, 512)):
    """A 64-pixel e4e file; returns its encoder."""
    from argparse import Namespace

    from facegen.models.families import rosinality

    monkeypatch.setattr(rosinality.e4e, "Encoder", SmallEncoder)
    encoder = SmallEncoder(10)
    state = {f"decoder.{k}": v for k, v in checkpoint_files.community_state().items()}
    state |= {f"encoder.{k}": v.detach() for k, v in encoder.state_dict().items()}
    options = Namespace(encoder_type="Encoder4Editing", stylegan_size=64)
    content = {"state_dict": state, "latent_avg": torch.full(average, 0.5), "opts": options}
    torch.save(content, path)
    return encoder


@pytest.mark.parametrize("average", [(10, 512), (512,)])
def test_e4e_adds_the_average_and_survives_converting(tmp_path, monkeypatch, average):
    path, out = tmp_path / "e4e.pt", tmp_path / "out.safetensors"
    encoder = e4e_file(path, monkeypatch, average)
    studio = load(path)
    images = runtime.seeded_normal((1, 3, 64, 64), 0)
    with torch.no_grad():
        codes = studio.model.encode(images)
        large = torch.nn.functional.interpolate(images, (256, 256), mode="bilinear")
        torch.testing.assert_close(codes, encoder(large) + 0.5, rtol=1e-4, atol=1e-5)
    assert torch.equal(studio.model.generator.mapping.w_avg, torch.full((512,), 0.5))
    models.convert(str(path), out, licence="CC0")
    again = load(out)
    with torch.no_grad():
        assert torch.equal(again.model.encode(images), codes)
    assert torch.equal(again.synthesize(codes), studio.synthesize(codes))
    assert again.info.licence == "CC0"


def test_e4e_with_an_average_of_another_generator_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "e4e.pt"
    e4e_file(path, monkeypatch, (18, 512))
    with pytest.raises(WeightsError, match=r"latent_avg of \(18, 512\), not \[1 or 10, 512\]"):
        load(path)


@pytest.mark.parametrize("resolution", [256, 512, 1024])
@pytest.mark.parametrize("kind", ["community", "nvidia"])
def test_the_large_sizes_load_in_miniature(tmp_path, resolution, kind):
    """All layers and noise maps of the published sizes, with few channels."""
    path = tmp_path / "model.bin"
    generator = checkpoint_files.small_generator(resolution)
    if kind == "community":
        torch.save({"g_ema": checkpoint_files.to_community(generator)}, path)
    else:
        checkpoint_files.save_nvidia(path, generator)
    loaded = load(path).model.generator
    assert loaded.config == generator.config
    for key, value in generator.state_dict().items():
        if not key.endswith("w_avg"):
            assert torch.equal(loaded.state_dict()[key], value), key
    sizes = [layer.noise_const.shape[0] for layer in loaded.synthesis.layers]
    expected = [size for size in generator.config.block_resolutions for _ in (0, 1)][1:]
    assert sizes == expected and len(sizes) == loaded.config.num_ws - 1
    ws = generator.broadcast(runtime.seeded_normal((1, 8), 0))
    with torch.no_grad():
        assert loaded.synthesis(ws).shape == (1, 3, resolution, resolution)


def test_convert_keeps_what_is_known_and_overwrites_nothing(tmp_path):
    path, out = checkpoint_files.tiny("ours", tmp_path / "in.bin"), tmp_path / "out.safetensors"
    with pytest.raises(OptionError, match=r"the licence of in\.bin is known, CC0"):
        models.convert(str(path), out, licence="MIT")
    assert models.convert(str(path), out).licence == "CC0"
    with pytest.raises(OptionError, match="exists already"):
        models.convert(str(path), out)
    with pytest.raises(OptionError, match=r"must end in \.safetensors"):
        models.convert(str(path), tmp_path / "out.pt")
    copy = tmp_path / "copy.safetensors"
    assert models.convert("comic", copy).licence == weights.find("comic").licence


def test_a_file_does_not_pass_for_the_model_it_is_named_like(tmp_path):
    path = checkpoint_files.tiny("ours", tmp_path / "bundled.safetensors")
    name = models.load_face_model(str(path), CPU).info.name
    assert name == "bundled (a file)"
    assert calibration.safe_distance("bundled") and not calibration.safe_distance(name)


def test_a_file_with_a_name_of_any_bytes_has_one_that_can_be_written(tmp_path):
    path = checkpoint_files.tiny("legacy", tmp_path / "a.pt")
    path = path.rename(tmp_path / os.fsdecode(b"\xff.pt"))
    info = models.load_face_model(str(path), CPU).info
    assert info.name.encode() == info.title.encode() == b"\\udcff"


def test_a_copy_of_a_registered_file_is_known_by_its_bytes(tmp_path, monkeypatch):
    path = checkpoint_files.tiny("zip", tmp_path / "renamed.pt")
    entry = weights.find("ffhq-1024-ada")
    sha256 = weights.fingerprint(path).sha256
    known = {entry.name: sha256}
    monkeypatch.setattr(weights.hub, "expected_sha256", lambda e: known.get(e.name))
    assert models.convert(str(path), tmp_path / "out.safetensors").licence == entry.licence


def test_weights_lie_as_torch_would_have_put_them():
    """In a file they lie anywhere, and then, on some processors, one seed is two pictures."""
    state = {"weight": torch.arange(7.0)[1:].view(2, 3), "bias": torch.arange(3.0)[1:]}
    assert all(tensor.data_ptr() % 64 for tensor in state.values())
    loaded = loading.load(torch.nn.Linear(3, 2), state, "odd", "cpu").state_dict()
    for name, tensor in state.items():
        assert torch.equal(loaded[name], tensor) and loaded[name].data_ptr() % 64 == 0
