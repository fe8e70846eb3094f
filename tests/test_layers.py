"""A module imports only from the layers above its own, and only ui imports gradio."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "facegen"

LAYERS = [
    {"errors", "names", "process", "signals", "user_cache"},
    {"types"},
    {"images", "runtime", "landmarks", "sheets"},
    {
        "networks",
        "cuda_graphs",
        "dataset",
        "weights",
        "registry",
        "hub",
        "packages",
        "checkpoints",
        "provenance",
        "outputs",
    },
    {"models", "perceptual", "face_features", "portrait", "calibration"},
    {
        "detect",
        "align",
        "invert",
        "vary",
        "edit",
        "stylize",
        "identity",
        "sface",
        "structure",
        "dial",
        "directions",
        "diverse",
        "overlay",
    },
    {"likeness", "judges", "measured", "naturalness"},
    {"casting"},
    {"studio"},
    {"generate", "doctor", "evaluation", "prepare", "training"},
    {"commands", "ui"},
    {"cli"},
]
FREE = {"__init__", "__main__"}  # the package's two front doors
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
STAGES = LAYERS[5]


def unit(path: Path) -> str:
    """The module or subpackage of facegen that a file belongs to."""
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def _unit_or_package(name: str) -> str:
    """facegen.images.x -> images, numpy.linalg -> numpy."""
    parts = name.split(".")
    return parts[1] if parts[0] == "facegen" and len(parts) > 1 else parts[0]


def imports(path: Path) -> set[str]:
    """What a file imports: units of facegen by name, others by their top-level package."""
    return imports_of(path.read_text(encoding="utf-8"), len(path.relative_to(PACKAGE).parts))


def imports_of(source: str, depth: int) -> set[str]:
    """The same of a source text, so many folders below the package's top."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {_unit_or_package(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module] if node.module != "facegen" else []
            names += [f"facegen.{a.name}" for a in node.names] if not names else []
            found |= {_unit_or_package(name) for name in names}
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module.split(".")[0]] if node.module else [a.name for a in node.names]
            found |= {name for name in names if not name.startswith("__")}
    return found


FILES = sorted(p for p in PACKAGE.rglob("*.py") if unit(p) not in FREE)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_up_only(path):
    own = unit(path)
    assert own in LEVEL, f"{own} has no layer yet: give it one"
    for name in imports(path) & LEVEL.keys():
        if name == own:
            continue
        allowed = LEVEL[name] < LEVEL[own] or (LEVEL[name] == LEVEL[own] and own not in STAGES)
        assert allowed, f"{own} (layer {LEVEL[own]}) imports {name} (layer {LEVEL[name]})"


def test_absolute_imports_count_as_well():
    source = "import facegen.ui.page\nfrom facegen import studio\nfrom facegen.cli import main\n"
    assert imports_of(source, depth=1) == {"ui", "studio", "cli"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_ui_imports_gradio(path):
    assert unit(path) == "ui" or "gradio" not in imports(path)


def test_networks_touch_no_files():
    for path in (PACKAGE / "networks").glob("*.py"):
        assert not imports(path) & {"pathlib", "os", "io", "huggingface_hub", "safetensors"}
