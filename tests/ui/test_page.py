"""The page in a real browser: what a visitor does, and what must not happen meanwhile."""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.latent.persona import LOOKS
from facegen.options import VaryOptions, WalkOptions, label_of
from facegen.ui.texts import words

BADGES = ("a different person", "too close to the photo", "no face could be measured")
PEOPLE = label_of(VaryOptions, "count")  # and of random ones
RUN = 90_000  # milliseconds, see conftest.py


def choose_photo(page, path: Path) -> None:
    page.locator("#photo input[type=file]").set_input_files(path)
    page.locator("#photo img").wait_for()


def save_shown(page):
    """Save the face that is shown large, and close it."""
    view = page.get_by_role("dialog")
    with page.expect_download() as download:
        view.get_by_text(words.Viewer.tools["save"]).click()
    view.get_by_role("button", name=words.Viewer.close).click()
    return download.value


def set_number(page, label: str, value: int) -> None:
    sheet = page.locator(".fg-sheet[aria-expanded=false]").locator("visible=true")
    if sheet.count():  # on a telephone; the walk's stands below that of the people
        sheet.last.click()
    field = page.get_by_label(f"number input for {label}", exact=True).locator("visible=true")
    field.fill(str(value))
    field.press("Tab")
    page.keyboard.press("Escape")


