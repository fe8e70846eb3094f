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
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from facegen.cli.main import main
from facegen.errors import Cancelled, DataError, OptionError, TrainingError, WeightsError
from facegen.images import encode_png, load
from facegen.networks.drawing import FACTOR, MARGIN, DrawingNet
from facegen.options import SampleOptions, StyleOptions
from facegen.output import provenance
from facegen.training import anime, strokes
from facegen.training.anime import AnimeTrainOptions, train
from facegen.training.pairs import random_crops, random_pairs, read_pairs, split


def write_pair(folder, name, height=48, width=56, seed=0, drawn=1):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    (folder / f"{name}-photo.png").write_bytes(encode_png(photo))
    drawing = (255 - photo).repeat(drawn, 0).repeat(drawn, 1)
    (folder / f"{name}-drawn.png").write_bytes(encode_png(drawing))


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
        total=6,
        batch=2,
        crop=32,
        width=4,
        perceptual=0.0,
        adversarial_from=0.4,
        snapshot=2,
        device="cpu",
    )


def make_run(options):
    device = torch.device("cpu")
    return anime.AnimeTraining(options, *anime._objective(options, device), device)


def test_three_steps_make_a_checkpoint_that_loads_strictly(options):
    seen = []
    path = train(options, seen.append)
    assert [facts["shown"] for facts in seen] == [2, 4, 6]
    assert all(np.isfinite(value) for facts in seen for value in facts.values())
    assert "adversarial" not in seen[0] and "adversarial" in seen[2]

    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["format"] == "facegen" and metadata["network"] == "drawing"
    assert metadata["name"] == "tiny"
    generator = DrawingNet(**json.loads(metadata["config"]))
    generator.load_state_dict(load_file(path), strict=True)
    metrics = json.loads(metadata["metrics"])
    assert metrics["test_pairs"] == 1
    # The drawing is the negative: the photo is far from it, and three steps change little.
    assert metrics["l1"] > 0 and 0.3 < metrics["l1_photo"] < 0.7
    assert metrics["ssim_photo"] < 0

    rows = list(csv.reader(Path(options.out, "log.csv").read_text().splitlines()))
    assert rows[0][0] == "shown" and [row[0] for row in rows[1:]] == ["2", "4", "6"]
    assert load(Path(options.out, "samples-000000006.png")).shape == (512, 5 * 512, 3)


def test_the_studio_draws_with_a_style_of_your_own(options, tiny_studio, tmp_path):
    exported = train(replace(options, licence_meaning="tests only"))
    for path, licence in (
        (exported, "tests only"),
        (Path(options.out, "latest.pt"), "what the owner of the pictures allows"),
    ):
        assert tiny_studio.add_style(path) == "tiny"
        assert "tiny" in tiny_studio.styles
        (portrait,) = tiny_studio.draw(SampleOptions(count=1), StyleOptions("tiny"))
        told = provenance.read(portrait.save(tmp_path)[1])
        assert told["style"] == "tiny" and told["style_licence"] == licence
    with pytest.raises(OptionError, match="anime style is 'other'; available are: .*tiny"):
        tiny_studio.check_style(StyleOptions("other"))
    noise = tmp_path / "noise.pt"
    torch.save({"average": {}}, noise)
    with pytest.raises(WeightsError, match=r"noise\.pt is not an anime style; name an anime-STYLE"):
        tiny_studio.add_style(noise)


