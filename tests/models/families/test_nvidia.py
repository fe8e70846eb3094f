"""NVIDIA's pickles: the published numbers come out, and nothing inside is ever run."""

import io
import pickle
import pickletools

import golden
import nvidia_pickles
import pytest
import torch

from facegen import Studio, weights
from facegen.errors import WeightsError
from facegen.networks.discriminator import Discriminator
from facegen.networks.stylegan2 import Generator, GeneratorConfig
from facegen.training import finetune

TOLERANCE = 1e-5  # relative; about 8e-7 is reached


def load(path):
    return Studio.load(str(path), "cpu")


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("name", ["stylegan2_nvidia_64", "stylegan2_nvidia_128"])
def test_the_published_images_come_out(tmp_path, monkeypatch, name, protocol):
    monkeypatch.chdir(tmp_path)
    studio = load(nvidia_pickles.file(tmp_path / "network", protocol, name=name))
    _, _, arrays = golden.load(name)
    generator = studio.model.generator
    assert studio.resolution == int(name.rsplit("_", 1)[1]) and studio.model.encode is None
    with torch.no_grad():
        ws = generator.broadcast(generator.mapping(torch.from_numpy(arrays["z"]), 0.7))
    assert golden.relative_error(ws, arrays["ws_psi07"]) < TOLERANCE
    assert golden.relative_error(studio.synthesize(ws), arrays["image_psi07"]) < TOLERANCE
    ours = studio.synthesize(torch.from_numpy(arrays["ws_plus"]))
    assert golden.relative_error(ours, arrays["image_ws_plus"]) < TOLERANCE
    assert not (tmp_path / "owned").exists(), "the source code in the file was run"


def test_the_file_does_carry_source_code(tmp_path):
    # Or the test above would prove nothing.
    path = nvidia_pickles.file(tmp_path / "network")
    assert b"os.system('touch owned')" in path.read_bytes()
    names = {argument for _, argument, _ in pickletools.genops(path.read_bytes())}
    assert "_reconstruct_persistent_obj" in names and "_load_from_bytes" in names


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"c_dim": 10}, r"conditional generator \(c_dim 10\)"),
        ({"changes": {"mapping.embed.weight": torch.zeros(4, 4)}}, "conditional generator"),
        ({"changes": {"synthesis.input.freqs": torch.zeros(4, 2)}}, "StyleGAN3 generator"),
        (
            {"changes": {"synthesis.L0_36_512.weight": torch.zeros(4)}, "path_stem": "16.pkl"},
            "StyleGAN-XL generator",
        ),
        (
            {"changes": {"synthesis.input.freqs": torch.zeros(4)}, "class_name": "Superres"},
            "StyleGAN-XL generator",
        ),
        ({"img_channels": 1}, "draws 1 channels"),
        ({"data": {"path": "/data/afhqcat.zip"}}, "trained on afhq, not on faces"),
        ({"data": {"path": "C:\\data\\lsuncar512.zip"}}, "trained on lsun"),
        ({"changes": {"synthesis.b8.resample_filter": torch.ones(4, 4)}}, "another filter"),
        ({"changes": {"synthesis.b8.conv1.bias": torch.zeros(63)}}, r"shape \(63,\)"),
        ({"changes": {"synthesis.b8.conv1.bias": torch.full((64,), torch.nan)}}, "not finite"),
        ({"changes": {"synthesis.b8.conv1.extra": torch.zeros(1)}}, "unknown key.*extra"),
    ],
)
def test_relatives_and_damage_are_refused_by_name(tmp_path, more, words):
    path = nvidia_pickles.file(tmp_path / "network.pkl", **more)
    with pytest.raises(WeightsError, match=rf"network\.pkl.*{words}"):
        load(path)


