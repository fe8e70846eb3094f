"""The run over a folder; what is kept of it; the report in a browser."""

import contextlib
import csv
import io
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from facegen.cli.main import main
from facegen.errors import DataError, OptionError
from facegen.evaluation import report as reports
from facegen.evaluation import store
from facegen.evaluation.metrics import Estimate
from facegen.evaluation.sources import references
from facegen.evaluation.store import Rows
from facegen.evaluation.variants import measure, settings
from facegen.evaluation.variants_report import bars_of, compared, pairs_of, summarise, write
from facegen.options import MAX_SEED, EvaluateOptions
from facegen.studio import Studio


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        references(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no pictures"):
        references(tmp_path)
    for name in ("0003.jpg", "0010.png", "notes.txt", "portrait.jpg", "²0.jpg"):
        (tmp_path / name).write_text("x")
    assert [p.name for p in references(tmp_path)] == [
        "0003.jpg", "0010.png", "portrait.jpg", "²0.jpg",
    ]  # fmt: skip
    assert [p.name for p in references(tmp_path, first=4)] == ["0010.png"]
    with pytest.raises(DataError, match=r"no pictures numbered 11 to the last; put some there: "):
        references(tmp_path, first=11)


def test_options_out_of_range_are_refused():
    for wrong in (
        {"variants": 0},
        {"strengths": (1.5,)},
        {"strengths": ()},
        {"samples": -1},
        {"seed": -1},
        {"first": -1},
        {"last": -1},
        {"first": 3, "last": 2},
    ):
        with pytest.raises(OptionError):
            EvaluateOptions(**wrong)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut):
    """One face, one broken file, one picture with no face."""
    folder = tmp_path_factory.mktemp("references")
    Image.fromarray(astronaut).save(folder / "a-face.png")
    (folder / "b-broken.jpg").write_text("no picture")
    Image.new("RGB", (300, 300), "grey").save(folder / "c-grey.png")
    return folder


