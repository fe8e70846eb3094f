"""Fit facegen/data/strangers/MODEL.safetensors from the samples that tools/samples.py drew.

    python tools/strangers.py SAMPLES [--model auto] [--onto]

--onto: the file that is there, fitted to other samples, is what the new slopes are shrunk towards.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from samples import observations, read

from facegen import Studio
from facegen.latent.vary import strangers


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("samples", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--onto", action="store_true")
    args = parser.parse_args()
    studio = Studio.load(args.model)
    kept = read(args.samples, studio)
    earlier = studio.strangers if args.onto else None
    fitted = strangers.fit(torch.from_numpy(kept["w"]), observations(kept, studio), earlier)
    assert fitted is not None, "the model draws no faces"
    for name, share in zip(fitted.names, fitted.explained, strict=True):
        if not name[-1].isdigit() or name.startswith("shape"):
            print(f"{name}: {float(share):.2f} of the variance")
    path = strangers.FOLDER / f"{studio.info.name}.safetensors"
    strangers.write(path, fitted, {"samples": len(kept["w"])})
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
