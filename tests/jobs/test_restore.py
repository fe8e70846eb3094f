"""Restorations from end to end, on a miniature."""

import json

import numpy as np
import pytest
import torch

from facegen import images
from facegen.errors import NoFaceError, OptionError
from facegen.face import align
from facegen.jobs.job import CROP, RESULT, Finished, Source
from facegen.jobs.restore import restore
from facegen.latent.restore import observe
from facegen.latent.restore.damage import Damage
from facegen.latent.restore.observe import Observed
from facegen.latent.restore.restorations import RESTORING
from facegen.options import RestoreRun
from facegen.options.restore import RestoreOptions
from facegen.output import provenance
from facegen.output.manifest import MANIFEST
from facegen.types import AlignedFace

QUICK = RestoreRun(RestoreOptions("small", count=2, steps=3))


def test_two_faces_that_a_small_picture_could_be(tiny_studio, astronaut, tmp_path):
    small = images.resize(np.ascontiguousarray(astronaut[:256, 100:356]), 16)
    *events, done = restore(tiny_studio, [Source(small, "c" * 64)], tmp_path, QUICK)
    assert isinstance(done, Finished)
    (seen,) = (one.payload for one in events if getattr(one, "kind", "") == CROP)
    assert seen.damage.kind == "small"
    made = [one for one in events if getattr(one, "kind", "") == RESULT]
    assert [one.path.name for one in made] == ["restored-01.png", "restored-02.png"]
    assert not np.array_equal(made[0].pixels, made[1].pixels)
    assert len([one for one in events if getattr(one, "stage", "") == RESTORING]) == 6
    told = json.loads((tmp_path / MANIFEST).read_text())
    assert told["says"].startswith("one of many faces")
    assert all({"consistency", "agrees", "agrees_below"} <= set(one) for one in told["variants"])
    assert b"c" * 64 not in made[0].path.read_bytes()
    assert provenance.read(made[0].path)["synthetic"]


def test_a_mask_says_where_holes_are(tiny_studio, astronaut, tmp_path):
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[90:130, 200:250] = 255
    photo = Source(astronaut, "c" * 64, mask=mask)
    options = RestoreRun(RestoreOptions(count=1, steps=3))
    *_, done = restore(tiny_studio, [photo], tmp_path, options)
    assert done.manifest["damage"]["kind"] == "holes"
    assert 0 < done.manifest["damage"]["hidden_share"] < 0.5


def test_around_holes_the_photos_own_pixels_count():
    aligned = AlignedFace(np.zeros((1024, 1024, 3), np.uint8), None)
    known = torch.ones(1, 1, 1024, 1024)
    known[..., :512] = 0
    small = observe.shrunken(known, 256)
    for kind, own, size in (("holes", 600, 600), ("holes", 2000, 1024), ("blur", 600, 256)):
        damage = Damage(kind, 256, known=small)
        seen = Observed(aligned, damage, True, own, known, aligned.pixels, True)
        finest = seen.finest()
        assert finest.size == size and finest.known.shape[-1] == size
        assert finest.known.mean() == pytest.approx(0.5, abs=0.01)


def test_what_was_seen_around_a_hole_is_kept(tiny_studio, astronaut, tmp_path):
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[90:130, 200:250] = 255
    options = RestoreRun(RestoreOptions(count=1, steps=3))
    events = list(restore(tiny_studio, [Source(astronaut, "c" * 64, mask=mask)], tmp_path, options))
    (seen,) = (one.payload for one in events if getattr(one, "kind", "") == CROP)
    (made,) = (one for one in events if getattr(one, "kind", "") == RESULT)
    known = seen.known.numpy()[0, 0] > 0
    off = np.abs(made.pixels.astype(int) - seen.whole).max(axis=2)
    assert off[known].max() <= 1 and off[~known].max() > 10
    assert made.entry["agrees"]


def test_beyond_the_photos_edge_nothing_was_seen(tiny_studio, astronaut, tmp_path):
    cut = np.ascontiguousarray(astronaut[40:])  # into the hair
    *events, done = restore(tiny_studio, [Source(cut, "c" * 64)], tmp_path, QUICK)
    (seen,) = (one.payload for one in events if getattr(one, "kind", "") == CROP)
    quad = seen.aligned.quad + np.array([0, 40])
    uncut = align.crop(astronaut, quad, tiny_studio.resolution, fade=False)
    known = seen.known[0, 0].numpy() > 0
    known[1:] &= known[:-1]  # but for the row whose filter reaches over the edge
    off = np.abs(seen.whole.astype(int) - uncut)[known]
    assert off.max() <= 8, "nothing is blurred beside it"
    assert 0.02 < done.manifest["damage"]["hidden_share"] < 0.4
    assert not seen.known[0, 0, 0].any() and seen.known[0, 0, -1].all()


def test_where_hardly_anything_of_a_face_is_seen_none_is_drawn(tiny_studio, astronaut, tmp_path):
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[36:184, 153:297] = 255  # the face, and nothing around it
    with pytest.raises(OptionError, match="10% must be seen"):
        list(restore(tiny_studio, [Source(astronaut, "c" * 64, mask=mask)], tmp_path, QUICK))


def test_a_thin_scratch_in_a_large_photo_is_not_lost(astronaut):
    mask = np.zeros((4000, 4000), np.uint8)
    mask[:, 2000] = 255
    quad = np.array([[0.0, 0.0], [0.0, 4000.0], [4000.0, 4000.0], [4000.0, 0.0]])
    hidden = align.crop(observe.widened(mask), quad, 1024, fade=False)
    known = observe.without(hidden)
    assert not known[:, 512].any() and known[:, 516].all()


def test_undamaged_pictures_are_told(tiny_studio, astronaut, tmp_path):
    options = RestoreRun(RestoreOptions(count=1, steps=3))
    (seen,) = (
        event.payload
        for event in restore(tiny_studio, [Source(astronaut, "c" * 64)], tmp_path, options)
        if getattr(event, "kind", "") == CROP
    )
    assert seen.damaged == (seen.damage.kind != "small")


@pytest.mark.parametrize("value", [0, 255])
def test_a_mask_of_nothing_or_everything_is_refused(tiny_studio, astronaut, tmp_path, value):
    mask = np.full(astronaut.shape[:2], value, np.uint8)
    with pytest.raises(OptionError, match="the mask hides"):
        list(restore(tiny_studio, [Source(astronaut, "c" * 64, mask=mask)], tmp_path, QUICK))


def test_holes_without_a_mask_and_a_picture_without_a_face(tiny_studio, astronaut, tmp_path):
    holes = RestoreRun(RestoreOptions(damage="holes"))
    with pytest.raises(OptionError, match="there is no mask"):
        list(restore(tiny_studio, [Source(astronaut, "c" * 64)], tmp_path, holes))
    grey = np.full((40, 90, 3), 128, np.uint8)
    with pytest.raises(NoFaceError, match="too long to be one alone"):
        list(restore(tiny_studio, [Source(grey, "c" * 64)], tmp_path, QUICK))
