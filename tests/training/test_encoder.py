"""The encoder trainer on miniature data: exact, resumable, and its result inverts in the studio."""

import numpy as np
import pytest
import torch

from facegen import Studio, models
from facegen.cli.main import main
from facegen.errors import DataError, OptionError
from facegen.networks.stylegan2 import Generator, GeneratorConfig
from facegen.output import provenance
from facegen.training import encoder
from facegen.training.options import EncoderTrainOptions
from facegen.training.run import read_log


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A generator without an encoder, 64 pixels."""
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(64, 8, 8, 256, 8, mapping_layers=2))
    path = tmp_path_factory.mktemp("model") / "generator.safetensors"
    about = {"title": "t", "licence": "CC0", "licence_meaning": "any use", "training_data": "none"}
    models.save_face_model(path, generator, None, about)
    return path


def options(model, out, *data, **more) -> EncoderTrainOptions:
    small = {
        "resolution": 32, "channel_base": 128, "channel_max": 8, "batch": 4, "total": 24,
        "snapshot": 12, "device": "cpu",
    }  # fmt: skip
    return EncoderTrainOptions(
        data=tuple(map(str, data)), out=str(out), model=str(model), **(small | more)
    )


def test_a_run_is_finite_and_its_result_inverts(model, folder, tmp_path):
    encoder.train(options(model, tmp_path, folder))
    row = read_log(tmp_path / "log.csv")[-1]
    for name in ("pixel", "latent", "face", "offset"):
        assert np.isfinite(float(row[name]))
    before = Studio.load(str(model), "cpu")
    after = Studio.load(str(tmp_path / "model.safetensors"), "cpu")
    assert before.model.encode is None and after.model.encode is not None
    assert after.info.licence == "CC0"
    sheet = provenance.read(tmp_path / "samples-000000024.png")
    assert not sheet["synthetic"], "half of it is photos"
    ws = after.model.encode(torch.rand(2, 3, 64, 64) * 2 - 1)
    assert ws.shape == (2, before.model.generator.config.num_ws, 8) and torch.isfinite(ws).all()


def test_with_further_looks(model, folder, tmp_path):
    encoder.train(options(model, tmp_path, folder, passes=2))
    after = Studio.load(str(tmp_path / "model.safetensors"), "cpu").model
    assert after.encoder.config.passes == 2
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    w, offsets = after.encoder(pictures)
    assert not torch.equal(after.encode(pictures), w[:, None] + offsets)
    torch.testing.assert_close(after.encode(pictures[:1]), after.encode(pictures)[:1])


def test_the_first_guess_is_the_average_face(model, tmp_path):
    training = encoder.EncoderTraining(options(model, tmp_path))
    ws = training.encoder.encode(torch.rand(2, 3, 32, 32))
    mean = training.model.sample_w().mean(dim=0)
    torch.testing.assert_close(ws, mean.expand_as(ws), atol=1e-4, rtol=0)


def test_known_codes_are_learned_without_any_photo(model, tmp_path):
    quick = options(
        model, tmp_path, samples=1.0, total=800, snapshot=200, batch=8, learning_rate=3e-3,
        face_weight=0.0, channel_max=16,
    )  # fmt: skip
    encoder.train(quick)
    latent = [float(row["latent"]) for row in read_log(tmp_path / "log.csv")]
    assert latent[-1] < 0.9 * latent[0]


def test_resume_equals_no_interruption_bit_for_bit(model, folder, tmp_path):
    class Stop(Exception):
        pass

    def stop(facts):
        raise Stop

    encoder.train(options(model, tmp_path / "whole", folder))
    with pytest.raises(Stop):
        encoder.train(options(model, tmp_path / "parts", folder), progress=stop)
    encoder.train(options(model, tmp_path / "parts", folder))
    whole, parts = (
        torch.load(tmp_path / name / "latest.pt", weights_only=True) for name in ("whole", "parts")
    )
    for part in ("encoder", "encoder_ema"):
        assert all(torch.equal(whole[part][k], parts[part][k]) for k in whole[part])


def test_a_batch_without_a_photo_is_refused(model, folder, tmp_path):
    with pytest.raises(DataError, match=r"samples is 0\.9, .* batch of 4; lower it, or raise"):
        encoder.train(options(model, tmp_path, folder, samples=0.9, batch=4))


def test_nothing_to_train_on_is_refused(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["train", "encoder", "--samples", "0", "--out", str(out)]) == 2
    assert "samples is 0 and there is no data" in capsys.readouterr().err and not out.exists()


def test_a_run_of_another_model_is_refused(model, folder, tmp_path):
    encoder.train(options(model, tmp_path, folder, total=4, snapshot=4))
    with pytest.raises(OptionError, match="resolution is 64, but the unfinished run"):
        encoder.train(options(model, tmp_path, folder, resolution=64, channel_base=256))