def test_a_style_of_your_own_on_the_command_line(options, tmp_path, capsys):
    style = train(options)
    arguments = ["random", "--count", "1", "--model", "bundled", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--anime", str(style)]) == 0
    told = provenance.read(tmp_path / "out" / "random-01-anime.png")
    assert told["style"] == "tiny"
    arguments[-1] = str(tmp_path / "another")
    assert main([*arguments, "--anime", str(tmp_path / "nowhere.safetensors")]) == 2
    assert "nowhere.safetensors cannot be read" in capsys.readouterr().err


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(options, tmp_path):
    whole = load_file(train(options))

    def stop(facts):
        raise Cancelled("stopped")

    stopped = replace(options, out=str(tmp_path / "stopped"))
    with pytest.raises(Cancelled):
        train(stopped, stop)
    shown = []
    resumed = load_file(train(stopped, lambda facts: shown.append(facts["shown"])))
    assert shown == [4, 6]
    for key, value in whole.items():
        torch.testing.assert_close(resumed[key], value, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_ctrl_c_ends_with_a_checkpoint(options):
    endless = replace(options, total=10**6)
    with pytest.raises(KeyboardInterrupt):
        train(endless, lambda facts: facts["shown"] == 4 and signal.raise_signal(signal.SIGINT))
    state = torch.load(Path(options.out, "latest.pt"), weights_only=True)
    assert state["shown"] == 6
    assert not list(Path(options.out).glob("*.safetensors"))


def test_a_run_of_other_options_is_not_continued(options):
    train(replace(options, total=2))
    with pytest.raises(OptionError, match="total is 6, but the unfinished run in .* has 2; keep"):
        train(options)


def test_a_style_can_start_from_another(options, tmp_path):
    train(options)
    checkpoint = Path(options.out, "latest.pt")
    other = replace(options, out=str(tmp_path / "other"), start=str(checkpoint))
    begun = make_run(other)
    begun.start_from(checkpoint)
    started = begun.average.state_dict()
    trained = torch.load(checkpoint, weights_only=True)["average"]
    assert all(torch.equal(started[key], value) for key, value in trained.items())
    with pytest.raises(TrainingError, match="nowhere.pt"):
        make_run(other).start_from(tmp_path / "nowhere.pt")
    with pytest.raises(TrainingError, match="width 4, this run has 8"):
        make_run(replace(other, width=8)).start_from(checkpoint)


def test_a_run_that_began_with_another_goes_on_without_it(options, tmp_path):
    train(options)
    other = Path(options.out, "latest.pt").rename(tmp_path / "first.pt")
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
    assert train(replace(options, total=2)).name == "anime-tiny.safetensors"


def test_the_global_random_state_is_left_alone(options):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_run(options)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda folder: (folder / "01-drawn.png").unlink(), "put 01-drawn.png beside it"),
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


def test_a_drawing_may_be_larger_but_not_of_other_proportions(pairs):
    write_pair(pairs, "00", drawn=3)
    assert read_pairs(pairs, smallest=32)[0].drawing.shape == (144, 168, 3)
    (pairs / "00-drawn.png").write_bytes(encode_png(np.zeros((40, 40, 3), np.uint8)))
    with pytest.raises(DataError, match="pair 00 is 56x48 and 40x40 pixels; both must have"):
        read_pairs(pairs, smallest=32)


def test_the_drawing_may_be_of_another_format(pairs):
    (pairs / "00-drawn.png").rename(pairs / "00-drawn.jpg")
    assert len(read_pairs(pairs, smallest=32)) == 3


def test_the_last_sixth_is_for_testing(pairs):
    pair = read_pairs(pairs, smallest=32)[0]
    for count, tests in ((2, 1), (11, 2), (35, 6)):
        training, testing = split([pair] * count)
        assert (len(training), len(testing)) == (count - tests, tests)
    training, testing = split([pair] * 11, tests=4)
    assert (len(training), len(testing)) == (7, 4)
    with pytest.raises(DataError, match="1 pairs and 1 of them for testing"):
        split([pair])
    with pytest.raises(DataError, match="3 pairs and 5 of them for testing"):
        split([pair] * 3, tests=5)


@pytest.mark.parametrize("drawn", [1, 4])
def test_photo_and_drawing_show_the_same_place(tmp_path, monkeypatch, drawn):
    """The drawing is the photo's negative: their sum is 0, whatever the size of the file."""
    smooth = np.linspace(0, 255, 96).astype(np.uint8)
    photo = np.stack([np.broadcast_to(smooth, (96, 96))] * 3, axis=2)
    photo = (photo // 2 + photo.transpose(1, 0, 2) // 2).astype(np.uint8)
    larger = np.asarray(Image.fromarray(photo).resize((96 * drawn,) * 2, Image.BICUBIC))
    (tmp_path / "1-photo.png").write_bytes(encode_png(photo))
    (tmp_path / "1-drawn.png").write_bytes(encode_png(255 - larger))
    pair = read_pairs(tmp_path, smallest=32)
    for name in ("GAMMA", "GAIN", "SOFT_SHARE"):
        monkeypatch.setattr(f"facegen.training.pairs.{name}", 0.0)
    photos, drawings = random_pairs(pair, 8, 64, np.random.default_rng(0))
    assert photos.shape == (8, 3, 64 + 2 * MARGIN, 64 + 2 * MARGIN)
    assert drawings.shape == (8, 3, FACTOR * 64, FACTOR * 64)
    core = photos[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    sums = core + torch.nn.functional.avg_pool2d(drawings, FACTOR)
    assert sums.abs().max() < 0.03
    assert photos.std() > 0.1, "it shows something"


def test_light_and_softness_vary_and_are_the_same_for_both(pairs):
    one = read_pairs(pairs, smallest=32)[:1]
    photos, drawings = random_pairs(one, 16, 32, np.random.default_rng(0))
    assert len({round(float(photo.mean()), 3) for photo in photos}) > 8
    assert photos.abs().max() <= 1 and drawings.abs().max() <= 1


def test_a_network_that_sees_little_detail_is_shown_soft_photos(pairs):
    one = read_pairs(pairs, smallest=32)[:1]  # of noise
    rng = np.random.default_rng
    sharp, _ = random_pairs(one, 16, 32, rng(0))
    soft, drawings = random_pairs(one, 16, 32, rng(0), detail=32)
    assert soft.std() < 0.85 * sharp.std() and drawings.std() > soft.std()


def test_crops_of_pictures_alone():
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    crops = random_crops([picture], 3, 32, np.random.default_rng(1))
    assert crops.shape == (3, 3, 32, 32)
    crops = random_crops([picture], 2, 32, np.random.default_rng(1), factor=4)
    assert crops.shape == (2, 3, 128, 128)


def test_strokes_are_what_is_darker_than_its_surroundings():
    page = torch.ones(1, 3, 64, 64)
    page[..., 20:23] = -1
    found = strokes.strokes(page)
    assert found.shape == (1, 1, 64, 64)
    assert (found[..., 20:23] == 1).all() and (found[..., 40:] == 0).all()


def test_a_line_that_is_weighted_is_drawn_where_it_is_less_likely_than_not():
    """The constant that costs least, of drawings that have ink here once in four times."""
    paper, line = torch.ones(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
    line[..., 30:33] = -1
    for ink, best in ((0.0, 1.0), (4.0, -1.0)):
        options = AnimeTrainOptions(pairs="x", out="x", ink=ink)
        objective = strokes.FromPairs(options, [], None)

        def cost(value, objective=objective):
            output = torch.ones(1, 3, 64, 64)
            output[..., 30:33] = value
            drawings = [paper, paper, paper, line]
            return float(sum(objective._pixel(output, one) for one in drawings))

        assert min((-1.0, 0.0, 1.0), key=cost) == best


def test_ssim_of_known_pictures():
    images = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert strokes.ssim(images, images).item() == pytest.approx(1.0)
    assert strokes.ssim(images, -images) < 0
    # Two flat greys: only the first factor is left, (2ab + c1) / (a^2 + b^2 + c1).
    half, quarter = torch.full((1, 3, 20, 20), 0.0), torch.full((1, 3, 20, 20), -0.5)
    expected = (2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4)
    assert strokes.ssim(half.double(), quarter.double()).item() == pytest.approx(expected)


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
    assert strokes.ssim(a.double(), b.double()).item() == pytest.approx(theirs, abs=1e-6)


# --- from unpaired pictures ------------------------------------------------------------


def small_features(images):
    """In place of the classifier's: four sizes of a few sums of channels."""
    x = torch.cat([images, images.square()], dim=1)
    return [torch.nn.functional.avg_pool2d(x, 2**k) for k in range(2, 6)]


@pytest.fixture
def unpaired(tmp_path, monkeypatch):
    monkeypatch.setattr(anime, "features_at_hand", lambda device: small_features)
    rng = np.random.default_rng(0)
    for name in ("photos", "drawings"):
        (tmp_path / name).mkdir()
        for index in range(3):
            pixels = rng.integers(0, 256, (64, 48 + index, 3), dtype=np.uint8)
            if name == "drawings":  # planes with black edges
                pixels = pixels[::16, ::16].repeat(16, 0).repeat(16, 1)
                pixels[::16] = 0
            (tmp_path / name / f"{index}.png").write_bytes(encode_png(pixels))
    return AnimeTrainOptions(
        photos=str(tmp_path / "photos"),
        drawings=str(tmp_path / "drawings"),
        out=str(tmp_path / "run"),
        style="hand",
        total=8,
        batch=2,
        crop=32,
        width=4,
        adversarial_from=0.5,
        snapshot=2,
        device="cpu",
    )


def test_a_style_from_unpaired_pictures(unpaired, tiny_studio):
    seen = []
    path = train(unpaired, seen.append)
    assert all(np.isfinite(value) for facts in seen for value in facts.values())
    assert {"content", "style_grey", "colour"} <= seen[0].keys()
    assert "adversarial" not in seen[1] and "discriminator" in seen[2]
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["metrics"]) == {}, "no pairs, nothing to measure with"
    assert tiny_studio.add_style(path) == "hand"
    assert load(Path(unpaired.out, "samples-000000008.png")).shape == (3 * 512, 2 * 512, 3)


def test_unpaired_training_brings_the_photo_nearer_to_the_hand(unpaired):
    """The objective falls on the same crops, and the photo stays recognisable."""
    longer = replace(
        unpaired, total=240, batch=4, snapshot=240, adversarial_from=1.0, learning_rate=3e-3
    )
    run = make_run(longer)
    photos, drawings = run.objective.batch(np.random.default_rng(9))

    @torch.no_grad()
    def losses():
        outputs = anime._without_margin(run.generator(photos))
        return run.objective.losses(photos, outputs, drawings)

    before = losses()
    train(longer)
    run.restore(run.folder.load())
    after = losses()
    assert sum(after.values()) < sum(before.values()) - 0.015
    assert after["style_grey"] < before["style_grey"] and after["content"] < before["content"]


def test_pictures_that_do_not_serve_are_named(unpaired, tmp_path):
    (tmp_path / "drawings" / "small.png").write_bytes(encode_png(np.zeros((34, 33, 3), np.uint8)))
    with pytest.raises(DataError, match="small.png is 33x34 pixels; each side needs 48 or more"):
        train(replace(unpaired, crop=48))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no pictures"):
        train(replace(unpaired, photos=str(tmp_path / "empty")))


def test_features_that_are_not_at_hand_are_named(unpaired, options, monkeypatch):
    monkeypatch.setattr(anime, "features_at_hand", lambda device: None)
    with pytest.raises(TrainingError, match="'weights fetch efficientnet-lite0'$"):
        train(unpaired)
    with pytest.raises(TrainingError, match="or leave them out with --perceptual 0"):
        train(replace(options, perceptual=0.1))
    assert train(options).is_file()


@pytest.mark.parametrize(
    "sources", [{}, {"pairs": "a", "photos": "b", "drawings": "c"}, {"photos": "b"}]
)
def test_what_to_learn_from_is_one_of_two(sources):
    with pytest.raises(OptionError, match="name either pairs, or both photos and drawings"):
        AnimeTrainOptions(out="x", **sources)


@pytest.mark.parametrize(
    ("name", "value"), [("total", 0), ("crop", 8), ("crop", 40), ("adversarial_from", 2)]
)
def test_options_are_checked(tmp_path, name, value):
    with pytest.raises(OptionError, match=f"{name} is {value}"):
        AnimeTrainOptions(pairs=str(tmp_path), out=str(tmp_path), **{name: value})
