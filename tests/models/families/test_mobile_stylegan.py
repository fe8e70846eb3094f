"""A MobileStyleGAN as a face model: its loader, its previews, its refinement, in miniature."""

import itertools
from dataclasses import replace

import miniature
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from facegen import images, runtime, weights
from facegen.errors import WeightsError
from facegen.latent import invert
from facegen.models import FaceModel, Renderer, recognise, renderer
from facegen.models.families import mobile_stylegan
from facegen.networks.photo_encoder import PhotoEncoder, PhotoEncoderConfig
from facegen.options import USUAL
from facegen.studio import Studio
from facegen.types import AlignedFace

CPU = torch.device("cpu")
FACTS = {"title": "Mini", "licence": "none", "licence_meaning": "tests only"}


@pytest.fixture(scope="module")
def generator():
    return miniature.generator()


@pytest.fixture(scope="module")
def encoder(generator):
    """It sees nothing yet: every photo is the average face."""
    torch.manual_seed(0)
    config = generator.config
    made = PhotoEncoder(PhotoEncoderConfig(config.num_ws, config.w_dim, hidden=32, looks=2))
    made.w_avg.copy_(generator.w_avg)
    return made.eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """Previews in float32, whatever the processor can do."""
    monkeypatch.setattr(runtime, "cpu_multiplies_bfloat16", lambda: False)


@pytest.fixture
def companion(generator, encoder, tmp_path, monkeypatch):
    """A writer of companions; what it wrote is what the loader finds."""
    path = tmp_path / "mini-encoder.safetensors"
    monkeypatch.setattr(mobile_stylegan, "companion_of", lambda name: path)

    def write(encoder=encoder, head=None, measured=None):
        head = generator.head.state_dict() if head is None else head
        mobile_stylegan.save_companion(path, head, encoder, measured or {}, FACTS)
        return path

    return write


def load(generator) -> FaceModel:
    metadata = {"network": mobile_stylegan.NETWORK}
    content = miniature.content(generator)
    return recognise.face_model(content, metadata, miniature.INFO, "mini.safetensors", CPU)


# --- the loader --------------------------------------------------------------------------


def test_what_was_written_is_what_is_loaded(generator, encoder, companion):
    companion(measured={"natural.scale": torch.ones(6, 16)})
    model = load(generator)
    assert model.info.resolution == 512 and model.generator.config == generator.config
    assert torch.equal(model.measured["natural.scale"], torch.ones(6, 16))
    ws = generator.broadcast(model.sample_w(2))
    with torch.no_grad():
        found, wanted = model.generator.preview(ws, 256), generator.preview(ws, 256)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    codes = model.encode(torch.rand(1, 3, 256, 256) * 2 - 1)
    torch.testing.assert_close(codes, generator.broadcast(generator.w_avg[None]))


@pytest.mark.parametrize("multiplied", [True, False])
def test_previews_are_rough_where_the_processor_multiplies_bfloat16(
    generator, companion, monkeypatch, multiplied
):
    monkeypatch.setattr(runtime, "cpu_multiplies_bfloat16", lambda: multiplied)
    companion()
    assert (load(generator).generator.rough is not None) == multiplied


def test_without_its_companion_it_is_one_line(generator, companion):
    with pytest.raises(WeightsError, match="mini-encoder.safetensors") as error:
        load(generator)
    assert "\n" not in str(error.value)


def test_another_file_in_the_companions_place(generator, companion):
    weights.write(companion(), {"a": torch.zeros(1)}, {"format": "facegen", "network": "face"})
    with pytest.raises(WeightsError, match="is not a MobileStyleGAN's encoder; get it back"):
        load(generator)


@pytest.mark.parametrize(
    "config", [PhotoEncoderConfig(16, 16, 32), PhotoEncoderConfig(14, 32, 32)], ids=str
)
def test_a_companion_of_another_generator(generator, companion, config):
    companion(encoder=PhotoEncoder(config))
    with pytest.raises(WeightsError, match="is of a generator with (num_ws 16|w_dim 32), not 1"):
        load(generator)


