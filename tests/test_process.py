"""What the programs settle for their process, and what an import does."""

import os
import subprocess
import sys

import pytest

POLICY = "import os; print(os.environ.get('OMP_WAIT_POLICY'))"


def run(code: str, **more: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MALLOC_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | more, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["facegen", "facegen.runtime", "app"])
def test_threads_wait_asleep_unless_told_otherwise(module):
    assert run(f"import {module}; {POLICY}") == "passive"
    assert run(f"import {module}; {POLICY}", OMP_WAIT_POLICY="active") == "active"


def test_an_import_leaves_memory_alone():
    settled = "print('facegen.process' in sys.modules)"
    assert run(f"import sys, facegen.studio; {settled}") == "False"


def test_settled_before_torch_is_loaded():
    """The thread pool reads its settings when it is loaded; neither program may load it first."""
    assert run("import sys, facegen.cli.main, app; print('torch' in sys.modules)") == "False"


def test_memory_is_left_to_who_has_set_it(monkeypatch):
    from facegen import process

    called = []
    monkeypatch.setattr(process, "_keep_freed_memory", lambda: called.append(1))
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    process.settle()
    assert not called
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    process.settle()
    assert called


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems keep no memory")
def test_a_run_of_the_page_keeps_no_freed_memory():
    """Of 120 MB in blocks that one thread frees, nearly all goes back when its run ends."""
    told = run(
        "import threading\n"
        "from facegen import process\n"
        "from facegen.ui.server.model_pool import Studios\n"
        "process.settle()\n"
        "def mb(): return int(open('/proc/self/statm').read().split()[1]) * 4096 / 2**20\n"
        "class Info: name = 'one'\n"
        "class Studio: info = Info\n"
        "def work(studio):\n"
        "    kept = [bytes([1]) * 2**16 for _ in range(1920)]\n"
        "    last = bytearray(2**16)\n"
        "    yield mb()\n"
        "    kept.clear()\n"
        "    yield last\n"
        "def visit():\n"
        "    before = mb()\n"
        "    held, last = Studios(Studio).compute(work, None)\n"
        "    print(held - before > 100, mb() - before < 20)\n"
        "thread = threading.Thread(target=visit)\n"
        "thread.start(); thread.join()\n"
    )
    assert told == "True True"