def test_a_discriminator_alone_is_refused_by_name(tmp_path):
    tree = nvidia_pickles.module_tree({"b4.out.weight": torch.zeros(1)}, (), "Discriminator", {})
    for content in ({"D": tree}, {"G_ema": tree}):
        path = nvidia_pickles.dump(tmp_path / "network.pkl", content)
        with pytest.raises(WeightsError, match=r"network\.pkl.*(no generator|Discriminator)"):
            load(path)


def test_a_tensorflow_pickle_is_refused_by_name(tmp_path):
    body = b"cdnnlib.tflib.network\nNetwork\n."
    path = tmp_path / "stylegan2-ffhq-config-f.pkl"
    path.write_bytes(b"\x80\x02" + body)
    with pytest.raises(WeightsError, match="TensorFlow StyleGAN"):
        load(path)


def test_a_buffer_that_no_state_dict_has_is_passed_over(tmp_path):
    tree = nvidia_pickles.network()
    synthesis = tree.meta["state"]["_modules"]["synthesis"].meta["state"]
    synthesis["_buffers"]["scratch"] = torch.zeros(1)
    synthesis["_non_persistent_buffers_set"] = {"scratch"}
    path = nvidia_pickles.dump(tmp_path / "network.pkl", {"G_ema": tree})
    assert load(path).resolution == 64


@pytest.mark.parametrize("name", ["network.pkl", "network.ckpt"])
def test_a_pickle_brings_its_discriminator_whatever_its_name(tmp_path, name):
    known = golden.load("stylegan2_nvidia_64")[0]
    names = GeneratorConfig.__dataclass_fields__
    config = GeneratorConfig(**{k: v for k, v in known.items() if k in names})
    generator, discriminator = Generator(config), Discriminator(config)
    weight = torch.full_like(discriminator.b4.out.weight, 0.5)
    nvidia_pickles.file(tmp_path / name, recogniser={"b4.out.weight": weight})
    said = finetune.finetune(generator, discriminator, str(tmp_path / name))
    assert said == f"{name}: a generator, part of its discriminator"
    assert torch.equal(discriminator.b4.out.weight, weight)


# --- attacks -----------------------------------------------------------------------------


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _attacks():
    import builtins
    import os
    import subprocess

    return {
        "os.system": Attack(os.system, "touch owned"),
        "eval": Attack(builtins.eval, "__import__('os').system('touch owned')"),
        "getattr": Attack(builtins.getattr, dict, "update"),
        "Popen": Attack(subprocess.Popen, ["touch", "owned"]),
        "torch.load": Attack(torch.load, "x"),
    }


@pytest.mark.parametrize("name", _attacks())
@pytest.mark.parametrize("where", ["first", "inside"])
def test_a_pickle_that_calls_something_is_refused(tmp_path, monkeypatch, name, where):
    monkeypatch.chdir(tmp_path)
    attack, path = _attacks()[name], tmp_path / "evil.pkl"
    if where == "first":
        path.write_bytes(pickle.dumps({"G_ema": attack}))
    else:
        tree = nvidia_pickles.Module("Generator", {"_parameters": {}, "hidden": attack})
        nvidia_pickles.dump(path, {"G_ema": tree})
    with pytest.raises(WeightsError, match=r"evil\.pkl names \S+\.\w+.*was not run"):
        load(path)
    assert not (tmp_path / "owned").exists()


STAND_INS = {"torch.storage _load_from_bytes": "extra", "dnnlib.util EasyDict": "get",
             "numpy ndarray": "extra"}  # fmt: skip


@pytest.mark.parametrize("name", STAND_INS)
def test_the_stand_ins_cannot_be_tampered_with(tmp_path, name):
    """BUILD can set attributes of what it is given; the next file must see nothing of it."""
    (module, _, thing), key = name.partition(" "), STAND_INS[name].encode()
    set_to_none = b"N}X" + len(key).to_bytes(4, "little") + key + b"Ns\x86b."
    poison = b"\x80\x02c" + f"{module}\n{thing}\n".encode() + set_to_none
    path = tmp_path / "poison.pkl"
    path.write_bytes(poison)
    with pytest.raises(WeightsError):
        weights.read(path)
    good = nvidia_pickles.file(tmp_path / "good.pkl")
    assert load(good).resolution == 64