def test_a_head_of_another_width(generator, companion):
    head = generator.head.state_dict()
    companion(head=head | {"linear.weight": torch.zeros(12, 9, 1, 1)})
    with pytest.raises(WeightsError, match="'head.linear.weight' in the shape"):
        load(generator)
    companion(head={k: v for k, v in head.items() if k != "draw.bias"})
    with pytest.raises(WeightsError, match="lacks 'head.draw.bias'"):
        load(generator)


def test_an_encoder_with_a_hole(generator, encoder, companion):
    broken = PhotoEncoder(encoder.config)
    broken.first.w.bias.data[3] = torch.nan
    companion(encoder=broken)
    with pytest.raises(WeightsError, match="'first.w.bias' that are not finite"):
        load(generator)


@pytest.mark.parametrize(
    "missing", ["mapping.fc0.weight", "mapping.fc3.bias", "synthesis.blocks.2.conv2.pointwise"]
)
def test_half_a_generator(generator, companion, missing):
    companion()
    content = {k: v for k, v in miniature.content(generator).items() if k != missing}
    metadata = {"network": mobile_stylegan.NETWORK}
    with pytest.raises(WeightsError, match=missing):
        recognise.face_model(content, metadata, miniature.INFO, "mini.safetensors", CPU)


def test_a_generator_too_small_for_previews(generator, companion):
    companion()
    content = {
        k: v for k, v in miniature.content(generator).items()
        if not k.startswith(("synthesis.blocks.4", "synthesis.blocks.5"))
    }  # fmt: skip
    with pytest.raises(WeightsError, match="mini.safetensors is damaged or no face generator"):
        recognise.face_model(
            content, {"network": mobile_stylegan.NETWORK}, miniature.INFO, "mini.safetensors", CPU
        )


# --- the renderer ------------------------------------------------------------------------


@pytest.fixture
def model(generator, companion) -> FaceModel:
    companion()
    return load(generator)


@pytest.fixture
def codes(model):
    return list(model.generator.broadcast(model.sample_w(5))[:, None])


def test_previews_do_not_depend_on_the_batch(model, codes, monkeypatch):
    drawn = Renderer(model, CPU)
    together = drawn.previews(codes)
    assert [one.shape for one in together] == [(256, 256, 3)] * 5
    for one, picture in zip(codes, together, strict=True):
        np.testing.assert_array_equal(drawn.previews([one])[0], picture)
    several = drawn.previews(codes[::-1])[::-1]
    np.testing.assert_array_equal(np.stack(several), np.stack(together))


def test_random_noise_is_its_seeds(model, codes):
    drawn = Renderer(model, CPU)
    full = [drawn.pixels(codes[0], "random", seed) for seed in (7, 7, 8)]
    np.testing.assert_array_equal(full[0], full[1])
    assert full[0].shape == (512, 512, 3) and (full[0] != full[2]).any()


# --- the refinement ----------------------------------------------------------------------


def test_the_prior_is_one_for_the_models_own_codes(model):
    """For codes that it was not fitted on as well, and more the farther a code is."""
    random = torch.Generator().manual_seed(3)
    mixed = torch.randn(16, 16, generator=random)

    def w_of(count):  # what a last layer makes, activation and gain included
        return F.leaky_relu(torch.randn(count, 16, generator=random) @ mixed + 1, 0.2) * 2**0.5

    prior = invert.Prior.of(w_of(10_000))
    assert float(prior(w_of(2_000))) == pytest.approx(1.0, abs=0.05)
    w = model.sample_w(4_000)
    prior, centre = invert.Prior.of(w[:2_000]), model.generator.w_avg
    # below 1 where directions hardly vary: their unit is a hundredth of the largest
    assert 0.5 < float(prior(w[2_000:])) < 1.1
    far = [float(prior(centre + amount * (w - centre))) for amount in (1.0, 2.0, 4.0)]
    assert far == sorted(far) and far[-1] > 4 * far[0]


