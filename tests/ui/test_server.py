"""The page's parts that need no browser: flags, ports, the private folder, the words."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from facegen.errors import OptionError, OutputError
from facegen.ui.server import flags, guard, private_files

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "port is 99999; it must lie between 1 and 65535"),
        (["--max-queue", "0"], "max-queue is 0"),
        (["--auth", "nocolon"], "auth must be USER:PASS"),
        (["--auth-file", "nowhere.txt"], "auth-file is nowhere.txt, which cannot be read"),
        (["--auth-file", "requirements.txt"], "auth must be USER:PASS"),
        (["--auth", "me:it", "--auth-file", "x"], "give one of --auth, --auth-file and"),
        (["--allow-host", "http://a.example"], "allow-host is 'http://a.example'; give names"),
        (["--allow-host", ""], "allow-host is ''; give names"),
        (["--host", "no such host"], "host is 'no such host', which is not an address"),
        (["--c2pa-cert", "cert.pem"], "c2pa-cert and c2pa-key belong together"),
        (["--c2pa-cert", "no.pem", "--c2pa-key", "no.pem"], "no.pem, which cannot be read"),
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


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--auth", "me:", "both not empty"),
        ("--auth", ":it", "both not empty"),
        ("--max-queue", "1001", "must lie between 1 and 1000"),
    ],
)
def test_what_would_let_in_too_many_is_refused(flag, value, message):
    with pytest.raises(OptionError, match=message):
        flags.parse([flag, value])


def test_flags_are_private_by_default():
    default = flags.parse([])
    assert default.host == "127.0.0.1" and not default.share and default.login is None


def test_share_without_auth_is_warned_of(capsys):
    flags.parse(["--share"])
    assert "warning: --share without --auth" in capsys.readouterr().err
    assert flags.parse(["--share", "--auth", "me:pass:word"]).login == ("me", "pass:word")
    assert not capsys.readouterr().err


def test_a_password_need_not_stand_in_the_list_of_processes(tmp_path, monkeypatch):
    file = tmp_path / "auth"
    file.write_bytes(b"me:pass:word \r\nnot this")
    assert flags.parse(["--auth-file", str(file)]).login == ("me", "pass:word ")
    monkeypatch.setenv("FACEGEN_AUTH", "you:secret")
    assert flags.parse([]).login == ("you", "secret")
    with pytest.raises(OptionError, match="give one of"):
        flags.parse(["--auth", "me:it"])
    monkeypatch.setenv("FACEGEN_AUTH", "nocolon")
    with pytest.raises(OptionError, match="auth must be USER:PASS"):
        flags.parse([])


def test_what_a_proxy_serves_is_not_private():
    plain, named = flags.parse([]), flags.parse(["--allow-host", "faces.example.org"])
    assert plain.private and plain.here and named.here and not named.private
    assert named.hosts == (*flags.LOCAL, "faces.example.org")
    for others in (["--host", "0.0.0.0"], ["--share", "--auth", "me:it"]):
        assert not flags.parse(others).here


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


# Gradio refuses a port that is taken on 127.0.0.1 whatever the host.
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_a_taken_port_is_refused_and_the_next_one_found(host, taken, monkeypatch):
    try:
        next(flags.free_ports(host, 0))
    except OptionError:
        pytest.skip(f"this machine has no {host}")
    with pytest.raises(OptionError, match=f"port is {taken}"):
        next(flags.free_ports(host, taken))
    monkeypatch.setattr(flags, "FIRST", taken)
    monkeypatch.setattr(flags, "LAST", taken + 20)
    assert next(flags.free_ports(host, None)) > taken


def test_no_port_at_all_is_one_clear_line(taken, monkeypatch):
    monkeypatch.setattr(flags, "FIRST", taken)
    monkeypatch.setattr(flags, "LAST", taken)
    with pytest.raises(OptionError, match=f"port is {taken}"):
        list(flags.free_ports("127.0.0.1", None))


def test_a_port_taken_while_the_model_loads_is_one_clear_line(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not [path for path in tmp_path.glob("facegen-*") if path.is_dir()]:
            assert process.poll() is None
            time.sleep(0.02)
        with socket.socket() as faster:
            faster.bind(("127.0.0.1", port))
            faster.listen()
            _, said = process.communicate(timeout=180)
    finally:
        process.kill()
    assert process.returncode == 2 and "Traceback" not in said
    assert f"facegen: port is {port}, but the page cannot be served there" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_nobody_else_can_take_the_lock(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    before = os.umask(0)
    try:
        with private_files.folder([1234]) as (_, folder):
            assert folder.with_suffix(".lock").stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)


def test_the_private_folder_is_wiped_at_both_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.folder([1234]) as (_, folder):
        pass
    assert not list(tmp_path.iterdir())
    folder.mkdir()
    (folder / "orphan").write_text("of a server that was killed")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.folder([1234]) as (port, again):
        assert (port, again) == (1234, folder) and not list(again.iterdir())
        if os.name == "posix":
            assert again.stat().st_mode & 0o077 == 0
        with private_files.new_run() as run:
            assert run.is_relative_to(again)
    assert not folder.exists()


def test_two_servers_never_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.folder([1234]) as (_, first):
        (first / "photo").write_text("of a visitor")
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
        with pytest.raises(OptionError, match="port is 1234, which another Facegen"):
            private_files.folder([1234]).__enter__()
        with private_files.folder([1234, 1235]) as (port, second):
            assert port == 1235 and second != first
        assert (first / "photo").exists() and not second.exists()
    assert not list(tmp_path.iterdir())


def test_a_killed_servers_folder_is_free_again(tmp_path, monkeypatch):
    hold = (
        "import sys, time\n"
        "from facegen.ui.server import private_files\n"
        "with private_files.folder([1234]) as (_, folder):\n"
        "    (folder / 'photo').touch()\n"
        "    print(folder, flush=True)\n"
        "    time.sleep(600)\n"
    )
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", hold], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    left = Path(process.stdout.readline().strip())
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(OptionError, match="another Facegen"):
        private_files.folder([1234]).__enter__()
    process.kill()
    process.wait()
    until(lambda: not list(tmp_path.iterdir()))  # the guard beside it wipes and ends
    left.mkdir()  # as when both are killed at once
    (left / "photo").touch()
    with private_files.folder([1235]) as (_, folder):  # at whatever port the next one is
        assert folder != left and not left.exists()
    assert not list(tmp_path.iterdir())


def until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_guard_leaves_the_next_server_its_folder(tmp_path):
    folder = tmp_path / "facegen-1234"
    folder.mkdir()
    with FileLock(folder.with_suffix(".lock")):  # the next one was faster
        guard.stop(guard.start(folder, patience=0.3))
        assert folder.exists()
    guard.stop(guard.start(folder))
    assert not list(tmp_path.iterdir())


def test_the_guard_waits_for_a_server_that_takes_its_time_to_die(tmp_path):
    folder = tmp_path / "facegen-1234"
    folder.mkdir()
    (folder / "photo").touch()
    with FileLock(folder.with_suffix(".lock")):  # whose pipe has closed already
        watching = guard.start(folder)
        if hasattr(os, "getsid"):  # Ctrl-C at the server's terminal is not for it
            assert os.getsid(watching.pid) == watching.pid
        watching.stdin.close()
        time.sleep(1)
        assert watching.poll() is None and folder.exists()
    assert watching.wait(60) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")
def test_a_terminal_that_closes_takes_the_private_folder_along(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path / "log.txt"
    environment = os.environ | {"GRADIO_TEMP_DIR": str(tmp_path / "own"), "HF_HUB_OFFLINE": "1"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        while "Facegen is at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        (folder,) = (path for path in (tmp_path / "own").iterdir() if path.is_dir())
        (folder / "photo").write_text("of a visitor")
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
    assert not list((tmp_path / "own").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_folder_that_was_cleared_away_comes_back_private(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.folder([1234]) as (_, folder):
        folder.rmdir()
        with private_files.new_run() as run:
            pass
        assert [path.stat().st_mode & 0o077 for path in (folder, run)] == [0, 0]
        private_files.discard(run)
        (folder / "runs").rmdir()
        folder.chmod(0o755)  # as Gradio would make it again
        with private_files.new_run():
            pass
        assert folder.stat().st_mode & 0o077 == 0
        shutil.rmtree(folder)
        folder.symlink_to(tmp_path)  # somebody else was faster
        with pytest.raises(OutputError, match="cannot keep results"):
            private_files.new_run().__enter__()
        folder.unlink()


def test_a_link_in_the_private_folders_place_is_not_followed(tmp_path, monkeypatch):
    """Whoever may write into a shared folder for temporary files can put one there."""
    above, elsewhere = tmp_path / "temporary", tmp_path / "elsewhere"
    for path in (above, elsewhere):
        path.mkdir()
    (elsewhere / "mine").touch()
    for port in (1234, 1235):
        (above / f"{private_files._PREFIX}{port}").symlink_to(elsewhere)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(above))
    with private_files.folder([1234]) as (_, folder):
        assert not folder.is_symlink() and folder.is_dir()
        assert [path.name for path in above.iterdir() if path.is_dir()] == [folder.name]
    assert (elsewhere / "mine").exists() and not list(above.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs user numbers")
def test_nothing_is_put_into_somebody_elses_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.folder([1234]) as (_, folder):
        monkeypatch.setattr(private_files, "_USER", os.getuid() + 1)
        with pytest.raises(OutputError, match="cannot keep results"):
            private_files.new_run().__enter__()
        assert not list(folder.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs user numbers")
def test_the_private_folder_does_not_name_its_user(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.folder([1234]) as (_, folder):
        assert folder.name == f"facegen-{os.getuid()}-1234"


def test_the_sweep_takes_what_is_old_and_leaves_the_examples(tmp_path):
    example = tmp_path / "examples" / "one.png"
    old = tmp_path / "uploads" / "a" / "old.png"
    for path in (example, old):
        path.parent.mkdir(parents=True)
        path.write_text("picture")
    now = between_two_times()
    new = tmp_path / "uploads" / "b" / "new.png"
    new.parent.mkdir()
    new.write_text("picture")
    os.utime(new, (0, 0))  # a copy has the time of what it was copied from
    private_files.sweep(tmp_path, {example}, before=now)
    assert example.exists() and new.exists() and not old.exists()
    private_files.sweep(tmp_path, {example}, before=time.time() + 1)
    assert example.exists() and not (tmp_path / "uploads").exists()


def test_what_is_kept_is_kept_for_half_an_hour_and_no_longer(tmp_path, monkeypatch):
    """As SECURITY.md says; the sweep comes by every few minutes."""
    rounds, swept = [], []

    def sleep(seconds):
        rounds.append(seconds)
        if len(rounds) == 3:
            raise SystemExit

    monkeypatch.setattr(private_files.time, "sleep", sleep)
    monkeypatch.setattr(private_files.time, "time", lambda: 1_000_000.0)
    monkeypatch.setattr(private_files, "sweep", lambda *asked: swept.append(asked))
    (tmp_path / "example.png").touch()
    threads = []
    monkeypatch.setattr(
        private_files.threading, "Thread",
        lambda target, **_: threads.append(target) or SimpleNamespace(start=lambda: None),
    )  # fmt: skip
    private_files.keep_swept(tmp_path)
    with pytest.raises(SystemExit):
        threads[0]()
    assert max(rounds) <= 5 * 60
    assert swept == [(tmp_path, {tmp_path / "example.png"}, 1_000_000.0 - 30 * 60)] * 2


def test_nothing_outside_the_private_folder_is_ever_deleted_as_an_upload(tmp_path, monkeypatch):
    private, photo = tmp_path / "private", tmp_path / "photo.jpg"
    inside = private / "a" / "upload.jpg"
    inside.parent.mkdir(parents=True)
    for path in (photo, inside):
        path.touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(private))
    link = private / "link.jpg"
    link.symlink_to(photo)
    for path in (photo, private / ".." / "photo.jpg", link):
        assert not private_files.forget(path) and photo.exists()
    assert private_files.forget(inside) and not inside.parent.exists()
    assert not private_files.forget(inside)


def between_two_times() -> float:
    time.sleep(0.05)
    now = time.time()
    time.sleep(0.05)
    return now


def test_the_sweep_spares_a_run_that_is_going_on(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with (
        private_files.new_run() as empty,
        private_files.new_run() as run,
    ):  # a walk writes at its end
        (run / "aligned.png").write_text("picture")
        later = between_two_times()
        private_files.sweep(tmp_path, set(), before=later)
        private_files.expire(run)  # Gradio forgets a state that it was not told of for so long
        assert (run / "aligned.png").exists() and empty.exists()
        (run / "variant-01.png").write_text("picture")
    # Ended, it is as old as its newest file.
    private_files.sweep(tmp_path, set(), before=later)
    assert (run / "aligned.png").exists() and not empty.exists()
    private_files.sweep(tmp_path, set(), before=time.time() + 1)
    assert not run.exists()


def test_a_runs_folder_cannot_be_guessed_nor_passed_off_as_everybodys(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.new_run() as one, private_files.new_run() as other:
        assert one != other and min(len(one.name), len(other.name)) >= 20  # 120 bits
        examples = tmp_path / private_files.EXAMPLES
        examples.mkdir()
        assert private_files.shared(examples / "face.png")
        detour = examples / ".." / one.relative_to(tmp_path) / "face.png"
        assert not private_files.shared(detour)


def test_what_was_expired_after_its_end_is_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with private_files.new_run() as run:
        pass
    private_files.expire(run)
    private_files.expire(None)
    assert not run.exists()


@pytest.mark.parametrize("name", ["ffhq-1024", "/etc/passwd", "model.pt", ""])
def test_no_visitor_makes_this_machine_fetch_a_model_or_read_a_file(tiny_studio, monkeypatch, name):
    pytest.importorskip("gradio")
    from facegen.ui.server import model_pool

    monkeypatch.setattr(model_pool.Studio, "load", lambda *_: pytest.fail("it was loaded"))
    monkeypatch.setattr(model_pool.Studios, "choices", [("Tiny", "tiny")])
    studios = model_pool.Studios(tiny_studio)
    assert studios["tiny"] is studios[None] is tiny_studio
    with pytest.raises(OptionError, match="available are: tiny"):
        studios[name]


def test_gradio_itself_deletes_nothing_of_a_run(tiny_studio):
    pytest.importorskip("gradio")
    from facegen.ui import page
    from facegen.ui.server import model_pool

    assert page.build(model_pool.Studios(tiny_studio)).delete_cache is None


def test_messages_cannot_smuggle_html():
    pytest.importorskip("gradio")
    from facegen.ui import texts

    assert "<b>" not in texts.error("no style <b>")
    assert "<b>" not in texts.as_error("no style <b>").message


def test_ephemeral_keeps_files_and_key_in_memory(monkeypatch):
    from facegen.output import installation

    if not os.path.ismount("/dev/shm"):
        pytest.skip("needs a tmpfs at /dev/shm")
    assert private_files.in_memory(Path("/dev/shm"))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    try:
        private_files.keep_in_memory()
        assert os.environ["GRADIO_TEMP_DIR"] == tempfile.gettempdir() == "/dev/shm"
        assert not installation.current().kept
    finally:
        installation.use(None)
        os.environ.pop("GRADIO_TEMP_DIR", None)


def test_a_disk_within_memory_is_a_disk(tmp_path, monkeypatch):
    memory, disk = tmp_path / "in memory", tmp_path / "in memory" / "disk"
    disk.mkdir(parents=True)
    lines = [("/", "ext4"), (str(memory).replace(" ", "\\040"), "tmpfs"),
             (str(disk).replace(" ", "\\040"), "ext4")]  # fmt: skip
    mounts = tmp_path / "mounts"
    mounts.write_text("".join(f"none {where} {kind} rw 0 0\n" for where, kind in lines))
    monkeypatch.setattr(private_files, "_MOUNTS", mounts)
    assert private_files.in_memory(memory)
    assert not private_files.in_memory(disk) and not private_files.in_memory(tmp_path)


def test_ephemeral_refuses_a_folder_on_a_disk(monkeypatch):
    assert not private_files.in_memory(Path("/proc"))
    assert not private_files.in_memory(Path("/nowhere"))
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/proc")
    with pytest.raises(OptionError, match="/proc is none that can be written to; mount a tmpfs"):
        private_files.keep_in_memory()
    assert os.environ["GRADIO_TEMP_DIR"] == "/proc"
