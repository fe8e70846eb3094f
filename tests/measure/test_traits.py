"""What variants have to share, of one picture."""

import numpy as np

from facegen.measure import structure
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.traits import NAMES, POSE, Traits


def test_pose_expression_gaze_and_attributes_of_a_crop(detector, crop):
    face = detector.landmarks_of_crop(crop)
    vector = DlibRecogniser().embed(crop, face)
    found = Traits(detector)(crop, vector)
    assert np.isnan(found[len(POSE) :]).all(), "nobody rates"
    np.testing.assert_allclose(found[:3], structure.pose(face.mesh), atol=1e-6)
    rated = Traits(detector, (DlibRecogniser(),))(crop, vector)
    assert not np.isnan(rated).any()
    np.testing.assert_array_equal(rated[: len(POSE)], found[: len(POSE)])


def test_mirrored_a_face_looks_the_other_way(detector, crop):
    traits = Traits(detector)
    there, here = traits.pose(crop), traits.pose(np.ascontiguousarray(crop[:, ::-1]))
    yaw, gaze = NAMES.index("yaw"), NAMES.index("gaze")
    assert abs(there[yaw] + here[yaw]) < 3 and abs(there[gaze] + here[gaze]) < 0.03


def test_no_face_is_nan(detector):
    blank = np.zeros((256, 256, 3), np.uint8)
    assert np.isnan(Traits(detector, (DlibRecogniser(),))(blank, None)).all()
