"""MobileStyleGAN drawn in bands: the plain network's numbers, whatever the bands."""

import threading

import pytest
import torch

from facegen.networks.mobile_blocks import inverse_haar_plain
from facegen.networks.mobile_fast import FastSynthesis, haar_order, inverse_haar_rows
from facegen.networks.mobile_stylegan import MobileConfig, MobileSynthesis

SMALL = MobileConfig(w_dim=16, channels=(32, 32, 16, 8))  # 128 pixels


@pytest.fixture(scope="module")
def plain():
    made = MobileSynthesis(SMALL).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(0)
    for tensor in (*made.parameters(), *made.buffers()):
        spread = 1.0 if tensor.ndim < 3 else tensor[0].numel() ** -0.5
        tensor.copy_(torch.randn(tensor.shape, generator=random) * spread)
    return made


@pytest.fixture(scope="module")
def ws():
    random = torch.Generator().manual_seed(1)
    return torch.randn(2, SMALL.num_ws, SMALL.w_dim, generator=random) * 0.3


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("band_bytes", [1, 5_000, 12_345, 1 << 30])
def test_bands_of_any_height_draw_the_plain_picture(plain, ws, band_bytes):
    close(FastSynthesis(plain, band_bytes=band_bytes)(ws), plain(ws))


@pytest.mark.parametrize("up_to", SMALL.block_resolutions)
def test_features_of_every_block(plain, ws, up_to):
    found = FastSynthesis(plain, band_bytes=5_000).features(ws, up_to)
    close(found, plain.features(ws, up_to=up_to))
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_noise_is_the_networks_own_or_none_or_given(plain, ws):
    fast = FastSynthesis(plain)
    drawn = torch.Generator().manual_seed(2)
    given = [torch.randn(conv.noise.shape, generator=drawn) for conv in plain.convolutions]
    assert given[0].shape == (4, 4) and given[-1].shape == (64, 64)
    for noise, maps in (("none", [torch.zeros_like(m) for m in given]), (given, given)):
        other = MobileSynthesis(SMALL).eval().requires_grad_(False)
        state = plain.state_dict()
        names = ["first.noise"]
        for i in range(len(SMALL.channels)):
            names += [f"blocks.{i}.conv1.noise", f"blocks.{i}.conv2.noise"]
        other.load_state_dict(state | dict(zip(names, maps, strict=True)))
        close(fast(ws, noise), other(ws))
        assert not torch.allclose(fast(ws, noise), fast(ws))


def test_bfloat16_draws_nearly_the_same(plain, ws):
    exact, rough = plain(ws), FastSynthesis(plain, torch.bfloat16, band_bytes=5_000)(ws)
    assert rough.dtype == torch.float32
    error = (exact - rough).square().mean() / exact.square().mean()
    assert 1e-9 < error < 1e-3


def test_threads_do_not_meet(plain, ws):
    fast, found = FastSynthesis(plain, band_bytes=5_000), {}

    def draw(i: int) -> None:
        found[i] = [fast(ws[i : i + 1]) for _ in range(5)]

    threads = [threading.Thread(target=draw, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        alone = fast(ws[i : i + 1])
        assert all(torch.equal(one, alone) for one in found[i])


def test_a_batch_draws_what_each_code_draws_alone(plain, ws):
    fast = FastSynthesis(plain)
    assert torch.equal(fast(ws)[1], fast(ws[1:])[0])


def test_the_plain_network_stays_as_it_is(plain, ws):
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    FastSynthesis(plain, band_bytes=5_000)(ws)
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())


def test_haar_of_rows():
    x, style = torch.randn(1, 24, 5, 7), torch.randn(24)
    order = haar_order(24)
    assert sorted(order.tolist()) == list(range(24))
    out = torch.empty(10, 14, 6)
    inverse_haar_rows(x[0].permute(1, 2, 0)[..., order], style[order], out)
    close(out.permute(2, 0, 1)[None] / 2, inverse_haar_plain(x * style[:, None, None]))
