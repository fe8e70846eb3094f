"""MobileStyleGAN: the published numbers where its weights are at hand, and its laws in small."""

import golden
import miniature
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import needs_weights, own_cache

from facegen import weights
from facegen.models.families import mobile_stylegan
from facegen.networks.mobile_blocks import inverse_haar, inverse_haar_plain
from facegen.networks.mobile_fast import FastSynthesis
from facegen.networks.mobile_stylegan import MobileConfig

# Measured against the published graph in float32: w 5e-6, pictures 1e-5 of a range of 3.2.
TOLERANCE = 1e-4


def close(found, wanted):
    """Two ways to sum the same numbers."""
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-5 * float(wanted.abs().max()))


# --- the published network ---------------------------------------------------------------


@pytest.fixture(scope="module")
def published():
    entry = weights.find("mobilestylegan-1024")
    with own_cache():
        needs_weights(entry.name)
        path, content, _ = weights.load(entry)
    return mobile_stylegan.load_generator(content, path.name, torch.device("cpu"))


@pytest.fixture(scope="module")
def reference() -> dict[str, torch.Tensor]:
    with np.load(golden.FOLDER / "mobilestylegan_ffhq_1024.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file}


@torch.no_grad()
def test_codes_are_the_published_ones(published, reference):
    assert golden.relative_error(published.mapping(reference["z"]), reference["w"].numpy()) < (
        TOLERANCE
    )


@torch.no_grad()
@pytest.mark.parametrize("fast", [False, True], ids=["plain", "in bands"])
def test_pictures_are_the_published_ones(published, reference, fast):
    ws = published.broadcast(reference["w"])
    for index in range(len(ws)):
        one = slice(index, index + 1)
        draw = published.synthesize if fast else published.synthesis
        image = draw(ws[one])
        assert image.shape == (1, 3, 1024, 1024)
        for found, name in (
            (F.avg_pool2d(image, 16), "image_area_64"),
            (image[:, :, 480:544, 480:544], "image_crop_480_544"),
        ):
            assert golden.relative_error(found, reference[name][one].numpy()) < TOLERANCE


# --- the inverse Haar transform ----------------------------------------------------------


def test_both_inverse_haar_transforms_agree():
    x = torch.randn(2, 12, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(inverse_haar(x), inverse_haar_plain(x))
    x.requires_grad_(True)
    torch.testing.assert_close(inverse_haar(x), inverse_haar_plain(x))


def test_the_inverse_haar_transform_is_orthonormal():
    """As a matrix: its transpose is its inverse."""
    basis = torch.eye(8 * 2 * 2).view(-1, 8, 2, 2)
    matrix = inverse_haar_plain(basis).flatten(1)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(32))


def test_ll_over_two_is_the_average():
    x = torch.randn(1, 12, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(F.avg_pool2d(inverse_haar_plain(x), 2), x[:, :3] / 2)


# --- in small ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mini():
    return miniature.generator()


@pytest.fixture(scope="module")
def ws(mini) -> torch.Tensor:
    z = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return mini.broadcast(mini.mapping(z)).clone()


def test_the_published_config():
    config = MobileConfig()
    assert (config.resolution, config.num_ws) == (1024, 16)
    assert config.layer_resolutions == [4] + [r for r in (8, 16, 32, 64, 128, 256, 512)
                                              for _ in range(2)] + [1024]  # fmt: skip
    assert len(config.layer_resolutions) == config.num_ws


@torch.no_grad()
def test_the_published_activations(mini):
    """Leaky ReLU with slope 0.2; a gain of sqrt(2) in the mapping network, none in the synthesis
    network. Numbers, not the module's own names for them: no weights are needed to see them."""

    def leaky(x):
        return torch.where(x > 0, x, 0.2 * x)

    z = torch.randn(4, 16, generator=torch.Generator().manual_seed(1))
    x = z / z.square().mean(dim=1, keepdim=True).sqrt()
    for i in range(8):
        layer = getattr(mini.mapping, f"fc{i}")
        x = leaky(x @ layer.weight.T + layer.bias) * 2**0.5
    close(mini.mapping(z), x)

    first, w = mini.synthesis.first, x[:2]
    const = mini.synthesis.const.expand(2, -1, -1, -1)
    styled = const * (w @ first.affine.weight.T + first.affine.bias)[:, :, None, None]
    wanted = leaky(F.conv2d(styled, first.weight, first.bias, padding=1))
    assert (wanted < 0).any()
    close(first(const, w, None), wanted)


@torch.no_grad()
def test_a_picture_does_not_depend_on_its_batch(mini, ws):
    together = mini.synthesis(ws)
    alone = torch.cat([mini.synthesis(one[None]) for one in ws])  # the style in the weights
    assert together.shape == (3, 3, 512, 512)
    close(alone, together)
    assert float((together[0] - together[1]).abs().mean()) > 0.05


@torch.no_grad()
def test_every_place_is_live(mini, ws):
    before = mini.synthesis(ws[:1])
    for place in range(mini.config.num_ws):
        changed = ws[:1].clone()
        changed[:, place] = ws[1, place]
        assert float((mini.synthesis(changed) - before).abs().mean()) > 1e-3, place


def test_a_gradient_reaches_every_place_the_same_way(mini, ws):
    wanted = ws[:2].clone().requires_grad_(True)
    image = mini.synthesize(wanted)
    image.square().mean().backward()
    assert (wanted.grad.abs().amax(dim=2) > 0).all()
    with torch.no_grad():
        close(image.detach(), mini.synthesize(ws[:2]))


@torch.no_grad()
def test_reduced_is_the_picture_averaged(mini, ws):
    size = mini.config.resolution
    for shrink in (1, 2, 4):
        close(mini.reduced(ws, size // shrink), F.avg_pool2d(mini.synthesize(ws), shrink))


@torch.no_grad()
@pytest.mark.parametrize("fast", [False, True], ids=["plain", "in bands"])
def test_noise_modes(ws, fast):
    mini = miniature.generator()
    if fast:
        mini.fast = FastSynthesis(mini.synthesis)
    ws = ws[:1]
    const, none = mini.synthesize(ws), mini.synthesize(ws, "none")
    assert torch.equal(const, mini.synthesize(ws)) and not torch.allclose(const, none)
    torch.manual_seed(0)
    first, second = (mini.synthesize(ws, "random") for _ in range(2))
    assert not torch.allclose(first, second)
    own = [layer.noise / layer.noise.std() for layer in mini.synthesis.convolutions]
    assert [tuple(one.shape) for one in own] == mini.noise_shapes
    close(mini.synthesize(ws, noises=own), const)
    several = [one[None, None] for one in own]  # one map for each code
    close(mini.synthesize(ws, noises=several), const)


@torch.no_grad()
@pytest.mark.parametrize("size", [32, 64, 128, 256])
def test_previews_have_the_size_that_was_asked_for(mini, ws, size):
    preview = mini.preview(ws, size)
    assert preview.shape == (3, 3, size, size)
    if size < 256:
        largest = mini.preview(ws, 256)
        close(preview, F.avg_pool2d(largest, 256 // size))


@torch.no_grad()
def test_the_bands_give_previews_the_same_features(ws):
    mini = miniature.generator()
    plain = mini.preview_inputs(ws)
    mini.fast = FastSynthesis(mini.synthesis)
    for found, wanted in zip(mini.preview_inputs(ws), plain, strict=True):
        close(found, wanted)


def test_in_bfloat16_previews_are_nearly_the_same_and_gradients_too(ws):
    mini = miniature.generator()
    mini.head.requires_grad_(False)
    ws = ws.clone().requires_grad_(True)

    def draw():
        picture = mini.preview(ws, 128)
        ws.grad = None
        picture.square().mean().backward()
        return picture.detach(), ws.grad

    exact, slope = draw()
    mini.roughen()
    rough, rough_slope = draw()
    assert rough.dtype == rough_slope.dtype == torch.float32
    assert not torch.equal(rough, exact)
    assert float((rough - exact).std() / exact.std()) < 0.05
    alike = torch.cosine_similarity(rough_slope.flatten(), slope.flatten(), 0)
    assert float(alike) > 0.99
    assert all(one.dtype == torch.float32 for one in mini.synthesis.state_dict().values())
    with torch.no_grad():
        close(mini.synthesize(ws[:1]), miniature.generator().synthesize(ws[:1]))


@torch.no_grad()
def test_the_styles_above_are_all_that_changes_a_preview_from_above(mini, ws):
    features, styles = mini.preview_inputs(ws)
    assert styles.shape == (3, mini.head.gains.in_features)
    other = ws.clone()
    other[:, 2 * mini.features_block + 4 :] += 1
    same, changed = mini.preview_inputs(other)
    close(same, features)
    assert (changed != styles).any(dim=1).all()


@torch.no_grad()
def test_truncation_draws_towards_the_average(mini):
    z = torch.randn(4, 16, generator=torch.Generator().manual_seed(2))
    w = mini.mapping(z)
    torch.testing.assert_close(mini.mapping(z, 0.25), mini.w_avg + 0.25 * (w - mini.w_avg))
    torch.testing.assert_close(mini.mapping(z, 0.0), mini.w_avg.expand(4, -1))
    torch.testing.assert_close(mini.mapping(7 * z), w, rtol=1e-3, atol=1e-4)  # z is normalised
    close(mini(z[:1]), mini.synthesis(mini.broadcast(w[:1])))
