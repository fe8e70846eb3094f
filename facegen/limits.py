"""Every limit by which faces are judged: one person or two, like the photo or not, natural or not.

A limit stands here with its unit and where it comes from; the modules that measure import it. What
a user may choose is in options/; limits of files and memory are with what they protect.
"""

from __future__ import annotations

# --- One person or two: distances of recognisers (measure/identity/) -----------------------
DLIB_SAME = 0.6  # Euclidean, below it one person: the network was trained for it
SFACE_SAME = 0.45  # 1 - cosine: about 1 in 1,000 pairs of strangers lie below (docs/evaluation.md)
DIFFERENT = 1.04  # times a recogniser's threshold, from which a new face is somebody else
NEAR = 0.9  # times the threshold: a code so near to another's is not worth a correction
DECOYS_NEARER = (0.02, 0.10)  # share of decoys nearer than the photo at strength 0.5 and 0.75
LIKE = (8.0, 25.0, 12.5)  # years; of gender presentation; of skin: a decoy who is like the photo
LEAST_LIKE = 3  # of those decoys, that have to be nearer
# Per cent of pairs of strangers who are nearer: below, two faces are one person. Two people in one
# photo are seldom one (a mirror, a poster, a collage), and siblings are alike.
BETWEEN_PHOTOS, IN_ONE_PHOTO, SIBLINGS = 1.0, 0.1, 0.1

# --- Like the photo (measure/keeping.py, measure/structure.py) -----------------------------
KEPT_NME, KEPT_ANGLE = 0.08, 8.0  # of the eyes' distance; degrees: the structure counts as kept
# Attributes, in the units of measure/attributes.py: about twice what the rater itself misses.
# Gender presentation may move farther on its own side of the middle.
KEPT_ATTRIBUTES = {"age": 10.0, "gender": 15.0, "skin": 12.5}
MIDDLE_GENDER = 50.0
CLEAR_GENDER = 8.0  # from the middle: what a rater misses
# The most by which a trait may differ; openings over the distance between the eyes' outer corners
# or an eye's width, about half the spread of the models' own samples.
TRAITS = {
    "yaw": KEPT_ANGLE, "pitch": KEPT_ANGLE, "roll": KEPT_ANGLE,
    "mouth": 0.11, "smile": 0.14, "eyes": 0.11,
    "age": KEPT_ATTRIBUTES["age"], "skin": KEPT_ATTRIBUTES["skin"],
}  # fmt: skip
GAZE = 0.28  # rad: 0.2, and what two looks at one gaze differ by (measure/gaze.py ERROR)
AGE_BANDS = (3, 13, 25, 55)  # years where the age bands begin, after the babies
BAND_SLACK = (0.7, 0.1)  # years, and of the edge's own: an age so near to it is on either side
BEARD = 3.0  # log odds, of a photo: stubble has up to as many, a clean chin as many below 0
STUBBLE = 3.0  # log odds of a beard: the most off a photo that shows it unclearly
LIGHT = 0.35  # of a face's brightness, by which the light may fall otherwise

# --- Whole and natural (measure/kinds.py) --------------------------------------------------
SURE = 1.0  # log odds from which a classifier of measure/kinds.py is believed
# Log odds beyond the middle that are asked of a new face, since who is chosen of many is not
# anybody: clean pictures have -5 of clutter, bare eyes -6 of glasses.
KINDS = {"clutter": SURE, "child": SURE / 2, "glasses": 3 * SURE}

# A side of a crop in the photo's pixels: with fewer, the limits are wider, MOST_ROOM times at most.
SHARP, MOST_ROOM = 140, 3.0

# --- Pasted into a photo (whole_photo/replace.py) ------------------------------------------
BARE = 0.92  # the share of a face around its features that has to be skin
PASTED_LIGHT = 0.3  # of a face's brightness, by which a stranger's light may fall otherwise
PASTED_UNEVEN = 0.12  # likewise once it is pasted
TONED = 2.5  # times the limit of skin, before a new face is given the photo's tone
PASTED_WORSE = 2.5  # of naturalness, by which a face may seem less natural than the photo's own
DARK_FACE, LIT_FACE = 70.0, 140.0  # of 255: a face darker than the one is looked at like the other
PASTED = 1.3  # times the limits above: hair and chin are the photo's own

# --- One person in many pictures (latent/persona.py) ---------------------------------------
AGED = 1.3  # times the threshold: at another age somebody is less like themselves
CLEAN, LOVELY = 3.0, 4.5  # log odds of no clutter, naturalness, which most clean samples have
SURELY_NATURAL = 1.0  # of a person's other pictures
A_CHILD = 2.0  # log odds from which a picture is surely of a child, or surely not
MOVED = {"yaw": 8.0, "pitch": 5.0, "age": 7.0}  # degrees and years off what was asked
