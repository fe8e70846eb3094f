"""The joint trainer on miniature data: finite, resumable bit for bit, its result loads."""

import csv

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from facegen import Studio, images
from facegen.errors import DataError, OptionError, OutputError, TrainingError
from facegen.networks.discriminator import Discriminator
from facegen.networks.stylegan2 import Generator, GeneratorConfig, upsample_rgb
from facegen.training import data, joint
from facegen.training.augment import augment, jitter
from facegen.training.losses import contrast_distance
from facegen.training.options import JointOptions


def options(folder, out, **more) -> JointOptions:
    small = {
        "resolution": 16, "w_dim": 8, "channel_base": 128, "channel_max": 8, "batch": 4,
        "discriminator_base": 64,
        "total": 24, "warmup": 8, "snapshot": 12, "anneal": 8, "r1_interval": 2,
    }  # fmt: skip
    return JointOptions(data=(str(folder),), out=str(out), **(small | more))


def state(out) -> dict[str, torch.Tensor]:
    content = torch.load(out / "latest.pt", weights_only=True)
    parts = ("generator", "encoder", "discriminator", "critic", "generator_ema", "encoder_ema")
    return {f"{part}.{k}": v for part in parts for k, v in content[part].items()}


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """A run of six steps that was not interrupted, and in its folder the model m.safetensors."""
    out, told = tmp_path_factory.mktemp("run"), []
    joint.train(options(folder, out), export=out / "m.safetensors", progress=told.append)
    assert [facts["shown"] for facts in told] == [12, 24]
    return out


def test_a_run_is_finite_and_its_model_loads(finished):
    rows = list(csv.DictReader((finished / "log.csv").open()))
    assert len(rows) == 2 and all(
        np.isfinite(float(rows[1][c])) for c in ("pixel", "face", "critic", "d")
    )
    assert (finished / "options.json").is_file() and (finished / "samples-000000024.png").is_file()
    studio = Studio.load(str(finished / "m.safetensors"), "cpu")
    assert studio.resolution == 16 and studio.sample(2).shape == (2, 3, 16, 16)


LARGER = {"resolution": 32, "encoder_resolution": 16, "discriminator_base": 128, "passes": 1}


@pytest.mark.parametrize("more", [{}, LARGER])
def test_resume_equals_no_interruption_bit_for_bit(folder, tmp_path, more):
    joint.train(options(folder, tmp_path / "whole", **more))
    run = joint.JointTraining(options(folder, tmp_path / "parts", **more))

    class Stop(Exception):
        pass

    def stop(facts):
        raise Stop

    with pytest.raises(Stop):
        run.run(progress=stop)
    joint.train(options(folder, tmp_path / "parts", **more))
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_a_run_of_another_shape_is_refused_and_left_alone(folder, finished):
    before = {p.name: p.read_bytes() for p in finished.iterdir()}
    with pytest.raises(OptionError, match="w_dim is 16, but the unfinished run in .* has 8"):
        joint.train(options(folder, finished, w_dim=16))
    with pytest.raises(OptionError, match="passes is 1, but the unfinished run in .* has 0"):
        joint.train(options(folder, finished, passes=1))
    joint.train(options(folder, finished, encoder_resolution=16))  # the same, in words
    assert {p.name: p.read_bytes() for p in finished.iterdir()} == before


def test_an_export_that_cannot_be_written_is_refused_before_the_start(folder, tmp_path):
    with pytest.raises(OutputError, match="absent is not a folder"):
        joint.train(options(folder, tmp_path / "run"), export=tmp_path / "absent" / "m.safetensors")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_snapshot(folder, tmp_path):
    run = joint.JointTraining(options(folder, tmp_path))
    run.run()
    before = (tmp_path / "latest.pt").read_bytes()
    with torch.no_grad():
        run.encoder.w.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="no longer a number after 28 pictures"):
        run.step(torch.zeros(4, 3, 16, 16))
    assert (tmp_path / "latest.pt").read_bytes() == before