def test_what_refers_to_something_outside_is_refused(tmp_path):
    path = tmp_path / "part.pkl"
    path.write_bytes(b"\x80\x04\x8c\x04evilQ.")
    with pytest.raises(WeightsError, match="part.pkl refers to something outside of itself"):
        weights.read(path)


def with_a_tensor(path, storage, *more):
    """A whole network, of which one tensor is made by such a call; reads that tensor."""

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (storage, *more, False, {})

    tree = nvidia_pickles.network(changes={})
    mapping = tree.meta["state"]["_modules"]["mapping"].meta["state"]
    mapping["_buffers"]["w_avg"] = Tensor()
    nvidia_pickles.dump(path, {"G_ema": tree})
    with pytest.raises(WeightsError, match=r"network\.pkl"):
        load(path)
    return lambda: weights.read(path)[0]["G_ema"].state["mapping.w_avg"]


def hidden_attack() -> bytes:
    """A torch file, as a storage is one, that calls something."""
    file = io.BytesIO()
    torch.save(_attacks()["os.system"], file, _use_new_zipfile_serialization=False)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"not a torch file", b"\x80\x02cos\nsystem\n.", "text", None, hidden_attack()],
)
def test_a_storage_must_be_a_torch_file(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)

    class Storage:
        def __reduce__(self):
            return torch.storage._load_from_bytes, (content,)

    read = with_a_tensor(tmp_path / "network.pkl", Storage(), 0, (4,), (1,))
    with pytest.raises((ValueError, pickle.UnpicklingError), match="torch file|os|posix|nt"):
        read()
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("offset", "size", "stride", "words"),
    [
        (10**6, (4,), (1,), "out of bounds"),
        (0, (2**40,), (0,), "1,099,511,627,776 numbers in a storage of 16"),
        (0, (4,), (10**9,), "out of bounds"),
        (-1, (4,), (1,), "impossible shape"),
        (0, "x", (1,), "impossible shape"),
    ],
)
def test_a_tensor_must_lie_within_its_storage(tmp_path, offset, size, stride, words):
    plain = torch.zeros(16).untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=plain, dtype=torch.float32, _internal=True)
    read = with_a_tensor(tmp_path / "network.pkl", typed, offset, size, stride)
    with pytest.raises((ValueError, RuntimeError), match=words):
        read()


def test_a_bomb_of_text_is_not_written_out(tmp_path):
    bomb = []
    for _ in range(100):
        bomb = [bomb, bomb]  # 2^100 brackets, if one printed it
    tree = nvidia_pickles.network(class_name=bomb)
    path = nvidia_pickles.dump(tmp_path / "bomb.pkl", {"G_ema": tree})
    with pytest.raises(WeightsError, match=r"bomb\.pkl"):
        load(path)


@pytest.mark.parametrize("group", ["_modules", "_init_kwargs"])
def test_what_is_endless_to_walk_is_refused(tmp_path, group):
    inner = {"_parameters": {}}
    for _ in range(24):
        one = nvidia_pickles.Module("Block", inner) if group == "_modules" else inner
        many = {str(i): one for i in range(30)}
        inner = {"_parameters": {}, group: many} if group == "_modules" else many
    inner = inner if group == "_modules" else {group: inner}
    nvidia_pickles.dump(tmp_path / "deep.pkl", {"G_ema": nvidia_pickles.Module("Generator", inner)})
    with pytest.raises(WeightsError, match="more than 20,000 parts"):
        load(tmp_path / "deep.pkl")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
def test_a_cut_off_pickle_is_refused(tmp_path, share):
    whole = nvidia_pickles.file(tmp_path / "whole.pkl").read_bytes()
    path = tmp_path / "cut.pkl"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError, match=r"cut\.pkl.*cut off"):
        load(path)
