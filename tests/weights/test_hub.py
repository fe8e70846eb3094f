"""Fetching from a Hub that runs here: what works, and every way in which it does not."""

import threading
from dataclasses import replace
from pathlib import Path

import fakehub
import pytest

from facegen import weights
from facegen.errors import Cancelled, WeightsError
from facegen.weights import hub as facegen_hub
from facegen.weights.entry import Source
from facegen.weights.hub import download

BODY = bytes(range(256)) * 2000  # 512 kB
SOURCE = Source("someone/model", "folder/file.pt")
SECOND = Source("another/model", "file.pt")
ENTRY = replace(weights.find("ffhq-1024"), sources=(SOURCE,))


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with fakehub.running() as running:
        fakehub.point_at(monkeypatch, running.url, tmp_path / "cache")
        yield running


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def serve(hub, body=BODY, source=SOURCE, **more):
    return hub.serve(source.repo, source.file, body, **more)


def no_half_file(cache: Path) -> bool:
    """Nothing in the cache that is part of a file, and no blob that nothing points to."""
    blobs = {p for p in cache.rglob("*") if p.parent.name == "blobs"}
    pointed_to = {p.resolve() for p in cache.rglob("*") if "snapshots" in p.parts}
    return not list(cache.rglob("*.incomplete")) and blobs <= pointed_to


def test_success_with_progress_and_then_no_request_at_all(hub, cache):
    serve(hub)
    seen = []
    assert weights.locate(ENTRY) is None
    path = weights.fetch(ENTRY, lambda done, whole: seen.append((done, whole)))
    assert path.read_bytes() == BODY and path.is_relative_to(cache)
    assert seen[0][0] == 0 and seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and len(seen) > 2
    hub.log.clear()
    assert weights.fetch(ENTRY) == path and weights.locate(ENTRY) == path
    assert not hub.log and no_half_file(cache)


def test_a_cut_connection_is_resumed_where_it_broke(hub, cache):
    serve(hub, cut=400_000)
    assert weights.fetch(ENTRY).read_bytes() == BODY
    ranges = [asked for verb, _, asked in hub.log if verb == "GET" and asked]
    assert len(ranges) == 1
    start = int(ranges[0].removeprefix("bytes=").split("-")[0])
    assert 0 < start <= 400_000 and no_half_file(cache)


def test_wrong_bytes_are_fetched_once_more_and_then_refused(hub, cache):
    serve(hub, body=BODY[::-1], announced=BODY)
    with pytest.raises(
        WeightsError, match=r"ffhq-1024.*wrong file twice.*sha256.*the Hub announced"
    ):
        weights.fetch(ENTRY)
    assert len([p for p in hub.asked("GET") if p.startswith("/bytes")]) == 2
    assert weights.locate(ENTRY) is None and no_half_file(cache)


def test_a_stated_sha256_decides_even_if_the_hub_agrees_with_itself(hub, cache):
    served = serve(hub)
    right = replace(ENTRY, sources=(replace(SOURCE, sha256=served.sha256, size=len(BODY)),))
    assert weights.fetch(right).read_bytes() == BODY
    wrong = replace(ENTRY, sources=(replace(SOURCE, sha256="0" * 64),))
    with pytest.raises(WeightsError, match=r"sha256.*its publisher states 0000"):
        weights.fetch(wrong)
    assert weights.locate(wrong) is None


def test_another_size_than_stated_is_not_even_downloaded(hub):
    serve(hub)
    entry = replace(ENTRY, sources=(replace(SOURCE, size=77),))
    with pytest.raises(WeightsError, match="has 512,000 bytes instead of 77"):
        weights.fetch(entry)
    assert not hub.asked("GET")


def test_fewer_bytes_than_announced_are_refused(hub, cache):
    serve(hub, body=BODY[:1000], announced=BODY)
    with pytest.raises(WeightsError, match="another number of bytes than it announced"):
        weights.fetch(ENTRY)
    assert no_half_file(cache)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"status": 404, "error_code": "EntryNotFound"}, "has no such file"),
        ({"status": 401, "error_code": "RepoNotFound"}, "private and needs a token in HF_TOKEN"),
        ({"status": 401, "error_code": "GatedRepo"}, "asks for consent on its page"),
        ({"status": 403, "error_code": "GatedRepo"}, "asks for consent on its page"),
        ({"busy": 99, "busy_status": 429}, "too many requests"),
        ({"busy": 99, "busy_status": 500}, "status 500"),
        ({"portal": True}, "login page or proxy"),
        ({"login_instead": True}, "another number of bytes than it announced"),
    ],
)
def test_what_the_hub_refuses_is_said_in_our_words(hub, cache, monkeypatch, how, words):
    serve(hub, **how)
    waited = []
    monkeypatch.setattr(download, "_sleep", lambda seconds, cancel: waited.append(seconds))
    with pytest.raises(WeightsError, match=rf"ffhq-1024 could not be fetched.*{words}.*bundled"):
        weights.fetch(ENTRY)
    assert sum(waited) < 5, "the user waits for nothing"
    assert weights.locate(ENTRY) is None and no_half_file(cache)


