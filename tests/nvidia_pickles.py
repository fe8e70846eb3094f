"""Pickles as NVIDIA's training code writes them, in miniature and without any of that code.

The classes and the function that such a pickle names do not exist here. While one is written,
inert things of these names stand in `sys.modules`, so that pickle can refer to them.
"""

import contextlib
import pickle
import sys
import types
from collections import OrderedDict
from pathlib import Path

import golden
import numpy as np
import torch

SOURCE = "import os\nos.system('touch owned')\nraise SystemExit('the source was run')\n"


class EasyDict(dict):
    pass


class Module:
    """Pickles as a persistent object: one call with its metadata."""

    def __init__(self, class_name: str, state: dict):
        self.meta = EasyDict(
            type="class",
            version=6,
            module_src=SOURCE,
            class_name=class_name,
            state=state,
        )

    def __reduce__(self):
        return _reconstruct_persistent_obj, (self.meta,)


def _reconstruct_persistent_obj(meta):
    raise AssertionError("only a loader of NVIDIA's would call this")


@contextlib.contextmanager
def _stand_ins():
    persistence = types.ModuleType("torch_utils.persistence")
    util = types.ModuleType("dnnlib.util")
    for module, thing in ((persistence, _reconstruct_persistent_obj), (util, EasyDict)):
        thing.__module__ = module.__name__
        setattr(module, thing.__name__, thing)
    added = {"torch_utils": types.ModuleType("torch_utils"), "dnnlib": types.ModuleType("dnnlib")}
    added |= {"torch_utils.persistence": persistence, "dnnlib.util": util}
    before = dict(sys.modules)
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name)
            if name in before:
                sys.modules[name] = before[name]


def dump(path: Path, content: dict, protocol: int = 4) -> Path:
    with _stand_ins():
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def module_tree(state: dict[str, torch.Tensor], buffers: tuple[str, ...], class_name: str, init):
    """Modules within modules, from the flat names of a state dict."""
    own, below = {}, {}
    for key, value in state.items():
        first, _, rest = key.partition(".")
        if rest:
            below.setdefault(first, {})[rest] = value
        else:
            own[first] = value
    parameters = {k: torch.nn.Parameter(v) for k, v in own.items() if k not in buffers}
    return Module(
        class_name,
        {
            "training": False,
            "_parameters": OrderedDict(parameters),
            "_buffers": OrderedDict((k, v) for k, v in own.items() if k in buffers),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict(
                (k, module_tree(v, buffers, "SynthesisLayer", {})) for k, v in below.items()
            ),
            "_init_args": (),
            "_init_kwargs": EasyDict(init),
            "in_size": np.array([4, 4]),  # numpy arrays lie about in such objects
            "gain": np.float32(1.5),
        },
    )


BUFFERS = ("resample_filter", "noise_const", "w_avg")


def state_of(name: str) -> dict[str, torch.Tensor]:
    """The golden state dict with its FIR filters, which the format carries."""
    state = golden.state_dict(name)
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    for entry in golden.load(name)[1]:
        if entry["fill"] is None:
            state[entry["key"]] = torch.outer(taps, taps) / 64
    return state


def network(name: str = "stylegan2_nvidia_64", changes=None, class_name="Generator", **init):
    config = golden.load(name)[0]
    made_with = {
        "z_dim": config["z_dim"],
        "c_dim": 0,
        "w_dim": config["w_dim"],
        "img_resolution": config["resolution"],
        "img_channels": 3,
        "mapping_kwargs": EasyDict(num_layers=config["mapping_layers"]),
        "synthesis_kwargs": EasyDict(
            channel_base=config["channel_base"], channel_max=config["channel_max"]
        ),
    }
    return module_tree(state_of(name) | (changes or {}), BUFFERS, class_name, made_with | init)


def file(
    path: Path, protocol: int = 4, data: dict | None = None, recogniser: dict | None = None, **more
) -> Path:
    """{"G", "D", "G_ema", "training_set_kwargs", "augment_pipe"}, as in the released files."""
    generator = network(**more)
    other = module_tree(recogniser or {"b4.out.weight": torch.zeros(1, 4)}, (), "Discriminator", {})
    content = {
        "G": generator,
        "D": other,
        "G_ema": generator,
        "training_set_kwargs": EasyDict(data or {"class_name": "ImageFolderDataset"}),
        "augment_pipe": module_tree({"p": torch.ones([])}, ("p",), "AugmentPipe", {}),
    }
    return dump(path, content, protocol)
