"""Error-correcting code of the invisible mark: a number and its checksum as robust bits.

48 bits of payload and a CRC of 24 become 240 coded bits; `decode` recovers them from soft values.
The payload has no room for anything of a reference photo.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

VERSION = 1  # of the scheme: the payload's layout, the code and the pattern
VERSION_BITS, INSTALLATION_BITS, PICTURE_BITS, CRC_BITS = 4, 20, 24, 24
PAYLOAD_BITS = VERSION_BITS + INSTALLATION_BITS + PICTURE_BITS

# Convolutional code of rate 1/3 and constraint length 9, Proakis, Digital Communications, table
# 8.2-2; CRC-24 of OpenPGP, RFC 4880, section 6.1.
_GENERATORS = (0o557, 0o663, 0o711)
_MEMORY = 8
_STATES = 1 << _MEMORY
_CRC_INIT, _CRC_POLY = 0xB704CE, 0x1864CFB

CODED_BITS = len(_GENERATORS) * (PAYLOAD_BITS + CRC_BITS + _MEMORY)


@dataclass(frozen=True)
class Payload:
    """The mark's content. installation: whose Facegen, 20 bits. picture: which of its, 24 bits."""

    installation: int
    picture: int

    def __post_init__(self) -> None:
        assert 0 <= self.installation < 1 << INSTALLATION_BITS, self.installation
        assert 0 <= self.picture < 1 << PICTURE_BITS, self.picture

    @property
    def hex(self) -> str:
        """Return the 48 bits as 12 digits, the scheme's version first."""
        return f"{self.number:012x}"

    @property
    def number(self) -> int:
        above = VERSION << INSTALLATION_BITS | self.installation
        return above << PICTURE_BITS | self.picture


def encode(payload: Payload) -> np.ndarray:
    """Encode a payload: uint8 [CODED_BITS] of 0 and 1."""
    body = payload.number.to_bytes(PAYLOAD_BITS // 8, "big")
    whole = payload.number << CRC_BITS | crc24(body)
    length = PAYLOAD_BITS + CRC_BITS
    bits = [whole >> (length - 1 - i) & 1 for i in range(length)] + [0] * _MEMORY
    signs, state, coded = _outputs(), 0, []
    for bit in bits:
        coded.append(signs[bit, state] < 0)
        state = (bit << _MEMORY | state) >> 1
    return np.concatenate(coded).astype(np.uint8)


def decode(soft: np.ndarray) -> Payload | None:
    """Decode soft values, float [CODED_BITS], above 0 for a bit that is 0.

    None where the checksum does not fit; one random try in 2 ** 28 passes (CRC and version)."""
    bits = _viterbi(soft)
    whole = int("".join(map(str, bits)), 2)
    number, crc = whole >> CRC_BITS, whole & (1 << CRC_BITS) - 1
    if crc24(number.to_bytes(PAYLOAD_BITS // 8, "big")) != crc:
        return None
    if number >> INSTALLATION_BITS + PICTURE_BITS != VERSION:
        return None
    installation = number >> PICTURE_BITS & (1 << INSTALLATION_BITS) - 1
    return Payload(installation, number & (1 << PICTURE_BITS) - 1)


def crc24(data: bytes) -> int:
    register = _CRC_INIT
    for byte in data:
        register ^= byte << 16
        for _ in range(8):
            register <<= 1
            if register & 1 << CRC_BITS:
                register ^= _CRC_POLY
    return register


@functools.cache
def _outputs() -> np.ndarray:
    """Return the outputs for a bit in a state, float64 [2, states, 3], +1 for 0, -1 for 1."""
    states = np.arange(_STATES)
    signs = np.empty((2, _STATES, len(_GENERATORS)))
    for bit in (0, 1):
        register = bit << _MEMORY | states
        for column, generator in enumerate(_GENERATORS):
            tapped = register & generator
            parity = np.zeros_like(tapped)
            for shift in range(_MEMORY + 1):
                parity ^= tapped >> shift & 1
            signs[bit, :, column] = 1 - 2 * parity
    return signs


def _viterbi(soft: np.ndarray) -> np.ndarray:
    """Find the most likely bits, without the tail. Viterbi, IEEE Trans. Inf. Theory 13 (1967)."""
    steps = soft.reshape(-1, len(_GENERATORS))
    after = np.arange(_STATES)
    bit = after >> _MEMORY - 1  # the newest bit of a state; its two predecessors:
    even = (after << 1) & _STATES - 1
    odd = even | 1
    metric = np.full(_STATES, -np.inf)
    metric[0] = 0.0
    chosen = np.zeros((len(steps), _STATES), bool)
    for i, step in enumerate(steps):
        gain = _outputs() @ step
        from_even, from_odd = metric[even] + gain[bit, even], metric[odd] + gain[bit, odd]
        chosen[i] = from_odd > from_even
        metric = np.maximum(from_even, from_odd)
        if i >= len(steps) - _MEMORY:
            metric[bit == 1] = -np.inf  # the tail is all 0
    state, bits = 0, np.zeros(len(steps), np.uint8)
    for i in range(len(steps) - 1, -1, -1):
        bits[i] = bit[state]
        state = int((odd if chosen[i, state] else even)[state])
    return bits[:-_MEMORY]
