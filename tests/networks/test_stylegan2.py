"""The generator and the discriminator against the published networks and against plain twins."""

import golden
import pytest
import torch

from facegen import models
from facegen.errors import WeightsError
from facegen.networks.discriminator import Discriminator
from facegen.networks.stylegan2 import (
    Generator,
    GeneratorConfig,
    modulated_conv2d,
    modulated_conv2d_plain,
)

TOLERANCE = 1e-5  # relative; about 8e-7 is reached


def nvidia_config(config):
    return GeneratorConfig(
        resolution=config["resolution"],
        z_dim=config["z_dim"],
        w_dim=config["w_dim"],
        channel_base=config["channel_base"],
        channel_max=config["channel_max"],
        mapping_layers=config["mapping_layers"],
    )


@pytest.mark.parametrize("name", ["stylegan2_nvidia_64", "stylegan2_nvidia_128"])
@torch.no_grad()
def test_nvidia_format_computes_the_published_images(name):
    config, _, arrays = golden.load(name)
    generator = Generator(nvidia_config(config))
    generator.load_state_dict(golden.state_dict(name), strict=True)
    z = torch.from_numpy(arrays["z"])
    ws = {psi: generator.broadcast(generator.mapping(z, psi)) for psi in (1.0, 0.7)}
    assert golden.relative_error(ws[1.0], arrays["ws_psi1"]) < TOLERANCE
    assert golden.relative_error(ws[0.7], arrays["ws_psi07"]) < TOLERANCE
    synthesis = generator.synthesis
    assert golden.relative_error(synthesis(ws[0.7]), arrays["image_psi07"]) < TOLERANCE
    assert golden.relative_error(synthesis(ws[0.7], "none"), arrays["image_nonoise"]) < TOLERANCE
    ws_plus = torch.from_numpy(arrays["ws_plus"])
    assert golden.relative_error(synthesis(ws_plus), arrays["image_ws_plus"]) < TOLERANCE


@torch.no_grad()
def test_community_format_computes_the_published_images():
    _, entries, arrays = golden.load("stylegan2_rosinality_64")
    state = golden.state_dict("stylegan2_rosinality_64")
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    for entry in entries:
        if entry["fill"] is None:
            state[entry["key"]] = torch.outer(taps, taps) / 16
    renamed = models.from_rosinality(state, torch.from_numpy(arrays["latent_avg"]))
    generator = Generator(models.generator_config(renamed))
    generator.load_state_dict(renamed, strict=True)
    z = torch.from_numpy(arrays["z"])
    w = generator.mapping(z)
    assert golden.relative_error(w, arrays["w"]) < TOLERANCE
    image = generator.synthesis(generator.broadcast(w))
    assert golden.relative_error(image, arrays["image"]) < TOLERANCE
    image = generator(z, 0.7)
    assert golden.relative_error(image, arrays["image_psi07"]) < TOLERANCE
    ws_plus = torch.from_numpy(arrays["ws_plus"])
    image = generator.synthesis(ws_plus)
    assert golden.relative_error(image, arrays["image_ws_plus"]) < TOLERANCE


def test_a_foreign_key_and_a_foreign_filter_are_refused():
    with pytest.raises(WeightsError, match="'style.1.wait'"):
        models.from_rosinality({"style.1.wait": torch.zeros(1)}, None)
    with pytest.raises(WeightsError, match="filter"):
        models.from_rosinality({"convs.0.conv.blur.kernel": torch.ones(4, 4)}, None)


@torch.no_grad()
def test_discriminator_computes_the_published_logits():
    config, _, arrays = golden.load("stylegan2_nvidia_discriminator_64")
    network = Discriminator(
        GeneratorConfig(
            config["resolution"],
            channel_base=config["channel_base"],
            channel_max=config["channel_max"],
        )
    )
    network.load_state_dict(golden.state_dict("stylegan2_nvidia_discriminator_64"), strict=True)
    logits = network(torch.from_numpy(arrays["image"]))
    assert golden.relative_error(logits, arrays["logits"]) < TOLERANCE


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_modulated_convolution_equals_its_plain_twin(batch, up, demodulate):
    """Both fast ways: styles in the weights (one picture) and on the activations (several)."""
    torch.manual_seed(0)
    x, styles = torch.randn(batch, 5, 8, 8), torch.randn(batch, 5)
    weight = torch.randn(7, 5, 3, 3)
    plain = modulated_conv2d_plain(x, weight, styles, up, demodulate)
    fast = modulated_conv2d(x, weight, styles, up, demodulate)
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)
    bias = torch.randn(7)
    fast = modulated_conv2d(x, weight, styles, up, demodulate, bias=bias, gain=2.0)
    expected = 2.0 * (plain + bias[:, None, None])
    torch.testing.assert_close(fast, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("resolution", [256, 512, 1024])
def test_published_sizes_by_construction(resolution):
    """FFHQ config-f: channel counts, number of layers, noise sizes; on the meta device."""
    with torch.device("meta"):
        generator = Generator(GeneratorConfig(resolution))
    config = generator.config
    assert config.num_ws == 2 * resolution.bit_length() - 4
    expected = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
    for size, block in generator.synthesis.blocks:
        assert block.conv1.weight.shape == (expected[size], expected[size], 3, 3)
        assert block.conv1.noise_const.shape == (size, size)


@torch.no_grad()
def test_bfloat16_stays_close_to_float32():
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(64, 64, 64, channel_base=1024, channel_max=64))
    ws = generator.broadcast(generator.mapping(torch.randn(4, 64)))
    exact = generator.synthesis(ws)
    generator.synthesis.half_dtype = torch.bfloat16
    rough = generator.synthesis(ws)
    assert rough.dtype == torch.float32
    psnr = 10 * torch.log10(exact.abs().max() ** 2 * 4 / (exact - rough).square().mean())
    assert psnr > 40
