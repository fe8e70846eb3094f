"""The large view of a face, and the ways from it to the tools, in a real browser."""

import io
import json
import zipfile
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from facegen.options import VaryOptions, label_of
from facegen.ui.texts.words import Page, Viewer

READY = (
    "!document.querySelector('#generate').disabled"
    " && document.querySelector('#all')?.disabled === false"
    " && document.querySelectorAll('#variants .thumbnail-item').length"
)
OPEN = "dialog.fg-viewer[open]"


def begin(page, photo) -> None:
    """Make two people of the photo."""
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#photo img").wait_for()
    sheet = page.locator(".fg-left .fg-sheet").locator("visible=true")
    if sheet.count():  # on a telephone
        sheet.click()
    page.locator(".fg-seed input:visible").fill("7")
    field = page.get_by_label(f"number input for {label_of(VaryOptions, 'count')}", exact=True)
    field = field.locator("visible=true")
    field.fill("2")
    field.press("Tab")
    page.keyboard.press("Escape")
    page.locator("#generate").click()
    page.wait_for_function(f"{READY} == 2")


def shown(page) -> str:
    """The name of the picture that is shown large."""
    return page.locator(f"{OPEN} [data-part=after]").get_attribute("src").rsplit("/", 1)[1]


def test_a_click_opens_a_face_and_the_keyboard_does_the_rest(visit, photo):
    page = visit()
    begin(page, photo)
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

    view.get_by_role("button", name=Viewer.tools["compare"]).click()
    page.wait_for_function("document.querySelector('[data-part=before]').naturalWidth > 0")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator("[data-part=stage]").evaluate("e => e.style.getPropertyValue('--at')") == (
        "55%"
    )
    page.keyboard.press("Home")
    after = _seen(page)
    page.keyboard.press("End")
    assert _seen(page) != after, "the divider uncovers the photo"
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


def _seen(page) -> bytes:
    return Image.open(io.BytesIO(page.locator("[data-part=stage]").screenshot())).tobytes()


def test_a_thumb_turns_the_faces_over(visit, photo):
    page = visit(390, has_touch=True)
    begin(page, photo)
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


def test_from_a_result_to_every_tool_without_a_file(visit, photo, server_folder):
    def files() -> set[Path]:
        return {path for path in server_folder.rglob("*") if path.is_file()}

    page = visit()
    before = files()
    begin(page, photo)

    def use(tool: str) -> None:
        page.get_by_role("tab", name=Page.from_photo).click()
        page.locator("#variants .thumbnail-item").nth(1).click()
        page.locator(OPEN).get_by_role("button", name=Viewer.tools[tool]).click()
        page.locator(OPEN).wait_for(state="detached")

    for slot in "ab":
        use("mix")
        page.locator(f"#mix-photo-{slot} img[src*='variant-02.png']").wait_for()
    use("edit")  # begins by itself
    page.locator("#edited img").nth(1).wait_for()
    smile = page.get_by_label("number input for Smile")
    smile.fill("0.5")
    smile.press("Tab")
    page.locator("#edit-use:not([disabled])").wait_for()
    page.locator("#edited .fg-open").click()  # and on from there
    page.locator(OPEN).get_by_role("button", name=Viewer.tools["mix"]).click()
    page.locator("#mix-photo-b img[src*='edited-']").wait_for()
    use("more")
    page.locator("#photo img[src*='variant-02.png']").wait_for()
    page.wait_for_function("document.querySelector('#generate').disabled")
    page.wait_for_function(READY)
    strength = page.get_by_label(f"number input for {label_of(VaryOptions, 'strength')}")
    assert strength.first.input_value() == "0.5"
    page.locator("#wipe").click()
    page.get_by_text("Deleted from the server").wait_for()
    assert not {path for path in files() - before if "log" not in path.name}


def test_somebody_else_takes_a_persons_place(visit, photo):
    """In the large view, on the card, in the history and in the ZIP."""
    page = visit()
    begin(page, photo)
    page.locator("#variants .thumbnail-item").first.click()
    page.locator(OPEN).get_by_role("button", name=Viewer.tools["again"]).click()
    page.wait_for_function(
        "!document.querySelector('[data-part=after]').src.endsWith('variant-01.png')"
    )
    new = shown(page)
    assert new.startswith("variant-01-")
    page.keyboard.press("Escape")
    page.wait_for_function(READY)
    cards = [one.get_attribute("src") for one in page.locator("#variants img").all()]
    assert [Path(card).name for card in cards] == [new, "variant-02.png"]
    page.locator(f"#history img[src*='{new}']").wait_for()
    with page.expect_download() as download:
        page.locator("#all").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {new, "variant-02.png"} <= set(archive.namelist())
        told = json.loads(archive.read("manifest.json"))
    assert [one["file"] for one in told["variants"]] == [new, "variant-02.png"]
    assert told["promise"] is None and "variant-01.png" not in archive.namelist()
