"""The page on a telephone: what one sees, what a thumb hits, and how it becomes an application."""

import pytest

from facegen.ui.texts.words import Fields, Page, Photo, Walk

SIZE = {"width": 390, "height": 844}
TABS = (
    Page.from_photo, Page.whole_photo, Page.random, Page.persona, Page.edit,
    Page.mix, Page.restore, Page.check, Page.about,
)  # fmt: skip
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# A checkbox is hit by its label, a slider's handle anywhere in the height of its track.
SMALL = """() => [...document.querySelectorAll('button, a, summary, input, select')].filter(one =>
    one.offsetParent && one.type !== 'file' && !one.closest('.prose, .fg-about, .fg-frames')
).map(one => [one, (/checkbox|radio/.test(one.type) && one.closest('label')) || one]).filter(
    ([, hit]) => Math.min(hit.offsetHeight, hit.offsetWidth) < 44
).map(([one]) => one.outerHTML.slice(0, 120))"""
OPEN_ALL = """document.querySelectorAll('button.label-wrap').forEach(one =>
    one.offsetParent && !one.classList.contains('open') && one.click())"""


@pytest.fixture
def phone(visit):
    page = visit(390, has_touch=True, is_mobile=True)
    page.set_viewport_size(SIZE)
    return page


def test_one_sees_the_photo_the_results_and_a_bar(phone, photo):
    settings = phone.locator(".fg-settings").first
    assert not settings.is_visible()
    example = phone.locator(".fg-first-photo img").last.bounding_box()
    assert example["y"] + example["height"] < SIZE["height"] - 80, "what it does is seen at once"
    phone.locator("#photo input[type=file]").set_input_files(photo)
    phone.locator("#photo img").wait_for()
    phone.locator("#generate").tap()
    phone.wait_for_function(
        "document.querySelectorAll('#variants .thumbnail-item').length >= 3"
        " && !document.querySelector('#generate').disabled"
        " && document.querySelector('#all')?.disabled === false"
    )
    assert phone.evaluate(WIDE) == 0
    assert phone.evaluate("document.documentElement.scrollHeight") <= 2500
    shown = phone.locator("#variants").bounding_box()
    assert shown["y"] > phone.locator("#photo").bounding_box()["y"]
    bar = phone.locator("#generate").bounding_box()
    assert bar["y"] + bar["height"] <= SIZE["height"], "the bar is always in sight"
    assert not settings.is_visible()


def test_the_settings_are_a_sheet_that_the_keyboard_opens_and_closes(phone):
    settings, button = phone.locator(".fg-settings").first, phone.locator(".fg-sheet").first
    assert button.get_attribute("aria-expanded") == "false"
    button.focus()
    phone.keyboard.press("Enter")
    settings.wait_for()
    assert button.get_attribute("aria-expanded") == "true"
    phone.keyboard.press("Tab")
    assert phone.evaluate("!!document.activeElement.closest('.fg-settings')")
    phone.keyboard.press("Escape")
    settings.wait_for(state="hidden")
    assert phone.evaluate("document.activeElement.textContent.trim()") == Fields.settings
    button.tap()
    settings.wait_for()
    phone.locator("h1").tap()  # beside it
    settings.wait_for(state="hidden")


def test_a_photo_is_taken_with_the_telephones_camera(phone, photo):
    button = phone.get_by_role("button", name=Photo.camera).first
    with phone.expect_file_chooser() as chooser:
        button.press("Enter")
    assert chooser.value.element.get_attribute("capture") == "user"
    chooser.value.set_files(photo)
    phone.locator("#photo img").wait_for()


def test_elsewhere_the_field_shows_the_camera(visit):
    page = visit()
    page.get_by_role("button", name=Photo.camera).first.click()
    page.locator(
        "#photo video, #photo .access-wrap, #photo [title='grant webcam access']"
    ).first.wait_for(state="attached")


def test_tabs_are_one_row_that_scrolls_to_the_chosen_one(phone):
    tabs = phone.get_by_role("tab")
    assert len({round(tab.bounding_box()["y"]) for tab in tabs.all()}) == 1
    last = phone.get_by_role("tab", name=Page.about)
    last.focus()
    phone.keyboard.press("Enter")
    phone.wait_for_timeout(300)
    box = last.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= SIZE["width"]
    assert phone.evaluate(WIDE) == 0


def test_all_that_is_pressed_is_large_enough_for_a_thumb(phone):
    for name in TABS:
        phone.get_by_role("tab", name=name).click()
        phone.wait_for_timeout(300)
        sheet = phone.locator(".fg-left .fg-sheet:visible")
        if sheet.count():
            sheet.first.tap()
        phone.evaluate(OPEN_ALL)
        phone.wait_for_timeout(300)
        assert not phone.evaluate(SMALL), name
        assert phone.evaluate(WIDE) == 0, name
        phone.keyboard.press("Escape")


def test_the_edited_face_stays_in_view_while_sliders_move(phone, photo):
    phone.get_by_role("tab", name=Page.edit).click()
    phone.locator("#edit-photo input[type=file]").set_input_files(photo)
    phone.locator("#edited img").nth(1).wait_for()
    phone.locator("#edit-reset").scroll_into_view_if_needed()
    face = phone.locator("#edited img").first.bounding_box()
    assert face["y"] >= 0 and face["y"] + face["height"] <= SIZE["height"] * 0.6


def test_a_walk_shows_whom_it_met_while_it_goes_on(visit):
    page = visit()
    page.get_by_role("tab", name=Page.random).click()
    page.get_by_text(Page.walk).click()
    seen = "document.querySelector('#walkstrip img')?.src.includes('preview-')"
    page.locator("#walk").click()
    page.wait_for_function(seen)
    assert page.locator("#walk").is_disabled() and not page.locator("#walkmap img").count()
    page.locator("#far .stop").click()
    assert Walk.strip in page.locator("#walkstrip").inner_text()


# --- an application ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/faces/"])
def test_it_can_be_installed(browser, server, path):
    """Behind a proxy's path, too: the second one is this server under another."""
    context = browser.new_context(viewport=SIZE)
    page = context.new_page()
    if path != "/":
        page.route(f"{server}/**", lambda route: route.fulfill(response=route.fetch(
            url=route.request.url.replace(path, "/"))) if path in route.request.url
            else route.fulfill(status=404))  # fmt: skip
    page.goto(server + path, wait_until="commit")
    page.locator("link[rel=manifest][href^='./']").wait_for(state="attached")
    told = page.evaluate("""async () => {
        const link = document.querySelector('link[rel=manifest]').href;
        const answer = await fetch(link), told = await answer.json();
        const icons = await Promise.all(told.icons.map(async icon => {
            const bitmap = await createImageBitmap(
                await (await fetch(new URL(icon.src, link))).blob());
            return `${bitmap.width}x${bitmap.height}` === icon.sizes;
        }));
        return {type: answer.headers.get('content-type'), start: new URL(told.start_url, link).href,
            name: told.name, icons};
    }""")
    assert told == {
        "type": "application/manifest+json", "start": server + path, "name": "Facegen",
        "icons": [True, True],
    }  # fmt: skip
    if path == "/":
        line = context.new_cdp_session(page)
        errors = line.send("Page.getInstallabilityErrors")["installabilityErrors"]
        assert {one["errorId"] for one in errors} <= {"in-incognito"}, "as all tests are"
        assert line.send("Page.getAppManifest")["errors"] == []
    context.close()
