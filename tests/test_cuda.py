"""What a CUDA device has to do like a CPU: the published numbers, one seed one face, training.

Skipped where there is none. FACEGEN_TEST_DEVICE=cpu runs the same lines on the CPU, as .ci/run
does, so that they do not rot on machines without one.
"""

import os

import golden
import numpy as np
import pytest
import torch

from facegen import Studio, runtime
from facegen.jobs.generate import generate
from facegen.jobs.job import INVERSION, RESULT, Finished, Source
from facegen.measure.identity import dlib_recogniser
from facegen.models import renderer
from facegen.networks.stylegan2 import Generator, GeneratorConfig
from facegen.options import GenerateOptions, InvertOptions, StyleOptions, VaryOptions
from facegen.training import joint, stylegan2
from facegen.training.options import JointOptions, StyleGAN2Options

DEVICE = os.environ.get("FACEGEN_TEST_DEVICE", "cuda")
pytestmark = [pytest.mark.cuda] if DEVICE == "cuda" else []


@pytest.fixture(scope="module")
def studio():
    return Studio.load("bundled", DEVICE)


@pytest.fixture(autouse=True)
def full_float32():
    """Without TensorFloat-32, which keeps ten bits of the mantissa."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@torch.no_grad()
def test_the_published_images():
    config, _, arrays = golden.load("stylegan2_nvidia_64")
    names = GeneratorConfig.__dataclass_fields__
    generator = Generator(GeneratorConfig(**{k: v for k, v in config.items() if k in names}))
    generator.load_state_dict(golden.state_dict("stylegan2_nvidia_64"), strict=True)
    generator.to(DEVICE, memory_format=torch.channels_last)
    ws = generator.broadcast(generator.mapping(torch.from_numpy(arrays["z"]).to(DEVICE), 0.7))
    assert golden.relative_error(ws, arrays["ws_psi07"]) < 1e-4
    assert golden.relative_error(generator.synthesis(ws), arrays["image_psi07"]) < 1e-4


@torch.no_grad()
def test_half_precision_is_as_good_as_it_looks():
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(256, channel_base=4096, channel_max=128)).to(DEVICE)
    generator.to(memory_format=torch.channels_last).eval()
    ws = generator.broadcast(generator.mapping(torch.randn(2, 512, device=DEVICE)))
    exact = generator.synthesis(ws)
    half = runtime.half_dtype(torch.device(DEVICE), 256)
    generator.synthesis.half_dtype = half or torch.bfloat16
    generator.synthesis.half_from = runtime.half_from(torch.device(DEVICE), 256)
    error = (generator.synthesis(ws).float() - exact).square().mean()
    peak = exact.max() - exact.min()
    assert 10 * torch.log10(peak.square() / error) > 40


def test_the_recogniser_sees_what_it_sees_on_a_cpu():
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    network = dlib_recogniser.load_face_resnet()
    here = network(dlib_recogniser.chips(images))
    there = network.to(DEVICE)(dlib_recogniser.chips(images.to(DEVICE))).cpu()
    torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-3)


def test_a_seed_is_the_same_face_on_both_devices(studio):
    here = Studio.load("bundled", "cpu").sample(3, seed=5)
    there = studio.sample(3, seed=5)
    assert (there - here).abs().mean() < 0.01  # of a range of 2
    assert torch.equal(studio.sample(1, seed=6), there[1:2])


def test_the_whole_job(studio, astronaut, tmp_path):
    options = GenerateOptions(
        VaryOptions(count=3, seed=7), InvertOptions(), StyleOptions(style="cel")
    )
    events = list(generate(studio, [Source(astronaut, "0" * 64)], tmp_path, options))
    made = [event for event in events if getattr(event, "kind", "") == RESULT]
    assert len(made) == 3 and all(event.files["anime"].is_file() for event in made)
    assert isinstance(events[-1], Finished) and events[-1].manifest["device"].startswith(DEVICE)
    assert all(event.payload.variant.different_person for event in made)
    (inversion,) = (one.payload for one in events if getattr(one, "kind", "") == INVERSION)
    (alone,) = studio.vary(inversion, count=1, seed=7)
    together = made[0].payload.variant.pixels
    assert np.abs(alone.pixels.astype(int) - together).mean() < 1  # of 255


def test_a_replayed_graph_draws_the_same(studio):
    generator = studio.model.generator
    synthesis = generator.synthesis
    replayed = renderer.Replayed(synthesis)
    with torch.no_grad():
        z = torch.randn(4, 1, generator.config.z_dim, device=DEVICE)
        ws = [generator.broadcast(generator.mapping(one)) for one in z]
        for one in ws:  # seen, recorded if it pays, replayed
            assert torch.equal(replayed(one), synthesis(one))
        noises = [torch.randn_like(layer.noise_const) for layer in synthesis.layers]
        for one in ws:
            assert torch.equal(replayed(one, noises=noises), synthesis(one, noises=noises))
        if DEVICE == "cuda":
            recording = renderer.Recording(lambda inputs: synthesis(inputs[0]), ws[:1])
            for one in ws:
                assert torch.equal(recording([one]), synthesis(one))


@pytest.mark.parametrize("compiled", ["off", "on", "auto"])
def test_stylegan2_trains(folder, tmp_path, compiled):
    if compiled == "on" and DEVICE == "cpu":
        pytest.skip("compiling for a CPU takes a minute and brings nothing")
    options = StyleGAN2Options(
        data=(str(folder),), out=str(tmp_path), resolution=32, z_dim=8, w_dim=8,
        mapping_layers=2, channel_base=256, channel_max=16, batch=4, total=12, snapshot=8,
        r1_interval=2, path_interval=2, ada_interval=1, device=DEVICE, compile=compiled,
    )  # fmt: skip
    told = []
    stylegan2.train(options, progress=told.append)
    assert ("compiled_generator" in told[0]) == (compiled == "auto" and DEVICE == "cuda")
    assert all(np.isfinite(value) for facts in told for value in facts.values())
    assert Studio.load(str(tmp_path / "model.safetensors"), DEVICE).sample(1).shape[-1] == 32


def test_joint_trains_and_resumes(folder, tmp_path):
    options = {
        "data": (str(folder),), "out": str(tmp_path), "resolution": 32, "w_dim": 8,
        "encoder_resolution": 16, "passes": 2, "channel_base": 256, "channel_max": 16,
        "discriminator_base": 128, "batch": 4, "warmup": 8, "snapshot": 8, "anneal": 8,
        "r1_interval": 2, "device": DEVICE,
    }  # fmt: skip
    joint.train(JointOptions(**options, total=12))
    told = []
    file = tmp_path / "m.safetensors"
    joint.train(JointOptions(**options, total=24), export=file, progress=told.append)
    assert told[0]["shown"] > 12 and all(np.isfinite(v) for v in told[-1].values())
    assert Studio.load(str(file), DEVICE).sample(1).shape == (1, 3, 32, 32)
