"""The options: every default, range, choice and word of the project, and no torch.

The command line, the page and the API read them from here and never repeat one.
"""

from ._field import (
    JSON,
    MAX_COUNT,
    MAX_FACES,
    MAX_SEED,
    Options,
    Spec,
    check_range,
    help_of,
    label_of,
    offered_of,
    option,
    parts,
    range_in_words,
    range_of,
    spec,
    table,
)
from .anonymise import RESTS, AlignOptions, AnonymiseOptions
from .edit import EditOptions, EditRun
from .evaluate import PROTOCOLS, STAGES, EvaluateOptions, ProtocolOptions, WalkOptions
from .generate import (
    ATTRIBUTES,
    DEVICES,
    DIFFERENT_FROM,
    KEEPABLE,
    NOISE_MODES,
    USUAL,
    GenerateOptions,
    InvertOptions,
    SampleOptions,
    SampleRun,
    StyleOptions,
    VaryOptions,
    check_device,
    check_keep,
    face_index,
    kept,
)
from .mix import ChildOptions, ChildRun, MixOptions, MixRun
from .persona import PersonaOptions, PersonaRun
from .restore import DAMAGES, RestoreOptions, RestoreRun

__all__ = [
    "ATTRIBUTES", "DAMAGES", "DEVICES", "DIFFERENT_FROM", "JSON", "KEEPABLE", "MAX_COUNT",
    "MAX_FACES", "MAX_SEED", "NOISE_MODES", "PROTOCOLS", "RESTS", "STAGES", "USUAL", "AlignOptions",
    "AnonymiseOptions", "ChildOptions", "ChildRun", "EditOptions", "EditRun", "EvaluateOptions",
    "GenerateOptions", "InvertOptions", "MixOptions", "MixRun", "Options", "PersonaOptions",
    "PersonaRun", "ProtocolOptions", "RestoreOptions", "RestoreRun", "SampleOptions", "SampleRun",
    "Spec", "StyleOptions", "VaryOptions", "WalkOptions", "check_device", "check_keep",
    "check_range", "face_index", "help_of", "kept", "label_of", "offered_of", "option", "parts",
    "range_in_words", "range_of", "spec", "table",
]  # fmt: skip
