"""mediapipe's networks give here what they give in mediapipe itself (0.10.21)."""

import dataclasses
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from facegen import images, weights
from facegen.errors import WeightsError
from facegen.face.graph import Network
from facegen.face.mediapipe_networks import NAME, Networks
from facegen.weights import packages
from facegen.weights.formats import tflite


@pytest.fixture(scope="module")
def networks():
    return Networks()


def test_the_detectors_boxes(networks, astronaut):
    """Numbers that mediapipe gave."""
    (near,), (far,) = networks.near(astronaut), networks.far(astronaut)
    assert np.allclose(near[:3], (225.2374, 130.5433, 95.3442), atol=0.05)
    assert np.allclose(far[:3], (225.6235, 119.7393, 103.9289), atol=0.05)
    assert np.allclose((near[3], far[3]), (0.92174, 0.91206), atol=0.001)


def test_the_mesh_with_irises(networks, astronaut):
    """Likewise: nose, mouth, eyes, chin, forehead, irises."""
    expected = [
        (132.502, 154.633, -11.313), (105.516, 153.311, 9.796), (96.635, 103.785, 5.077),
        (173.714, 108.326, 4.775), (130.634, 202.307, 10.562), (136.126, 64.706, -14.337),
        (107.264, 104.204, 0.572), (162.321, 107.494, 0.324),
    ]  # fmt: skip
    crop = images.resize(astronaut[20:220, 120:320], 256)
    found = networks.mesh_with_irises(crop)
    assert found.shape == (478, 3)
    assert np.allclose(found[[0, 61, 33, 263, 152, 10, 468, 473]], expected, atol=0.1)
    assert np.array_equal(networks.mesh(crop), found[:468])


def test_nothing_is_seen_in_nothing(networks):
    blank = np.zeros((256, 256, 3), np.uint8)
    assert networks.near(blank) == networks.far(blank) == networks.hands(blank) == []
    assert networks.mesh(blank) is None


def test_a_hand(networks, shared):
    """Likewise: the wrist and the five fingers' tips."""
    pixels = np.asarray(Image.open(shared / "faces" / "omi-256" / "0084.jpg").convert("RGB"))
    (hand,) = networks.hands(pixels)
    expected = [(46.85, 160.75), (31.99, 119.39), (28.83, 106.9), (31.17, 107.85), (39.83, 137.68)]
    assert hand.shape == (21, 2)
    assert np.allclose(hand[[0, 4, 8, 12, 20]], expected, atol=0.1)


def test_threads_ask_at_once(networks, astronaut):
    crop = images.resize(astronaut[20:220, 120:320], 256)
    mesh, faces = networks.mesh(crop), networks.near(astronaut)

    def ask(index):
        return networks.mesh(crop) if index % 2 else networks.near(astronaut)

    with ThreadPoolExecutor(4) as pool:
        for index, found in enumerate(pool.map(ask, range(40))):
            assert np.array_equal(found, mesh) if index % 2 else found == faces


