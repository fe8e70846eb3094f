"""Reports as one HTML file each, from the templates beside this module.

All content of a template is escaped: names of files and models come from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2


@dataclass(frozen=True)
class Figure:
    """source: a data URI."""

    source: str
    caption: str


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, title: str, **content: Any) -> str:
    """Render the template of that name with its content."""
    return _environment().get_template(template).render(title=title, **content)
