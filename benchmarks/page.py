"""The page as a visitor's machine sees it: how soon it is up, how long a run takes, its memory.

    python benchmarks/page.py [PHOTO] [--repeats 5] [--model auto] [--device auto]

Starts the page on a port of its own, asks for six variants again and again as a browser would, then
for those of a photo of 49 megapixels. Prints seconds and the server's resident memory. Linux only:
memory is read from /proc.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
from gradio_client import Client, handle_file
from PIL import Image

ROOT = Path(__file__).parent.parent
LARGE = (8200, 5970)  # pixels of a photo near the limit of 50 million


def memory(process: subprocess.Popen) -> str:
    """Resident now, and the most so far, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    now, most = (int(re.search(rf"{k}:\s+(\d+)", status)[1]) / 1024 for k in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB, at most {most:.0f} MB"


def large_photo(path: Path, pixels) -> Path:
    """The photo, enlarged, on a wall of LARGE pixels."""
    wall = Image.new("RGB", LARGE, (90, 120, 140))
    wall.paste(Image.fromarray(pixels).resize((4000, 4000)), (2000, 1000))
    wall.save(path, quality=85)
    return path


def main() -> None:
    arguments = common.parser(__doc__).parse_args()
    pixels = common.photo(arguments)
    page = [sys.executable, "app.py", "--model", arguments.model, "--device", arguments.device]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process = subprocess.Popen(
            page,
            cwd=ROOT,
            env=os.environ | {"GRADIO_TEMP_DIR": folder},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            said = process.stdout.readline()
            print(f"up after {time.perf_counter() - started:.1f} s, {memory(process)}", flush=True)
            client = Client(re.search(r"http\S+", said)[0], verbose=False)
            small = Path(folder) / "photo.png"
            Image.fromarray(pixels).save(small)

            def ask(path: Path) -> float:
                began = time.perf_counter()
                client.predict(handle_file(path), api_name="/generate")
                return time.perf_counter() - began

            first, *later = [ask(small) for _ in range(arguments.repeats + 1)]
            middle = statistics.median(later)
            print(f"six variants: first {first:.1f} s, then {middle:.1f} s (median)")
            print(f"after {len(later) + 1} runs: {memory(process)}", flush=True)
            taken = ask(large_photo(Path(folder) / "large.jpg", pixels))
            print(f"of 49 megapixels: {taken:.1f} s, {memory(process)}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


if __name__ == "__main__":
    main()
