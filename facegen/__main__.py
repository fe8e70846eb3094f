"""Entry point of `python -m facegen`."""

import sys

from . import process
from .cli.main import main


def run() -> int:
    """Run the program `facegen`; returns its exit code."""
    process.settle()
    return main()


if __name__ == "__main__":
    sys.exit(run())
