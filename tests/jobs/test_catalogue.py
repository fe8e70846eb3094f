"""The catalogue: a job is added by its record alone, and runs like any other."""

import dataclasses
from dataclasses import dataclass, field

import pytest
from PIL import Image

from facegen.batch import work
from facegen.batch.listing import walk
from facegen.batch.options import BatchOptions
from facegen.cli.main import main
from facegen.errors import OptionError
from facegen.jobs import catalogue
from facegen.jobs.job import Finished, Job, Picture, Source, frame
from facegen.options import (
    GenerateOptions,
    InvertOptions,
    Options,
    StyleOptions,
    VaryOptions,
    option,
)
from facegen.output.manifest import write_manifest
from facegen.types import Progress


@dataclass(frozen=True)
class Toy(Options):
    times: int = option(2, 1, 9, "how often")
    loud: bool = option(False, help="in capitals")
    invert: InvertOptions = field(default_factory=InvertOptions)


def toy(studio, sources, folder, options, more="none"):
    entries = []
    for index in range(1, options.times + 1):
        yield Progress("playing", index - 1, options.times)
        path = folder / f"toy-{index}.txt"
        path.write_text(more.upper() if options.loud else more)
        entries.append({"file": path.name})
        yield Picture(path, f"toy {index}", entry=entries[-1], index=index, count=options.times)
    manifest = frame("toy", studio, {"times": options.times}, variants=entries)
    write_manifest(folder, manifest)
    yield Finished(manifest, [folder / one["file"] for one in entries])


@pytest.fixture
def job(monkeypatch):
    made = Job("toy", "a toy", Toy, range(1, 3), lambda: toy, batch=True)
    monkeypatch.setitem(catalogue.JOBS, "toy", made)
    return made


def test_a_toy_job_runs_by_its_record(job, tiny_studio, astronaut, tmp_path):
    options = job.given({"times": 3, "steps": 7})
    assert options == Toy(3, invert=InvertOptions(7))
    sources = [Source(astronaut)]
    events = list(catalogue.run(tiny_studio, "toy", sources, tmp_path, options, more="words"))
    assert [one.done for one in events if isinstance(one, Progress)] == [0, 1, 2]
    done = events[-1]
    assert [path.read_text() for path in done.files] == ["words"] * 3
    assert done.manifest["job"] == "toy"
    assert done.manifest["model"]["name"] == tiny_studio.info.name
    assert (tmp_path / "manifest.json").is_file()


@pytest.fixture
def photo(astronaut, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(astronaut).save(folder / "photo.png")
    return folder / "photo.png"


def test_a_toy_job_is_a_command(job, tiny_studio, photo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("facegen.cli.jobs.load_studio", lambda arguments: tiny_studio)
    words = ["toy", str(photo), "--out", str(tmp_path / "out"), "--times", "3", "--steps", "5"]
    assert main([*words, "--loud"]) == 0
    said, complaint = capsys.readouterr()
    assert said == f"3 pictures in {tmp_path / 'out'}\n" and not complaint
    names = {path.name: path.read_text() for path in (tmp_path / "out").glob("*.txt")}
    assert names == {f"toy-{number}.txt": "NONE" for number in (1, 2, 3)}
    assert main([*words, "--overwrite", "--times", "1"]) == 0
    assert capsys.readouterr().out == f"1 picture in {tmp_path / 'out'}\n"
    assert main([*words, "--overwrite", "--times", "10"]) == 2
    assert "times is 10; it must lie between 1 and 9" in capsys.readouterr().err
    assert main(["toy", *[str(photo)] * 3, "--out", str(tmp_path / "more")]) == 2
    assert "3 given; toy takes 1 to 2 photos" in capsys.readouterr().err


def test_a_toy_job_runs_in_a_batch(job, tiny_studio, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(work, "studio_of", lambda model, device: tiny_studio)
    (item,) = walk(photo.parent)
    told = work.Work(photo.parent, tmp_path / "out", BatchOptions("toy"), "tiny")
    row = work.do(told, item)
    assert (row["status"], row["faces"], row["model"]) == ("done", 2, tiny_studio.info.name)
    names = ["manifest.json", "toy-1.txt", "toy-2.txt"]
    assert row["files"] == [f"pictures/photo.png/{name}" for name in names]


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_and_too_many_photos_are_refused(job, tiny_studio, astronaut, tmp_path, count):
    with pytest.raises(OptionError, match=f"{count} given; toy takes 1 to 2 photos"):
        list(job.run(tiny_studio, [Source(astronaut)] * count, tmp_path, Toy()))
    with pytest.raises(OptionError, match="job is 'toys'; there are: generate, random"):
        catalogue.find("toys")


def test_the_words_on_too_many_photos():
    for name, words in {
        "random": "1 given; random takes no photos",
        "align": "2 given; align takes 1 photo",
        "anonymise": "100,001 given; anonymise takes 1 to 100,000 photos",
    }.items():
        job = catalogue.find(name)
        with pytest.raises(OptionError, match=f"^{words}$"):
            job.check_photos(job.photos.stop)


def test_options_within_options_are_built_from_flat_names():
    job = catalogue.find("generate")
    built = job.given({"count": 3, "steps": 5, "label": True, "style": None, "blend": None})
    assert built == GenerateOptions(VaryOptions(count=3), InvertOptions(5), label=True)
    styled = job.given({"style": "cel", "blend": 0.5})
    assert styled.style == StyleOptions("cel", 0.5) and styled.vary == VaryOptions()
    owner, count = job.fields()["count"]
    assert owner is VaryOptions and count.metadata["range"] == (1, 16)
    assert list(job.fields()) == [
        "count", "strength", "seed", "noise_mode", "keep", "steps", "style", "blend", "overlay",
        "label", "background",
    ]  # fmt: skip
    assert job.fields()["style"][0] is StyleOptions
    with pytest.raises(OptionError, match="count is 17"):
        job.given({"count": 17})
    with pytest.raises(OptionError, match="generate has no option 'counts'"):
        job.given({"counts": 1})


@pytest.mark.parametrize("name", catalogue.JOBS)
def test_every_record_can_be_called(name):
    job = catalogue.find(name)
    assert job.load().__module__.startswith("facegen.jobs.")
    options = job.options()
    assert dataclasses.is_dataclass(options) and job.options.__dataclass_params__.frozen
    assert job.gpu_seconds(options, job.photos[-1]) > 0
    assert job.fields()
