"""The StyleGAN2 trainer on miniature data: exact, resumable, adaptive, and clear when it stops."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facegen import Studio, images
from facegen.cli.main import main
from facegen.errors import DataError, OptionError, TrainingError
from facegen.models.families.facegen import FACTS, save_dcgan
from facegen.networks import dcgan
from facegen.networks.discriminator import Discriminator
from facegen.networks.stylegan2 import Generator, GeneratorConfig
from facegen.output import provenance
from facegen.training import augment, finetune, losses, memory_estimate, stylegan2
from facegen.training.options import StyleGAN2Options
from facegen.training.run import read_log

SMALL = {
    "resolution": 32, "z_dim": 8, "w_dim": 8, "mapping_layers": 2, "channel_base": 256,
    "channel_max": 8, "batch": 4, "total": 24, "snapshot": 12, "r1_interval": 2,
    "path_interval": 2, "ada_interval": 1, "ada_horizon": 100, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """A run of six steps that was not interrupted."""
    out = tmp_path_factory.mktemp("run")
    stylegan2.train(options(folder, out))
    return out


def options(folder, out, **more) -> StyleGAN2Options:
    return StyleGAN2Options(data=(str(folder),), out=str(out), **(SMALL | more))


def networks(out) -> dict[str, torch.Tensor]:
    content = torch.load(out / "latest.pt", weights_only=True)
    parts = ("generator", "discriminator", "generator_ema")
    return {f"{part}.{k}": v for part in parts for k, v in content[part].items()}


# --- runs ------------------------------------------------------------------------------------


def test_a_run_is_finite_and_leaves_all_that_it_should(finished):
    rows = read_log(finished / "log.csv")
    assert [row["shown"] for row in rows] == ["12", "24"]
    for name in ("g_loss", "d_loss", "r1", "path_length", "r_t", "p", "pictures_per_second"):
        assert np.isfinite(float(rows[-1][name]))
    for name in ("options.json", "curves.png", "samples-000000024.png", "model.safetensors"):
        assert (finished / name).is_file()
    assert list(finished.glob("events*"))
    assert provenance.read(finished / "samples-000000024.png")["synthetic"]
    with Image.open(finished / "samples-000000024.png") as sheet:
        assert sheet.size == (8 * 32, 4 * 32)


def test_its_model_loads_in_the_studio(finished):
    studio = Studio.load(str(finished / "model.safetensors"), "cpu")
    assert studio.resolution == 32
    faces = studio.sample(2, seed=1)
    assert faces.shape == (2, 3, 32, 32) and torch.isfinite(faces).all()


def test_resume_equals_no_interruption_bit_for_bit(folder, finished, tmp_path):
    class Stop(Exception):
        pass

    def stop(facts):
        raise Stop

    with pytest.raises(Stop):
        stylegan2.train(options(folder, tmp_path), progress=stop)
    assert torch.load(tmp_path / "latest.pt", weights_only=True)["shown"] == 12
    stylegan2.train(options(folder, tmp_path))
    whole, parts = networks(finished), networks(tmp_path)
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_a_run_goes_on_with_the_rates_of_today(folder, finished, tmp_path):
    """Whoever goes on with a lower rate, as an error advises, or without augmentation, gets it."""
    shutil.copytree(finished, tmp_path / "on")
    more = {"learning_rate": 1e-4, "discriminator_rate": 0.5, "ada": "0.25", "total": 28}
    training = stylegan2.StyleGAN2Training(options(folder, tmp_path / "on", **more))
    fresh = [dict(one.param_groups[0]) for one in (training.g_optimiser, training.d_optimiser)]
    training.run()
    for optimiser, before in zip((training.g_optimiser, training.d_optimiser), fresh, strict=True):
        (now,) = optimiser.param_groups
        assert (now["lr"], now["betas"]) == (before["lr"], before["betas"])
        assert len(optimiser.state) == len(now["params"]), "the moments are the run's"
    assert fresh[0]["lr"] < 1e-4 and training.augmentation.p == 0.25


def test_a_batch_in_parts_has_the_same_size_and_other_numbers(folder, tmp_path):
    stylegan2.train(options(folder, tmp_path, accumulate=2, total=8, snapshot=8))
    (row,) = read_log(tmp_path / "log.csv")
    assert row["shown"] == "8" and np.isfinite(float(row["g_loss"]))


def test_two_processes_train_one_network(folder, tmp_path):
    code = (
        "import sys, torch; torch.set_num_threads(1);"
        "from tests.training.test_stylegan2 import options, stylegan2, parallel_weights;"
        "parallel_weights(*sys.argv[1:])"
    )
    environment = os.environ | {
        "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29871",
        "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(tmp_path), str(rank)],
            cwd=Path(__file__).parents[2],
            env=environment | {"RANK": str(rank)},
        )
        for rank in (0, 1)
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)
    alone = stylegan2.StyleGAN2Training(options(folder, tmp_path / "alone"))
    assert any(not torch.equal(first[k], v) for k, v in alone.generator.state_dict().items())


def parallel_weights(folder: str, out: str, rank: str) -> None:
    """What each of the processes above does."""
    from facegen.training import parallel

    with parallel.processes("cpu") as device:
        training = stylegan2.StyleGAN2Training(
            options(folder, Path(out) / "run", total=8, snapshot=8), device=device
        )
        training.run()
        torch.save(training.generator.state_dict(), Path(out) / f"{rank}.pt")


# --- how runs end ----------------------------------------------------------------------------


def test_a_loss_that_is_no_number_says_when_and_keeps_the_snapshot(folder, tmp_path):
    training = stylegan2.StyleGAN2Training(options(folder, tmp_path, total=8, snapshot=8))
    training.run()
    before = (tmp_path / "latest.pt").read_bytes()
    with torch.no_grad():
        training.generator.synthesis.b4.const.fill_(float("nan"))
    training.options = options(folder, tmp_path, total=24)
    with pytest.raises(TrainingError, match=r"no longer a number after 12 pictures; .*latest\.pt"):
        training.step(torch.zeros(4, 3, 32, 32))
    assert (tmp_path / "latest.pt").read_bytes() == before


def test_weights_that_broke_after_the_loss_are_not_saved(folder, tmp_path):
    training = stylegan2.StyleGAN2Training(options(folder, tmp_path, total=8, snapshot=8))
    training.run()
    before = (tmp_path / "latest.pt").read_bytes()
    with torch.no_grad():
        training.discriminator.b4.out.weight.fill_(float("inf"))
    with pytest.raises(TrainingError, match=r"discriminator\.b4\.out\.weight .*was not written"):
        training.save()
    assert (tmp_path / "latest.pt").read_bytes() == before
    assert Studio.load(str(tmp_path / "model.safetensors"), "cpu").sample(1).isfinite().all()


def test_before_the_first_snapshot_no_file_is_promised(folder, tmp_path):
    training = stylegan2.StyleGAN2Training(options(folder, tmp_path / "new"))
    with torch.no_grad():
        training.generator.synthesis.b4.const.fill_(float("nan"))
    with pytest.raises(TrainingError, match="nothing was saved yet"):
        training.step(torch.zeros(4, 3, 32, 32))


def test_a_full_disk_is_said_and_the_old_snapshot_stays(folder, tmp_path, monkeypatch):
    stylegan2.train(options(folder, tmp_path, total=12))
    before = (tmp_path / "latest.pt").read_bytes()

    def full(state, path):
        Path(path).write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file: No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match=r"cannot be written .* MB free.*No space left"):
        stylegan2.train(options(folder, tmp_path))
    assert (tmp_path / "latest.pt").read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGHUP, signal.SIGHUP]])
def test_ctrl_c_and_a_closing_terminal_finish_the_step_and_save(folder, tmp_path, signals):
    code = (
        "import sys; from facegen.cli.main import main;"
        "sys.exit(main(['train', 'stylegan2', '--data', sys.argv[1], '--out', sys.argv[2],"
        " *sys.argv[3:]]))"
    )
    small = [f"--{k.replace('_', '-')}={v}" for k, v in (SMALL | {"total": 10**6}).items()]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code, folder, tmp_path, *small],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    for line in process.stdout:
        if "g_loss" in line:
            break
    for one in signals:
        process.send_signal(one)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said == "facegen: interrupted\n"
    shown = torch.load(tmp_path / "latest.pt", weights_only=True)["shown"]
    assert int(read_log(tmp_path / "log.csv")[-1]["shown"]) == shown >= 12


def test_too_few_and_wrong_pictures_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match="12 pictures are fewer than one batch of 16"):
        stylegan2.train(options(folder, tmp_path, batch=16))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="0 pictures found, at least 8"):
        stylegan2.train(options(empty, tmp_path / "run"))
    with pytest.raises(DataError, match="this run looks at 256; bring pictures of 128 or more"):
        stylegan2.train(options(folder, tmp_path / "run", resolution=256, channel_base=1024))


def test_a_run_of_another_shape_is_refused_and_left_alone(folder, finished):
    before = {p.name: p.read_bytes() for p in finished.iterdir()}
    with pytest.raises(OptionError, match="channel_max is 4, but the unfinished run in .* has 8"):
        stylegan2.train(options(folder, finished, channel_max=4))
    assert {p.name: p.read_bytes() for p in finished.iterdir()} == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"resolution": 48}, "resolution is 48"),
        ({"batch": 6, "accumulate": 4}, "accumulate is 4"),
        ({"ada": "often"}, "ada is 'often'"),
        ({"ada": "1.5"}, "ada is 1.5"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"freeze_d": 9}, "freeze_d is 9"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_options_are_checked(wrong, message):
    with pytest.raises(OptionError, match=message):
        options("x", "y", **wrong)


def test_parts_have_to_divide_a_process_share(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(stylegan2.parallel, "share", lambda batch: batch // 2)
    with pytest.raises(OptionError, match="accumulate is 4; it must divide the 2 pictures"):
        stylegan2.StyleGAN2Training(options(folder, tmp_path, accumulate=4))


def test_a_dry_run_says_what_it_needs_and_writes_nothing(folder, tmp_path, capsys):
    small = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    command = ["train", "stylegan2", "--data", str(folder), "--out", str(tmp_path / "run"), *small]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "training pictures: 12" in said and "generator parameters: 0.0 million" in said
    assert "MB that are free" in said and "MB a snapshot" in said
    assert "nothing was started and nothing was written" in said
    assert not (tmp_path / "run").exists()
    assert main([*command, "--resume"]) == 2
    assert "there is no latest.pt" in capsys.readouterr().err


@pytest.mark.parametrize("network", ["stylegan2", "encoder"])
def test_a_run_that_does_not_fit_is_refused(folder, tmp_path, monkeypatch, capsys, network):
    monkeypatch.setattr(memory_estimate, "free_memory", lambda device: 10**6)
    command = ["train", network, "--data", str(folder), "--out", str(tmp_path / "run")]
    assert main([*command, "--device", "cpu", "--batch", "8", "--dry-run"]) == 2
    said = capsys.readouterr()
    assert "memory: about" in said.out and "nothing was started" not in said.out
    assert "MB of memory are needed, 1 MB are free; lower the batch" in said.err
    assert not (tmp_path / "run").exists()


def test_the_memory_is_that_of_a_process_share(folder, tmp_path, monkeypatch):
    small = options(folder, tmp_path, batch=64, accumulate=1)
    alone = memory_estimate.estimate(small, 12)
    monkeypatch.setenv("WORLD_SIZE", "4")
    shared = memory_estimate.estimate(small, 12)
    assert shared["memory_mb"] < alone["memory_mb"]
    monkeypatch.setattr(
        memory_estimate, "free_memory", lambda device: int(2e6 * shared["memory_mb"])
    )
    memory_estimate.check(shared, tmp_path, torch.device("cuda"))  # each has one of its own
    with pytest.raises(OptionError, match=f"about {4 * shared['memory_mb']:.0f} MB"):
        memory_estimate.check(shared, tmp_path, torch.device("cpu"))


def test_of_several_processes_one_announces(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    command = ["train", "stylegan2", "--data", str(folder), "--out", str(tmp_path / "run")]
    assert (
        main([*command, "--device", "cpu", "--resolution", "32", "--batch", "4", "--dry-run"]) == 0
    )
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("network", ["joint", "stylegan2", "encoder", "dcgan"])
def test_a_run_that_is_refused_leaves_nothing(folder, tmp_path, capsys, network):
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(next(folder.iterdir()), few)
    command = ["train", network, "--data", str(few), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "1 picture found, at least 8 are needed" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["few"]


def test_a_dry_run_refuses_what_a_run_would(folder, tmp_path, capsys):
    command = ["train", "stylegan2", "--data", str(folder), "--out", str(tmp_path / "run")]
    assert main([*command, "--batch", "16", "--dry-run"]) == 2
    said = capsys.readouterr()
    assert "12 pictures are fewer than one batch of 16" in said.err and not said.out


def test_the_snapshot_has_the_size_that_was_announced(folder, finished):
    announced = stylegan2.plan(options(folder, finished))["snapshot_mb"] * 1e6
    assert (finished / "latest.pt").stat().st_size == pytest.approx(announced, rel=0.5, abs=2e5)


# --- starting from a trained network -----------------------------------------------------------


def grown(checkpoint, resolution=64, **more) -> Generator:
    small = {k: SMALL[k] for k in ("z_dim", "w_dim", "mapping_layers", "channel_max")}
    config = GeneratorConfig(resolution, **{**small, "channel_base": 256, **more})
    generator = Generator(config)
    finetune.finetune(generator, Discriminator(config), str(checkpoint))
    return generator


@pytest.mark.parametrize("name", ["model.safetensors", "latest.pt", ""])
def test_a_grown_network_begins_with_the_old_picture_enlarged(finished, name):
    large = grown(finished / name)
    small = Studio.load(str(finished / "model.safetensors"), "cpu")
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        picture = large.synthesis(large.broadcast(large.mapping(z)), noise_mode="none")
        ws = large.broadcast(large.mapping(z))[:, : small.model.generator.config.num_ws]
        before = small.synthesize(ws, noise_mode="none")
    again = torch.nn.functional.avg_pool2d(picture, 2)
    assert picture.shape == (2, 3, 64, 64)
    # enlarged by a low-pass filter and halved: nearly the same, and far from another face
    assert (again - before).abs().mean() < 0.2 * (before[0] - before[1]).abs().mean()


def test_finetuning_at_the_same_size_begins_where_the_run_ended(folder, finished, tmp_path):
    training = stylegan2.StyleGAN2Training(options(folder, tmp_path, finetune=str(finished)))
    state = networks(finished)
    for key, value in training.generator.state_dict().items():
        assert torch.equal(value, state[f"generator_ema.{key}"])
    for key, value in training.discriminator.state_dict().items():
        assert torch.equal(value, state[f"discriminator.{key}"])


def test_frozen_blocks_stay_as_they_are(folder, finished, tmp_path):
    run = options(folder, tmp_path, finetune=str(finished), freeze_d=1, total=8, snapshot=8)
    stylegan2.train(run)
    before, after = networks(finished), networks(tmp_path)
    for key in before:
        if key.startswith("discriminator.b32."):
            assert torch.equal(before[key], after[key])
    key = "discriminator.b16.conv0.weight"
    assert not torch.equal(before[key], after[key])


def test_a_random_block_is_not_frozen(folder, finished, tmp_path):
    with pytest.raises(OptionError, match=r"block of 64 pixels does not come from latest\.pt"):
        large = {"resolution": 64, "freeze_d": 1}
        stylegan2.train(options(folder, tmp_path, finetune=str(finished), **large))
    model = str(finished / "model.safetensors")
    with pytest.raises(OptionError, match="block of 32 pixels does not come from model"):
        stylegan2.train(options(folder, tmp_path, finetune=model, freeze_d=1))


def test_what_was_taken_over_is_said(folder, finished, tmp_path):
    said = []
    again = options(folder, tmp_path / "a", finetune=str(finished), total=4)
    stylegan2.train(again, say=said.append)
    model = str(finished / "model.safetensors")
    grown = options(folder, tmp_path / "b", finetune=model, total=4, resolution=64)
    stylegan2.train(grown, say=said.append)
    assert said == [
        "begun with latest.pt: a generator, its discriminator",
        "begun with model.safetensors: a generator grown by 1 resolutions, no discriminator",
    ]


def test_a_run_that_goes_on_takes_nothing_over(folder, finished, tmp_path):
    said = []
    shutil.copytree(finished, tmp_path / "on")
    again = options(folder, tmp_path / "on", finetune=str(finished), total=28)
    stylegan2.train(again, say=said.append)
    assert said == []


def test_another_network_is_no_beginning(folder, tmp_path):
    other = tmp_path / "dcgan.safetensors"
    generator = dcgan.Generator(dcgan.DcganConfig(8, 4))
    save_dcgan(other, generator, dict.fromkeys(FACTS, "unknown"))
    with pytest.raises(OptionError, match=r"dcgan\.safetensors holds no StyleGAN2; name a run"):
        stylegan2.train(options(folder, tmp_path / "new", finetune=str(other)))


def test_what_does_not_fit_is_named(folder, finished, tmp_path):
    with pytest.raises(OptionError, match="channel_base and channel_max as it was trained"):
        grown(finished, channel_max=16)
    big = tmp_path / "big"
    stylegan2.train(options(folder, big, resolution=64, total=4, snapshot=4))
    with pytest.raises(OptionError, match="draws 64 pixels; a network can grow, not shrink"):
        grown(big, resolution=32)
    joint = {name: {} for name in ("generator_ema", "discriminator", "encoder")}
    torch.save({**joint, "options": "{}"}, tmp_path / "latest.pt")
    with pytest.raises(OptionError, match="name the model that this run exported"):
        grown(tmp_path)


# --- the parts -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", augment.GEOMETRY, ids=lambda kind: kind.__name__)
def test_each_geometry_is_the_identity_at_p_0(kind):
    draw = _draw()
    matrices = augment._chosen(kind(32, 16, draw), 0.0, draw)
    pictures = torch.rand(32, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(augment.warp(pictures, matrices), pictures, atol=1e-5, rtol=0)
    assert not torch.equal(augment._chosen(kind(32, 16, draw), 1.0, draw), matrices)


@pytest.mark.parametrize("kind", augment.COLOUR, ids=lambda kind: kind.__name__)
def test_each_colour_is_the_identity_at_p_0(kind):
    draw = _draw()
    matrices = augment._chosen(kind(32, draw), 0.0, draw)
    pictures = torch.rand(32, 3, 4, 4) * 2 - 1
    torch.testing.assert_close(augment.recolour(pictures, matrices), pictures)
    assert not torch.equal(augment._chosen(kind(32, draw), 1.0, draw), matrices)


def _draw():
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.rand(*shape, generator=generator)


def test_the_pipeline_is_the_identity_at_p_0_and_differentiable_above():
    pictures = (torch.rand(4, 3, 16, 16) * 2 - 1).requires_grad_(True)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(augment.adaptive(pictures, 0.0, generator), pictures)
    changed = augment.adaptive(pictures, 1.0, generator)
    assert changed.shape == pictures.shape and not torch.equal(changed, pictures)
    changed.sum().backward()
    assert torch.isfinite(pictures.grad).all() and pictures.grad.abs().sum() > 0


def test_whole_pixels_move_and_colours_mean_what_their_names_say():
    pictures = torch.rand(1, 3, 16, 16) * 2 - 1
    moved = augment.warp(pictures, augment._moving(torch.tensor([2 / 8]), torch.tensor([0.0])))
    torch.testing.assert_close(moved[..., :14], pictures[..., 2:], atol=1e-5, rtol=0)
    mirrored = augment.warp(pictures, augment._scaling(-torch.ones(1), torch.ones(1)))
    torch.testing.assert_close(mirrored, pictures.flip(3), atol=1e-5, rtol=0)
    turned = augment.recolour(pictures, augment.hue(1, _draw()))
    # a change of hue keeps the grey value
    torch.testing.assert_close(turned.mean(dim=1), pictures.mean(dim=1), atol=1e-5, rtol=0)


def test_p_rises_where_the_discriminator_overfits_and_falls_where_it_does_not(folder, tmp_path):
    """A discriminator that learns a hundred times faster than the generator is soon sure."""
    sure = options(
        folder, tmp_path / "a", learning_rate=1e-4, discriminator_rate=100.0, total=120,
        snapshot=40, path_weight=0.0, r1_gamma=1e-3,
    )  # fmt: skip
    stylegan2.train(sure)
    rows = read_log(tmp_path / "a" / "log.csv")
    assert float(rows[-1]["r_t"]) > 0.6 and float(rows[-1]["p"]) > float(rows[0]["p"])

    unsure = stylegan2.StyleGAN2Training(
        options(folder, tmp_path / "b", discriminator_rate=0.0, total=40)
    )
    unsure.augmentation.p = 0.9
    with torch.no_grad():
        unsure.discriminator.b4.out.weight.zero_()
    seen = [unsure.step(torch.zeros(4, 3, 32, 32))["p"] for _ in range(3)]
    assert seen == pytest.approx([0.86, 0.82, 0.78])


def test_path_lengths_are_the_norm_of_the_jacobian_times_noise():
    """Against the whole Jacobian of a small generator."""
    config = GeneratorConfig(8, z_dim=4, w_dim=4, channel_base=32, channel_max=4)
    torch.manual_seed(0)
    generator = Generator(config).double()
    ws = torch.randn(2, config.num_ws, 4, dtype=torch.float64, requires_grad=True)
    pictures = generator.synthesis(ws, noise_mode="none").double()
    noise = torch.randn_like(pictures)
    lengths = losses.path_lengths(pictures, ws, noise)

    def draw(one):
        return generator.synthesis(one[None], noise_mode="none")[0].double()

    for i in range(2):
        jacobian = torch.autograd.functional.jacobian(draw, ws[i].detach())
        product = torch.einsum("chw,chwld->ld", noise[i] / 8, jacobian)
        expected = product.square().sum(dim=1).mean().sqrt()
        assert float(lengths[i].detach()) == pytest.approx(float(expected), rel=1e-4)


def test_the_penalty_pulls_lengths_to_their_running_mean(folder, tmp_path):
    training = stylegan2.StyleGAN2Training(options(folder, tmp_path, path_decay=1.0))
    penalty, mean = training._path_penalty(4)
    assert float(mean) > 0
    # with a decay of 1 the mean is that of this batch: the penalty is the lengths' variance
    assert float(penalty.detach()) < float(mean) ** 2


def test_the_log_grows_columns_and_keeps_rows(tmp_path):
    from facegen.training.run import RunFolder

    run = RunFolder(tmp_path)
    run.log({"shown": 1, "a": 0.5})
    run.log({"shown": 2, "a": 0.25, "b": 3.0})
    run.close()
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"shown": "1", "a": "0.5", "b": ""},
        {"shown": "2", "a": "0.25", "b": "3"},
    ]
    assert images.load(tmp_path / "curves.png").ndim == 3


def test_a_run_of_an_earlier_version_goes_on(folder, tmp_path):
    """Its options may have had other values: compile was once a number."""
    stylegan2.train(options(folder, tmp_path, total=12))
    state = torch.load(tmp_path / "latest.pt", weights_only=True)
    state["options"] = json.dumps(json.loads(state["options"]) | {"compile": 0})
    torch.save(state, tmp_path / "latest.pt")
    stylegan2.train(options(folder, tmp_path))
    assert read_log(tmp_path / "log.csv")[-1]["shown"] == "24"
