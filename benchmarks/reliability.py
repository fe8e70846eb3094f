"""What kills, hostile files, many visitors and full disks leave.

    python benchmarks/reliability.py kills [--count 100] [--page]
    python benchmarks/reliability.py hostile [--count 1000]
    python benchmarks/reliability.py visitors [--visitors 12] [--runs 36] [--minutes 20]
    python benchmarks/reliability.py day [--runs 500] [--model bundled]
    python benchmarks/reliability.py two [--model bundled]
    python benchmarks/reliability.py disk [--model bundled]

Each prints one line of JSON; its exit status is 1 where something was left, wrong or a traceback.
kills: a server's process that holds a private folder with a file in it (--page: the page itself) is
killed with SIGKILL while two other processes take the cores; how many folders are still there a
minute later. hostile: files of each kind that is decoded, cut off, with bytes changed, and with
their sizes raised; which ended in pixels or in a line of ours, and which in something else.
visitors: all at once, each makes its runs one after another: from a photo, random faces, an edited
face; every answer is compared with what was asked for, one that takes five minutes is wrong, and
after so many minutes no run is begun. day: runs one after another in one process. two: two pages
that start at once on one empty cache. disk: each command that writes pictures, on a disk (tmpfs;
needs root) that has room for 20 kB, then for half of what the command writes, so that it fills
between two of its files.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

PYTHON = sys.executable
PATIENCE = 300  # seconds for an answer: all visitors ask at once
ASKED = ("generate", "random", "edit", "random")  # a visitor's runs, over and over
HOLDING = """
import sys, time
from pathlib import Path
from facegen.ui.server import private_files
with private_files.folder([int(sys.argv[1])]) as (_, folder):
    held = bytearray(400_000_000)
    held[::4096] = b"x" * len(held[::4096])
    print(folder, flush=True)
    time.sleep(3600)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=sorted(DONE))
    parser.add_argument("--count", type=int)
    parser.add_argument("--visitors", type=int, default=12)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    told, fine = DONE[arguments.what](arguments)
    print(json.dumps({"what": arguments.what, **told}))
    return 0 if fine else 1


# --- kills -------------------------------------------------------------------------------


