import numpy as np
import pytest

from facegen.face import align
from facegen.face.detect import Detector


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector()


@pytest.fixture(scope="session")
def crop(detector, astronaut) -> np.ndarray:
    """The astronaut's FFHQ crop of 256 pixels."""
    return align.align(astronaut, detector.detect(astronaut)[0], 256)[0]
