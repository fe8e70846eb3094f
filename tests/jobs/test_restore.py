"""Restorations from end to end, on a miniature."""

import json

import numpy as np
import pytest

from facegen import images
from facegen.errors import NoFaceError, OptionError
from facegen.jobs.restore import Restored, RestoreDone, RestoreRun, Restoring, Seen, Spoilt, restore
from facegen.latent.restore.options import RestoreOptions
from facegen.output import provenance
from facegen.output.manifest import MANIFEST

QUICK = RestoreRun(RestoreOptions("small", count=2, steps=3))


def test_two_faces_that_a_small_picture_could_be(tiny_studio, astronaut, tmp_path):
    small = images.resize(np.ascontiguousarray(astronaut[:256, 100:356]), 16)
    *events, done = restore(tiny_studio, Spoilt(small, "c" * 64), tmp_path, QUICK)
    assert isinstance(done, RestoreDone)
    (seen,) = (event for event in events if isinstance(event, Seen))
    assert seen.damage.kind == "small"
    made = [event for event in events if isinstance(event, Restored)]
    assert [one.path.name for one in made] == ["restored-01.png", "restored-02.png"]
    assert not np.array_equal(made[0].pixels, made[1].pixels)
    assert len([event for event in events if isinstance(event, Restoring)]) == 6
    told = json.loads((tmp_path / MANIFEST).read_text())
    assert told["says"].startswith("one of many faces")
    assert all({"consistency", "agrees", "agrees_below"} <= set(one) for one in told["variants"])
    assert b"c" * 64 not in made[0].path.read_bytes()
    assert provenance.read(made[0].path)["synthetic"]


def test_a_mask_says_where_holes_are(tiny_studio, astronaut, tmp_path):
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[90:130, 200:250] = 255
    photo = Spoilt(astronaut, "c" * 64, mask)
    options = RestoreRun(RestoreOptions(count=1, steps=3))
    *_, done = restore(tiny_studio, photo, tmp_path, options)
    assert done.manifest["damage"]["kind"] == "holes"
    assert 0 < done.manifest["damage"]["hidden_share"] < 0.5


def test_what_was_seen_around_a_hole_is_kept(tiny_studio, astronaut, tmp_path):
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[90:130, 200:250] = 255
    options = RestoreRun(RestoreOptions(count=1, steps=3))
    events = list(restore(tiny_studio, Spoilt(astronaut, "c" * 64, mask), tmp_path, options))
    (seen,) = (event for event in events if isinstance(event, Seen))
    (made,) = (event for event in events if isinstance(event, Restored))
    known = seen.known.numpy()[0, 0] > 0
    off = np.abs(made.pixels.astype(int) - seen.aligned.pixels).max(axis=2)
    assert off[known].max() <= 1 and off[~known].max() > 10
    assert made.agrees


def test_beyond_the_photos_edge_nothing_was_seen(tiny_studio, astronaut, tmp_path):
    cut = np.ascontiguousarray(astronaut[40:])  # into the hair
    *events, done = restore(tiny_studio, Spoilt(cut, "c" * 64), tmp_path, QUICK)
    (seen,) = (event for event in events if isinstance(event, Seen))
    assert seen.damage.kind == "small" and not seen.spoilt
    assert 0.02 < done.manifest["damage"]["hidden_share"] < 0.4
    assert not seen.known[0, 0, 0].any() and seen.known[0, 0, -1].all()


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_of_nothing_or_everything_is_refused(tiny_studio, astronaut, tmp_path, value):
    mask = np.full(astronaut.shape[:2], value, np.uint8)
    with pytest.raises(OptionError, match="the mask hides"):
        list(restore(tiny_studio, Spoilt(astronaut, "c" * 64, mask), tmp_path, QUICK))


def test_holes_without_a_mask_and_a_picture_without_a_face(tiny_studio, astronaut, tmp_path):
    holes = RestoreRun(RestoreOptions(damage="holes"))
    with pytest.raises(OptionError, match="there is no mask"):
        list(restore(tiny_studio, Spoilt(astronaut, "c" * 64), tmp_path, holes))
    grey = np.full((40, 90, 3), 128, np.uint8)
    with pytest.raises(NoFaceError, match="too long to be one alone"):
        list(restore(tiny_studio, Spoilt(grey, "c" * 64), tmp_path, QUICK))
