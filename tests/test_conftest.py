"""The tests' own ground: which cache is whose, and what happens where weights are missing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import conftest
import pytest

HERE = Path(__file__).parent


def test_read_twice_the_users_cache_stays_the_users(tmp_path):
    """As with -n 0, where a test imports the file that pytest has read already."""
    twice = (
        "import importlib.util, os, sys\n"
        "for name in ('one', 'two'):\n"
        f"    spec = importlib.util.spec_from_file_location(name, {str(HERE / 'conftest.py')!r})\n"
        "    spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
        "    sys.modules.pop(name, None)\n"
        "print(os.environ['FACEGEN_TESTS_USERS_CACHE'], os.environ['XDG_CACHE_HOME'])\n"
    )
    own = {"PYTEST_XDIST_WORKER", "FACEGEN_TESTS_USERS_CACHE"}
    environment = {key: value for key, value in os.environ.items() if key not in own}
    done = subprocess.run(
        [sys.executable, "-c", twice],
        env=environment | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    users, tests = done.stdout.split()
    assert users == str(tmp_path) and tests != users


def test_weights_that_are_missing_skip_a_test_here_and_fail_it_in_ci(monkeypatch, tmp_path):
    name = "ffhq-1024"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=f"weights fetch {name}"):
        conftest.needs_weights(name)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"weights fetch {name}"):
        conftest.needs_weights(name)


def test_no_test_has_a_stopwatch():
    """A machine that is busy is no defect; a deadline of a loop that waits is no stopwatch."""
    watched = re.compile(r"(?:monotonic|perf_counter|process_time|time)\(\) - \w")
    found = [
        f"{path.relative_to(HERE)}: {line.strip()}"
        for path in HERE.rglob("test_*.py")
        for line in path.read_text().splitlines()
        if watched.search(line)
    ]
    assert not found
