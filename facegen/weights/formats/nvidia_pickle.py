"""NVIDIA's pickles of PyTorch networks, read without running anything that is in them.

Such a file is a plain pickle of a few networks. Each is one call,
`torch_utils.persistence._reconstruct_persistent_obj(meta)`, whose argument holds the *source code*
of the network's class beside its parameters; the original loader compiles and runs that code. Here
the call only makes a record of the argument, and the source is dropped unread.

A pickle can name any function of any module. This unpickler knows the few names below and gives for
each a small stand-in of its own, made anew for each file, so that not even the stand-ins can be
tampered with; every other name ends the reading.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import torch
from torch import Tensor

from ...errors import WeightsError
from .torch_zip import LEGACY

_MAX_DEPTH = 32  # modules within modules
_MAX_VISITS = 20_000  # of modules and dictionaries; a network of 1024 pixels has some hundreds
_SCALARS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}


@dataclass(frozen=True)
class Network:
    """One network of the file: the name of its class, its arguments, its state dict."""

    class_name: str
    config: Mapping[str, Any]
    state: Mapping[str, Tensor]


def read(path: Path, file: BinaryIO) -> tuple[dict[str, Any], dict[str, str]]:
    """Read (name -> Network, or a plain value; metadata). Raises WeightsError."""
    try:
        content = _Unpickler(file, path.name).load()
        if not isinstance(content, dict):
            raise WeightsError(
                f"{path.name} is a pickled {type(content).__name__}, not NVIDIA's dictionary of "
                "networks; get a .pt, .pkl or .safetensors of the network itself"
            )
        found = {_text(key): _plain(value) for key, value in content.items()}
        return found, {"file_format": "nvidia"}
    except WeightsError:
        raise
    except MemoryError as error:
        raise WeightsError(f"{path.name} asks for more memory than there is") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(
            f"{path.name} is a cut off or damaged pickle ({type(error).__name__}: {reason}); "
            "download it again"
        ) from error


# --- what a pickle may make --------------------------------------------------------------


class _Storage:
    """Numbers that are still a torch file in memory; only those of wanted networks are read."""

    def __init__(self, data: bytes):
        self.data = data

    def tensor(self) -> Tensor:
        if not isinstance(self.data, bytes) or not self.data.startswith(LEGACY):
            raise ValueError("a storage is not a torch file")
        storage = torch.load(io.BytesIO(self.data), map_location="cpu", weights_only=True)
        if not isinstance(storage, torch.storage.TypedStorage):
            raise ValueError("a storage without a type")
        # the public ways to its bytes warn that torch will drop typed storages one day
        return torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage)


@dataclass(frozen=True)
class _Rebuild:
    """A tensor still to be made: storage, offset, size, stride."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> Tensor:
        numbers = (self.offset, *self.size, *self.stride)
        if any(type(n) is not int or n < 0 for n in numbers) or len(self.size) != len(self.stride):
            raise ValueError("a tensor with an impossible shape")
        flat = self.storage.tensor()
        count = 1
        for n in self.size:
            count *= n
        if count > flat.numel():
            raise ValueError(f"a tensor of {count:,} numbers in a storage of {flat.numel():,}")
        return torch.as_strided(flat, self.size, self.stride, self.offset)  # checks the bounds


@dataclass(frozen=True)
class _Persistent:
    """The argument of NVIDIA's call; its source code is not kept."""

    class_name: str
    state: Any


class _Ignored:
    """A harmless object that no network here needs, such as a numpy array of sizes."""


def _text(value: Any) -> str:
    # Never str(value): lists within lists, each twice, can be written down shortly and are endless
    # in print.
    if not isinstance(value, str):
        raise ValueError("a name that is not text")
    return value