def kills(arguments: argparse.Namespace) -> tuple[dict, bool]:
    count, left, seconds = arguments.count or 100, 0, []
    with tempfile.TemporaryDirectory() as above, busy(2):
        environment = os.environ | {"GRADIO_TEMP_DIR": above}
        for _ in range(count):
            port = free_port()
            if arguments.page:
                server, folder = page(port, environment, arguments.model, Path(above))
            else:
                server = subprocess.Popen(
                    [PYTHON, "-c", HOLDING, str(port)],
                    cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                folder = Path(server.stdout.readline().strip())
            (folder / "photo.jpg").write_bytes(b"of a visitor")
            server.send_signal(signal.SIGKILL)
            server.wait()
            began = time.monotonic()
            while folder.exists() and time.monotonic() - began < 60:
                time.sleep(0.02)
            left += folder.exists()
            seconds.append(time.monotonic() - began)
    told = {"kills": count, "page": arguments.page, "left": left}
    return told | {
        "seconds_median": middle(seconds),
        "seconds_most": round(max(seconds), 2),
    }, not left


def page(port: int, environment: dict, model: str, above: Path):
    """(the process, its private folder) of a page that answers."""
    log = above / f"log-{port}.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [PYTHON, "app.py", "--port", str(port), "--model", model],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    while "Facegen is at" not in log.read_text():
        if server.poll() is not None:
            raise SystemExit(log.read_text())
        time.sleep(0.1)
    (folder,) = (path for path in above.glob(f"facegen-*-{port}") if path.is_dir())
    return server, folder


# --- hostile files -----------------------------------------------------------------------


def hostile(arguments: argparse.Namespace) -> tuple[dict, bool]:
    from facegen.errors import FacegenError

    count = arguments.count or 1000
    rng = np.random.default_rng(0)
    ended: Counter[str] = Counter()
    defects: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        kinds = seeds(Path(folder))
        before = memory()
        for number in range(count):
            name, (data, read) = list(kinds.items())[number % len(kinds)]
            path = Path(folder) / f"hostile-{name}"
            path.write_bytes(damaged(data, rng))
            try:
                read(path)
                ended["read"] += 1
            except FacegenError as error:
                ended["refused in one line" if "\n" not in str(error) else "more lines"] += 1
            except Exception as error:
                defects.append(f"{name}: {type(error).__name__}: {str(error)[:80]}")
    told = {"files": count, "kinds": sorted(kinds), **ended, "defects": len(defects)}
    told |= {"first_defects": defects[:5], "peak_mb_more": peak() - before}
    return told, not defects and not ended["more lines"]


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, with bytes changed, or with four bytes of its first 512 raised to much."""
    body = bytearray(data)
    match rng.integers(3):
        case 0:
            return bytes(body[: rng.integers(1, len(body))])
        case 1:
            for at in rng.integers(0, len(body), rng.integers(1, 20)):
                body[at] = rng.integers(256)
        case _:
            at = int(rng.integers(0, max(1, min(512, len(body)) - 4)))
            body[at : at + 4] = b"\xff\xff\xff\x7f"
    return bytes(body)


def seeds(folder: Path) -> dict[str, tuple[bytes, Callable[[Path], object]]]:
    """name -> (a good file, what reads it)."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from PIL import Image

    from facegen import images
    from facegen.batch.listing import Item
    from facegen.batch.ray_sources import Columns, Local, _members
    from facegen.datasets import sources
    from facegen.output import check, provenance
    from facegen.weights import formats

    pixels = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    found: dict[str, tuple[bytes, Callable[[Path], object]]] = {}
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        found[f"picture.{kind.lower()}"] = file.getvalue(), images.load
        found[f"opacity.{kind.lower()}"] = file.getvalue(), images.alpha
    found["marked.png"] = provenance.png_bytes(pixels, {"seed": 1}), check.check

    def photos(path: Path) -> None:
        for _, photo in sources.photos_of(path):
            photo.read()

    with zipfile.ZipFile(folder / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.png", "b.png"):
            archive.writestr(name, found["picture.png"][0])
    found["photos.zip"] = (folder / "z.zip").read_bytes(), photos

    def members(path: Path) -> None:
        item = Item(path.name, path.stat().st_size, 0)
        for _ in _members(Local(path.parent), item, Columns()):
            pass

    with tarfile.open(folder / "t.tar", "w") as tar:
        entry = tarfile.TarInfo("a.png")
        entry.size = len(found["picture.png"][0])
        tar.addfile(entry, io.BytesIO(found["picture.png"][0]))
    found["set.tar"] = (folder / "t.tar").read_bytes(), members
    table = pa.table({"bytes": [found["picture.png"][0]] * 3, "id": ["a", "b", "c"]})
    pq.write_table(table, folder / "p.parquet")
    found["set.parquet"] = (folder / "p.parquet").read_bytes(), members

    torch.save({"g_ema": {"input.input": torch.zeros(1, 8, 4, 4)}}, folder / "m.pt")
    found["model.pt"] = (folder / "m.pt").read_bytes(), formats.read
    formats.write(folder / "m.safetensors", {"a": torch.zeros(8, 8)}, {"format": "x"})
    found["model.safetensors"] = (folder / "m.safetensors").read_bytes(), formats.read
    onnx = ROOT / "tests" / "data" / "onnx" / "torch-18.onnx"
    found["style.onnx"] = onnx.read_bytes(), formats.read
    return found


# --- visitors ----------------------------------------------------------------------------


def visitors(arguments: argparse.Namespace) -> tuple[dict, bool]:
    from gradio_client import Client
    from PIL import Image
    from skimage import data

    runs = arguments.runs or 36
    answers: list[tuple[str, float]] = []
    wrong: list[str] = []
    resident: list[float] = []
    with tempfile.TemporaryDirectory() as above:
        environment = os.environ | {"GRADIO_TEMP_DIR": above}
        port = free_port()
        server, _ = page(port, environment, arguments.model, Path(above))
        began = time.monotonic()

        def visit(number: int) -> None:
            photo = Path(above) / f"visitor-{number}.jpg"
            Image.fromarray(np.roll(data.astronaut(), 3 * number, 1)).save(photo, quality=92)
            try:
                client = Client(
                    f"http://127.0.0.1:{port}", verbose=False, download_files=False,
                    httpx_kwargs={"timeout": PATIENCE},
                )  # fmt: skip
            except Exception as error:
                wrong.append(f"visitor {number} was let in by nobody: {short(error)}")
                return
            for run in range(runs):
                start = time.monotonic()
                if start - began > 60 * arguments.minutes:
                    return
                kind = ASKED[run % len(ASKED)]
                try:
                    fits = ask(client, kind, photo, number, 1000 * number + 20 * run)
                except Exception as error:
                    wrong.append(f"visitor {number}, run {run}, {kind}: {short(error)}")
                    continue
                answers.append((kind, time.monotonic() - start))
                if not fits:
                    wrong.append(f"visitor {number}, run {run}, {kind}: somebody else's answer")

        threads = [threading.Thread(target=visit, args=(n,)) for n in range(arguments.visitors)]
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                resident.append(resident_mb(server.pid))
                if len(resident) % 6 == 1:  # who stops it knows what was seen so far
                    print(f"{len(answers)} answers, {len(wrong)} wrong", file=sys.stderr)
                threads[0].join(10)
                time.sleep(0 if threads[0].is_alive() else 1)
        finally:
            server.terminate()
            server.wait(60)
        left = [path.name for path in Path(above).glob("facegen-*")]
    seconds = [took for _, took in answers]
    told = {
        "visitors": arguments.visitors, "asked": arguments.visitors * runs, "runs": len(answers),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "wrong": len(wrong), "first_wrong": wrong[:3], "seconds_median": middle(seconds),
        "seconds_p95": round(float(np.quantile(seconds, 0.95)), 2) if seconds else None,
        "medians": {kind: middle([t for k, t in answers if k == kind]) for kind in set(ASKED)},
        "server_mb": [round(value) for value in resident[:: max(1, len(resident) // 10)]],
        # After the first third, in which caches fill, it may not grow.
        "mb_more": round(resident[-1] - max(resident[: len(resident) // 3 + 1])), "left": left,
    }  # fmt: skip
    flat = runs < 12 or told["mb_more"] <= 64
    return told, bool(answers) and not wrong and not left and flat


def ask(client, kind: str, photo: Path, number: int, seed: int) -> bool:
    """Make a run, and tell whether the answer is that to what was asked for."""
    from gradio_client import handle_file

    sha256 = hashlib.sha256(photo.read_bytes()).hexdigest()
    if kind == "generate":
        asked = {"photo": handle_file(photo), "count": 1, "seed": seed}
    elif kind == "random":
        asked = {"count": 1, "seed": seed}
    else:
        asked = {"photo": handle_file(photo), "settings": f"age=+{number + 1}y"}
    job = client.submit(**asked, api_name=f"/{kind}")
    try:
        faces, *more = job.result(timeout=PATIENCE)
    finally:
        job.cancel()
    if kind == "random":
        with zipfile.ZipFile(more[0]["path"]) as archive:
            told = json.loads(archive.read("manifest.json"))
        return len(faces) == 1 and told["seed"] == seed
    told = more[0]
    if told["reference"]["sha256"] != sha256:
        return False
    if kind == "edit":
        return [one["edit"] for one in told["variants"]] == [asked["settings"]]
    return len(faces) == 1 and told["seed"] == seed


def short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:80]}"


# --- a day -------------------------------------------------------------------------------


def day(arguments: argparse.Namespace) -> tuple[dict, bool]:
    from skimage import data

    from facegen import Studio
    from facegen.jobs.generate import generate
    from facegen.jobs.job import Source
    from facegen.options import GenerateOptions, VaryOptions

    runs, megabytes, handles, seconds = arguments.runs or 500, [], [], []
    studio = Studio.load(arguments.model, "cpu")
    every = max(1, runs // 10)
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs):
            out = Path(folder) / str(run)
            out.mkdir()
            options = GenerateOptions(VaryOptions(count=1, seed=run))
            began = time.monotonic()
            for _ in generate(studio, [Source(data.astronaut(), "0" * 64)], out, options):
                pass
            seconds.append(time.monotonic() - began)
            if run % every == every - 1:
                megabytes.append(round(resident_mb(os.getpid())))
                handles.append(len(os.listdir("/proc/self/fd")))
    told = {"runs": runs, "mb": megabytes, "handles": handles, "seconds_median": middle(seconds)}
    # After the first tenth, in which caches fill, neither may grow.
    return told, handles[-1] <= handles[0] + 2 and megabytes[-1] <= megabytes[0] + 64


# --- two servers on one cache ------------------------------------------------------------


def two(arguments: argparse.Namespace) -> tuple[dict, bool]:
    from gradio_client import Client

    with tempfile.TemporaryDirectory() as above:
        environment = os.environ | {
            "GRADIO_TEMP_DIR": above,
            "XDG_CACHE_HOME": f"{above}/cache",
            "XDG_CONFIG_HOME": f"{above}/config",
            "HF_HUB_OFFLINE": "1",
        }
        pages: list = []

        def begin(port: int) -> None:
            pages.append((port, *page(port, environment, arguments.model, Path(above))))

        ports = [free_port(), free_port()]
        threads = [threading.Thread(target=begin, args=(port,)) for port in ports]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        answers = []
        try:
            for port, *_ in pages:
                client = Client(
                f"http://127.0.0.1:{port}", verbose=False, download_files=False,
                httpx_kwargs={"timeout": PATIENCE},
            )  # fmt: skip
                faces, *_ = client.predict(count=1, seed=5, api_name="/random")
                answers.append(hashlib.sha256(pixels_of(faces[0]["image"]["path"])).hexdigest())
        finally:
            for _, server, _ in pages:
                server.terminate()
                server.wait(60)
        keys = [path.name for path in Path(above).rglob("signing-key.pem")]
        left = [path.name for path in Path(above).glob("facegen-*")]
    fine = len(answers) == 2 and len(set(answers)) == 1 and len(keys) == 1 and not left
    return {"pages": len(pages), "same_face": len(set(answers)) == 1, "keys": len(keys)}, fine


def pixels_of(path: str) -> bytes:
    from facegen import images

    return images.load(path).tobytes()


# --- a full disk -------------------------------------------------------------------------


def disk(arguments: argparse.Namespace) -> tuple[dict, bool]:
    from PIL import Image
    from skimage import data

    told: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, tmpfs() as full:
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(data.astronaut()).save(photo, quality=95)
        photos = Path(folder) / "photos"
        photos.mkdir()
        (photos / "a.jpg").write_bytes(photo.read_bytes())
        one, out, model = str(photo), str(full / "out"), ["--model", arguments.model]
        commands = {
            "generate": ["generate", one, "--out", out, "--count", "2", *model],
            "random": ["random", "--out", out, "--count", "3", *model],
            "walk": ["walk", "--out", out, "--steps", "20", *model],
            "align": ["align", one, "--out", out],
            "edit": ["edit", one, "--set", "smile=1", "--out", out, *model],
            "mix": ["mix", one, one, "--out", out, *model],
            "child": ["child", one, one, "--out", out, "--count", "2", *model],
            "restore": ["restore", one, "--out", out, "--count", "1", "--steps", "3", *model],
            "anonymise": ["anonymise", one, "--out", f"{full}/new.png", *model],
            "batch": ["batch", str(photos), "--out", out, "--job", "align", "--workers", "1"],
        }
        for name, words in commands.items():
            whole = end(words)
            kilobytes = sum(path.stat().st_size for path in files_of(full)) // 1024
            clear(full)
            if whole.returncode:
                told[name] = f"fails with room enough: {whole.stderr[-100:]}"
                continue
            ends = [ended_full(words, full, room) for room in (20, kilobytes // 2)]
            told[name] = next((one for one in ends if one != "clean"), "clean")
    return told, all(value == "clean" for value in told.values())


def end(words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        [PYTHON, "-m", "facegen", *words], cwd=ROOT, capture_output=True, text=True
    )


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def ended_full(words: list[str], full: Path, kilobytes: int) -> str:
    """Run a command with so much room left on the disk: "clean", or what is wrong."""
    filler = full / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - 1024 * kilobytes)
    done = end(words)
    left = [path for path in files_of(full) if path != filler]
    if words[0] == "batch":  # keeps what is done, and goes on with the rest another time
        left = [path for path in left if not whole_file(path)]
    clear(full)
    said = [line for line in done.stderr.splitlines() if line.startswith("facegen: ")]
    last = said[-1] if said else done.stderr[-100:]
    clean = done.returncode == 2 and "No space left on device" in last and not left
    told = f"{kilobytes} kB: {done.returncode} {[path.name for path in left]} {last}"
    return "clean" if clean else told


def whole_file(path: Path) -> bool:
    """Tell whether what a batch leaves can be read: a picture, or rows of JSON."""
    from facegen import images
    from facegen.errors import FacegenError

    try:
        if path.suffix == ".png":
            images.load(path)
        elif path.suffix in (".json", ".jsonl"):
            for row in (
                path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            ):
                json.loads(row)
    except (FacegenError, ValueError):
        return False
    return True


@contextlib.contextmanager
def tmpfs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]
        if subprocess.run(mount).returncode:
            raise SystemExit("disk needs the right to mount a tmpfs")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


# --- what they share ---------------------------------------------------------------------


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but work."""
    others = [subprocess.Popen([PYTHON, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory() -> int:
    return round(resident_mb(os.getpid()))


def peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def middle(values: list[float]) -> float | None:
    return round(statistics.median(values), 2) if values else None


DONE = {
    "kills": kills, "hostile": hostile, "visitors": visitors, "day": day, "two": two, "disk": disk,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
