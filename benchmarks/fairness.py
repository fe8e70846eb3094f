"""What the page tells of groups: from the anonymisation protocol's report to data/fairness.json.

    python benchmarks/fairness.py OUT/protocol.json [--model NAME] [--write]

OUT is what `evaluate --protocol anonymisation` left. Of two recognisers and two detectors the worse
number counts. Figures only are kept, never a picture.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from facegen.files import write_file
from facegen.ui.texts.fairness import DATA


def groups_of(report: Mapping) -> list[dict]:
    def worst(table: Mapping, *keys: str) -> list[float] | None:
        found = [table[key] for key in table if key.startswith(keys) and table[key]]
        one = min(found, key=lambda entry: entry["value"], default=None)
        return one and [one["value"], one["low"], one["high"]]

    return [
        {
            "name": f"{group['trait']}: {group['group']}",
            "faces": group["size"],
            "protected": worst(group["table"], "protected"),
            "found": worst(group["table"], "mediapipe", "hog"),
            "gender": worst(group["table"], "gender"),
            "age": worst(group["table"], "age"),
        }
        for group in report["groups"]
        if group["size"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--model", default="mobilestylegan-1024")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text(encoding="utf-8"))
    shares = {
        trait: {group: round(there, 4) for group, (_, there) in groups.items()}
        for trait, groups in report["drawn"].items()
    }
    ours = report["table"]["facegen"]
    entry = {
        "model": arguments.model,
        "found_again": max(ours[k]["value"] for k in ours if k.startswith("rank 1")),
        "attacked": ours["attack all"]["value"],
        "chance": report["chance"],
        "sources": report["sources"],
        "variants": round(report["asked"] / report["sources"]),
        "groups": groups_of(report),
        "drawn": {"faces": report["drawn_faces"], "shares": shares},
    }
    print(json.dumps(entry, indent=1))
    if arguments.write:
        known = json.loads(DATA.read_text(encoding="utf-8")) if DATA.is_file() else {}
        content = json.dumps(known | {arguments.model: entry}, indent=1) + "\n"
        write_file(DATA, content.encode())


if __name__ == "__main__":
    main()
