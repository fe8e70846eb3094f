"""Offsets on the styles: felt by every way of drawing, and by nobody else."""

import threading

import pytest
import torch
from miniature import INFO, generator

from facegen.models import FaceModel, Renderer
from facegen.models.renderer import shifted, spreads
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