@pytest.fixture(scope="module")
def report(folder, tmp_path_factory):
    """The whole command, on the bundled model."""
    out = tmp_path_factory.mktemp("report")
    arguments = ["evaluate", "--references", folder, "--out", out, "--model", "bundled"]
    arguments += ["--variants", 2, "--strength", 0.25, 1.0, "--samples", 6, "--device", "cpu"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main([str(one) for one in arguments]) == 0
    out.with_name("said.txt").write_text(said.getvalue())
    return out


def test_few_references_are_said_beside_the_bars(report):
    told = report.with_name("said.txt").read_text()
    assert "bar: " in told
    assert "note: 1 reference is few: one face more or less moves these shares by 1.00" in told


def test_broken_and_faceless_references_are_told_of(report):
    summary = json.loads((report / "report.json").read_text())
    assert summary["references"] == 1
    unusable = {one["name"]: one["why"] for one in summary["unusable"]}
    assert set(unusable) == {"b-broken.jpg", "c-grey.png"}
    assert "not a picture" in unusable["b-broken.jpg"]
    assert "no whole face" in unusable["c-grey.png"]


def test_the_numbers_hang_together(report):
    summary = json.loads((report / "report.json").read_text())
    rows = list(csv.DictReader((report / "report.csv").open()))
    for key in ("0.25", "1"):
        column = summary["strengths"][key]
        mine = [row for row in rows if row["strength"] == key]
        assert column["asked"] == 2 and column["made"] == len(mine)
        both = sum(row["different"] == "True" and row["kept"] == "True" for row in mine)
        assert column["both"] == both / 2
        distances = [float(row["dlib"]) for row in mine]
        assert column["identity"]["dlib"]["median"] == pytest.approx(np.median(distances), abs=1e-3)
    assert summary["samples"]["count"] == 6
    assert {"align", "invert", "variant at 1"} <= set(summary["seconds"])
    assert [bar["met"] for bar in summary["bars"]] == [
        bar["reached"] >= bar["wanted"] for bar in summary["bars"]
    ]


def column(**facts):
    """A strength's column in which nothing was measured but these."""
    return {"both": 1.0, "face": 1.0, "between": {}} | facts


def test_every_recogniser_has_a_bar():
    from types import SimpleNamespace

    dlib, other = (SimpleNamespace(name=name, threshold=0.6) for name in ("dlib", "other"))
    middle = Estimate(0.7, 0.6, 0.8, 9)
    found = column(between={"dlib": middle, "other": middle})
    for recognisers in ((dlib,), (dlib, other)):
        bars = bars_of(found, recognisers)
        assert [bar.name for bar in bars if "between" in bar.name] == [
            f"median distance between variants ({one.name})" for one in recognisers
        ]


def test_pairs_are_counted_by_what_all_recognisers_say():
    from types import SimpleNamespace

    recognisers = [SimpleNamespace(name=name, threshold=0.6) for name in ("dlib", "other")]

    def pairs(dlib, other):
        both = zip(dlib, other, strict=True)
        return [{k: d for k, d in (("dlib", a), ("other", b)) if d is not None} for a, b in both]

    measured = pairs((0.7, 0.5, 0.6), (0.8, 0.9, 0.7)) + pairs((0.1, 0.9, None), (0.2, 0.3, 0.9))
    expected = {"count": 6, "two": pytest.approx(2 / 6), "one": pytest.approx(1 / 6)}
    assert pairs_of(measured, recognisers) == expected
    assert pairs_of([], recognisers) is None and pairs_of(measured, ()) is None


def test_a_run_goes_on_where_it_was(report, folder, tiny_studio):
    """What was kept is read and not measured again; other options start anew."""
    before = {path.name for path in (report / "records").iterdir()}
    studio = Studio.load("bundled", "cpu")
    again = EvaluateOptions(2, (0.25, 1.0), 6)
    studio.invert = None  # would be a TypeError
    kept = list(measure(studio, folder, report, again))
    assert {path.name for path in (report / "records").iterdir()} == before
    assert len(kept) == 4 and kept[0].row("source")["pixels"].shape == (*[studio.resolution] * 2, 3)
    damaged = next(iter((report / "records").glob("random-*")))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    list(measure(studio, folder, report, again))
    assert damaged.stat().st_size > 100  # measured again
    done = []
    other = EvaluateOptions(2, (0.3,), 2)
    list(measure(tiny_studio, None, report, other, lambda *step: done.append(step)))
    assert done == [(0, 2), (1, 2), (2, 2), (2, 2)]
    assert len({path.name for path in (report / "records").iterdir()} - before) == 1


def test_records_of_another_encoder_are_not_taken(tiny_model):
    """Two models may differ in their encoders alone, as those of `train encoder` do."""
    encoders = (None, torch.nn.Linear(1, 1), torch.nn.Linear(1, 1))
    studios = [Studio(replace(tiny_model, encoder=one), torch.device("cpu")) for one in encoders]
    assert len({settings(studio, EvaluateOptions())["weights"] for studio in studios}) == 3


def test_what_is_gone_meanwhile_and_names_of_any_bytes_are_told_of(tmp_path, tiny_studio):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for name in (b"\xff-empty.jpg", b"a.jpg", b"b.jpg"):
        (folder / os.fsdecode(name)).touch()

    def progress(done, of):
        (folder / "b.jpg").unlink(missing_ok=True)

    options = EvaluateOptions(2)
    records = list(measure(tiny_studio, folder, out, options, progress))
    found = compared(tiny_studio, records, options)
    summary = summarise(tiny_studio, found, options)
    unusable = {one["name"] for one in summary["unusable"]}
    assert unusable == {"\\udcff-empty.jpg", "a.jpg", "b.jpg"}
    write(out, summary, found)
    assert "udcff-empty.jpg" in (out / "report.html").read_text()


def test_the_highest_seeds_go_on_from_zero(tmp_path, tiny_studio):
    options = EvaluateOptions(samples=2, seed=MAX_SEED)
    (record,) = measure(tiny_studio, None, tmp_path, options)
    assert len(record.names) == 2 and record.fields["mesh"].shape == (2, 478, 3)


def test_no_variant_at_all_misses_the_bars():
    bars = bars_of(column(both=0.0, face=None), ())
    assert [bar.reached for bar in bars] == [0, 0] and not any(bar.met for bar in bars)


@pytest.mark.parametrize("about", [["--aligned"], ["--first", "0"], ["--last", "0"]])
def test_what_is_about_references_needs_them(tmp_path, capsys, about):
    out = tmp_path / "out"
    assert main(["evaluate", "--samples", "2", *about, "--out", str(out)]) == 2
    assert "--references" in capsys.readouterr().err and not out.exists()


def test_a_model_that_is_not_there_leaves_no_folder(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["evaluate", "--samples", "2", "--model", str(tmp_path / "no.pt")]
    assert main([*arguments, "--out", str(out)]) == 2
    assert "there is no checkpoint file" in capsys.readouterr().err and not out.exists()


def test_the_report_needs_nothing_beside_it(report):
    html = (report / "report.html").read_text()
    assert not re.search(r"(src|href)=['\"](?!data:)", html)
    assert "<script" not in html


def test_the_report_shows_its_plots_without_a_network(report, browser):
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 800})
    view, asked, errors = context.new_page(), [], []
    view.on("request", lambda request: asked.append(request.url))
    view.on("console", lambda message: errors.append(message.text))
    view.goto((report / "report.html").as_uri())
    widths = view.evaluate("[...document.images].map(one => one.naturalWidth)")
    sideways = view.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    words = view.inner_text("body")
    context.close()
    assert len(widths) >= 7 and min(widths) > 100
    assert sideways == 0 and not errors
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert "b-broken.jpg" in words and "different and structure kept" in words


