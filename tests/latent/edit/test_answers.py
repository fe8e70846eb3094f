"""A face that answers less to a slider gets more of it."""

import numpy as np
import pytest
import torch

from facegen.latent.edit import answers
from facegen.latent.edit.directions import EditDirections
from facegen.options.edit import EditOptions

FACTS = {
    name: {"deviation": 0.5, "measure": 2.0}  # a slider's 1 is 2 in the measure's own unit
    for name in ("smile", "yaw", "mouth")
}
STEPS = {name: torch.eye(3)[i].expand(2, 3) for i, name in enumerate(FACTS)}
DIRECTIONS = EditDirections("made", STEPS, FACTS)
WS = torch.zeros(1, 2, 3)


def faces(*shares):
    """(draw, measure, calls): of a face that answers with these shares of what it is moved."""
    calls = []

    def draw(ws):
        calls.append(ws)
        return ws[0, 0].numpy()

    def measure(pixels):
        named = dict.fromkeys(answers.STEERED, 0.0)
        named.update(
            {
                name: 2.0 * share * float(value)
                for name, share, value in zip(STEPS, shares, pixels, strict=True)
            }
        )
        return named

    return draw, measure, calls


def gains(shares, known=None, **asked):
    draw, measure, calls = faces(*shares)
    found = answers.gains(WS, EditOptions(**asked), known or {}, DIRECTIONS, draw, measure)
    return found, calls


def test_what_is_reached_with_the_gain_is_what_was_asked():
    found, _ = gains((0.5, 0.4, 1.0), smile=0.5, yaw=-10)
    assert found == {("smile", True): pytest.approx(2), ("yaw", False): pytest.approx(2.5)}
    amounts = answers.strengthened(EditOptions(smile=0.5, yaw=-10), found)
    draw, measure, _ = faces(0.5, 0.4, 1.0)
    after = measure(draw(WS + DIRECTIONS.change_by(amounts)))
    reached = answers.moved_by(measure(draw(WS)), after, DIRECTIONS)
    assert reached["smile"] == pytest.approx(0.5) and reached["yaw"] == pytest.approx(-10)


def test_a_gain_has_its_limits():
    assert gains((0.1, 1, 1), smile=0.5)[0]["smile", True] == answers.MOST
    assert gains((1.7, 1, 1), smile=0.5)[0]["smile", True] == 1.0, "nobody is held back"
    assert gains((-0.5, 1, 1), smile=0.5)[0]["smile", True] == 1.0, "what cannot is not pushed"


def test_what_is_known_is_not_tried_again_and_what_cannot_be_measured_never():
    known, calls = gains((0.5, 1, 1), smile=0.5)
    assert len(calls) == 1 + answers.TRIES
    again, calls = gains((0.5, 1, 1), known, smile=0.2)
    assert again == known and not calls
    both, calls = gains((0.5, 1, 1), known, smile=-0.2, beard=0.3)
    assert set(both) == {("smile", True), ("smile", False)}


def test_a_face_that_is_not_seen_is_given_what_was_asked():
    draw = lambda ws: np.zeros(3)  # noqa: E731
    found = answers.gains(WS, EditOptions(smile=0.5), {}, DIRECTIONS, draw, lambda pixels: None)
    assert found == {("smile", True): 1.0}
    assert answers.strengthened(EditOptions(smile=0.5), found) == {"smile": 0.5}
