"""The table of the house counts what it says, on a checkout in miniature."""

import house
import pytest

CONFIG = """
[[tool.mypy.overrides]]
module = ["cv2.*"]
ignore_missing_imports = true

[[tool.mypy.overrides]]
module = ["facegen.loose.*", "facegen.one"]
disallow_untyped_defs = false
"""


@pytest.fixture
def sources(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(CONFIG)
    monkeypatch.setattr(house, "ROOT", tmp_path)
    lines = {"loose/__init__": 1, "loose/deep/a": 20, "one": 300, "oneself": 4000, "strict/b": 5000}
    return {tmp_path / "facegen" / f"{name}.py": "x = 1\n" * n for name, n in lines.items()}


def test_lines_under_an_excuse_are_those_of_the_named_modules(sources):
    assert house.excused(sources) == 321


def test_events_are_the_classes_of_a_modules_own_union(tmp_path):
    text = "class Begun: ...\n\n\nclass Other: ...\n\n\nEvent = Begun | Imported\n"
    assert house.event_classes({tmp_path / "a.py": text, tmp_path / "b.py": text}) == 2
