"""Miniature networks, so that the whole suite runs on a CPU."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Handing the work of a miniature network to threads costs more than the work itself. Read when
# torch is loaded, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a model taught is kept in the user's cache: not in that of whoever runs the tests. The
# workers of a run inherit theirs, so that each need not be taught anew; and a test that imports
# this file reads it a second time (pytest keeps its own copy under another name).
if "FACEGEN_TESTS_USERS_CACHE" not in os.environ:
    # for tests of real files, which this user may have
    os.environ["FACEGEN_TESTS_USERS_CACHE"] = os.environ.get("XDG_CACHE_HOME") or str(
        Path.home() / ".cache"
    )
    _CACHE = tempfile.TemporaryDirectory(prefix="facegen-tests-")
    os.environ["XDG_CACHE_HOME"] = _CACHE.name
    os.environ["XDG_CONFIG_HOME"] = os.path.join(_CACHE.name, "config")  # and no key of theirs
    # Most tests find faces: with the networks that this user has.
    for _file in Path(os.environ["FACEGEN_TESTS_USERS_CACHE"]).glob("facegen/weights/mediapipe-*"):
        _copy = Path(_CACHE.name, "facegen/weights", _file.name)
        _copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_file, _copy)

# Nothing is fetched that a test does not serve itself.
os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def pytest_collection_modifyitems(items):
    """Skip, with a reason, what this machine cannot run."""
    import torch

    for item in items:
        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session", autouse=True)
def small_pool():
    """Fewer codes to choose people from: a twentieth of a second a run, not a whole one."""
    from facegen.latent.vary import matching

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "POOL", 4096)
        patch.setattr(matching, "SHORT_LIST", 300)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference pictures beside the project, which a user does not have."""
    if not SHARED.is_dir():
        pytest.skip("needs the reference pictures in ../shared")
    return SHARED


def checkout() -> list[str]:
    """All files that are in the repository, or would be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("this is no git checkout")
    return [name for name in found.stdout.split() if (ROOT / name).is_file()]


def copied_checkout(folder: Path, without: tuple[str, ...] = ("tests/",)) -> Path:
    """Copy the checkout to `folder`, but for files that begin like this; -> folder."""
    for name in checkout():
        if not name.startswith(without):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@contextlib.contextmanager
def own_cache():
    """Within it the user's own cache counts: for weights that are large, and may be there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", os.environ["FACEGEN_TESTS_USERS_CACHE"])
        yield


def needs_weights(*names: str) -> None:
    """Skip a test of real weights that are not at hand; a clean clone's run fetches them first
    (.ci/run), and fails without. Call it within own_cache()."""
    from facegen import weights

    for name in names:
        if not weights.at_hand(weights.find(name)):
            reason = f"needs: python -m facegen weights fetch {name}"
            pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real photograph of a real face that needs no download (NASA, public domain)."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """Twelve coarse patterns of 64 pixels: training data that no test mistakes for faces."""
    folder = tmp_path_factory.mktemp("patterns")
    rng = np.random.default_rng(0)
    for i in range(12):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((64, 64)).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="session")
def tiny_model():
    """A 32-pixel face model with random weights: right in every shape, no face."""
    import torch

    from facegen.models import FaceModel, ModelInfo
    from facegen.networks.encoder import Encoder, EncoderConfig
    from facegen.networks.stylegan2 import Generator, GeneratorConfig

    torch.manual_seed(0)
    config = GeneratorConfig(32, z_dim=16, w_dim=16, channel_base=512, channel_max=16)
    generator = Generator(config).eval().requires_grad_(False)
    for layer in generator.synthesis.layers:
        layer.noise_strength.fill_(0.1)  # so that noise_mode matters
    encoder = Encoder(EncoderConfig(32, config.num_ws, 16, 512, 16, hidden=32))
    encoder.eval().requires_grad_(False)
    info = ModelInfo("tiny", "Tiny", 32, "none", "tests only", "nothing")
    return FaceModel(info, generator, encoder.encode)


@pytest.fixture
def tiny_studio(tiny_model):
    import torch

    from facegen.studio import Studio

    return Studio(tiny_model, torch.device("cpu"))


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, **environment: str):
    """The address of the real page, app.py as a process; folder: for its log and its files."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "log.txt"
    root = Path(__file__).parent.parent
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), *arguments],
            cwd=root,
            env=os.environ | {"GRADIO_TEMP_DIR": str(folder)} | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 180
        while "Facegen is at" not in log.read_text():
            assert process.poll() is None, f"app.py ended at once:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"app.py does not come up:\n{log.read_text()}"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.terminate()
        process.wait(30)
    assert not list(folder.glob("facegen-*")), "the private folder outlived the server"


def look_at_page(command: list, folder: Path, environment: dict[str, str], log: Path) -> None:
    """Start a page by a command in `folder`, look at it, and end it as Ctrl-C does."""
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 240
        while not (found := re.search(r"Facegen is at (http://\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        with urllib.request.urlopen(found[1], timeout=60) as answer:
            assert b"Facegen" in answer.read()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    """Where the server keeps its log and its files."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_folder) -> str:
    """The page with the bundled model; it asks no Hub for others."""
    with serving(server_folder, HF_HUB_OFFLINE="1") as address:
        yield address


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser():
    if _chromium() is None:
        reason = "needs Chromium (Debian: apt install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()
