"""The key pair that signs: made once, the owner's alone, and never one that does not fit."""

import datetime
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from facegen import Studio
from facegen.cli.main import main
from facegen.errors import OptionError, OutputError
from facegen.output import credentials, installation


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user who never started Facegen."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    installation.use(None)
    yield tmp_path / "facegen"
    installation.use(None)


def test_it_is_made_at_the_first_start_and_kept(home):
    first = installation.current()
    assert [path.name for path in home.iterdir()] == [installation.FILE]
    assert stat.S_IMODE((home / installation.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    installation.use(None)
    assert installation.current() == first and first.made_here and first.kept
    assert "PRIVATE" not in first.chain and first.algorithm == "es256"


def test_two_first_starts_at_once_agree(home):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: installation._kept(), range(8)))
    assert len({one.serial for one in found}) == 1


def test_the_key_is_never_readable_by_others_not_even_at_first(home, monkeypatch):
    seen = []
    link = os.link

    def linked(part, path):
        seen.append(stat.S_IMODE(os.stat(part).st_mode))
        link(part, path)

    monkeypatch.setattr(os, "link", linked)
    before = os.umask(0)
    try:
        installation.current()
    finally:
        os.umask(before)
    assert seen == [0o600]


def test_a_file_that_others_may_read_is_closed(home):
    installation.current()
    path = home / installation.FILE
    path.chmod(0o644)
    installation.use(None)
    installation.current()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def days(count):
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=count)


@pytest.mark.parametrize("off", [400, -365 * 11], ids=["in the future", "eleven years ago"])
def test_a_pair_made_while_the_clock_was_wrong_is_named_with_the_remedy(home, monkeypatch, off):
    monkeypatch.setattr(installation, "_now", lambda: days(off))
    installation.current()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.parent))
    installation.use(None)
    words = r"key.pem signs from 20\d\d-.* clock says .*correct the clock, or delete the file"
    with pytest.raises(OutputError, match=words) as caught:
        installation.current()
    assert "\n" not in str(caught.value)
    (home / installation.FILE).unlink()
    credentials.check_signer(installation.current())


def test_a_wrong_clock_is_told_before_the_work(home, monkeypatch, tmp_path, capsys):
    """Not after the minutes that a face takes."""
    monkeypatch.setattr(installation, "_now", lambda: days(400))
    installation.current()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.parent))
    installation.use(None)
    monkeypatch.setattr(Studio, "load", lambda *_: pytest.fail("a model was loaded"))
    assert main(["random", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("facegen: ") and said.count("\n") == 1
    assert "correct the clock, or delete the file" in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "words", "-----BEGIN CERTIFICATE-----\nAA\n"])
def test_a_broken_file_is_named_with_the_remedy(home, content):
    home.mkdir()
    (home / installation.FILE).write_text(content)
    with pytest.raises(OutputError, match="signing-key.pem is not Facegen's key pair.*delete it"):
        installation.current()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_where_nothing_can_be_kept_it_lives_in_memory_alone(home):
    home.parent.chmod(0o500)
    assert not installation.current().kept


def test_without_a_home_it_lives_in_memory_alone(home, monkeypatch):
    def homeless():
        raise RuntimeError("no home")

    monkeypatch.setattr(installation, "config_folder", homeless)
    assert not installation.current().kept


@pytest.fixture
def pair(tmp_path):
    """Files of a pair of the user's own."""
    made = installation.made()
    (tmp_path / "cert.pem").write_text(made.chain)
    (tmp_path / "key.pem").write_text(made.key)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_ones_own_certificate(pair):
    own = installation.given(*pair)
    assert not own.made_here
    credentials.check_signer(own)


def test_a_pair_that_is_none(pair, tmp_path):
    (tmp_path / "other.pem").write_text(installation.made().key)
    with pytest.raises(OptionError, match="does not belong to the first certificate"):
        installation.given(pair[0], tmp_path / "other.pem")
    with pytest.raises(OptionError, match="c2pa-key is .*cannot be read"):
        installation.given(pair[0], tmp_path / "missing.pem")
    (tmp_path / "der").write_bytes(bytes(range(256)))
    (tmp_path / "large").write_bytes(pair[0].read_bytes() + b"\n" * 2**18)
    for name in ("der", "large"):
        with pytest.raises(OptionError, match="not a PEM file"):
            installation.given(tmp_path / name, pair[1])
    with pytest.raises(OptionError, match="cannot sign") as caught:
        installation.given(pair[1], pair[1])
    assert "PRIVATE" not in str(caught.value)


def test_ones_own_certificate_that_is_out_of_date_is_refused(pair, monkeypatch):
    monkeypatch.setattr(installation, "_now", lambda: days(-365 * 11))
    old = installation.made()
    monkeypatch.undo()
    for path, text in zip(pair, (old.chain, old.key), strict=True):
        path.write_text(text)
    with pytest.raises(OptionError, match="c2pa-cert and c2pa-key"):
        credentials.check_signer(installation.given(*pair))


def test_a_root_cannot_sign_pictures():
    """What C2PA does not accept is refused at the start rather than with every picture."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = installation._name("somebody")
    certificate = installation._certificate(name, name, key.public_key(), key)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    own = installation.Installation(private, certificate.public_bytes(pem).decode(), False)
    with pytest.raises(OptionError, match="c2pa-cert"):
        credentials.check_signer(own)
