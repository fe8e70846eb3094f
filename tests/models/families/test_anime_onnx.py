"""ONNX files as anime styles: two exporters' files draw the right picture, others are refused."""

import importlib.util
import itertools
import random
import shutil

import fakehub
import numpy as np
import onnx_files
import pytest
import torch
from onnx_files import DATA, field, node, port, style, tensor

from facegen import Studio, models, weights
from facegen.cli.main import main
from facegen.errors import OptionError, WeightsError
from facegen.options import SampleOptions, StyleOptions
from facegen.stylize import MIN_SIZE, Stylizer

CPU = torch.device("cpu")
EXPORTS = ("tensorflow-9", "tensorflow-13", "torch-11", "torch-18", "torch-fixed-11")


def _make():
    """How the files were made: their weights and pictures, again."""
    spec = importlib.util.spec_from_file_location("make_onnx", DATA / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = _make()


def load(path):
    return models.anime_file(path, CPU)[0]


def picture(height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(make.picture(height, width)).permute(0, 3, 1, 2)


def pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def write(tmp_path):
    def write(body: bytes, name: str = "strange.onnx"):
        (tmp_path / name).write_bytes(body)
        return tmp_path / name

    return write


# --- the right picture ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tensorflow-9", "tensorflow-13"])
@pytest.mark.parametrize("size", make.SIZES)
def test_tensorflows_export_draws_what_tensorflow_draws(name, size):
    """Channels last, old-style resizing, layer norm taken to pieces."""
    drawn = load(DATA / f"{name}.onnx")(picture(*size))
    expected = np.load(DATA / "tensorflow.npz")["{}x{}".format(*size)]
    assert expected.std() > 0.2
    difference = np.abs(drawn.permute(0, 2, 3, 1).numpy() - expected).max()
    assert difference < 2e-4  # 1.1e-4 reached: a hundredth of a grey level


@pytest.mark.parametrize("size", [*make.SIZES, (8, 8), (64, 36)])
@pytest.mark.parametrize("name", ["torch-11", "torch-18"])
def test_torchs_export_draws_what_torch_draws(name, size):
    expected = make.generator(align_corners=name == "torch-18")
    x = picture(*size)
    with torch.no_grad():
        torch.testing.assert_close(load(DATA / f"{name}.onnx")(x), expected(x), rtol=0, atol=1e-4)


def test_a_graph_of_one_size_draws_at_it():
    fixed, network = load(DATA / "torch-fixed-11.onnx"), make.generator(False)
    x = picture(16, 24)
    with torch.no_grad():
        torch.testing.assert_close(fixed(x), network(x), rtol=0, atol=1e-4)
    assert fixed.size == (16, 24)
    assert fixed(picture(64, 40)).shape == (1, 3, 64, 40)


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("size", [(1, 1), (63, 65), (257, 131)])
def test_any_size_and_blend(name, size):
    stylizer = Stylizer(load(DATA / f"{name}.onnx"), name)
    drawn = stylizer(pixels(*size))
    assert drawn.dtype == np.uint8 and max(drawn.shape[:2]) == max(MIN_SIZE, *size)
    assert drawn.std() > 5
    half, photo = stylizer(pixels(*size), 0.5), stylizer(pixels(*size), 0.0)
    assert abs(half - (photo.astype(float) + drawn) / 2).max() <= 0.5


@pytest.mark.parametrize("shape", [(1, 3, "h", "w"), ("n", "h", "w", 3), (1, 3, 64, 64)])
def test_every_layout_keeps_pixels_in_their_place(write, shape):
    """Multiplying by -1 is the same in each layout; where a graph has one size, that is given."""
    stylizer = Stylizer(load(write(onnx_files.negative(shape))), "negative")
    flat = np.full((512, 512, 3), (10, 100, 200), np.uint8)
    flat[:, 256:] = (200, 10, 100)
    drawn = stylizer(flat)
    assert np.array_equal(drawn[:, :192], 255 - flat[:, :192])
    assert np.array_equal(drawn[:, 320:], 255 - flat[:, 320:])


@pytest.mark.cuda
@pytest.mark.parametrize("name", EXPORTS)
def test_a_gpu_draws_the_same(name):
    network = load(DATA / f"{name}.onnx")
    slow, fast = (Stylizer(network, name, device)(pixels(96, 64)) for device in ("cpu", "cuda"))
    assert abs(slow.astype(int) - fast).max() <= 3


def test_several_pictures_are_drawn_one_by_one(write):
    network = load(write(onnx_files.negative()))
    x = torch.rand(3, 3, 16, 16)
    assert torch.equal(network(x), -x)


# --- like any other style ------------------------------------------------------------------


def test_known_by_its_content_not_by_its_name(tmp_path, studio):
    path = tmp_path / "sketchy.bin"
    shutil.copy(DATA / "tensorflow-13.onnx", path)
    assert studio.add_style(path) == "sketchy" and "sketchy" in studio.styles
    (portrait,) = studio.draw(SampleOptions(count=1), StyleOptions("sketchy", 0.7))
    assert portrait.stylized.shape == (MIN_SIZE, MIN_SIZE, 3)
    facts = portrait.stylized_facts
    assert facts["style"] == "sketchy" and facts["blend"] == 0.7
    assert facts["style_licence"] == "what its author allows; ask whoever made it"


@pytest.fixture
def studio(tiny_model):
    """Not the session's: styles are added to it."""
    return Studio(tiny_model, CPU)


def refused(capsys, *arguments) -> str:
    assert main([str(one) for one in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("facegen: "), lines
    return lines[0]


def test_the_command_line(tmp_path, capsys, write):
    path = tmp_path / "mine.data"
    shutil.copy(DATA / "torch-11.onnx", path)
    out = tmp_path / "out"
    drawing = ["random", "--out", out, "--count", 1, "--device", "cpu", "--model", "bundled"]
    assert main([str(one) for one in [*drawing, "--anime", path]]) == 0
    assert [one.name for one in sorted(out.glob("*-anime.png"))] == ["random-01-anime.png"]
    capsys.readouterr()

    drawing[2] = tmp_path / "none"
    bad = write(b"\x08\x07\x3a\xff\xff", "bad.onnx")
    assert "bad.onnx is a damaged ONNX file" in refused(capsys, *drawing, "--anime", bad)
    absent = tmp_path / "absent.onnx"
    assert "absent.onnx cannot be read" in refused(capsys, *drawing, "--anime", absent)
    assert not list(tmp_path.glob("none/*.png"))
    drawing[-1] = path
    assert "is an ONNX network, which can only draw in a style" in refused(capsys, *drawing)
    line = refused(capsys, "weights", "convert", path, tmp_path / "out.safetensors")
    assert "mine.data is an ONNX network, which is not converted" in line
    assert not (tmp_path / "out.safetensors").exists()


# --- the registry, against a Hub that runs here --------------------------------------------


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with fakehub.running() as running:
        for entry in weights.of_kind("anime"):
            for source in entry.sources:
                if source.file.endswith(".onnx"):
                    body = (DATA / "tensorflow-13.onnx").read_bytes()
                    running.serve(source.repo, source.file, body)
        fakehub.point_at(monkeypatch, running.url, tmp_path / "cache")
        yield running


def test_the_published_ones_are_fetched_drawn_with_verified_and_removed(
    hub, capsys, studio, tmp_path
):
    names = [f"animeganv2-{one}" for one in ("paprika", "shinkai", "hayao")]
    for name in names:
        entry = weights.find(name)
        assert entry.licence_meaning == "non-commercial use only" and entry.size == 8_600_000
        assert entry.sources[0].sha256 is None and entry.sources[0].revision is None
    assert not set(names) & set(studio.styles)
    with pytest.raises(OptionError, match="'weights fetch animeganv2-paprika' gets it"):
        studio.check_style(StyleOptions(names[0]))

    assert main(["weights", "fetch", *names]) == 0
    assert "non-commercial" in capsys.readouterr().out
    assert set(names) <= set(studio.styles)
    (portrait,) = studio.draw(SampleOptions(count=1), StyleOptions(names[0]))
    assert portrait.stylized_facts["style_licence"] == "non-commercial use only"
    assert main(["weights", "verify", *names]) == 0
    assert capsys.readouterr().out.count("sha256 recorded at first use") == 3

    copy = tmp_path / "copy.onnx"  # the same bytes by a path: the licence is known
    shutil.copy(weights.locate(weights.find(names[0])), copy)
    assert models.anime_file(copy, CPU)[1:] == ("copy", "non-commercial use only")
    with pytest.raises(WeightsError, match="is an ONNX network, which is not converted"):
        models.convert(names[0], tmp_path / "out.safetensors")

    assert main(["weights", "remove", *names]) == 0
    assert not set(names) & set(weights.anime_styles())


def test_a_file_changed_after_the_first_use_is_refused(hub):
    entry = weights.find("animeganv2-hayao")
    path = weights.fetch(entry)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.resolve().write_bytes(body)
    with pytest.raises(WeightsError, match="the first download had"):
        weights.verify(entry)
    models.load_anime(entry.name, CPU)  # thrown away and fetched again
    assert weights.verify(entry)


def test_a_face_model_is_no_anime_style(hub):
    with pytest.raises(WeightsError, match="kind 'anime', not a face generator"):
        models.load_face_model("animeganv2-hayao", CPU)


# --- refused, by name of what is wrong -----------------------------------------------------

X, Y = [port("x", onnx_files.ANY)], [port("y", onnx_files.ANY)]
RELU = node("Relu", "x", "y")
MEMORY = "more memory than a picture needs"
WEIGHT = np.zeros((1, 3, 1, 1), np.float32)


def conv(out: int) -> bytes:
    weights_ = tensor("w", np.zeros((out, 3, 1, 1), np.float32))
    return style(node("Conv", "x w", "y"), tensors=[weights_])


def shaped(*shape) -> bytes:
    return onnx_files.negative(shape)


REFUSED = {
    "two inputs": (onnx_files.model([RELU], [*X, port("z", (1,))], Y), "it has 2 inputs"),
    "no input": (onnx_files.model([RELU], [], Y), "it has 0 inputs"),
    "YuNet's many outputs": (
        onnx_files.model([RELU], X, [port(f"o{i}", (1, 2)) for i in range(12)]),
        "it has 12 outputs",
    ),
    "bytes as input": (onnx_files.model([RELU], [port("x", (1, 3, 8, 8), 2)], Y), "not of type"),
    "one channel": (shaped(1, 1, "h", "w"), r"its input is \[1, 1, 'any', 'any'\]"),
    "a list": (shaped(1, 512), r"its input is \[1, 512\]"),
    "a batch": (shaped(4, 3, "h", "w"), "its input is"),
    "half a size": (shaped(1, 3, 64, "w"), "64 x any pixels"),
    "a huge size": (shaped(1, 3, 4096, 4096), "4096 x 4096 pixels"),
    "other channels out": (conv(1), r"draws \[1, 1, 32, 48\] for \[1, 3, 32, 48\]"),
    "another size out": (
        style(
            node("Slice", "x a b c", "y"),
            tensors=[tensor("a", [0]), tensor("b", [9]), tensor("c", [2])],
        ),
        r"draws \[1, 3, 9, 48\]",
    ),
    "not finite": (style(node("Sub", "x x", "o"), node("Reciprocal", "o", "y")), "not finite"),
    "0 to 255": (
        style(node("Mul", "x k", "y"), tensors=[tensor("k", 127.5)]),
        "up to 127; a style takes and gives -1 to 1",
    ),
    "unknown operations": (
        style(node("Loop", "x", "a"), node("LSTM", "a", "y")),
        "operations that networks which draw do not have: LSTM, Loop",
    ),
    "a maker's own operation": (style(RELU + field(7, "com.evil")), "com.evil.Relu"),
    "used before it is made": (style(node("Relu", "z", "y")), "'z' is not a graph input"),
    "made twice": (style(RELU, RELU), r"Duplicate definition of name \(y\)"),
    "never made": (style(node("Relu", "x", "z")), r"Graph output \(y\) does not exist"),
    "an old version": (style(RELU, opset=6), "version 6, not 7 to 23"),
    "external data": (
        style(RELU, tensors=[tensor("w", WEIGHT, field(13, b""))]),
        "its numbers lie in another file",
    ),
    "data said to be external": (
        style(RELU, tensors=[tensor("w", WEIGHT, field(14, 1))]),
        "its numbers lie in another file",
    ),
    "half precision": (
        style(RELU, tensors=[field(1, 1) + field(2, 10) + field(9, b"ab") + field(8, "w")]),
        "w holds float16",
    ),
    "NaN weights": (style(RELU, tensors=[tensor("w", WEIGHT * np.nan)]), "w holds numbers"),
    "many integers": (style(RELU, tensors=[tensor("w", np.arange(5000))]), "w holds 5000 integers"),
    "a wrong shape": (
        style(RELU, tensors=[tensor("w", WEIGHT) + field(1, 2)]),
        r"w holds 3 numbers for the shape \[1, 3, 1, 1, 2\]",
    ),
    "a graph within": (
        style(node("Relu", "x", "y") + field(5, field(1, "body") + field(6, b""))),
        "graphs within its graph",
    ),
    "a list of tensors": (
        style(RELU + field(5, field(1, "more") + field(10, tensor("w", WEIGHT)))),
        "lists of tensors",
    ),
    "sparse weights": (
        field(1, 7) + field(7, field(1, RELU) + field(15, b"")) + field(8, field(2, 13)),
        "sparse weights",
    ),
    "functions": (style(RELU) + field(25, b""), "functions or training steps"),
    "training": (style(RELU) + field(20, b""), "functions or training steps"),
    "a field beyond all numbers": (style(RELU) + field(2**29 + 7, b""), "damaged ONNX file"),
    "onnxruntime's own format": (
        field(1, 7) + field(2, "ORTM") + bytes(64),
        "damaged ONNX file",
    ),
    "too many operations": (style(*[RELU] * 4001), "more than 4000 operations"),
    "no version": (field(1, 7) + field(7, field(1, RELU)), "no version of its operations"),
    "no graph": (field(1, 7) + field(8, field(2, 13)), "holds no graph"),
    "not a protocol buffer": (b"\x08\x07\x3a" + bytes(range(200)), "damaged ONNX file"),
    # bombs: a few bytes that would make much
    "a huge border": (
        style(node("Pad", "x p", "y"), tensors=[tensor("p", [0, 0, 10**9, 0, 0, 0, 0, 0])]),
        MEMORY,
    ),
    "a huge enlargement": (
        style(
            node("Resize", "x s", "y"),
            tensors=[tensor("s", np.array([1, 1, 1e5, 1e5]))],
            opset=10,
        ),
        MEMORY,
    ),
    "a huge convolution": (conv(10**6), MEMORY),
    "doubling": (
        style(
            *(
                node("Concat", f"{a} {a}", b, axis=1)
                for a, b in itertools.pairwise("xabcdefghijklmny")
            )
        ),
        MEMORY,
    ),
    "a huge constant": (
        style(node("ConstantOfShape", "n", "y"), tensors=[tensor("n", [10**6, 10**6])]),
        MEMORY,
    ),
    "a huge product": (
        style(
            node("Transpose", "w", "t", perm=[1, 0]), node("Mul", "w t", "y"),
            tensors=[tensor("w", np.ones((10**5, 1), np.float32))],
        ),
        MEMORY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_its_name_and_the_reason(write, what):
    body, words = REFUSED[what]
    with pytest.raises(WeightsError, match=words) as caught:
        load(write(body))
    assert "strange.onnx" in str(caught.value) and "\n" not in str(caught.value)


def test_sface_is_no_style(tmp_path):
    path = onnx_files.pixelated(tmp_path / "sface.onnx")
    with pytest.raises(WeightsError, match="do not have: Flatten"):
        load(path)


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.onnx"
    path.write_bytes(onnx_files.negative())
    with path.open("r+b") as file:
        file.truncate(64_000_001)
    with pytest.raises(WeightsError, match=r"ONNX file of 64\.0 MB; read are those of up to 64 MB"):
        load(path)


def test_many_small_fields_are_refused(write):
    with pytest.raises(WeightsError, match="more than 400000 parts"):
        load(write(onnx_files.negative() + field(9, 1) * 400_000))


def test_a_picture_that_goes_wrong_later_is_named(write):
    """At the sizes it was tried with this graph works; at 8 pixels it does not."""
    network = load(write(onnx_files.fails_on_low_pictures()))
    with pytest.raises(WeightsError, match=r"strange\.onnx draws no picture of 16 x 8 pixels"):
        network(torch.zeros(1, 3, 8, 16))


@pytest.mark.parametrize("name", EXPORTS)
def test_cut_off_anywhere(write, name):
    body = (DATA / f"{name}.onnx").read_bytes()
    for length in [3, 4, 20, 100, len(body) // 2, len(body) - 1]:
        with pytest.raises(WeightsError, match=r"strange\.onnx"):
            load(write(body[:length]))


def test_changed_files_draw_or_are_refused(write):
    """No sum in the format: a changed weight goes unnoticed, but nothing else happens."""
    random_ = random.Random(0)
    body = (DATA / "tensorflow-13.onnx").read_bytes()
    outcomes = []
    for _ in range(60):
        changed = bytearray(body)
        for _ in range(random_.choice((1, 3, 20))):
            changed[random_.randrange(len(body))] = random_.randrange(256)
        try:
            drawn = load(write(bytes(changed)))(picture(16, 16))
            assert drawn.shape == (1, 3, 16, 16) and torch.isfinite(drawn).all()
            outcomes.append("drawn")
        except WeightsError as error:
            assert "\n" not in str(error) and "strange.onnx" in str(error)
            outcomes.append("refused")
    assert {"drawn", "refused"} == set(outcomes)