def test_without_the_networks_one_line_says_what_to_do(tmp_path):
    program = (
        "from facegen.weights.packages import members\n"
        "members.installed = lambda package: None\n"
        "import numpy as np\n"
        "from facegen.errors import WeightsError\n"
        "from facegen.face.detect import Detector\n"
        "try:\n"
        "    Detector().detect(np.zeros((64, 64, 3), np.uint8))\n"
        "except WeightsError as error:\n"
        "    print(error)\n"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert "mediapipe==0.10.21" in line and "HF_HUB_OFFLINE forbids to ask" in line
    assert "run 'python -m facegen weights fetch mediapipe' once" in line


# --- the files ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file() -> bytes:
    _, files, _ = packages.load(weights.find(NAME))
    return files["face_detection_short_range"].numpy().tobytes()


@pytest.mark.parametrize("how", ["empty", "page", "cut", "half", "far"])
def test_a_file_that_is_none_is_refused(file, how):
    data = {
        "empty": b"",
        "page": b"<!DOCTYPE html>" * 9,
        "cut": file[:-20_000],
        "half": file[: len(file) // 2],
        "far": b"\xff\xff\xff\x7f" + file[4:],
    }[how]
    with pytest.raises(WeightsError, match="short.tflite cannot be read"):
        tflite.parse(data, "short.tflite")


def test_a_file_above_the_limit_is_not_looked_at(file):
    assert tflite.parse(file + bytes(100), "short.tflite").nodes
    with pytest.raises(WeightsError, match="does not begin as one"):
        tflite.parse(file + bytes(64_000_001 - len(file)), "short.tflite")


def test_lists_have_limits():
    """A FlatBuffer table whose only field is a vector that says how long it is."""

    def table(count):
        data = struct.pack("<HHHHiII", 6, 8, 4, 0, 8, 4, count)
        return tflite._Table(data + struct.pack("<I", 4) * count, 8)

    assert len(table(4_000).tables(0)) == 4_000 and len(table(64).row(0)) == 64
    with pytest.raises(ValueError, match="a list of 4,001, at most 4,000"):
        table(4_001).tables(0)
    with pytest.raises(ValueError, match="a row of 65, at most 64"):
        table(65).row(0)


def place_of_the_inputs_shape(data: bytes) -> int:
    """Find where the file holds [1, 128, 128, 3]."""
    place = data.find(np.array([4, 1, 128, 128, 3], "<i4").tobytes())
    assert place > 0
    return place + 4


@pytest.mark.parametrize("side", [2**31 - 1, 5_000, -128])
def test_a_shape_above_the_limit_is_refused(file, side):
    at = place_of_the_inputs_shape(file)
    shape = np.array([1, side, 128, 128], "<i4").tobytes()
    data = file[:at] + shape + file[at + len(shape) :]
    with pytest.raises(WeightsError, match="numbers, at most 16,000,000|a tensor of"):
        tflite.parse(data, "short.tflite")


class Sparse:
    """A sparse tensor's tables, each field a value."""

    def __init__(self, **fields):
        self.fields = {int(name[1:]): value for name, value in fields.items()}

    def number(self, field, form):
        return self.fields.get(field, 0)

    def row(self, field):
        return tuple(self.fields.get(field, ()))

    def numbers(self, field, form):
        return np.array(self.fields[field], form)

    def table(self, field):
        return self.fields.get(field)

    def tables(self, field):
        return self.fields[field]


LISTED = {"_2": 3, "_4": 3, "_5": Sparse(_0=[0] * 250)}


@pytest.mark.parametrize(
    "levels",
    [
        [Sparse(_1=2**31 - 1)],
        [Sparse(_1=4_001), Sparse(_1=4_001)],
        [
            Sparse(_1=100_000),
            Sparse(_0=1, _3=Sparse(_0=np.arange(100_001) % 2 * 250), **LISTED),
        ],
        [
            Sparse(_1=100_000),
            Sparse(_0=1, _3=Sparse(_0=np.arange(100_001).clip(0, 1) * 250), **LISTED),
            Sparse(_1=100_000),
        ],
    ],
)
def test_a_sparse_tensor_above_the_limit_is_refused(levels):
    sparse = Sparse(_0=range(len(levels)), _2=levels)
    with pytest.raises(ValueError, match="at most 16,000,000|do not follow each other"):
        tflite._dense(sparse, np.zeros(1, np.float32), (1,) * len(levels))


def test_an_operation_that_is_not_known_is_named(file):
    graph = tflite.parse(file, "short.tflite")
    odd = tflite.Node("UNSEEN", graph.nodes[0].inputs, graph.nodes[0].outputs, {})
    graph = tflite.Graph(
        graph.inputs, graph.outputs, graph.shapes, (odd, *graph.nodes[1:]), graph.constants
    )
    with pytest.raises(WeightsError, match="UNSEEN is not an operation"):
        Network(graph)


@pytest.mark.parametrize(
    "changed",
    [
        {"constants": {}},
        {"inputs": (9_999,)},
        {"inputs": ()},
        {"shapes": ((),) * 250},
        {"nodes": ()},
    ],
)
def test_operations_that_do_not_fit_together_are_refused(file, changed):
    graph = tflite.parse(file, "short.tflite")
    with pytest.raises(WeightsError, match="do not fit together"):
        Network(dataclasses.replace(graph, **changed))
