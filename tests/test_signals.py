"""Signals that end a program, in processes of their own."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")

ROOT = Path(__file__).parent.parent


def run(code: str) -> str:
    """What a program prints whose signals end it like Ctrl-C, started with SIGHUP as code says."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


START = """
import os, signal
from facegen import process
def send(name):
    os.kill(os.getpid(), getattr(signal, name))
"""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_they_unwind_the_stack(name):
    code = f"""
process.end_like_interrupted()
try:
    send("{name}")
except KeyboardInterrupt:
    print("unwound")
"""
    assert run(START + code) == "unwound"


def test_nohup_stays_in_force():
    code = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
process.end_like_interrupted()
send("SIGHUP")
print("lives")
"""
    assert run(START + code) == "lives"


def test_nohup_holds_for_the_command_line():
    code = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
from facegen.cli import main as cli
cli.parser = lambda: send("SIGHUP") or exit("lives")
try:
    cli.main([])
except SystemExit as end:
    print(end)
"""
    assert run(START + code) == "lives"


def test_clearing_away_is_not_disturbed_and_the_signals_come_back():
    code = """
process.end_like_interrupted()
with process.undisturbed():
    for name in ("SIGHUP", "SIGTERM", "SIGINT"):
        send(name)
try:
    send("SIGHUP")
except KeyboardInterrupt:
    print("undisturbed")
"""
    assert run(START + code) == "undisturbed"
