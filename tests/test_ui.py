"""The page's parts that need no browser: flags, ports, the private folder, the words."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facegen.errors import OptionError
from facegen.ui import flags, ports, private

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "port is 99999; it must lie between 1 and 65535"),
        (["--max-queue", "0"], "max-queue is 0"),
        (["--auth", "nocolon"], "auth must be USER:PASS"),
        (["--host", "no such host"], "host is 'no such host', which is no address"),
        (["--colour"], "unrecognized arguments: --colour"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message):
    done = subprocess.run(
        [sys.executable, "app.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("facegen: ") and done.stderr.count("\n") == 1
    assert message in done.stderr


def test_flags_are_private_by_default():
    default = flags.parse([])
    assert default.host == "127.0.0.1" and not default.share and default.login is None


def test_share_without_auth_is_warned_of(capsys):
    flags.parse(["--share"])
    assert "warning: --share without --auth" in capsys.readouterr().err
    assert flags.parse(["--share", "--auth", "me:pass:word"]).login == ("me", "pass:word")
    assert not capsys.readouterr().err


def test_a_taken_port_is_refused_and_the_next_one_found(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=f"port is {port}"):
            ports.choose("127.0.0.1", port)
        monkeypatch.setattr(ports, "FIRST", port)
        monkeypatch.setattr(ports, "LAST", port + 20)
        assert ports.choose("127.0.0.1", None) > port


def test_the_private_folder_is_wiped_at_both_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private.folder(1234) as folder:
        (folder / "orphan").write_text("of a server that was killed")
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
        with private.folder(1234) as again:
            assert again == folder and not list(again.iterdir())
            if os.name == "posix":
                assert again.stat().st_mode & 0o077 == 0
            run = private.new_run()
            assert run.is_relative_to(again)
    assert not folder.exists()


def test_the_sweep_takes_what_is_old_and_leaves_the_examples(tmp_path):
    example = tmp_path / "examples" / "one.png"
    old = tmp_path / "runs" / "a" / "old.png"
    for path in (example, old):
        path.parent.mkdir(parents=True)
        path.write_text("picture")
    time.sleep(0.05)
    now = time.time()
    time.sleep(0.05)
    new = tmp_path / "runs" / "b" / "new.png"
    new.parent.mkdir()
    new.write_text("picture")
    private.sweep(tmp_path, {example}, before=now)
    assert example.exists() and new.exists() and not old.exists()
    private.sweep(tmp_path, {example}, before=time.time() + 1)
    assert example.exists() and not (tmp_path / "runs").exists()


def test_messages_cannot_smuggle_html():
    pytest.importorskip("gradio")
    from facegen.ui import words

    assert "<b>" not in words.error("no style <b>")
    assert "<b>" not in words.as_error("no style <b>").message