def test_augmentation_is_the_identity_at_p_0_and_never_leaves_the_shape():
    images = torch.rand(6, 3, 16, 16) * 2 - 1
    assert torch.equal(augment(images, 0.0), images)
    changed = augment(images, 1.0, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape and not torch.equal(changed, images)
    few = augment(images, 1e-9, torch.Generator().manual_seed(0))
    torch.testing.assert_close(few, images, atol=1e-6, rtol=0)


def test_jitter_0_only_halves_the_picture():
    pictures = torch.rand(4, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(jitter(pictures, 0.0), torch.nn.functional.avg_pool2d(pictures, 2))
    changed = jitter(pictures, 1.0, torch.Generator().manual_seed(0))
    assert changed.shape == (4, 3, 16, 16) and changed.abs().max() <= 1
    little = jitter(pictures, 1e-6, torch.Generator().manual_seed(0))
    torch.testing.assert_close(little, jitter(pictures, 0.0), atol=1e-4, rtol=0)


def test_augmentation_lets_the_gradient_through():
    images = torch.rand(2, 3, 16, 16, requires_grad=True)
    augment(images, 1.0, torch.Generator().manual_seed(1)).sum().backward()
    assert torch.isfinite(images.grad).all() and images.grad.abs().sum() > 0


def test_r1_equals_the_numerical_gradient():
    """The squared norm of the gradient, against finite differences in random directions."""
    torch.manual_seed(0)
    config = GeneratorConfig(16, channel_base=128, channel_max=8)
    network = Discriminator(config).double()
    real = torch.rand(1, 3, 16, 16, dtype=torch.float64) * 2 - 1
    network.b4.float()  # the head always computes in float32
    gradient = torch.autograd.functional.jacobian(lambda x: network(x).sum(), real)
    penalty = joint.r1_penalty(network, real)
    assert float(penalty.detach()) == pytest.approx(float(gradient.square().sum()), rel=1e-4)


def test_the_mapping_network_becomes_the_gaussian_and_nothing_else_changes(folder, tmp_path):
    run = joint.JointTraining(options(folder, tmp_path))
    torch.manual_seed(0)
    codes = torch.randn(2000, 8) @ torch.randn(8, 8) + 2.0
    run.gaussian.push(codes)
    run.gaussian.refit()
    generator, encoder = run.generator_ema, run.encoder_ema
    generator.synthesis.half_dtype = encoder.half_dtype = None
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    before = generator.synthesis(encoder.encode(pictures))
    joint.install_gaussian(generator, encoder, run.gaussian)
    after = generator.synthesis(encoder.encode(pictures))
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-3)
    w = generator.mapping(torch.randn(20000, 8))
    torch.testing.assert_close(torch.cov(w.T), torch.cov(codes.T), atol=0.6, rtol=0.1)
    torch.testing.assert_close(w.mean(dim=0), generator.mapping.w_avg, atol=0.2, rtol=0)


@pytest.mark.parametrize("amount", [0.0, 0.5])
def test_the_generator_learns_from_codes_with_noise_of_their_own_spread(
    folder, tmp_path, monkeypatch, amount
):
    run = joint.JointTraining(options(folder, tmp_path, w_noise=amount, warmup=10**6))
    run.gaussian.push(torch.randn(500, 8) @ torch.diag(torch.arange(1.0, 9)))
    run.gaussian.refit()
    monkeypatch.setattr(run.gaussian, "refit", lambda: None)  # keep that spread
    clean, noisy = [], []
    encode, draw = run._encode, run.generator.synthesis.forward

    def encoded(pictures):
        w, offsets = encode(pictures)
        clean.append(w[:, None] + offsets)
        return w, offsets

    def drawn(ws, **more):
        noisy.append(ws)
        return draw(ws, **more)

    monkeypatch.setattr(run, "_encode", encoded)
    monkeypatch.setattr(run.generator.synthesis, "forward", drawn)
    for _ in range(100):
        run.step(torch.zeros(4, 3, 16, 16))
    noise = (torch.cat(noisy) - torch.cat(clean)).detach()
    torch.testing.assert_close(noise[:, 0], noise[:, -1])  # the same in every layer
    spread = noise[:, 0].std(dim=0)
    torch.testing.assert_close(spread, amount * torch.arange(1.0, 9), rtol=0.2, atol=1e-6)


def test_crossover_takes_layers_from_both_and_nothing_else():
    a, b = torch.zeros(64, 6, 2), torch.ones(64, 6, 2)
    mixed = joint.crossover(a, b, torch.Generator().manual_seed(0))
    assert mixed.min() >= 0 and mixed.max() <= 1
    swapped = [row for row in mixed if set(row.unique().tolist()) == {0.0, 1.0}]
    assert len(swapped) > 16 and all(row[0, 0] == 0 and row[-1, 0] == 1 for row in swapped)


def test_data_that_cannot_be_used_is_named(folder, tmp_path):
    with pytest.raises(DataError, match="absent is not a folder"):
        data.load_pictures([tmp_path / "absent"], 16)
    with pytest.raises(DataError, match="0 pictures found, at least 8"):
        data.load_pictures([tmp_path], 16)
    for i in range(8):
        Image.new("RGB", (40, 40)).save(tmp_path / f"{i}.png")
    Image.new("RGB", (50, 40)).save(tmp_path / "wide.png")
    with pytest.raises(DataError, match=r"wide.png is 50x40"):
        data.load_pictures([tmp_path], 16)
    (tmp_path / "wide.png").write_text("no picture")
    with pytest.raises(DataError, match=r"wide.png cannot be read"):
        data.load_pictures([tmp_path], 16)


def test_options_are_checked():
    for wrong in (
        {"batch": 1},
        {"resolution": 100},
        {"w_dim": 0},
        {"channel_base": 8},
        {"learning_rate": float("nan")},
        {"snapshot": 0},
        {"r1_interval": 0},
        {"seed": 10**20},
    ):
        ((name, value),) = wrong.items()
        with pytest.raises(OptionError, match=f"{name} is {value}"):
            JointOptions(data=(), out="x", **wrong)


def test_a_grown_model_begins_as_the_old_one_enlarged(folder, finished, tmp_path):
    """And its second look changes nothing yet, and only its last look learns."""
    old = finished / "m.safetensors"
    small = Studio.load(str(old), "cpu").model
    larger = {**LARGER, "passes": 2, "finetune": str(old)}
    run = joint.JointTraining(options(folder, tmp_path / "new", **larger))
    run.generator.synthesis.half_dtype = None
    for look in (run.encoder, run.encoder.again):
        look.half_dtype = None
    pictures = torch.rand(3, 3, 16, 16) * 2 - 1
    draw = joint.seen_by(run.encoder, run.generator)
    with torch.no_grad():
        codes = run.encoder.encode(pictures, draw)
        grown = run.generator.synthesis(codes, "none")
        before = small.generator.synthesis(small.encode(pictures), "none")
    torch.testing.assert_close(grown, upsample_rgb(before), atol=2e-3, rtol=1e-3)
    centred = small.encode(pictures) - small.generator.mapping.w_avg
    torch.testing.assert_close(codes[:, : centred.shape[1]], centred, atol=2e-3, rtol=1e-3)

    w, offsets = run.encoder.after(2, pictures, draw)
    (w.sum() + offsets.sum()).backward()
    learns = {name for name, p in run.encoder.named_parameters() if p.grad is not None}
    assert "linear.weight" in learns and "again.mix.weight" in learns
    assert all(name.startswith(("linear.", "again.")) for name in learns)


def test_the_further_looks_see_the_whole_picture_and_grow_along(folder, tmp_path):
    """From the start adversarial, exported, grown again, and resumed without the first file."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    small = {**LARGER, "channel_base": 256}
    joint.train(options(folder, tmp_path / "a", **small, warmup=0), export=first)
    model = Studio.load(str(first), "cpu").model
    ws = model.encode(torch.rand(2, 3, 32, 32) * 2 - 1)
    shown = joint.seen_by(model.encoder, model.generator)(ws)
    whole = model.generator.synthesis(ws, "none")
    torch.testing.assert_close(shown, joint.resized(whole, 16))

    larger = {**small, "resolution": 64, "discriminator_base": 256, "finetune": str(first)}
    grown = options(folder, tmp_path / "b", **larger)
    run = joint.JointTraining(grown)
    begun = run.generator.synthesis.b64.conv0.affine.bias
    assert torch.equal(begun, torch.ones_like(begun))  # it never knew where w was before
    run.run()
    first.unlink()
    joint.train(grown, export=second)
    assert Studio.load(str(second), "cpu").resolution == 64


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"resolution": 32, "discriminator_base": 128}, "set encoder_resolution to 16"),
        ({"passes": 0, "encoder_resolution": 16}, "set passes, it has 1"),
    ],
)
def test_an_encoder_that_does_not_fit_is_named(folder, tmp_path, more, message):
    file = tmp_path / "m.safetensors"
    joint.train(options(folder, tmp_path / "a", passes=1, total=8), export=file)
    with pytest.raises(OptionError, match=message):
        joint.JointTraining(options(folder, tmp_path / "b", **more, finetune=str(file)))


def test_a_model_without_an_encoder_is_no_start(folder, tmp_path):
    from facegen import models

    generator = Generator(GeneratorConfig(16, 8, 8, 128, 8, mapping_layers=1))
    about = {"title": "t", "licence": "CC0", "licence_meaning": "any use", "training_data": "none"}
    models.save_face_model(tmp_path / "bare.safetensors", generator, None, about)
    with pytest.raises(OptionError, match="has no encoder of ours"):
        joint.JointTraining(options(folder, tmp_path, finetune=str(tmp_path / "bare.safetensors")))


def test_contrast_is_of_the_details_and_not_of_their_place(astronaut):
    sharp = images.to_tensor(images.resize(astronaut, 128))
    blurred = [F.avg_pool2d(sharp, 2 * k + 1, 1, k, count_include_pad=False) for k in (1, 2, 4)]
    moved = sharp.roll(1, dims=3)
    assert contrast_distance(sharp, sharp) < 1e-6
    told = [float(contrast_distance(b, sharp)) for b in blurred]
    assert told == sorted(told) and told[0] > 3 * contrast_distance(moved, sharp)
    assert (blurred[0] - sharp).abs().mean() < (moved - sharp).abs().mean()  # L1 likes the blur
    assert contrast_distance(torch.zeros_like(sharp), sharp) <= 1
    half = sharp.clone()
    half[..., :64] = 0
    assert contrast_distance(half, sharp, box=(0.75, 0.0, 1.0, 1.0)) < 1e-6
    assert contrast_distance(half, sharp, box=(0.0, 0.0, 0.25, 1.0)) > 0.5


@pytest.mark.parametrize("side", [16, 32])
def test_contrast_has_a_finite_gradient_where_nothing_is(side):
    flat = torch.zeros(1, 3, side, side, requires_grad=True)
    contrast_distance(flat, torch.rand(1, 3, side, side)).backward()
    assert flat.grad.isfinite().all()


def test_an_anneal_longer_than_the_run_begins_at_the_full_rate(folder, tmp_path):
    run = joint.JointTraining(options(folder, tmp_path, anneal=40_000, learning_rate=0.004))
    assert run._learning_rate() == 0.004
    run.shown = 24
    assert run._learning_rate() == run.options.final_learning_rate
