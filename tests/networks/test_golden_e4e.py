"""Our e4e encoder computes what the published one does."""

import golden
import pytest
import torch

from facegen.networks.e4e import Encoder

# Measured: 1.2e-7 of the largest code (float32, CPU).
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    # Uninitialised memory is enough: 267 M parameters, all of them loaded strictly.
    with torch.device("meta"):
        encoder = Encoder(num_ws=18)
    encoder.to_empty(device="cpu")
    state = golden.state_dict("e4e_encoder")
    for key, value in encoder.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.zeros_like(value)
    encoder.load_state_dict(state, strict=True, assign=True)
    return encoder.eval().requires_grad_(False)


def test_keys_and_shapes_are_the_published_ones(encoder):
    _, entries, _ = golden.load("e4e_encoder")
    published = {entry["key"]: tuple(entry["shape"]) for entry in entries}
    assert {key: tuple(value.shape) for key, value in encoder.state_dict().items()} == published


@torch.inference_mode()
def test_codes_are_the_published_ones(encoder):
    _, _, arrays = golden.load("e4e_encoder")
    codes = encoder(torch.from_numpy(arrays["image"]).float())
    assert codes.dtype == torch.float32
    assert golden.relative_error(codes, arrays["codes"]) < TOLERANCE


def test_any_other_size_is_a_programming_error(encoder):
    with pytest.raises(AssertionError, match="128"):
        encoder(torch.zeros(1, 3, 128, 128))