def test_a_login_page_of_unknown_size_is_never_trusted(hub, cache):
    serve(hub, body=fakehub.LOGIN, git=True)
    with pytest.raises(WeightsError, match="is a web page"):
        weights.fetch(ENTRY)
    assert weights.locate(ENTRY) is None
    assert not (cache / "facegen-first-use.json").exists(), "nothing was recorded as trusted"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_a_second_time(hub, status):
    serve(hub, busy=1, busy_status=status)
    assert weights.fetch(ENTRY).read_bytes() == BODY


def test_fallbacks_are_tried_in_order(hub):
    serve(hub, status=404, error_code="EntryNotFound")
    serve(hub, BODY[:5000], SECOND)
    entry = replace(ENTRY, sources=(SOURCE, SECOND))
    path = weights.fetch(entry)
    assert path.read_bytes() == BODY[:5000] and weights.locate(entry) == path
    heads = hub.asked("HEAD")
    assert "someone" in heads[0] and any("another" in head for head in heads[1:])


def test_when_all_fail_all_are_named(hub):
    serve(hub, status=401, error_code="GatedRepo")
    entry = replace(ENTRY, sources=(SOURCE, SECOND))
    with pytest.raises(WeightsError, match=r"someone/model: .*consent.*; another/model: .*no such"):
        weights.fetch(entry)


def test_no_network_is_answered_at_once(monkeypatch, tmp_path):
    fakehub.point_at(monkeypatch, "http://127.0.0.1:9", tmp_path)  # nobody listens there
    waited = []
    monkeypatch.setattr(download, "_sleep", lambda seconds, cancel: waited.append(seconds))
    with pytest.raises(WeightsError, match=r"could not be reached.*--model bundled"):
        weights.fetch(ENTRY)
    assert sum(waited) < 5


def test_offline_asks_nobody(hub, monkeypatch):
    from huggingface_hub import constants

    serve(hub)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids"):
        weights.fetch(ENTRY)
    assert not hub.log


def test_cancel_stops_a_slow_download_and_leaves_nothing(hub, cache, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 16 * 1024)
    serve(hub, delay=0.05)
    cancel, seen = threading.Event(), []

    def progress(done, whole):
        seen.append(done)
        if done:
            cancel.set()

    with pytest.raises(Cancelled, match="nothing of it was kept"):
        weights.fetch(ENTRY, progress, cancel)
    assert 0 < seen[-1] < len(BODY), "it went on to its end"
    assert weights.locate(ENTRY) is None and no_half_file(cache)
    hub.files.clear()
    serve(hub)
    assert weights.fetch(ENTRY).read_bytes() == BODY


def test_cancel_while_the_hub_is_busy(hub):
    serve(hub, busy=99, busy_status=503)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        weights.fetch(ENTRY, None, cancel)


def test_a_full_disk_is_noticed_before(hub, monkeypatch):
    serve(hub)
    usage = type("Usage", (), {"free": 100_000_000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(WeightsError, match=r"0\.5 MB have to be fetched.*100\.0 MB free.*HF_HOME"):
        weights.fetch(ENTRY)
    assert not hub.asked("GET")


def test_a_disk_that_fills_up_meanwhile(hub, cache, monkeypatch):
    import huggingface_hub.file_download as library

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    serve(hub)
    monkeypatch.setattr(library, "http_get", full)
    with pytest.raises(WeightsError, match=r"disk is full.*HF_HOME"):
        weights.fetch(ENTRY)
    assert no_half_file(cache)


# --- trust -------------------------------------------------------------------------------


@pytest.mark.parametrize("git", [False, True])
def test_the_first_file_is_trusted_and_every_later_one_compared(hub, cache, git):
    serve(hub, git=git)
    path = weights.fetch(ENTRY)
    assert facegen_hub.expected_sha256(ENTRY) == hub.files[str(SOURCE)].sha256
    weights.remove(ENTRY)
    assert not path.exists() and no_half_file(cache)
    serve(hub, BODY[::-1], git=git)  # the publisher changes the file
    with pytest.raises(WeightsError, match=r"the first download had.*remove --forget ffhq-1024"):
        weights.fetch(ENTRY)
    weights.remove(ENTRY, forget=True)
    assert weights.fetch(ENTRY).read_bytes() == BODY[::-1]


def test_a_file_damaged_in_the_cache_is_fetched_again(hub):
    serve(hub)
    path = weights.fetch(ENTRY)
    path.resolve().write_bytes(b"damaged")
    assert weights.fetch(ENTRY).read_bytes() == BODY


def test_verify_says_what_is_wrong(hub):
    serve(hub)
    path = weights.fetch(ENTRY)
    assert weights.verify(ENTRY) == hub.files[str(SOURCE)].sha256
    path.resolve().write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="sha256"):
        weights.verify(ENTRY)


def test_a_damaged_record_is_no_reason_to_trust_anything(hub, cache):
    serve(hub)
    weights.fetch(ENTRY)
    (cache / "facegen-first-use.json").write_text("[1, 2")
    with pytest.raises(WeightsError, match=r"facegen-first-use.json is damaged"):
        weights.verify(ENTRY)


def test_a_bundled_one_is_not_removed():
    with pytest.raises(WeightsError, match="part of the project"):
        weights.remove(weights.find("bundled"))
