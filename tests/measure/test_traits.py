"""What variants have to share, of one picture."""

import numpy as np

from facegen.measure import structure
from facegen.measure.identity.dlib_recogniser import DlibRecogniser
from facegen.measure.traits import NAMES, POSE, Traits, moved


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


def test_gender_presentation_is_to_be_clear_and_on_its_side():
    gender = NAMES.index("gender")

    def asked(before: float, now: float) -> float:
        first, second = np.zeros(len(NAMES)), np.zeros(len(NAMES))
        first[gender], second[gender], second[0] = before, now, 3.0
        found = moved(second, first)
        assert found[0] == 3.0
        return float(found[gender])

    assert asked(80, 60) == -20 and asked(80, 95) == 0
    assert asked(58, 58) == -12 and asked(58, 75) == 0, "as clear as 70"
    assert asked(30, 60) == 30 and asked(40, 45) == 15 and asked(40, 20) == 0
    assert asked(52, 60) == 8, "of whom nobody can tell stays as told"
