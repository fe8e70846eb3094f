"""python -m facegen"""

import sys

from . import process
from .cli.main import main


def run() -> int:
    """The program `facegen`; returns its exit code."""
    process.settle()
    return main()


if __name__ == "__main__":
    sys.exit(run())
