"""The anime trainer: finite, loadable, resumable, on miniature pairs."""

import csv
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from facegen.cli.main import main
from facegen.errors import Cancelled, DataError, OptionError, TrainingError, WeightsError
from facegen.images import encode_png, load
from facegen.networks.animegan import Generator
from facegen.options import SampleOptions, StyleOptions
from facegen.output import provenance
from facegen.training import anime
from facegen.training.anime import AnimeTrainOptions, train
from facegen.training.pairs import random_crops, read_pairs, split


def write_pair(folder, name, height=48, width=56, seed=0):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    (folder / f"{name}-photo.png").write_bytes(encode_png(photo))
    (folder / f"{name}-anime.png").write_bytes(encode_png(255 - photo))


@pytest.fixture
def pairs(tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    for index in range(3):
        write_pair(folder, f"{index:02d}", seed=index)
    return folder


@pytest.fixture
def options(pairs, tmp_path):
    return AnimeTrainOptions(
        pairs=str(pairs),
        out=str(tmp_path / "run"),
        style="tiny",
        steps=3,
        batch=2,
        crop=32,
        width=4,
        adversarial_from=0.4,
        log_every=1,
        save_every=2,
    )


def test_three_steps_make_a_checkpoint_that_loads_strictly(options):
    seen = []
    path = train(options, seen.append)
    assert [facts["step"] for facts in seen] == [1, 2, 3]
    assert all(np.isfinite(value) for facts in seen for value in facts.values())
    assert "adversarial" not in seen[0] and "adversarial" in seen[2]

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "facegen" and metadata["network"] == "animegan"
    assert metadata["name"] == "tiny"
    generator = Generator(**json.loads(metadata["config"]))
    generator.load_state_dict(load_file(path), strict=True)
    metrics = json.loads(metadata["metrics"])
    assert metrics["test_pairs"] == 1
    # The drawing is the negative: the photo is far from it, and three steps change little.
    assert metrics["l1"] > 0 and 0.3 < metrics["l1_photo"] < 0.7
    assert metrics["ssim_photo"] < 0

    rows = list(csv.reader(Path(options.out, "log.csv").read_text().splitlines()))
    assert rows[0][:2] == ["step", "time"] and [row[0] for row in rows[1:]] == ["1", "2", "3"]
    assert load(Path(options.out, "samples.png")).shape == (48, 5 * 48, 3)


def test_the_studio_draws_with_a_style_of_your_own(options, tiny_studio, tmp_path):
    exported = train(replace(options, licence_meaning="tests only"))
    for path, licence in (
        (exported, "tests only"),
        (Path(options.out, "checkpoint.pt"), "what the owner of the pairs allows"),
    ):
        assert tiny_studio.add_style(path) == "tiny"
        assert "tiny" in tiny_studio.styles
        (portrait,) = tiny_studio.draw(SampleOptions(count=1), StyleOptions("tiny"))
        told = provenance.read(portrait.save(tmp_path)[1])
        assert told["style"] == "tiny" and told["style_licence"] == licence
    with pytest.raises(OptionError, match="anime style is 'other'; at hand are: .*tiny"):
        tiny_studio.check_style(StyleOptions("other"))
    noise = tmp_path / "noise.pt"
    torch.save({"average": {}}, noise)
    with pytest.raises(WeightsError, match=r"noise\.pt is no anime style; name an anime-STYLE"):
        tiny_studio.add_style(noise)


def test_a_style_of_your_own_on_the_command_line(options, tmp_path, capsys):
    style = train(options)
    arguments = ["random", "--count", "1", "--model", "bundled", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--anime", str(style)]) == 0
    told = provenance.read(tmp_path / "out" / "random-01-anime.png")
    assert told["style"] == "tiny"
    assert main([*arguments, "--anime", str(tmp_path / "nowhere.safetensors")]) == 2
    assert "nowhere.safetensors cannot be read" in capsys.readouterr().err


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(options, tmp_path):
    whole = load_file(train(options))

    def stop(facts):
        raise Cancelled("stopped")

    stopped = replace(options, out=str(tmp_path / "stopped"))
    with pytest.raises(Cancelled):
        train(stopped, stop)
    steps = []
    resumed = load_file(train(stopped, lambda facts: steps.append(facts["step"])))
    assert steps == [2, 3]
    for key, value in whole.items():
        torch.testing.assert_close(resumed[key], value, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_ctrl_c_ends_with_a_checkpoint(options):
    endless = replace(options, steps=10**6, save_every=10**6)
    with pytest.raises(KeyboardInterrupt):
        train(endless, lambda facts: facts["step"] == 2 and signal.raise_signal(signal.SIGINT))
    state = torch.load(Path(options.out, "checkpoint.pt"), weights_only=True)
    assert state["step"] == 2
    assert not list(Path(options.out).glob("*.safetensors"))


def test_a_run_of_other_options_is_not_continued(options):
    train(replace(options, steps=1))
    with pytest.raises(TrainingError, match="steps 1, this run has 3; go on"):
        train(options)


def test_a_style_can_start_from_another(options, tmp_path):
    train(options)
    checkpoint = Path(options.out, "checkpoint.pt")
    other = replace(options, out=str(tmp_path / "other"), start=str(checkpoint))
    started = anime.Run(other).average.state_dict()
    trained = torch.load(checkpoint, weights_only=True)["average"]
    assert all(torch.equal(started[key], value) for key, value in trained.items())
    with pytest.raises(TrainingError, match="nowhere.pt"):
        anime.Run(replace(other, start=str(tmp_path / "nowhere.pt")))
    with pytest.raises(TrainingError, match="width 4, this run has 8"):
        anime.Run(replace(other, width=8))


def test_a_run_that_began_with_another_goes_on_without_it(options, tmp_path):
    train(options)
    other = Path(options.out, "checkpoint.pt").rename(tmp_path / "hayao.pt")
    begun = replace(options, out=str(tmp_path / "begun"), start=str(other))

    def stop(facts):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        train(begun, stop)
    other.unlink()
    assert train(begun).is_file()


def test_a_style_folder_inside_is_found(options, pairs):
    inner = pairs / "tiny"
    inner.mkdir()
    for path in list(pairs.glob("*.png")):
        path.rename(inner / path.name)
    assert train(replace(options, steps=1)).name == "anime-tiny.safetensors"


def test_the_global_random_state_is_left_alone(options):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    anime.Run(options)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda folder: (folder / "01-anime.png").unlink(), "put 01-anime.png beside it"),
        (lambda folder: write_pair(folder, "03", height=20 + 13), None),
        (lambda folder: write_pair(folder, "03", width=32), None),
        (lambda folder: [path.unlink() for path in folder.iterdir()], "holds no pairs"),
    ],
)
def test_unusable_pairs_are_named(pairs, broken, message):
    broken(pairs)
    if message is None:
        with pytest.raises(DataError, match="pair 03 is .* each side needs 40 or more"):
            read_pairs(pairs, smallest=40)
    else:
        with pytest.raises(DataError, match=message):
            read_pairs(pairs, smallest=32)


