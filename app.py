"""The page: python app.py [--help]. Also what a Hugging Face Space runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from facegen import process
from facegen.errors import FacegenError
from facegen.ui import start
from facegen.ui.server import flags


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; a user's mistake is one line and exit code 2."""
    try:
        wanted = flags.parse(arguments)
        process.end_like_interrupted()  # the private folder has to be wiped then, too
        start(wanted)
    except FacegenError as error:
        print(f"facegen: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    process.settle()
    sys.exit(main())
