"""Files on their way from a browser: made smaller, or refused in the page's own words."""

import base64

import numpy as np
import pytest
from PIL import Image

from facegen.ui.texts.words import Edit, Page

LIMIT = 15 * 2**20
DROP = """([place, data, name, type]) => {
    const given = new DataTransfer(), bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    given.items.add(new File([bytes], name, {type}));
    const more = {bubbles: true, cancelable: true};
    place.dispatchEvent(new DragEvent('drop', {dataTransfer: given, ...more}));
}"""


def said(page, field: str):
    return page.locator(f".fg-tools[data-for='{field}'] p")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A photo of 20 MB, lying on its side, with the place where it was taken."""
    pixels = np.random.default_rng(0).integers(0, 256, (2400, 3200, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    path = tmp_path_factory.mktemp("large") / "beach.jpg"
    Image.fromarray(pixels).save(path, quality=100, subsampling=0, exif=exif)
    assert path.stat().st_size > LIMIT
    return path


@pytest.mark.parametrize("field", ["photo", "edit-photo"])
def test_a_large_photo_is_made_smaller_before_it_is_sent(visit, large, server_folder, field):
    page = visit()
    if field != "photo":
        page.get_by_role("tab", name=Page.edit).click()
    page.locator(f"#{field} input[type=file]").set_input_files(large)
    said(page, field).get_by_text("made it smaller: 2400 × 3200 pixels").wait_for()
    page.locator(f"#{field} img").wait_for()
    sent = next(server_folder.rglob("beach.jpg"))
    assert sent.stat().st_size < LIMIT
    with Image.open(sent) as picture:
        assert picture.size == (2400, 3200), "turned as the camera says"
        assert not picture.getexif()
    page.locator(f"#{field} [aria-label='Remove Image']").click()
    said(page, field).wait_for(state="hidden")


def test_a_photo_of_usual_size_is_sent_as_it_is(visit, photo, server_folder):
    page = visit()
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#photo img").wait_for()
    assert photo.read_bytes() in {path.read_bytes() for path in server_folder.rglob(photo.name)}
    assert not said(page, "photo").is_visible()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_what_is_dropped_or_pasted_goes_the_same_way(visit, how, photo):
    page = visit()
    data = base64.b64encode(photo.read_bytes()).decode()
    text = base64.b64encode(b"words").decode()
    place = page.locator("#photo button").first.element_handle()
    script = DROP if how == "drop" else DROP.replace(
        "DragEvent('drop', {dataTransfer", "ClipboardEvent('paste', {clipboardData")  # fmt: skip
    page.evaluate(script, [place, text, "notes.txt", "text/plain"])
    said(page, "photo").get_by_text("notes.txt is not a picture").wait_for()
    page.evaluate(script, [place, data, "face.png", "image/png"])
    page.locator("#photo img").wait_for()
    assert not said(page, "photo").is_visible()


@pytest.mark.parametrize(
    ("tab", "field", "name", "size", "words"),
    [
        (Page.from_photo, "photo", "notes.txt", 5, "notes.txt is not a picture"),
        (Page.from_photo, "photo", "scan.tif", 16, "The file has 16.0 MB, the limit is 15, and"),
        (Page.edit, "edit-photo", "notes.txt", 5, "notes.txt is not a picture"),
        (Page.mix, "mix-photo-b", "notes.txt", 5, "notes.txt is not a picture"),
        (Page.check, "check-file", "notes.txt", 5, "notes.txt is not a picture"),
        (Page.check, "check-file", "large.jpg", 16, "The file has 16.0 MB, the limit is 15;"),
        (Page.whole_photo, "many-zip", "notes.txt", 5, "notes.txt is not a ZIP"),
        (Page.whole_photo, "many-zip", "all.zip", 16, "The file has 16.0 MB, the limit is 15;"),
    ],
)
def test_what_cannot_be_used_is_said_where_the_file_would_be(
    visit, tmp_path, tab, field, name, size, words
):
    path = tmp_path / name
    path.write_bytes(b"x" * (size * 2**20 if size > 5 else size))
    page = visit()
    sent = []
    page.on("request", lambda request: "/upload" in request.url and sent.append(request.url))
    page.get_by_role("tab", name=tab).click()
    if field == "many-zip":
        page.locator("#many > button").click()
    page.locator(f"#{field} input[type=file]").set_input_files(path)
    said(page, field).get_by_text(words).wait_for()
    assert not sent and not page.locator("[data-testid=toast-body]").count()


def test_one_of_several_faces_is_edited(visit, two_faces):
    page = visit()
    page.get_by_role("tab", name=Page.edit).click()
    page.locator("#edit-photo input[type=file]").set_input_files(two_faces)
    faces = page.locator("#edit-faces .thumbnail-item")
    faces.nth(1).wait_for()
    page.get_by_text(Edit.ready).wait_for()
    first = page.locator("#edited img").first.get_attribute("src")
    faces.nth(1).click()
    page.wait_for_function(
        "was => (document.querySelector('#edited img')?.getAttribute('src') ?? was) != was",
        arg=first,
    )
    page.get_by_text(Edit.ready).wait_for()
    assert faces.count() == 2, "to choose again"
    page.locator("#wipe-edit").click()
    page.get_by_text("Deleted from the server: 1 photo and").wait_for()
    page.locator("#edit-faces").wait_for(state="hidden")