def test_two_sizes_in_a_pair_are_refused(pairs):
    (pairs / "00-anime.png").write_bytes(encode_png(np.zeros((40, 40, 3), np.uint8)))
    with pytest.raises(DataError, match="pair 00 is 56x48 and 40x40 pixels"):
        read_pairs(pairs, smallest=32)


def test_the_last_sixth_is_for_testing(pairs):
    pair = read_pairs(pairs, smallest=32)[0]
    for count, tests in ((2, 1), (11, 2), (35, 6)):
        training, testing = split([pair] * count)
        assert (len(training), len(testing)) == (count - tests, tests)
    with pytest.raises(DataError, match="at least 2"):
        split([pair])


def test_crops_of_photo_and_drawing_show_the_same_place(pairs):
    pair = read_pairs(pairs, smallest=32)[:1]
    photos, drawings = random_crops(pair, 16, 32, np.random.default_rng(0))
    assert photos.shape == drawings.shape == (16, 3, 32, 32)
    # The drawing is the photo's negative, so their sum is 0 except where the photo is soft.
    sums = (photos + drawings).abs().mean(dim=(1, 2, 3))
    assert 3 <= (sums < 1e-3).sum() <= 13


def test_ssim_of_known_pictures():
    images = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert anime.ssim(images, images).item() == pytest.approx(1.0)
    assert anime.ssim(images, -images) < 0
    # Two flat greys: only the first factor is left, (2ab + c1) / (a^2 + b^2 + c1).
    half, quarter = torch.full((1, 3, 20, 20), 0.0), torch.full((1, 3, 20, 20), -0.5)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4)
    assert anime.ssim(half.double(), quarter.double()).item() == pytest.approx(expected)


def test_ssim_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = (torch.rand(1, 1, 40, 50).repeat(1, 3, 1, 1) * 2 - 1 for _ in range(2))
    theirs = metrics.structural_similarity(
        *(((image[0, 0] + 1) / 2).double().numpy() for image in (a, b)),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert anime.ssim(a.double(), b.double()).item() == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("crop", 8), ("adversarial_from", 2)])
def test_options_are_checked(tmp_path, name, value):
    with pytest.raises(OptionError, match=f"{name} is {value}"):
        AnimeTrainOptions(pairs=str(tmp_path), out=str(tmp_path), **{name: value})
