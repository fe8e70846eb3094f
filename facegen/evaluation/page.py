"""The bones of a report: one HTML file that needs nothing beside it."""

from __future__ import annotations

import html
from collections.abc import Sequence

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;
color:#1c1917;background:#fafaf9}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;display:block;overflow-x:auto;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #e7e5e4}
th:first-child,td:first-child{text-align:left}
.plots{display:flex;flex-wrap:wrap;gap:1rem}.plots figure{margin:0;flex:1 1 420px}
figure{margin:0 0 1rem}img{max-width:100%;height:auto}figcaption{font-size:.85rem;color:#57534e}
img.sheet{width:100%;image-rendering:auto}
.met::before{content:'\\2713  ';color:#00796b}.missed::before{content:'\\2717  ';color:#b91c1c}
"""


def document(title: str, parts: Sequence[str]) -> str:
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{html.escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{html.escape(one)}</th>" for one in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(one)}</td>" for one in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def figure(source: str, caption: str, kind: str = "plot") -> str:
    words = html.escape(caption)
    return (
        f"<figure><img class='{kind}' src='{source}' alt='{words}'>"
        f"<figcaption>{words}</figcaption></figure>"
    )


def figures(ones: Sequence[str]) -> str:
    return f"<div class='plots'>{''.join(ones)}</div>"


def verdict(text: str, met: bool) -> str:
    return f"<li class='{'met' if met else 'missed'}'>{html.escape(text)}</li>"
