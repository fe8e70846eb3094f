"""The page in other languages than English; programs and agents are answered in English."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest
import translations
from PIL import Image

from facegen import images
from facegen.errors import FacegenError
from facegen.face import detect
from facegen.options import PersonaOptions
from facegen.options.persona import WORDS
from facegen.types import SelectionReport
from facegen.ui.texts import languages, say, words
from facegen.whole_photo.everybody import COVERED, REPLACED, TOO_SMALL, Fate, summary

OTHERS = [name for name in languages.LANGUAGES if name != "en"]


@pytest.fixture(scope="module")
def texts() -> set[str]:
    return translations.texts()


def filled_in(text: str) -> list:
    return sorted(part[1:] for part in Formatter().parse(text) if part[1])


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_no_other(texts, language):
    there = languages.translations(language)
    assert sorted(texts - set(there)) == [], "run python tools/translations.py"
    assert sorted(set(there) - texts) == [], "run python tools/translations.py"
    assert [text for text, said in there.items() if filled_in(said) != filled_in(text)] == []
    # They stand in HTML, in attributes between single quotes.
    assert [said for text, said in there.items() if "'" in said or '"' in said] == []
    assert [s for text, s in there.items() for c in "<>&*`" if s.count(c) != text.count(c)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_file_is_one_text_a_line_sorted(language):
    path = Path(languages.__file__).with_name(f"{language}.json")
    there = json.loads(path.read_text(encoding="utf-8"))
    lines = json.dumps(dict(sorted(there.items())), ensure_ascii=False, indent=0)
    assert path.read_text(encoding="utf-8") == lines + "\n"


def refused(attempt, *given) -> str:
    with pytest.raises(FacegenError) as error:
        attempt(*given)
    return str(error.value)


@pytest.mark.parametrize("language", OTHERS)
def test_what_jobs_say_of_themselves_is_translated_to_its_last_word(language, tmp_path):
    found = SelectionReport(6, 4, 3, 8, {"glasses differ": 3}, measured=True, alike_pairs=1)
    face = detect.Face((0, 0, 9, 9), 1.0, *([[[8.0, 8.0, 0.0]] * 468] * 2))
    told = [
        found.in_words(),
        summary([Fate(REPLACED), Fate(COVERED, TOO_SMALL), Fate(COVERED, "as asked")]),
        refused(images.load, b"words, no picture"),
        refused(images.load, b"%PDF-1.7 " + bytes(range(20))),
        refused(images.load, b""),
        refused(detect.numbered, [], 0),
        refused(detect.numbered, [face], 4),
        refused(lambda: PersonaOptions(like="elf")),
        refused(lambda: PersonaOptions(like="99")),
        refused(lambda: PersonaOptions(like="man, woman")),
        refused(lambda: PersonaOptions(count=99)),
    ]
    with languages.use(language):
        said = [say(text) for text in told]
    for text, there in zip(told, said, strict=True):
        assert text != there
        for english in (" the ", " it ", " people", " choose", " faces", " must ", " or ", " is "):
            assert english not in f" {there} ", there


def test_a_text_that_nobody_translated_stays_as_it_is():
    with languages.use("de"):
        assert say("PNG or what you like, 3 of 4") == "PNG or what you like, 3 of 4"


def test_german_sentences():
    with languages.use("de"):
        assert say("3 faces: 2 replaced, 1 covered (too small)") == (
            "3 Gesichter: 2 ersetzt, 1 abgedeckt (zu klein)"
        )
        assert say("2 faces: 1 replaced, 1 covered (no stranger was drawn)") == (
            "2 Gesichter: 1 ersetzt, 1 abgedeckt (niemand Fremdes wurde gezeichnet)"
        )
        assert words.FromPhoto.go == "Andere Menschen zeigen"


@pytest.mark.parametrize("language", OTHERS)
def test_a_person_is_described_in_the_page_s_language(language):
    with languages.use(language):
        typed = [say(word) for word in WORDS]
        assert [languages.english(word.upper(), WORDS) for word in typed] == [*WORDS]
        assert all(say(word) in words.Persona.like_info for word in ("woman", "old", "dark skin"))


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "ca,es;q=0.9", "es"),
        ("fr", "de", "fr"),
        ("xx", "ja", "ja"),
        (None, "zh-Hant-TW;q=0.1, nl", "zh"),
        (None, "de;q=0, en", "en"),
        (None, None, "en"),
        (None, ";;q=,,\x00;q=9", "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browser_s(chosen, accepted, language):
    assert languages.asked(chosen, accepted) == language


# --- in a browser ---------------------------------------------------------------------------

RUN = 90_000  # milliseconds, see conftest.py
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT = """() => [...document.querySelectorAll('button:not(.label-wrap), select')]
    .filter(one => one.offsetParent && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.innerText)"""


def german(text: str) -> str:
    with languages.use("de"):
        return say(text)


def test_a_visitor_who_reads_german(visit, photo, tmp_path):
    page = visit(locale="de-AT")
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.locator("#generate").inner_text() == "Andere Menschen zeigen"
    for text in (words.Page.whole_photo, words.Page.restore, words.Page.about):
        assert page.get_by_role("tab", name=german(text)).count(), text

    note = tmp_path / "note.jpg"
    note.write_text("no picture")
    page.locator("#photo input[type=file]").set_input_files(note)
    line = page.locator(".fg-left .fg-error:visible").first
    line.wait_for()
    assert line.inner_text().startswith("dies ist eine Textdatei, kein lesbares Bild;")

    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#photo img").wait_for()
    page.get_by_label("Anzahl der Menschen").locator("visible=true").first.fill("2")
    page.locator("#generate").click()
    page.locator(".fg-times").first.wait_for(state="attached")
    assert "eine andere Person" in page.locator("#variants .caption-label").first.inner_text()
    said = page.locator(".fg-right .fg-status").first.inner_text()
    assert re.search(r"2 neue Menschen|von 2 gefunden", said) and "people" not in said, said

    page.get_by_label("Sprache").select_option("fr")  # kept by the browser
    page.wait_for_function("document.documentElement.lang == 'fr'")
    page.goto(page.url.partition("?")[0])
    page.wait_for_function("document.documentElement.lang == 'fr'")
    page.wait_for_function("document.querySelector('#generate')")
    with languages.use("fr"):
        page.locator("#generate").get_by_text(words.FromPhoto.go).wait_for()


def test_a_telephone_has_room_for_every_language(browser, server):
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.set_default_timeout(RUN)
    found = []
    for language in OTHERS:
        page.goto(f"{server}/?lang={language}", wait_until="commit")
        locale = languages.LOCALES[language]
        page.wait_for_function(f"document.documentElement.lang == '{locale}'")
        page.locator("#generate").wait_for()
        for number in range(page.locator("[role=tab]").count()):
            page.evaluate("n => document.querySelectorAll('[role=tab]')[n].click()", number)
            page.wait_for_timeout(300)
            cut = page.evaluate(CUT)
            if cut or page.evaluate(WIDE):
                found.append((language, number, page.evaluate(WIDE), cut))
    page.close()
    assert not found


@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("de", "light", 390), ("de", "dark", 1280), ("zh", "dark", 390), ("ja", "light", 1280)],
)
def test_nothing_that_a_screen_reader_stumbles_over(browser, server, language, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(RUN)
    page.goto(f"{server}/?lang={language}", wait_until="commit")
    page.locator("#examples button[aria-label]").nth(3).wait_for()
    found = []
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_timeout(500)
        found.extend(
            (tab.inner_text(), one["id"], [node["html"] for node in one["nodes"]])
            for one in Axe().run(page).response["violations"]
            if one["impact"] in ("serious", "critical")
        )
    page.close()
    assert not found


def test_programs_are_answered_in_english(server, tmp_path):
    from gradio_client import Client, handle_file

    path = tmp_path / "grey.png"
    Image.new("RGB", (400, 400), "grey").save(path)
    headers = {"accept-language": "de", "x-test": "1"}
    client = Client(server, verbose=False, headers=headers, download_files=tmp_path)
    with pytest.raises(Exception, match="no whole face was found"):
        client.predict(handle_file(path), api_name="/generate")
