"""The DCGAN: its shapes, its training, and what the studio makes of it."""

import csv
import json
import os
import re
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from facegen import images
from facegen.errors import DataError, OptionError, TrainingError, WeightsError
from facegen.networks.dcgan import DcganConfig, Discriminator, Generator
from facegen.options import SampleOptions
from facegen.output import provenance
from facegen.studio import Studio
from facegen.training import dcgan
from facegen.training.options import DcganOptions
from facegen.types import AlignedFace


def layers(network: nn.Module, kind) -> list[tuple[int, int]]:
    return [(m.in_channels, m.out_channels) for m in network.modules() if isinstance(m, kind)]


def test_the_layers_are_those_of_the_report():
    config = DcganConfig()
    assert (config.z_dim, config.resolution) == (100, 32)
    discriminator, generator = Discriminator(config), Generator(config)

    assert layers(discriminator, nn.Conv2d) == [(3, 64), (64, 128), (128, 256)]
    assert discriminator.linear.in_features == 4096 and discriminator.linear.out_features == 1
    normed = [m.num_features for m in discriminator.modules() if isinstance(m, nn.BatchNorm2d)]
    assert normed == [128, 256], "from the second convolution on"
    assert sum(isinstance(m, nn.LeakyReLU) for m in discriminator.modules()) == 3

    assert (generator.linear.in_features, generator.linear.out_features) == (100, 4096)
    assert layers(generator, nn.ConvTranspose2d) == [(256, 128), (128, 64), (64, 3)]
    assert isinstance(generator.layers[-1], nn.Tanh)
    for network in (discriminator, generator):
        for module in network.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                shape = (module.kernel_size, module.stride, module.padding)
                assert shape == ((4, 4), (2, 2), (1, 1))


def test_the_sizes_in_between():
    config, sizes = DcganConfig(), []
    generator, discriminator = Generator(config), Discriminator(config)
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            module.register_forward_hook(lambda m, i, o: sizes.append(tuple(o.shape[1:])))
    assert discriminator(generator(torch.zeros(2, 100))).shape == (2, 1)
    drawn, judged = sizes[:3], sizes[3:]
    assert drawn == [(128, 8, 8), (64, 16, 16), (3, 32, 32)]
    assert judged == [(64, 16, 16), (128, 8, 8), (256, 4, 4)]


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    for seed in range(10):
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        (folder / f"{seed}.png").write_bytes(images.encode_png(images.resize(coarse, 32)))
    return folder


@pytest.fixture
def options(faces, tmp_path) -> DcganOptions:
    out = str(tmp_path / "run")
    return DcganOptions(
        data=(str(faces),),
        out=out,
        z_dim=8,
        channels=4,
        total=12,
        batch=4,
        snapshot=8,
        licence="CC0",
    )


def tensors(out: str | Path) -> dict:
    return torch.load(Path(out) / "latest.pt", weights_only=True)


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def test_three_steps_make_a_run(options):
    seen = []
    path = dcgan.train(options, seen.append)
    out = Path(options.out)
    assert [facts["shown"] for facts in seen] == [8, 12]
    assert all(np.isfinite(list(facts.values())).all() for facts in seen)
    assert path == out / "model.safetensors" and path.is_file()
    with (out / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["shown"] for row in rows] == ["8", "12"]
    assert {"g_loss", "d_loss", "real", "fake", "diversity"} <= rows[0].keys()
    assert images.load(out / "curves.png").shape[0] > 100
    side = 8 * 64 + 9 * 2
    assert images.load(out / "samples-000000012.png").shape == (side, side, 3)
    assert json.loads((out / "options.json").read_text())["z_dim"] == 8