@pytest.fixture
def problem(model):
    """A start, a target that can be met, and how far a picture is from it."""
    w = model.sample_w(4)
    start, wanted = (model.generator.broadcast(w[i : i + 1]).clone() for i in (0, 3))
    with torch.no_grad():
        target = model.generator.preview(wanted, 128)

    def measure(picture):
        return (picture - target).abs().mean()

    prior = invert.Prior.of(model.sample_w())
    spread = float(model.sample_w().std())

    def refine(steps):
        return invert.refine_by_preview(model.generator, start, measure, 128, prior, spread, steps)

    return refine, measure, model.generator, start


def test_refinement_by_previews_comes_closer_and_keeps_its_best(problem):
    refine, measure, generator, start = problem
    with torch.no_grad():
        first = float(measure(generator.preview(start, 128)))
    steps = list(refine(30))
    assert [one.step for one in steps] == list(range(1, 31))
    distances = [one.distance for one in steps]
    assert all(later <= earlier for earlier, later in itertools.pairwise(distances))
    assert distances[-1] < 0.8 * first
    last = steps[-1]
    assert last.image.shape == (1, 3, 128, 128) and last.ws.shape == start.shape
    with torch.no_grad():
        assert float(measure(generator.preview(last.ws, 128))) == pytest.approx(
            last.distance, rel=1e-3
        )


def test_the_last_of_many_steps_look_at_the_finished_picture(problem, monkeypatch):
    refine, measure, generator, _ = problem
    monkeypatch.setattr(invert, "STEPS_PREVIEW", 6)
    assert [invert.finished_steps(steps) for steps in (0, 6, 8, 12, 10**4)] == [0, 0, 0, 2, 40]
    steps = list(refine(18))
    assert [one.step for one in steps] == list(range(1, 19))
    with torch.no_grad():
        for one, draw in ((steps[13], generator.preview), (steps[-1], generator.reduced)):
            assert float(measure(draw(one.ws, 128))) == pytest.approx(one.distance, rel=1e-3)
        mended = float(measure(generator.reduced(steps[13].ws, 128)))
    assert steps[-1].distance < mended


def test_it_stops_when_told_and_where_no_gradient_is_wanted(problem):
    refine, *_ = problem
    with torch.no_grad():
        steps = list(itertools.islice(refine(500), 4))
    assert steps[-1].step == 4 and steps[-1].ws.isfinite().all()
    assert not steps[-1].ws.requires_grad


@pytest.fixture
def studio(model, monkeypatch):
    """Previews of 64 pixels, so that this is quick."""
    monkeypatch.setattr(renderer, "PREVIEW", 64)
    return Studio(model, CPU)


def test_a_large_models_refinement_ends_with_a_finished_picture(studio, model):
    picture = studio.sample(1, seed=3, truncation_psi=1.0)
    aligned = AlignedFace(images.to_pixels(picture)[0], quad=None)
    assert studio.steps(USUAL) == invert.STEPS_PREVIEW
    found = list(studio.refine(aligned, steps=3))
    assert [one.steps for one in found] == [0, 1, 2, 3]
    assert {one.pixels.shape for one in found} == {(512, 512, 3)}
    for one in (found[0], found[-1]):  # between them previews are shown, enlarged
        np.testing.assert_array_equal(one.pixels, studio.renderer.pixels(one.ws))
    assert (found[1].pixels != studio.renderer.pixels(found[1].ws)).any()
    assert all(np.isfinite(one.distance) for one in found)


def test_without_an_encoder_it_starts_from_the_average(model, monkeypatch):
    monkeypatch.setattr(renderer, "PREVIEW", 64)
    studio = Studio(replace(model, encode=None), CPU)
    aligned = AlignedFace(np.full((512, 512, 3), 127, np.uint8), quad=None)
    first = next(iter(studio.refine(aligned, steps=2)))
    torch.testing.assert_close(first.ws, model.generator.broadcast(model.generator.w_avg[None]))