def _stand_ins() -> dict[tuple[str, str], Any]:
    """Make (module, name) -> the object a pickle gets for it, anew for each file."""

    class EasyDict(dict):
        """NVIDIA's dictionary with attributes; here a dictionary."""

    class Array(_Ignored):
        def __setstate__(self, state: object) -> None:
            pass

    def persistent(meta: Any) -> _Persistent:
        return _Persistent(_text(meta.get("class_name")), meta.get("state"))

    def parameter(data: Any, *_: object) -> Any:
        return data

    def tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: object) -> _Rebuild:
        if not isinstance(storage, _Storage):
            raise ValueError("a tensor without a storage")
        return _Rebuild(storage, offset, tuple(size), tuple(stride))

    def storage(data: Any) -> _Storage:
        return _Storage(data)

    def scalar(kind: Any, data: Any = None) -> Any:
        import numpy as np

        if not isinstance(kind, Kind) or kind.code not in _SCALARS or type(data) is not bytes:
            raise ValueError("a numpy scalar of an unknown type")
        return np.frombuffer(data, dtype=kind.code)[0].item()

    class Kind:
        def __init__(self, code: Any, *_: object) -> None:
            self.code = _text(code).lstrip("<>=|")

        def __setstate__(self, state: object) -> None:
            pass

    def array(*_: object) -> Array:
        return Array()

    known: dict[tuple[str, str], Any] = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): persistent,
        ("dnnlib.util", "EasyDict"): EasyDict,
        ("dnnlib", "EasyDict"): EasyDict,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_parameter"): parameter,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        ("torch._utils", "_rebuild_tensor"): tensor,
        ("torch.storage", "_load_from_bytes"): storage,
        ("torch", "Size"): tuple,
        ("numpy", "dtype"): Kind,
        ("numpy", "ndarray"): Array,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        known[module, "scalar"] = scalar
        known[module, "_reconstruct"] = array
    for module in ("builtins", "__builtin__"):
        known[module, "set"] = set
    for name in ("float16", "float32", "float64", "int64", "int32", "uint8", "bool"):
        known["torch", name] = f"torch.{name}"
    return known


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, name: str):
        super().__init__(file)
        self._name = name
        self._allowed = _stand_ins()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        if module.startswith("dnnlib.tflib"):
            raise WeightsError(
                f"{self._name} is a TensorFlow StyleGAN, which is not read; take NVIDIA's PyTorch "
                "pickle of the same network"
            )
        raise WeightsError(
            f"{self._name} names {module}.{name}, which is not part of a checkpoint and may be "
            "an attack; it was not run. Get the file from its publisher, or as safetensors"
        )

    def persistent_load(self, pid: object) -> NoReturn:
        raise WeightsError(f"{self._name} refers to something outside of itself; get it whole")


# --- from records to state dicts ---------------------------------------------------------


def _plain(value: Any) -> Any:
    """Convert to Network, or a dictionary of plain values; anything else is None."""
    if isinstance(value, _Persistent):
        state = value.state
        if not isinstance(state, Mapping):
            raise ValueError(f"the network {value.class_name} has no state")
        visits = _Visits()
        config = {**_config(state, visits), **_config(state.get("_init_kwargs"), visits)}
        return Network(value.class_name, config, _Lazy(dict(_walk(state, visits))))
    if isinstance(value, Mapping):
        return _config(value, _Visits())
    return value if isinstance(value, (str, int, float, bool)) else None


class _Visits:
    """Limits the walk: a small pickle may hold one thing in many places, and so on without end."""

    def __init__(self) -> None:
        self._left = _MAX_VISITS

    def count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it has more than {_MAX_VISITS:,} parts within parts")


def _config(value: Any, visits: _Visits, depth: int = 0) -> dict[str, Any]:
    """Collect the plain values of a dictionary, and of the dictionaries in it."""
    visits.count()
    if not isinstance(value, Mapping) or depth > 4:
        return {}
    found: dict[str, Any] = {}
    for key, one in value.items():
        if isinstance(one, (str, int, float, bool)) or one is None:
            found[_text(key)] = one
        elif isinstance(one, Mapping) and not _text(key).startswith("_"):
            found[_text(key)] = _config(one, visits, depth + 1)
    return found


def _walk(
    state: Any, visits: _Visits, prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, _Rebuild]]:
    """Yield (key, tensor to be made) of a module and all below, with torch's state dict names."""
    visits.count()
    if isinstance(state, _Persistent):
        state = state.state
    if not isinstance(state, Mapping) or depth > _MAX_DEPTH:
        raise ValueError(f"{prefix or 'the network'} is not a module")
    passing = state.get("_non_persistent_buffers_set") or ()
    for group in ("_parameters", "_buffers"):
        for name, value in (state.get(group) or {}).items():
            if isinstance(value, _Rebuild) and not (group == "_buffers" and name in passing):
                yield f"{prefix}{name}", value
    for name, module in (state.get("_modules") or {}).items():
        if module is not None:
            yield from _walk(module, visits, f"{prefix}{name}.", depth + 1)


class _Lazy(Mapping):
    """A state dict whose tensors are made on access."""

    def __init__(self, parts: dict[str, _Rebuild]):
        self._parts = parts

    def __getitem__(self, key: str) -> Tensor:
        return self._parts[key].tensor()

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)