def test_a_stopped_run_goes_on_bit_for_bit(options, tmp_path):
    dcgan.train(options)
    parts = replace(options, out=str(tmp_path / "parts"))

    def stop(facts):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        dcgan.train(parts, stop)
    assert tensors(parts.out)["shown"] == 8
    dcgan.train(parts)
    whole, continued = tensors(options.out), tensors(parts.out)
    for state in (whole, continued):
        state.pop("options")
    assert same(whole, continued)
    first, second = (load_file(Path(o.out, "model.safetensors")) for o in (options, parts))
    assert same(first, second)


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_ctrl_c_ends_with_a_snapshot(options):
    long = replace(options, total=10**7, snapshot=10**7)
    training = dcgan.DcganTraining(long)

    def press():
        while training.shown < 20:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        training.run()
    assert tensors(long.out)["shown"] == training.shown >= 20
    assert Path(long.out, f"samples-{training.shown:09d}.png").is_file()


def test_other_sizes_are_refused_before_anything_is_overwritten(options):
    dcgan.train(options)
    out = Path(options.out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(OptionError, match="z_dim is 9, but the unfinished run in .* has 8"):
        dcgan.train(replace(options, z_dim=9, total=100))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_nan_stops_the_run_and_leaves_the_last_good_state(options):
    dcgan.train(options)
    with pytest.raises(TrainingError, match="no longer a number .* holds the last good state"):
        training = dcgan.DcganTraining(replace(options, total=100))
        training.run(lambda facts: training.generator.linear.weight.data.fill_(float("nan")))
    assert all(torch.isfinite(v).all() for v in tensors(options.out)["generator"].values())


def test_too_few_pictures_for_a_batch(options):
    with pytest.raises(DataError, match="10 pictures are fewer than one batch of 64"):
        dcgan.train(replace(options, batch=64, total=64))


def test_diversity_is_one_for_the_pictures_and_zero_for_a_collapse(options):
    torch.manual_seed(0)
    pictures = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8)
    training = dcgan.DcganTraining(options)
    training.pictures = pictures
    values = pictures.float() / 127.5 - 1
    training.draw = lambda count: values[:count]
    assert training.diversity() == pytest.approx(1)
    training.draw = lambda count: values[:1].expand(count, -1, -1, -1)
    assert training.diversity() == 0, "one picture"
    training.draw = lambda count: values[:4].repeat(16, 1, 1, 1)
    assert training.diversity() == 0, "four pictures in turn"


def test_the_distance_to_the_nearest_twin():
    levels = torch.tensor([0.0, 0.1, 0.5, 1.0]).view(4, 1, 1, 1).expand(4, 3, 32, 32)
    # distances 0.1, 0.1, 0.4, 0.5; torch's median of four is the lower one of the middle
    assert dcgan.twin_distance(levels) == pytest.approx(0.1, rel=1e-4)
    assert dcgan.twin_distance(levels[1:]) == pytest.approx(0.4, rel=1e-4)


# --- in the studio -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run")
    dcgan.train(
        DcganOptions(data=(str(faces),), out=str(out), channels=4, total=64, batch=8, licence="CC0")
    )
    return out


@pytest.mark.parametrize("name", ["", "model.safetensors", "latest.pt"])
def test_the_studio_draws_from_a_run(run, name):
    studio = Studio.load(str(run / name), "cpu")
    assert studio.resolution == 32 and studio.info.licence == "CC0"
    drawn = studio.sample(3, seed=5)
    assert drawn.shape == (3, 3, 32, 32) and drawn.abs().max() <= 1
    assert torch.equal(drawn[1:], studio.sample(2, seed=6)), "a face depends on its seed alone"
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn, Studio.load(str(run), "cpu").sample(3, seed=5))
    average = studio.sample(2, seed=5, truncation_psi=0.0)
    assert torch.equal(average[0], average[1])


def test_its_portraits_say_what_they_are(run, tmp_path):
    studio = Studio.load(str(run), "cpu")
    (portrait,) = studio.draw(SampleOptions(count=1, seed=3))
    (path,) = portrait.save(tmp_path)
    told = provenance.read(path)
    assert told["synthetic"] and told["licence"] == "CC0" and told["seed"] == "3"


