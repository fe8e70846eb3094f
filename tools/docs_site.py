"""A hook of MkDocs, so that docs/*.md work both on a site and as plain files in the repository.

Links from docs/ to files beside it (the code, the cards of weights, CHANGELOG.md) have no page on
the site: they become the file's name, after a look that it is there. `<!-- api: facegen.NAME -->`,
which no reader of a plain file sees, becomes mkdocstrings' page of that name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_API = re.compile(r"<!-- api: ([\w.]+)(?: members: ([\w, ]+))? -->")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Change a page's text before it is rendered. Raises FileNotFoundError for a dead link."""
    source = Path(page.file.abs_src_path)
    docs = Path(config["docs_dir"])

    def outside(found: re.Match[str]) -> str:
        words, target, _ = found.groups()
        path = (source.parent / target).resolve()
        if path.is_relative_to(docs):
            return found[0]
        if not path.exists():
            raise FileNotFoundError(f"{source.name} links to {target}, which is not there")
        name = path.relative_to(ROOT).as_posix()
        return words if words.strip("`") in (name, path.name) else f"{words} (`{name}`)"

    def api(found: re.Match[str]) -> str:
        members = [one.strip() for one in (found[2] or "").split(",") if one.strip()]
        options = "\n    options:\n      members: " + str(members) if members else ""
        return f"::: {found[1]}{options}"

    return _API.sub(api, _LINK.sub(outside, markdown))
