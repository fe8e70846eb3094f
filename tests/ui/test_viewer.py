"""The large view of a face, and the ways from it to the tools, in a real browser."""

import io

from axe_playwright_python.sync_playwright import Axe
from PIL import Image

OPEN = "dialog.fg-viewer[open]"


def begin(page, count: int = 2) -> None:
    """Make a few people of the first invented face."""
    field = page.get_by_label("number input for Variant count", exact=True)
    field.fill(str(count))
    field.press("Tab")
    page.locator("#examples button").first.click()
    page.wait_for_function(
        f"document.querySelectorAll('#variants .thumbnail-item').length == {count}"
        " && !document.querySelector('#generate').disabled"
    )


def shown(page) -> str:
    """The name of the picture that is shown large."""
    return page.locator(f"{OPEN} [data-part=after]").get_attribute("src").rsplit("/", 1)[1]


def test_a_click_opens_a_face_and_the_keyboard_does_the_rest(visit):
    page = visit()
    begin(page)
    first = page.locator("#variants .thumbnail-item").first
    first.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog")
    view.wait_for()
    assert shown(page) == "variant-01.png"
    page.keyboard.press("ArrowRight")
    assert shown(page) == "variant-02.png"
    page.keyboard.press("ArrowRight")  # round again
    assert shown(page) == "variant-01.png"

    # As it was saved, no smaller copy of it.
    with page.expect_download() as download:
        view.get_by_text("Download").click()
    with Image.open(download.value.path()) as saved:
        size = page.evaluate("document.querySelector('[data-part=after]').naturalWidth")
        assert saved.size == (size, size)
        assert "trainedAlgorithmicMedia" in saved.text["XML:com.adobe.xmp"]

    view.get_by_role("button", name="Compare").click()
    divider = view.get_by_role("slider")
    page.wait_for_function("document.querySelector('[data-part=before]').naturalWidth > 0")
    halves = lambda: [  # noqa: E731
        half.tobytes()
        for at in (0, 100)
        for half in [Image.open(io.BytesIO(_at(page, divider, at)))]
    ]
    before, after = halves()
    assert before != after, "the divider uncovers the photo"
    page.keyboard.press("Home")
    assert shown(page) == "variant-01.png", "keys on the divider move it alone"

    # The keyboard stays in the view.
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('dialog')")
    serious = [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious
    page.keyboard.press("Escape")
    page.locator(OPEN).wait_for(state="detached")
    assert page.evaluate("document.activeElement.matches('.thumbnail-item')"), "back where it was"


def _at(page, divider, value: int) -> bytes:
    divider.evaluate(
        "(one, to) => { one.value = to; one.dispatchEvent(new Event('input')) }", value
    )
    return page.locator("[data-part=stage]").screenshot()


def test_a_thumb_turns_the_faces_over(visit):
    page = visit(390, has_touch=True)
    begin(page)
    page.locator("#variants .thumbnail-item").first.tap()
    page.locator(OPEN).wait_for()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    small = page.evaluate(
        "[...document.querySelectorAll('dialog :is(button, a)')].filter(e => e.offsetParent)"
        ".filter(e => e.offsetHeight < 44 || e.offsetWidth < 44).length"
    )
    assert small == 0, "targets for a thumb"
    box = page.locator("[data-part=stage]").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.8 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], y, steps=4)
    page.mouse.up()
    assert shown(page) == "variant-02.png"
    page.get_by_role("button", name="Close").tap()
    page.locator(OPEN).wait_for(state="detached")


def test_from_a_result_to_every_tool_without_a_file(visit):
    page = visit()
    begin(page)

    def use(tool: str) -> None:
        page.locator("#variants .thumbnail-item").nth(1).click()
        page.locator(OPEN).get_by_role("button", name=tool).click()
        page.locator(OPEN).wait_for(state="detached")

    for slot in "ab":
        use("Use in Mix")
        page.locator(f"#mix-photo-{slot} img[src*='variant-02.png']").wait_for()
        page.get_by_role("tab", name="From a photo").click()
    use("Edit this face")
    page.locator("#edited img").nth(1).wait_for()  # begun by itself, with the exact code:
    page.wait_for_function("document.querySelectorAll('#edited img')[1].naturalWidth > 0")
    page.get_by_role("tab", name="From a photo").click()
    use("More like this")
    page.locator("#photo img[src*='variant-02.png']").wait_for()
    page.wait_for_function("document.querySelector('#generate').disabled")
    page.wait_for_function(
        "!document.querySelector('#generate').disabled"
        " && document.querySelectorAll('#variants .thumbnail-item').length"
    )
    assert page.get_by_label("number input for How different?").input_value() == "0.5"
