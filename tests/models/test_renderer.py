"""Offsets on the styles: felt by every way of drawing, and by nobody else."""

import threading

import pytest
import torch
from miniature import INFO, generator

from facegen.models import FaceModel, Renderer, renderer
from facegen.models.renderer import Replayed, shifted, spreads
from facegen.networks.mobile_fast import FastSynthesis


@pytest.fixture(scope="module")
def drawn():
    """(generator, ws, offsets)"""
    made = generator()
    torch.manual_seed(1)
    w = made.mapping(torch.randn(50, 16))
    offsets = [0.7 * torch.randn_like(one) * one for one in spreads(made, w)]
    return made, made.broadcast(w[:1]).clone(), offsets


@torch.no_grad()
def test_a_style_has_the_spread_of_what_its_layer_makes(drawn):
    made, _, offsets = drawn
    assert [len(one) for one in offsets] == [len(layer.bias) for layer, _ in made.style_layers]


@torch.no_grad()
def test_the_fast_network_and_the_plain_one_feel_the_same_offsets(drawn):
    made, ws, offsets = drawn
    before = made.synthesize(ws)
    with shifted(made, offsets):
        plain, fast = made.synthesize(ws), FastSynthesis(made.synthesis)(ws)
    assert torch.allclose(plain, fast, atol=1e-4)
    assert (plain - before).abs().mean() > 0.01
    assert torch.equal(made.synthesize(ws), before), "afterwards nothing is left of them"


@torch.no_grad()
def test_rough_previews_feel_them_too(drawn):
    made, ws, offsets = drawn
    with shifted(made, offsets):
        plain = made.preview_inputs(ws)
    made.roughen()
    try:
        with shifted(made, offsets):
            rough = made.preview_inputs(ws)
    finally:
        made.rough = None
    for a, b in zip(plain, rough, strict=True):
        assert torch.allclose(a, b.float(), atol=0.05 * float(a.abs().max()))


@torch.no_grad()
def test_another_thread_draws_without_them(drawn):
    made, ws, offsets = drawn
    before, seen = made.synthesize(ws), []
    with shifted(made, offsets):
        thread = threading.Thread(target=lambda: seen.append(made.synthesize(ws)))
        thread.start()
        thread.join()
    assert torch.equal(seen[0], before)


def test_gradients_reach_the_offsets_and_the_renderer_takes_them(drawn):
    made, ws, offsets = drawn
    free = [one.clone().requires_grad_(True) for one in offsets]
    with shifted(made, free):
        made.synthesis(ws).square().sum().backward()
    assert all(one.grad is not None and one.grad.any() for one in free)
    renderer = Renderer(FaceModel(INFO, made, None), torch.device("cpu"))
    with torch.no_grad(), shifted(made, offsets):
        wanted = made.synthesize(ws)
    assert torch.equal(renderer.images(ws, offsets=offsets), wanted)


FAST, SLOW = 1.0, 2.0


class Recorded:
    """In place of a Recording: remembers the call, and says when it is used."""

    used = 0

    def __init__(self, call, inputs):
        self.call = call

    def __call__(self, inputs):
        Recorded.used += 1
        return self.call(inputs)


def draw(ws, noise_mode="const", noises=None):
    return ws.sum(dim=(1, 2)) + sum(noise.sum() for noise in noises or ())


@pytest.fixture(autouse=True)
def graphs(monkeypatch):
    """Recordings that take FAST seconds where the call as written takes SLOW ones."""
    monkeypatch.setattr(Recorded, "used", 0)
    monkeypatch.setattr(renderer, "Recording", Recorded)
    monkeypatch.setattr(Replayed, "_allowed", staticmethod(lambda ws: True))
    monkeypatch.setattr(
        renderer, "_seconds", lambda call, _: FAST if isinstance(call, Recorded) else SLOW
    )


WS = torch.arange(6.0).view(1, 3, 2)


def test_recorded_at_the_second_call_of_a_kind():
    replayed = Replayed(draw)
    for used in (0, 1, 2):
        assert torch.equal(replayed(WS), draw(WS))
        assert Recorded.used == used


def test_kinds_are_told_apart():
    replayed = Replayed(draw)
    noises = [torch.ones(2, 2), torch.ones(4, 4)]
    for _ in range(3):
        assert torch.equal(replayed(WS), draw(WS))
        assert torch.equal(replayed(WS, noises=noises), draw(WS, noises=noises))
    assert Recorded.used == 4


def test_no_more_than_a_few_are_kept():
    replayed = Replayed(draw)
    for _ in range(3):
        for batch in range(1, renderer.KINDS + 3):
            ws = WS.repeat(batch, 1, 1)
            assert torch.equal(replayed(ws), draw(ws))
    assert Recorded.used == 2 * renderer.KINDS


def test_what_brings_nothing_is_not_replayed(monkeypatch):
    monkeypatch.setattr(renderer, "_seconds", lambda call, _: SLOW)
    replayed = Replayed(draw)
    for _ in range(3):
        assert torch.equal(replayed(WS), draw(WS))
    assert Recorded.used == 0


def test_what_cannot_be_recorded_runs_as_written(monkeypatch, caplog):
    tried = []

    def refuse(call, inputs):
        tried.append(call)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(renderer, "Recording", refuse)
    replayed = Replayed(draw)
    for _ in range(3):
        assert torch.equal(replayed(WS), draw(WS))
    assert len(tried) == 1
    assert "not permitted" in caplog.text and "more" not in caplog.text


def test_random_noise_is_new_every_time():
    seen = []

    def draw_random(ws, noise_mode, noises):
        seen.append(noise_mode)
        return ws

    replayed = Replayed(draw_random)
    for _ in range(3):
        replayed(WS, "random")
    assert seen == ["random"] * 3 and Recorded.used == 0


@pytest.mark.parametrize("zero_gpu", ["", "1"])
def test_only_where_a_graph_can_be(monkeypatch, zero_gpu):
    monkeypatch.undo()
    monkeypatch.setenv("SPACES_ZERO_GPU", zero_gpu)

    class OnCuda:
        is_cuda = True

    with torch.no_grad():
        assert Replayed._allowed(OnCuda()) is not bool(zero_gpu)
        assert not Replayed._allowed(WS)
    assert not Replayed._allowed(OnCuda())  # gradients have to go back through it
