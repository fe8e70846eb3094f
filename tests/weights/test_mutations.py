"""Files with a few bytes changed: they load to the same numbers, or they are refused.

The zip of torch carries a CRC for each part and our own format a sum over all numbers, so there a
change never goes unnoticed. NVIDIA's pickles and torch's older format carry no sum: a changed
number can only be noticed by the file's sha256. There the promise is that whatever loads is a
whole, finite network, and that nothing in the file is run.
"""

import contextlib
import functools
import tempfile
from pathlib import Path

import checkpoint_files
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from facegen import models, weights
from facegen.errors import WeightsError

CPU = torch.device("cpu")


@functools.cache
def original(kind: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return checkpoint_files.tiny(kind, Path(folder) / "model.bin").read_bytes()


def tensors(path: Path) -> dict[str, torch.Tensor]:
    model = models.load_face_model(str(path), CPU)
    found = dict(model.generator.state_dict())
    if model.encoder is not None:
        found |= {f"encoder.{k}": v for k, v in model.encoder.state_dict().items()}
    return found


@functools.cache
def expected(kind: str) -> dict[str, torch.Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.bin"
        path.write_bytes(original(kind))
        return tensors(path)


change = st.tuples(
    st.sampled_from(["flip", "set", "cut", "drop", "insert", "swap"]),
    st.integers(0, 2**20),
    st.integers(0, 255),
)


def mutated(body: bytes, changes) -> bytes:
    body = bytearray(body)
    for what, where, value in changes:
        at = where % max(len(body), 1)
        if what == "flip":
            body[at : at + 1] = bytes([body[at] ^ (1 << value % 8)]) if body else b""
        elif what == "set":
            body[at : at + 1] = bytes([value])
        elif what == "cut":
            del body[at:]
        elif what == "drop":
            del body[at : at + value]
        elif what == "insert":
            body[at:at] = bytes([value]) * (1 + value % 9)
        else:
            other = (at * 7919) % max(len(body), 1)
            body[at : at + 8], body[other : other + 8] = body[other : other + 8], body[at : at + 8]
    return bytes(body)


# Half of the changes fall into the first or last kilobyte, where headers and indexes are.
changes = st.lists(change, min_size=1, max_size=3)
near_the_ends = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "drop", "insert"]),
        st.integers(0, 2000).map(lambda n: n if n < 1000 else -(n - 999)),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=3,
)
QUICK = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "model.bin"


@pytest.mark.parametrize("kind", ["zip", "ours"])
@example(changes=[("flip", 184, 0)])  # the header no longer tells of the encoder
@QUICK
@given(changes=st.one_of(changes, near_the_ends))
def test_the_same_numbers_or_a_refusal(kind, path, changes):
    path.write_bytes(mutated(original(kind), changes))
    try:
        found = tensors(path)
    except WeightsError as error:
        assert "model.bin" in str(error) and "\n" not in str(error)
        return
    for key, value in expected(kind).items():
        assert torch.equal(found[key], value), key


@pytest.mark.parametrize("kind", ["nvidia", "legacy"])
@QUICK
@given(changes=st.one_of(changes, near_the_ends))
def test_without_a_sum_a_whole_network_or_a_refusal(kind, path, changes):
    body = mutated(original(kind), changes)
    path.write_bytes(body)
    try:
        found = tensors(path)
    except WeightsError as error:
        assert "model.bin" in str(error) and "\n" not in str(error)
    else:
        assert {k: v.shape for k, v in found.items()} == {
            k: v.shape for k, v in expected(kind).items()
        }
        assert all(torch.isfinite(v).all() for v in found.values())
    finally:
        assert [one.name for one in path.parent.iterdir()] == ["model.bin"]


@pytest.mark.parametrize("kind", ["zip", "legacy", "nvidia", "ours"])
@QUICK
@given(changes=st.one_of(changes, near_the_ends))
def test_with_a_known_sha256_every_change_is_refused(kind, path, changes):
    body = mutated(original(kind), changes)
    path.write_bytes(original(kind))
    sha256 = weights.fingerprint(path).sha256
    path.write_bytes(body)
    refused = pytest.raises(WeightsError, match="expected was") if body != original(kind) else None
    with refused or contextlib.nullcontext():
        weights.read(path, sha256)


state_changes = st.lists(
    st.tuples(
        st.sampled_from(["drop", "rename", "shape", "nan", "type", "extra", "swap", "expand"]),
        st.integers(0, 1000),
    ),
    min_size=0,
    max_size=2,
)


@QUICK
@given(todo=state_changes)
def test_a_changed_state_dict_is_refused(path, todo):
    state = checkpoint_files.to_community(checkpoint_files.tiny_generator())
    same = {key: value.clone() for key, value in state.items()}
    for what, where in todo:
        key = sorted(state)[where % len(state)]
        value = state[key]
        if isinstance(value, list):  # no tensor any more: an earlier change saw to that
            continue
        if what == "drop":
            del state[key]
        elif what == "rename":
            state[f"{key}x"] = state.pop(key)
        elif what == "shape":
            state[key] = torch.zeros(*value.shape, 2)
        elif what == "nan":
            state[key] = torch.full(value.shape, torch.nan)
        elif what == "type":
            state[key] = value.to(torch.int32)
        elif what == "extra":
            state[f"extra{where}"] = torch.zeros(1)
        elif what == "swap":
            state[key] = [value]
        else:
            state[key] = torch.zeros(1).expand(value.shape)
    torch.save({"g_ema": state, "latent_avg": torch.ones(8)}, path)
    unchanged = state.keys() == same.keys() and all(
        isinstance(state[k], torch.Tensor)
        and state[k].dtype == same[k].dtype
        and torch.equal(state[k], same[k])
        and state[k].untyped_storage().nbytes() >= 4 * same[k].numel()
        for k in same
    )
    if unchanged:
        assert torch.equal(tensors(path)["mapping.w_avg"], torch.ones(8))
    else:
        with pytest.raises(WeightsError, match=r"model\.bin"):
            tensors(path)