def test_a_photo_becomes_six_people(visit, photo, tmp_path):
    page = visit()
    choose_photo(page, photo)
    page.locator("#generate").click()
    page.locator(".fg-times").first.wait_for(state="attached")

    captions = page.locator("#variants .caption-label").all_inner_texts()
    assert 3 <= len(captions) <= 6, "who does not hold is not shown"
    for number, caption in enumerate(captions, start=1):
        assert caption.startswith(f"{number} ")
        assert any(badge in caption for badge in BADGES)
    # The pictures replaced their previews a moment ago and take a while to arrive.
    shown = "[...document.querySelectorAll('#variants img')].filter(i => i.naturalWidth)"
    page.wait_for_function(f"{shown}.length >= {len(captions)}")

    page.locator("#variants button").nth(2).click()
    save_shown(page).save_as(tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        assert "trainedAlgorithmicMedia" in picture.text["XML:com.adobe.xmp"]

    with page.expect_download() as download:
        page.get_by_text(words.Fields.download_all).first.click()
    download.value.save_as(tmp_path / "all.zip")
    names = zipfile.ZipFile(tmp_path / "all.zip").namelist()
    assert {"manifest.json", f"variant-{len(captions):02d}.png"} <= set(names)
    assert not {"aligned.png", "inversion.png", "sheet.jpg"} & set(names), "nothing of the photo"
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert json.loads(archive.read("manifest.json"))["reference"]["sha256"] is None

    with page.expect_download() as download:
        page.get_by_text(words.FromPhoto.with_photo).click()
    download.value.save_as(tmp_path / "whole.zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        assert {"aligned.png", "inversion.png"} <= set(archive.namelist())
        assert json.loads(archive.read("manifest.json"))["reference"]["sha256"]

    assert page.locator("#promise .fg-heat td").count() >= len(captions) ** 2  # and the corner

    # Nothing came from elsewhere: no fonts, no scripts, no counters.
    assert page.hosts - {None} == {"127.0.0.1"}


def test_a_face_and_its_drawing_are_one_card_that_turns(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name=words.Page.random).click()
    page.get_by_label("Anime").locator("visible=true").click()
    looks = page.locator(".fg-looks").locator("visible=true")
    looks.wait_for()
    assert "non-commercial" in looks.inner_text()
    set_number(page, PEOPLE, 2)
    page.locator("#draw").click()
    switch = page.locator(".fg-switch").locator("visible=true")
    switch.wait_for()  # when both are drawn

    def cards() -> list[str]:
        return [Path(one.get_attribute("src")).name for one in page.locator("#random img").all()]

    page.locator("#random img").nth(1).wait_for()
    assert cards() == ["random-01-anime.png", "random-02-anime.png"]
    switch.get_by_text("Faces").click()
    page.wait_for_function("!document.querySelector('#random img').src.includes('anime')")
    assert cards() == ["random-01.png", "random-02.png"]
    with page.expect_download() as download:
        page.get_by_text(words.Fields.download_all).locator("visible=true").click()
    download.value.save_as(tmp_path / "all.zip")
    names = set(zipfile.ZipFile(tmp_path / "all.zip").namelist())
    assert names >= {"random-01.png", "random-01-anime.png", "manifest.json"}


def test_no_face_is_one_clear_line(visit, tmp_path):
    path = tmp_path / "grey.png"
    Image.new("RGB", (400, 400), "grey").save(path)
    page = visit()
    choose_photo(page, path)
    page.locator(".fg-left .fg-error:visible").first.wait_for()
    page.locator("#generate").click()
    line = page.locator(".fg-right .fg-error").first
    line.wait_for()
    assert "no whole face was found" in line.inner_text()
    assert page.locator("#variants button").count() == 0
    page.wait_for_function("!document.querySelector('#generate').disabled")


def test_no_picture_is_one_clear_line(visit, tmp_path):
    path = tmp_path / "words.jpg"
    path.write_text("words & <b>no</b> picture")
    page = visit()
    page.locator("#photo input[type=file]").set_input_files(path)
    line = page.locator(".fg-left .fg-error:visible").first
    line.wait_for()
    assert "a text file, not a picture" in line.inner_text()
    # No broken picture stands in its place, and what was said stays until another is chosen.
    page.locator("#photo input[type=file]").wait_for(state="attached")
    assert page.locator("#photo img").count() == 0 and line.is_visible()
    page.locator("#generate").click()
    page.locator(".fg-right .fg-error").first.wait_for()
    assert page.get_by_text("a text file, not a picture").count() == 1


def test_a_screen_reader_is_told_in_words_that_a_run_is_done(visit):
    """Gradio has no word for it: it said the key of the word."""
    page = visit()
    said = page.locator(".sr-only[role=status]").first
    page.locator("#examples button").first.click()
    page.locator(".fg-times").first.wait_for(state="attached")
    page.wait_for_function(
        "e => /^Done/.test(e.textContent.trim())", arg=said.element_handle(), polling=50
    )


def test_a_first_visitor_is_told_what_to_do_and_what_the_words_mean(visit):
    page = visit(390)
    assert page.locator(".fg-steps li").count() == 3
    page.get_by_text(words.FromPhoto.glossary).click()
    told = page.locator(".fg-words dl").inner_text()
    assert all(term in told for term, _ in words.FromPhoto.terms)


def test_a_restart_under_an_open_page_is_said(visit):
    """Gradio's page loads itself again then. Another number stands for another server."""
    page = visit()
    assert page.locator("#restarted").inner_text().strip() == ""
    page.evaluate("sessionStorage.setItem('facegen', 'of the server before')")
    page.reload()
    page.get_by_text(words.Page.restarted).wait_for()
    page.reload()
    page.locator("#generate").wait_for()
    page.wait_for_function("document.querySelector('.fg-seed input')?.value > 0")
    assert page.get_by_text(words.Page.restarted).count() == 0


def test_tracks_of_sliders_are_dark_in_the_dark(browser, server):
    page = browser.new_page(color_scheme="dark")
    page.goto(server)
    track = page.locator("input[type=range]").nth(1)  # the first one is full
    track.wait_for()
    with Image.open(io.BytesIO(track.screenshot())) as drawn:
        wide, high = drawn.size
        beyond_the_thumb = drawn.convert("L").crop((3 * wide // 4, 0, wide, high))
    page.close()
    assert beyond_the_thumb.getextrema()[1] < 128


def test_a_seed_out_of_range_is_one_clear_line(visit):
    page = visit()
    page.get_by_role("tab", name=words.Page.random).click()
    page.get_by_label("Seed").locator("visible=true").fill("-1")
    page.locator("#draw").click()
    line = page.locator(".fg-error").locator("visible=true")
    line.wait_for()
    assert "seed is -1; it must lie between 0 and" in line.inner_text()
    page.wait_for_function("!document.querySelector('#draw').disabled")


def test_stop(visit, photo):
    page = visit()
    page.get_by_text(words.Fields.advanced).first.click()
    page.get_by_label(words.FromPhoto.usual).uncheck()
    set_number(page, "Refinement steps", 2000)
    choose_photo(page, photo)
    page.locator("#generate").click()
    page.get_by_text(re.compile(r"Refining, step \d+ of 2000")).first.wait_for()
    page.locator("#stop").click()
    page.get_by_text(words.Fields.stopped).first.wait_for()
    page.wait_for_function("!document.querySelector('#generate').disabled")
    # The place is free again: the next run does not wait for the stopped one.
    set_number(page, "Refinement steps", 0)
    set_number(page, PEOPLE, 1)
    page.locator("#generate").click()
    page.locator(".fg-times").first.wait_for(state="attached")


def test_a_whole_photo_keeps_all_but_the_chosen_faces(visit, two_faces, tmp_path):
    page = visit()
    page.get_by_role("tab", name=words.Page.whole_photo).click()
    page.locator("#whole-photo input[type=file]").set_input_files(two_faces)
    page.locator("#who").get_by_text("2 faces: 2 replaced").wait_for()
    second = page.locator(".fg-frames button").filter(has_text="2")
    second.click()
    page.locator("#who").get_by_text("2 faces: 1 replaced, 1 covered (as asked)").wait_for()
    second.focus()
    page.keyboard.press("Enter")
    page.locator("#who").get_by_text("2 faces: 1 replaced, 1 kept (as asked)").wait_for()
    page.locator("#replace").click()
    page.locator("#whole-words").get_by_text("1 kept (as asked)").wait_for()
    page.locator("#whole-result img").first.wait_for()
    with page.expect_download() as download:
        page.locator("#whole-download").click()
    assert download.value.suggested_filename == "anonymised.png"
    before, after = (np.asarray(Image.open(path)) for path in (two_faces, download.value.path()))
    changed = (before[..., :3] != after[..., :3]).any(axis=2)
    halves = [half.mean() for half in np.array_split(changed, 2, axis=1)]
    assert min(halves) == 0 and 0.05 < max(halves) < 0.6
    page.locator("#wipe-whole").click()
    page.locator("#wiped-whole").get_by_text("Deleted from the server: 1 photo and").wait_for()
    page.locator("#whole-result").wait_for(state="hidden")


def test_a_face_that_was_missed_is_framed_by_hand(visit, astronaut, tmp_path):
    path = tmp_path / "helmet.png"
    Image.fromarray(astronaut[300:]).save(path)
    page = visit()
    page.get_by_role("tab", name=words.Page.whole_photo).click()
    page.locator("#whole-photo input[type=file]").set_input_files(path)
    page.get_by_text(words.WholePhoto.no_face).wait_for()
    page.locator(".fg-frames").scroll_into_view_if_needed()
    shown = page.locator(".fg-frames").bounding_box()
    page.mouse.move(shown["x"] + 0.6 * shown["width"], shown["y"] + 0.3 * shown["height"])
    page.mouse.down()
    page.mouse.move(shown["x"] + 0.8 * shown["width"], shown["y"] + 0.8 * shown["height"], steps=4)
    page.mouse.up()
    page.locator("#who").get_by_text("1 face: 1 covered (as asked)").wait_for()
    assert page.locator(".fg-frames button.fg-covered").count() == 1
    page.locator("#replace").click()
    page.locator("#whole-words").get_by_text("1 face: 1 covered (as asked).").wait_for()
    with page.expect_download() as download:
        page.locator("#whole-download").click()
    after = np.asarray(Image.open(download.value.path()))[..., :3]
    changed = (after != astronaut[300:]).any(axis=2)
    assert changed[80:150, 330:390].mean() > 0.9 and changed.mean() < 0.2


def test_a_zip_of_photos_becomes_a_zip_of_new_ones(visit, two_faces, tmp_path):
    sent = tmp_path / "holidays.zip"
    with zipfile.ZipFile(sent, "w") as archive:
        archive.write(two_faces, "beach/anna.png")
        archive.writestr("notes.txt", "no picture")
    page = visit()
    page.get_by_role("tab", name=words.Page.whole_photo).click()
    page.get_by_text(words.PhotoZip.title).click()
    page.locator("#many-go").click()  # nothing was chosen yet
    page.locator("#many-status").get_by_text(words.PhotoZip.missing).wait_for()
    page.locator("#many-zip input[type=file]").set_input_files(sent)
    page.locator("#many-zip").get_by_text("holidays").first.wait_for()
    page.locator("#many-go").click()
    page.locator("#many-status").get_by_text("1 of 2 photos have new faces").wait_for()
    rows = page.locator("#many-rows tr").all_inner_texts()
    assert "beach/anna.png" in rows[1] and "photo-01.png" in rows[1]
    assert "notes.txt" in rows[2] and "no file" in rows[2] and "unreadable" in rows[2]
    with page.expect_download() as download:
        page.locator("#many-download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "photo-01.png"]
        assert b"anna" not in archive.read("manifest.json")
    page.locator("#wipe-whole").click()
    page.locator("#wiped-whole").get_by_text("Deleted from the server: 1 photo and").wait_for()
    page.locator("#many-download").wait_for(state="hidden")


def test_random_faces(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name=words.Page.random).click()
    page.locator("#draw").click()
    page.locator("#random button").nth(5).wait_for()
    page.locator("#random button").nth(1).click()
    assert save_shown(page).suggested_filename == "random-02.png"
    with page.expect_download() as download:
        page.get_by_text(words.Fields.download_all).locator("visible=true").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert [face["file"] for face in manifest["variants"]] == sorted(
            name for name in archive.namelist() if name.endswith(".png")
        )
    assert manifest["options"]["truncation_psi"] == 0.7


def test_one_person_in_many_pictures(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name=words.Page.persona).click()
    page.locator("#persona-like textarea, #persona-like input").fill("nobody")
    page.locator("#shoot").click()
    page.get_by_text("like is 'nobody'; the words are").wait_for()
    page.locator("#persona-like textarea, #persona-like input").fill("woman, 30")
    page.locator("#shoot").click()
    page.locator("#persona button").first.wait_for()
    with page.expect_download() as download:
        page.get_by_text(words.Fields.download_all).locator("visible=true").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        made = {one["file"] for one in manifest["variants"]}
        assert made == {name for name in archive.namelist() if name.endswith(".png")}
    assert "front.png" in made and page.locator("#persona button").count() == len(made)
    for one in manifest["left_out"]:
        look = next(look for look in LOOKS if look.name == one["look"])
        assert look.caption in page.locator("#left-out").inner_text()


def test_a_quick_run_is_shown_over_a_slow_line(visit):
    """Of updates in quick succession, the browser missed that there are cards and buttons."""
    page = visit()
    page.get_by_role("tab", name=words.Page.random).click()
    set_number(page, PEOPLE, 1)
    line = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", slow)
    page.locator("#draw").click()
    page.locator("#random img").first.wait_for()
    page.get_by_text(words.Fields.download_all).locator("visible=true").wait_for()
    assert not page.get_by_text(words.RandomPeople.promise).is_visible()


def test_a_walk_shows_where_it_went(visit):
    page = visit(390)
    page.get_by_role("tab", name=words.Page.random).click()
    page.get_by_text(words.Page.walk).click()
    page.locator("#walk").wait_for()  # its sheet of settings is there then
    set_number(page, "Steps", 40)
    set_number(page, label_of(WalkOptions, "step"), 0.1)
    page.locator("#walk").click()
    page.locator("#walkmap img").wait_for()
    page.locator("#walkplot img").wait_for()
    assert page.locator("#walkplot img").evaluate("one => one.naturalWidth") > 100
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0


def test_an_example_is_one_click(visit):
    page = visit()
    page.locator("#examples button").first.click()
    page.locator("#variants button").first.wait_for()
    assert not page.locator("#examples").is_visible(), "there is a photo now"


def test_a_telephone_needs_no_sideways_scrolling(visit, photo):
    page = visit(390)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    choose_photo(page, photo)
    set_number(page, PEOPLE, 2)
    page.locator("#generate").click()
    page.locator(".fg-times").first.wait_for(state="attached")
    assert page.evaluate(wide) == 0
    for name in (words.Page.random, words.Page.edit, words.Page.check, words.Page.about):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate(wide) == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_sliders_move_a_face_and_it_becomes_a_reference(visit, photo, width):
    page = visit(width)
    page.get_by_role("tab", name=words.Page.edit).click()
    page.locator("#edit-photo input[type=file]").set_input_files(photo)
    page.locator("#edit-photo img").wait_for()
    page.locator("#edited img").nth(1).wait_for()
    before = page.locator("#edited img").nth(1).get_attribute("src")
    smile = page.get_by_label("number input for Smile")
    smile.fill("0.5")
    smile.press("Tab")
    page.wait_for_function(
        "was => document.querySelectorAll('#edited img')[1].getAttribute('src') != was", arg=before
    )
    page.locator("#edit-use:not([disabled])").wait_for()  # drawn at full size, once it rested
    assert "smile=" not in page.locator("#edit-words").inner_text(), "no flag of the command line"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    page.locator("#edit-use").click()
    page.locator("#photo img").wait_for()
    page.locator("#generate").wait_for()


def test_generate_is_reached_by_keyboard(visit):
    page = visit()
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if seen[-1] == "generate":
            break
    assert seen[-1] == "generate", f"the keyboard went {seen}"
    page.keyboard.press("Enter")
    page.get_by_text(words.Photo.missing).first.wait_for()
    page.keyboard.press("Tab")  # and the keyboard is not caught there
    assert page.evaluate("document.activeElement.id") != "generate"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_that_a_screen_reader_stumbles_over(visit, scheme, width):
    """axe-core finds nothing serious on any tab, nor in results."""
    from axe_playwright_python.sync_playwright import Axe

    page = visit(width, color_scheme=scheme)
    page.locator("#examples button[aria-label]").nth(3).wait_for()
    found = []

    def look(place: str) -> None:
        page.wait_for_timeout(500)
        found.extend(
            (place, one["id"], [node["html"] for node in one["nodes"]])
            for one in Axe().run(page).response["violations"]
            if one["impact"] in ("serious", "critical")
        )

    for tab in page.get_by_role("tab").all():
        tab.click()
        look(tab.inner_text())
    page.get_by_role("tab", name=words.Page.from_photo).click()
    set_number(page, PEOPLE, 2)
    page.locator("#examples button").first.click()
    page.locator(".fg-times").first.wait_for(state="attached")
    look("results")
    assert not found


def test_who_waits_sees_the_face_that_was_found_and_a_bar(visit, photo):
    page = visit()
    page.evaluate("""() => {
        window.seen = new Set();
        new MutationObserver(() => {
            const right = document.querySelector('.fg-right');
            if (document.querySelector('#variants .thumbnail-item')) return;
            if (right.querySelector('.fg-met img[src*=aligned]')) seen.add('the face');
            if (right.querySelector('[role=progressbar][aria-valuenow]')) seen.add('a bar');
        }).observe(document.body, {childList: true, subtree: true});
    }""")
    choose_photo(page, photo)
    page.locator("#generate").click()
    page.locator("#variants .thumbnail-item").first.wait_for()
    assert set(page.evaluate("[...seen]")) == {"the face", "a bar"}


def test_a_downloaded_face_is_found_to_be_ours(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name=words.Page.random).click()
    set_number(page, PEOPLE, 1)
    page.locator("#draw").click()
    page.locator("#random button").first.click()
    save_shown(page).save_as(tmp_path / "face.png")
    page.get_by_role("tab", name=words.Page.check).click()
    page.locator("#check-file input[type=file]").set_input_files(tmp_path / "face.png")
    page.get_by_text("This installation of Facegen made this file").wait_for()
    assert page.locator(".fg-check .fg-found").count() == 4

    with Image.open(tmp_path / "face.png") as picture:
        seed = picture.text["facegen:seed"]
    page.get_by_role("tab", name=words.Page.random).click()
    set_number(page, PEOPLE, 3)
    page.locator(".fg-seed input:visible").fill("1")
    page.get_by_role("tab", name=words.Page.check).click()
    page.locator("#take-settings").click()
    page.locator("#draw").wait_for()  # in the tab that it came from
    page.wait_for_function(
        f"[...document.querySelectorAll('.fg-seed input')].some(one => one.value == '{seed}')"
    )
    assert page.locator(".fg-seed input:visible").input_value() == seed


def test_the_last_runs_come_back_at_a_click_and_go_at_another(visit, server_folder, photo):
    def files() -> set[Path]:
        return {path for path in server_folder.rglob("*") if path.is_file()}

    page = visit()
    choose_photo(page, photo)
    seed = page.locator(".fg-seed input:visible")
    cards = page.locator("#history .thumbnail-item")
    for number, count in ((7, 2), (8, 3)):
        seed.fill(str(number))
        set_number(page, PEOPLE, count)
        page.locator("#generate").click()
        page.wait_for_function(
            f"document.querySelectorAll('#variants .caption-label').length == {count}"
            " && !document.querySelector('#all').disabled"
        )
        cards.nth(count - 2).wait_for()
    assert cards.count() == 2
    seed.fill("99")
    cards.nth(1).click()  # the first run, with its seed and its count
    page.wait_for_function(
        "document.querySelectorAll('#variants .caption-label').length == 2"
        " && document.querySelector('.fg-seed input').value == '7'"
    )
    assert page.get_by_label(f"number input for {PEOPLE}", exact=True).input_value() == "2"
    with page.expect_download() as download:
        page.locator("#all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert json.loads(archive.read("manifest.json"))["seed"] == 7
    before = files()
    page.locator("#history").get_by_text(words.People.forget).click()
    page.get_by_text(words.People.forgotten).wait_for()
    page.locator("#variants").wait_for(state="hidden")
    page.wait_for_function("document.querySelectorAll('#history .thumbnail-item').length == 1")
    gone = before - files()
    assert len({path.parent for path in gone}) == 1 and len(gone) > 4


def test_delete_everything_now_leaves_nothing_on_the_server(visit, server_folder, photo, two_faces):
    """Photo, faces to choose from, previews, results: of this visitor no file is left."""

    def files() -> set[Path]:
        return {path for path in server_folder.rglob("*") if path.is_file()}

    page = visit()
    before = files()
    choose_photo(page, two_faces)
    page.get_by_text("faces were found").wait_for()
    page.get_by_label("Remove Image").click()
    choose_photo(page, photo)
    set_number(page, PEOPLE, 2)
    page.locator("#generate").click()
    page.locator(".fg-times").first.wait_for(state="attached")
    assert len(files() - before) > 8
    page.locator("#wipe").click()
    page.get_by_text("Deleted from the server: 2 photos and").wait_for()
    page.locator("#variants").wait_for(state="hidden")
    left = {path for path in files() - before if "log" not in path.name}
    assert not left, sorted(left)
    page.locator("#wipe").wait_for(state="hidden")  # nothing is left to delete


def test_two_faces_are_mixed_and_have_children(visit, photo, tmp_path):
    page = visit()
    page.get_by_role("tab", name=words.Page.mix).click()
    page.locator("#mix-photo-a input[type=file]").set_input_files(photo)
    page.locator("#mix-photo-a img").wait_for()
    page.locator("#mix").click()
    page.get_by_text("face B: there is no photo yet").wait_for()
    page.locator("#mix-photo-b input[type=file]").set_input_files(photo)
    page.locator("#mix-photo-b img").wait_for()
    page.get_by_role("radio", name=words.Mix.mixtures).check()
    page.locator("#mix").click()
    page.locator("#mix-arc").get_by_text("50% of the way to B").wait_for()
    page.locator("#mix-download").wait_for()
    page.locator("#mix-arc button.thumbnail-item").nth(3).click()  # every cell opens
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.locator("#mix-download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
    assert "board.jpg" in names and "mix-01.png" in names and "manifest.json" in names
    assert not any(name.startswith("aligned") for name in names), "no crop of the photos"

    page.get_by_role("radio", name=words.Mix.children).check()
    page.locator("#mix").click()
    page.locator("#mix-bars .fg-near").nth(1).wait_for()
    page.locator("#wipe-mix").click()
    page.locator("#wiped-mix").get_by_text("Deleted from the server: 1 photo and").wait_for()
    page.locator("#mix-bars").wait_for(state="hidden")


def test_a_damaged_picture_becomes_faces_and_holes_are_painted(visit, photo):
    page = visit()
    page.get_by_role("tab", name=words.Page.restore).click()
    page.locator("#restore-photo input[type=file]").set_input_files(photo)
    page.locator("#restore-photo img").wait_for()
    set_number(page, "Steps", 3)
    page.locator("#restore").click()
    page.locator("#restored").get_by_text(re.compile("1 [✓✗]")).wait_for()
    page.locator("#restore-more").click()
    page.locator("#restore-words").get_by_text("of 4 agree with your picture").wait_for()
    page.locator("#restored").get_by_text(re.compile("4 [✓✗]")).wait_for()

    page.locator("#restore-damage input").click()
    page.get_by_role("option", name=words.Restore.damages["holes"]).click()
    page.locator("#restore-holes canvas").first.wait_for()
    page.locator("#restore").click()
    page.get_by_text(words.Restore.not_painted).wait_for()
    canvas = page.locator("#restore-holes canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] * 0.45, box["y"] + box["height"] * 0.22
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 25, y + 10, steps=4)
    page.mouse.up()
    page.locator("#restore").click()
    page.get_by_text(re.compile("% of the face is hidden|agrees? with your")).first.wait_for()
    page.locator("#restore-words").get_by_text("with your picture").first.wait_for()
    page.locator("#wipe-restore").click()
    page.locator("#wiped-restore").get_by_text("Deleted from the server: 1 photo and").wait_for()