def test_words_from_outside_cannot_smuggle_html():
    found = {"model": "<b>", "sure": 0.5, "options": dict.fromkeys(
        ("walks", "steps", "step", "seed", "persistence"), 1)}  # fmt: skip
    figure = reports.Figure("'><b>", "<b>")
    page = reports.render(
        "walk.html", "<b>", words="<b>", found=found, figures=[figure], sheets=[figure],
        rows=[["<b>"]],
    )  # fmt: skip
    assert page.count("&lt;b&gt;") >= 8 and "<b>" not in page


def test_records_come_back_as_they_were(tmp_path):
    rows = {"a": {"mesh": np.ones((2, 3)), "detected": np.bool_(True)},
            "b": {"mesh": np.full((2, 3), np.nan), "detected": np.bool_(False)}}  # fmt: skip
    kept = Rows.of(rows, name="a.jpg", strengths={"0.5": {"passed_over": {"no face": 3}}})
    for name, record in enumerate((kept, Rows(facts={"name": "b.jpg", "why": "no face"}))):
        record.save(tmp_path / f"{name}.npz")
        back = store.load(tmp_path / f"{name}.npz")
        assert (back.names, back.facts) == (record.names, record.facts)
        assert back.fields.keys() == record.fields.keys()
    back = store.load(tmp_path / "0.npz")
    assert (
        back.row("a")["mesh"].tolist() == [[1, 1, 1]] * 2 and np.isnan(back.row("b")["mesh"]).all()
    )
    assert back.fields["detected"].dtype == bool and [r["detected"] for r in back.rows] == [1, 0]
    assert store.load(tmp_path / "nowhere.npz") is None


def test_records_of_an_earlier_version_are_said_and_not_read(tmp_path, capsys):
    folder = tmp_path / "records"
    folder.mkdir()
    facts = {"kind": "SamplesRecord", "seconds": 1.0}
    np.savez_compressed(folder / "samples-0123.npz", facts=np.array(json.dumps(facts)))
    assert store.load(folder / "samples-0123.npz") is None
    arguments = ["evaluate", "--samples", "2", "--out", str(tmp_path), "--device", "cpu"]
    assert main([*arguments, "--model", "bundled"]) == 0
    assert "records of an earlier version; they are not used" in capsys.readouterr().err
    assert json.loads((tmp_path / "report.json").read_text())["samples"]["count"] == 2


def test_a_plot_is_drawn():
    (figure,) = reports.histogram("caption", {"ones": [1.0, 1.1, 2.0]}, "value", {"line": 1.5})
    assert figure.source.startswith("data:image/svg+xml;base64,") and len(figure.source) > 2000
    assert reports.histogram("caption", {"none": []}, "value") == []
