"""Editing directions: found where they are, measured on others, and kept with the model."""

import csv

import numpy as np
import pytest
import torch

from facegen import images, models
from facegen.errors import DataError, WeightsError
from facegen.networks.encoder import Encoder, EncoderConfig
from facegen.networks.stylegan2 import Generator, GeneratorConfig
from facegen.training import attributes


def test_a_known_direction_is_found():
    """Ratings that are a linear function of w and noise; w with a covariance of its own."""
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(6, 6))
    w = rng.normal(size=(900, 6)) @ spread
    true = rng.normal(size=6)
    rating = w @ true
    noisy = 50 + 10 * rating + 5 * rating.std() * rng.normal(size=900)
    held_out = np.arange(900) >= 700
    (found,) = attributes.fit(w, {"age": noisy}, held_out)
    expected = spread.T @ spread @ true
    cosine = found.direction @ expected / np.linalg.norm(found.direction) / np.linalg.norm(expected)
    assert cosine > 0.99 and 0.8 < found.correlation < 0.95
    # one step raises the rating by one standard deviation of what was rated
    assert found.direction @ true * 10 == pytest.approx(noisy[~held_out].std(), rel=0.25)


def test_ratings_that_mean_nothing_do_not_correlate():
    rng = np.random.default_rng(1)
    w, nothing = rng.normal(size=(600, 8)), rng.normal(size=600)
    (found,) = attributes.fit(w, {"age": nothing}, np.arange(600) >= 400)
    assert abs(found.correlation) < 0.25


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig(16, 8, 8, 128, 8, mapping_layers=1))
    encoder = Encoder(EncoderConfig(16, generator.config.num_ws, 8, 128, 8))
    about = {"title": "t", "licence": "CC0", "licence_meaning": "any use", "training_data": "none"}
    models.save_face_model(tmp_path / "m.safetensors", generator, encoder, about)
    return tmp_path / "m.safetensors"


@pytest.fixture
def rated(tmp_path):
    """130 tiny faces and what people would have said of them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "faces"
    folder.mkdir()
    rows = []
    for number in range(1, 131):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        (folder / f"{number:04d}.jpg").write_bytes(images.encode_png(pixels))
        ratings = {column: rng.uniform(0, 100) for column in attributes.RATINGS.values()}
        rows.append({"stimulus": number, **ratings})
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder, tmp_path / "ratings.csv"


def test_directions_are_kept_with_the_model(model, rated):
    before = models.load_face_model(str(model), torch.device("cpu"))
    found = attributes.add_directions(model, *rated, held_out_from=111)
    after = models.load_face_model(str(model), torch.device("cpu"))
    assert not before.attributes and set(after.attributes) == set(attributes.RATINGS)
    for one in found:
        np.testing.assert_array_equal(after.attributes[one.name].numpy(), one.direction)
        assert -1 <= one.correlation <= 1
    for key, value in before.generator.state_dict().items():
        assert torch.equal(value, after.generator.state_dict()[key])


def test_what_is_missing_is_named(model, rated, tmp_path):
    with pytest.raises(DataError, match=r"130 faces to fit and 0 to measure.* named NUMBER\.jpg"):
        attributes.add_directions(model, *rated, held_out_from=500)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"other.csv is not a table of ratings .*'stimulus'"):
        attributes.add_directions(model, rated[0], tmp_path / "other.csv", 111)


def test_a_damaged_direction_is_refused(model):
    from facegen import weights

    tensors, metadata = weights.read(model)
    tensors["attribute.age"] = torch.full((8,), float("nan"))
    weights.write(model, tensors, {k: v for k, v in metadata.items() if k != "file_format"})
    with pytest.raises(WeightsError, match="direction 'age'"):
        models.load_face_model(str(model), torch.device("cpu"))
