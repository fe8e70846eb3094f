"""The stages of `train photo-encoder` on a miniature: exact, resumable, and the file loads."""

import miniature
import numpy as np
import pytest
import torch

from facegen import weights
from facegen.cli.main import main
from facegen.errors import OptionError
from facegen.measure.naturalness import FIELDS, Naturalness, Seer
from facegen.models import recognise
from facegen.models.families import mobile_stylegan
from facegen.training import natural, photo_encoder, preview_head
from facegen.training.data import Records, degrade
from facegen.training.options import PhotoEncoderOptions
from facegen.training.photo_encoder import Parts
from facegen.training.run import read_log


class Stop(Exception):
    pass


def options(out, **more) -> PhotoEncoderOptions:
    small = {
        "preview_samples": 16, "preview_crops": 8, "preview_batch": 2, "samples": 24,
        "first_views": 12, "first_batch": 4, "further_views": 8, "further_batch": 2, "snapshot": 2,
        "natural_samples": 40,
        "device": "cpu",
    }  # fmt: skip
    return PhotoEncoderOptions(out=str(out), **(small | more))


def features(pictures):
    """A classifier's maps, in miniature."""
    return [pictures, torch.nn.functional.avg_pool2d(pictures, 4) ** 2]


def parts() -> Parts:
    return Parts(miniature.generator(), None, features)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted run."""
    out = tmp_path_factory.mktemp("run")
    photo_encoder.train(options(out), out / "exported.safetensors", parts=parts())
    return out


def test_all_stages_leave_finite_numbers(whole):
    for stage, names in (
        ("preview", ("squared", "psnr", "psnr_worst")),
        ("first", ("code", "r2_look1")),
        ("further", ("code", "code_look2", "code_look3", "r2_look3")),
    ):
        row = read_log(whole / stage / "log.csv")[-1]
        assert all(np.isfinite(float(row[name])) for name in names), stage
        assert list((whole / stage).glob("samples-*.png"))
    assert (whole / "pool" / "pictures.uint8").stat().st_size == 24 * 3 * 128 * 128


def test_the_companion_loads_and_says_what_it_is(whole, monkeypatch):
    exported, kept = (
        weights.read(whole / name) for name in ("exported.safetensors", photo_encoder.COMPANION)
    )
    assert exported[1] == kept[1], "the sum over the tensors among it"
    monkeypatch.setattr(
        mobile_stylegan, "companion_of", lambda name: whole / photo_encoder.COMPANION
    )
    content, about = miniature.content(miniature.generator()), {"network": mobile_stylegan.NETWORK}
    model = recognise.face_model(content, about, miniature.INFO, "mini", torch.device("cpu"))
    assert model.info.resolution == 512 and model.generator.config == miniature.CONFIG
    ws = model.encode(torch.rand(2, 3, 256, 256) * 2 - 1)
    assert ws.shape == (2, 14, 16) and ws.isfinite().all()
    assert (ws == ws[:, :1]).all(), "offsets of single places are not trained"
    _, facts = weights.read(whole / photo_encoder.COMPANION)
    assert facts["licence"] == photo_encoder.LICENCE
    assert facts["licence_meaning"] == "non-commercial use only"
    assert "24 random codes" in facts["training_data"] and facts["views"] == "12 and 8"
    assert len(facts["r2_held_out"].split(", ")) == 3 and 1 <= int(facts["looks"]) <= 3
    assert "dB" in facts["preview_psnr"]


@pytest.mark.parametrize(
    "reports", [16, 20, 24, 26], ids=["preview head", "pool", "first look", "further looks"]
)
def test_resume_equals_no_interruption_bit_for_bit(whole, tmp_path, reports):
    left = iter(range(reports))

    def stop(facts):
        if next(left, None) is None:
            raise Stop

    with pytest.raises(Stop):
        photo_encoder.train(options(tmp_path), progress=stop, parts=parts())
    path = photo_encoder.train(options(tmp_path), parts=parts())
    there, here = (weights.read(one)[0] for one in (whole / photo_encoder.COMPANION, path))
    assert there.keys() == here.keys()
    assert all(torch.equal(there[key], here[key]) for key in there)


@pytest.mark.cuda
def test_on_a_gpu_it_learns_and_goes_on_as_well(tmp_path):
    made = Parts(miniature.generator().to("cuda"), None)
    photo_encoder.train(options(tmp_path, device="cuda"), parts=made)
    path = photo_encoder.train(options(tmp_path, device="cuda", further_views=12), parts=made)
    assert weights.read(path)[1]["views"] == "12 and 12"


def test_a_finished_run_does_nothing_twice(whole):
    _, before = weights.read(whole / photo_encoder.COMPANION)
    told = []
    photo_encoder.train(options(whole), progress=told.append, parts=parts())
    assert not told and weights.read(whole / photo_encoder.COMPANION)[1] == before


def test_what_tells_a_natural_face_is_fitted_and_kept(whole):
    content, facts = weights.read(whole / photo_encoder.COMPANION)
    fitted = {name: content[mobile_stylegan.MEASURED + name] for name in FIELDS}
    wrong = dict(part.split() for part in facts["natural_wrong"].split(", "))
    assert set(wrong) == {"rejected", *(f"accepted_{kind}" for kind in natural.BROKEN)}
    assert all(0 <= float(share) <= 1 for share in wrong.values())
    assert facts["natural_samples"] == "40" and len(fitted["natural.bias"]) == 1
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    assert np.isfinite(Naturalness(Seer(features), fitted)(pixels))


def test_every_kind_of_picture_is_its_seed_and_number_alone(monkeypatch):
    monkeypatch.setattr(natural, "FORCED_STEPS", 2)
    generator = miniature.generator()
    kinds = [natural.kind_of(index) for index in range(16)]
    assert kinds.count("natural") == 8
    assert all(kinds.count(kind) == 2 for kind in natural.BROKEN)
    for index in range(8):
        ws, again, other = (natural.code(generator, seed, index, 1.0) for seed in (1, 1, 2))
        assert ws.shape == (1, 14, 16) and not ws.requires_grad
        assert torch.equal(ws, again) and not torch.equal(ws, other)
        one_w = bool((ws == ws[:, :1]).all())
        assert one_w == (index in (0, 2) or kinds[index] == "far"), (index, kinds[index])
    random = torch.Generator().manual_seed(0)
    start, stranger = (natural.code(generator, 1, index, 1.0) for index in (0, 2))
    for turn in range(3):
        picture = natural.harsh(generator, start, stranger, turn, random)
        assert picture.shape == (1, 3, natural.FORCED_SIZE, natural.FORCED_SIZE)
        assert float(picture.abs().max()) <= 1


def test_the_regression_finds_what_is_apart_and_doubts_what_is_not():
    torch.manual_seed(0)
    natural_ones = torch.arange(400) % 4 == 0  # a quarter: both kinds count alike
    x = torch.randn(400, 5, dtype=torch.float64)
    x[:, 2] += 4.0 * natural_ones
    fitted = natural.regress(3 * x + 1, natural_ones)
    score = natural.scores(fitted, 3 * x + 1)
    right = (score > 0) == natural_ones
    assert float(right.double().mean()) > 0.93
    assert int(fitted["natural.weight"].abs().argmax()) == 2
    plain = score + natural.LIMIT
    assert (score > 0).sum() > (plain > 0).sum(), "the doubtful pass"


@pytest.mark.parametrize(
    ("change", "stage"),
    [
        ({"seed": 1}, "preview"),
        ({"preview_crops": 16}, "first"),
        ({"first_views": 100}, "further"),
    ],
)
def test_a_stage_that_others_stand_on_cannot_change(whole, change, stage):
    (name,) = change
    with pytest.raises(OptionError, match=rf"{name} is .*/{stage} has .*; keep that or"):
        photo_encoder.train(options(whole, **change), parts=parts())


def test_one_look_needs_no_second_stage(tmp_path):
    quick = options(tmp_path, looks=1, preview_crops=2, first_views=4)
    path = photo_encoder.train(quick, parts=parts())
    assert not (tmp_path / "further").exists()
    assert weights.read(path)[1]["looks"] == "1"


def test_the_first_look_begins_at_the_average(tmp_path):
    generator = miniature.generator()
    w = preview_head.plain_codes(generator, 0, 0, 16)
    pictures = np.zeros((16, 3, 128, 128), np.uint8)
    codes = photo_encoder.Codes(pictures, w.numpy(), w, torch.device("cpu"), 4)
    look = photo_encoder.FirstLook(options(tmp_path), generator, codes, None)
    guess, offsets = look.encoder.guess(look.encoder.see(torch.rand(2, 3, 128, 128)))
    torch.testing.assert_close(guess, codes.mean.expand(2, -1), atol=1e-6, rtol=0)
    assert not offsets.any()


def test_the_preview_head_learns(tmp_path):
    """A picture that is a linear map of its features is found by least squares alone."""
    torch.manual_seed(0)
    generator = miniature.generator()
    linear = torch.nn.Conv2d(8, 12, 1)
    layout = preview_head.pairs(tmp_path / "pairs", generator)

    @torch.no_grad()
    def make(first, count):
        torch.manual_seed(first)
        features = torch.randn(1, 8, 128, 128) * 3 + 1
        target = torch.nn.functional.pixel_shuffle(linear(features), 2) / 8
        found = {"features": features, "target": target, "styles": torch.randn(1, 18)}
        return {name: tensor.numpy() for name, tensor in found.items()}

    layout.fill(16, 1, make)
    head = photo_encoder.HeadTraining(options(tmp_path), layout, torch.device("cpu"))
    assert head.measure()["psnr"] > 50
    made = head.finished()
    features, styles, target = (
        torch.from_numpy(layout.read(name, 16)[:1]).float()
        for name in ("features", "styles", "target")
    )
    torch.testing.assert_close(made(features, styles), target, atol=0.02, rtol=0)


def test_a_code_is_its_seed_and_number_alone():
    generator = miniature.generator()
    all_at_once = preview_head.plain_codes(generator, 5, 0, 6)
    torch.testing.assert_close(preview_head.plain_codes(generator, 5, 4, 2), all_at_once[4:])
    assert not torch.equal(all_at_once[0], preview_head.plain_codes(generator, 6, 0, 1)[0])
    plain, mixed = (preview_head.mixed_code(generator, 5, index) for index in (0, 1))
    assert plain.shape == (1, 14, 16) and (plain == plain[:, :1]).all()
    assert (mixed[:, 1:] != mixed[:, :-1]).any(dim=2).all()


def test_records_survive_a_cut(tmp_path):
    layout = {"a": ((2,), "float32"), "b": ((), "uint8")}

    def make(first, count):
        rows = np.arange(first, first + count)
        return {"a": np.stack([rows, -rows], axis=1), "b": rows}

    one = Records(tmp_path, layout)
    one.fill(6, 4, make)
    assert len(one) == 8
    with (tmp_path / "a.float32").open("r+b") as file:
        file.truncate(5 * 8 + 3)  # in the middle of the sixth record
    assert len(one) == 5
    one.fill(10, 4, make)
    assert len(one) == 12
    np.testing.assert_array_equal(one.read("a", 12)[:, 0], np.arange(12))
    np.testing.assert_array_equal(one.read("b", 10), np.arange(10))


def test_degrading_keeps_shape_and_range_and_depends_on_its_seed():
    torch.manual_seed(0)
    clean = torch.rand(24, 3, 64, 64) * 2 - 1
    before = clean.clone()
    found = [degrade(clean, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert found[0].shape == clean.shape and found[0].dtype == torch.float32
    assert float(found[0].abs().max()) <= 1 and torch.equal(clean, before)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    assert (found[0] != clean).flatten(1).any(dim=1).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--samples", "3"], "samples is 3; it must lie between 16 and"),
        (["--looks", "99"], "looks is 99; it must lie between 1 and 16"),
        (["--model", "bundled"], "model is bundled, which is not a MobileStyleGAN"),
        (["--model", "nonsense"], "nonsense"),
        (["--resume"], "there is no options.json in"),
    ],
)
def test_bad_options_are_one_line(tmp_path, capsys, arguments, words):
    out = tmp_path / "out"
    assert main(["train", "photo-encoder", "--out", str(out), *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("facegen: ") and words in lines[0]
    assert not out.exists()


def test_the_needs_are_told_and_shrink_with_what_is_there(tmp_path, monkeypatch, whole):
    made = miniature.generator()
    monkeypatch.setattr(photo_encoder, "_load_generator", lambda options, device: made)
    fresh, done = (photo_encoder.plan(options(one)) for one in (tmp_path, whole))
    pair = 2 * 8 * 128**2 + 2 * 3 * 256**2 + 4 * made.head.gains.in_features
    view = 3 * 128**2 + 4 * 16
    assert fresh["records_mb"] == pytest.approx((16 * pair + 24 * view) / 1e6)
    assert done["records_mb"] == 0 and done["memory_mb"] == fresh["memory_mb"] > 100
