"""Consistent batches: one new face for one person, nothing written, never gone on with."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from facegen import Studio, images
from facegen.batch import run as batch
from facegen.batch.listing import Item, walk
from facegen.batch.options import BatchOptions
from facegen.batch.run import LOOKING, PEOPLE, Ended, Finished, run, sort
from facegen.batch.work import Work
from facegen.cli.main import main
from facegen.errors import OptionError, OutputError
from facegen.types import Progress
from facegen.whole_photo import consistent

OPTIONS = BatchOptions("anonymise", steps=0, consistent=True, workers=1)


@pytest.fixture(scope="module")
def source(tmp_path_factory, astronaut):
    """One person twice, in two folders; a picture without a face; no picture at all."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "deep").mkdir()
    face = Image.fromarray(astronaut[:300, 100:380])
    face.save(folder / "b.jpg")
    face.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((240, 257)).save(folder / "deep/a.png")
    Image.fromarray(np.full((80, 80, 3), 99, np.uint8)).save(folder / "grey.jpg")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return folder


class Here:
    """A pool that works in this process, the last one first."""

    def map(self, do, todo):
        for item, work in reversed(list(todo)):
            yield item, do(work, item)


def test_who_is_there_twice_has_one_stand_in_in_both_pictures(source, tmp_path, monkeypatch):
    sorting, events = sort(Here(), Work(source, tmp_path, OPTIONS, "bundled")), []
    while True:
        try:
            events.append(next(sorting))
        except StopIteration as end:
            places = end.value
            break
    assert events[0] == Progress(LOOKING, 0, 4) and events[-1] == Progress(PEOPLE, 1, 1)
    assert set(places) == {"b.jpg", "deep/a.png"}
    assert places["b.jpg"][1] is places["deep/a.png"][1]
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_gone_by_then_is_nobodys(source, tmp_path):
    """Its person is then replaced as anybody is."""
    work = Work(source, tmp_path, OPTIONS, "bundled")
    gone = Item("gone.jpg", 5, 5)
    assert batch.look(work, gone) == {}
    person = consistent.Person(1, (), consistent.Look(0, 1, 50.0, np.zeros((4, 2)), {}))
    assert batch.find(work, batch.Asked(1, person, gone)) == {}


def test_a_whole_batch_and_no_second_one_in_its_folder(source, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(consistent, "new_key", lambda: 1)
    out = tmp_path / "out"
    *events, ended = run(source, out, OPTIONS, "bundled")
    assert isinstance(ended, Ended)
    assert any(isinstance(event, Progress) and event.stage == PEOPLE for event in events)
    rows = {event.item.id: event.row for event in events if isinstance(event, Finished)}
    assert rows["grey.jpg"]["status"] == "no face" and rows["broken.png"]["status"] == "unreadable"
    assert {rows[name]["status"] for name in ("b.jpg", "deep/a.png")} <= {"done", "partly"}
    text = (out / "rows.jsonl").read_text() + (out / "job.json").read_text()
    assert "vector" not in text and '"key"' not in text
    assert len(pq.read_table(out / "manifest.parquet")) == 4

    studio = Studio.load("bundled", "cpu")
    first, second = (
        consistent.look_at(studio, 0, images.load(out / "pictures" / name))[0].vectors
        for name in ("b.jpg", "deep/a.png")
    )
    assert all(
        one.distance(first[one.name], second[one.name]) < 1.3 * one.threshold
        for one in studio.recognisers
    )
    with pytest.raises(OutputError, match="cannot be gone on with: the key"):
        list(run(source, out, OPTIONS, "bundled"))
    command = ["batch", str(source), "--out", str(out), "--job", "anonymise", "--consistent"]
    assert main([*command, "--model", "bundled"]) == 2
    assert "name a new folder" in capsys.readouterr().err


def test_only_for_anonymise_and_folders_of_before_go_on(source):
    with pytest.raises(OptionError, match="--consistent is for --job anonymise, not align"):
        BatchOptions("align", consistent=True)
    assert "consistent" not in BatchOptions("anonymise").told()
    assert OPTIONS.told()["consistent"] is True
    assert len(list(walk(source))) == 4