def test_what_needs_w_is_refused(run):
    studio = Studio.load(str(run), "cpu")
    aligned = AlignedFace(np.zeros((32, 32, 3), np.uint8), np.zeros((4, 2)))
    for ask in (
        lambda: studio.invert(aligned),
        lambda: studio.invert(aligned, steps=5),
        lambda: studio.statistics,
        lambda: studio.strangers,
    ):
        with pytest.raises(OptionError, match="is a DCGAN, which .* has no w .* use it with 'rand"):
            ask()


def test_to_who_asks_for_w_it_is_z(run):
    studio = Studio.load(str(run), "cpu")
    generator = studio.model.generator
    z = torch.randn(2, generator.config.z_dim)
    ws = generator.broadcast(generator.mapping(z, 0.5))
    assert ws.shape == (2, generator.config.num_ws, generator.config.w_dim)
    assert torch.equal(generator.synthesize(ws), generator(0.5 * z))
    assert torch.allclose(studio.synthesize(ws), generator(0.5 * z), atol=1e-6)
    assert torch.equal(generator.preview(ws, 256), generator.synthesize(ws))


def test_on_the_command_line(run, faces, tmp_path, capsys, monkeypatch, astronaut):
    from facegen.cli.main import main

    monkeypatch.chdir(run.parent)
    out = tmp_path / "out"
    assert main(["random", "--model", run.name, "--out", str(out), "--count", "2"]) == 0
    assert sorted(p.name for p in out.glob("*.png")) == ["random-01.png", "random-02.png"]
    photo = tmp_path / "photo.png"
    photo.write_bytes(images.encode_png(astronaut))
    nothing = tmp_path / "nothing"
    assert main(["generate", str(photo), "--model", str(run), "--out", str(nothing)]) == 2
    assert "this model is a DCGAN" in capsys.readouterr().err
    assert not nothing.exists()
    new = ["train", "dcgan", "--data", str(faces), "--out", str(tmp_path / "new")]
    assert main([*new, "--resume"]) == 2
    assert "no latest.pt in" in capsys.readouterr().err
    assert main([*new, "--channels", "4", "--batch", "4", "--total", "8"]) == 0
    assert "model.safetensors" in capsys.readouterr().out


def test_converted_it_draws_the_same(run, tmp_path):
    from facegen.cli.main import main

    new = tmp_path / "new.safetensors"
    assert main(["weights", "convert", str(run / "latest.pt"), str(new)]) == 0
    before, after = (Studio.load(str(path), "cpu") for path in (run, new))
    assert torch.equal(before.sample(2), after.sample(2)) and after.info.licence == "CC0"


def test_a_damaged_state_is_no_model(run, tmp_path):
    state = tensors(run)
    state["generator"].pop("linear.bias")
    torch.save(state, tmp_path / "bad.pt")
    with pytest.raises(WeightsError, match=r"bad\.pt lacks 'linear\.bias'"):
        Studio.load(str(tmp_path / "bad.pt"), "cpu")
    state = tensors(run) | {"config": {"z_dim": 10**9, "channels": 4}}
    torch.save(state, tmp_path / "huge.pt")
    with pytest.raises(WeightsError, match="z_dim 1000000000"):
        Studio.load(str(tmp_path / "huge.pt"), "cpu")


def test_training_moves_a_bar_with_the_seconds_left(faces, tmp_path, monkeypatch, capsys):
    from facegen.cli.main import main

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    new = ["train", "dcgan", "--data", str(faces), "--out", str(tmp_path / "new")]
    assert main([*new, "--total", "64", "--batch", "8", "--channels", "4"]) == 0
    told = capsys.readouterr()
    assert re.search(r"pictures shown: +\d+%.*/64 .*left", told.err)
    assert "pictures shown" not in told.out and "shown 64" in told.out
