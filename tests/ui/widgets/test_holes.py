"""What was painted over: decoded within the photo's limits, whatever a request names as a layer."""

import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")

import gradio as gr
from png_files import of_chunks

from facegen.errors import ImageError
from facegen.ui import api, page
from facegen.ui.server import model_pool
from facegen.ui.widgets import holes
from facegen.ui.widgets.photo_input import Photo


def sent(*paths):
    """As Gradio hands it on; what lies behind the paint does not even have to be there."""
    layers = [SimpleNamespace(path=str(path)) for path in paths]
    gone = SimpleNamespace(path="/nowhere.png")
    return SimpleNamespace(layers=layers, background=gone, composite=gone, id="known")


def layer(folder, name: str, box: tuple[int, int, int, int], size=(64, 48)):
    picture = Image.new("RGBA", size)
    picture.paste((255, 255, 255, 200), box)
    picture.save(folder / name)
    return folder / name


def test_layers_are_laid_over_each_other(tmp_path):
    one, two = layer(tmp_path, "1.png", (0, 0, 8, 8)), layer(tmp_path, "2.png", (10, 20, 20, 30))
    mask = holes.Holes().preprocess(sent(one, two))
    assert mask.shape == (48, 64) and mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
    assert mask[:8, :8].all() and mask[20:30, 10:20].all() and (mask > 0).sum() == 164
    assert holes.fitted(mask, (96, 128, 3)).shape == (96, 128)
    assert holes.Holes().preprocess(sent(layer(tmp_path, "3.png", (0, 0, 0, 0)))) is None
    assert holes.Holes().preprocess(None) is None and holes.Holes().preprocess(sent()) is None


@pytest.fixture
def bomb(tmp_path):
    """100 megapixels in a few kilobytes."""
    path = tmp_path / "bomb.png"
    rows = zlib.compress(bytes(10_000 * (10_000 // 8 + 1)), 9)
    head = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    path.write_bytes(of_chunks([(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]))
    assert path.stat().st_size < 20_000
    return path


def test_a_layer_is_refused_by_its_size_before_it_is_decoded(bomb, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    for count in (1, holes.MOST_LAYERS):
        answer = holes.Holes().preprocess(sent(*[bomb] * count))
        assert isinstance(answer, ImageError) and "100 megapixels" in str(answer)
        with pytest.raises(ImageError, match="100 megapixels"):
            holes.fitted(answer, (64, 64, 3))


def test_layers_have_a_number_a_size_and_a_file(tmp_path, monkeypatch):
    one, other = layer(tmp_path, "1.png", (0, 0, 8, 8)), layer(tmp_path, "2.png", (0, 0, 8, 8))
    many = holes.Holes().preprocess(sent(*[one] * (holes.MOST_LAYERS + 1)))
    assert "there are 5 painted layers, the limit is 4" in str(many)
    layer(tmp_path, "3.png", (0, 0, 8, 8), size=(64, 64))
    assert "differ in size" in str(holes.Holes().preprocess(sent(one, tmp_path / "3.png")))
    assert "paint again" in str(holes.Holes().preprocess(sent(tmp_path / "gone.png")))
    monkeypatch.setattr(holes, "MAX_MEGABYTES", 0)
    assert "MB, the limit is 0" in str(holes.Holes().preprocess(sent(other)))


def test_nobody_can_leave_pictures_in_the_editors_memory(tiny_studio):
    """Gradio's own editor takes them at an address of their own, in any number."""
    assert gr.ImageEditor.accept_blobs._is_server_fn
    demo = page.build(model_pool.Studios(tiny_studio))
    open_to_all = [
        (type(block).__name__, name)
        for block in demo.blocks.values()
        for name in dir(type(block))
        if getattr(getattr(type(block), name), "_is_server_fn", False)
    ]
    assert not open_to_all


def test_no_field_of_the_page_decodes_by_itself(tiny_studio):
    """Whatever takes a file is Facegen's own, or hands on a path and decodes nothing."""
    demo = page.build(model_pool.Studios(tiny_studio))
    asked = {type(field) for event in demo.fns.values() for field in event.inputs}
    plain = {
        gr.State, gr.Slider, gr.Number, gr.Dropdown, gr.Radio, gr.Checkbox, gr.CheckboxGroup,
        gr.Textbox, gr.Dataset, gr.File, api.Number,
    }  # fmt: skip
    assert asked - plain == {Photo, holes.Holes}
    assert all(
        field.type == "filepath"
        for event in demo.fns.values()
        for field in event.inputs
        if isinstance(field, gr.File)
    )
