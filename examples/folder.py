"""New faces in every photo of a folder; called again, it goes on where it was.

python examples/folder.py [FOLDER] [OUT]
"""

import sys
from pathlib import Path

from facegen.batch.options import BatchOptions
from facegen.batch.run import Ended, Finished, Listed, run


def main(folder: str = str(Path(__file__).parent), out: str = "new-photos") -> None:
    options = BatchOptions(job="anonymise", strength=1.0, seed=7, workers=1)
    for event in run(Path(folder), Path(out), options, "mobilestylegan-1024"):
        if isinstance(event, Listed):
            print(f"{event.pictures} pictures, {event.before} of them done before")
        elif isinstance(event, Finished):
            print(f"{event.item.relative}: {event.row['status']}")
        elif isinstance(event, Ended):
            print(f"{event.manifest}: {event.statuses}")


if __name__ == "__main__":  # each worker reads this file again
    main(*sys.argv[1:])
