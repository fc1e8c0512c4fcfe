"""Pages: one set of templates with one stylesheet. Everything put into them is escaped, nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # only where a page is made

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["unbroken"] = unbroken
    return made


def unbroken(text: str) -> str:
    """Return a text whose numbers stay on the line of their unit."""
    return re.sub(r"(?<=\d) (?=(?:%|d|h|min|ms|x)(?!\w))", "\u00a0", text)


def rendered(name: str, values: Mapping[str, Any]) -> str:
    """Return the page of a template and its values; what is ``drawn`` is SVG already, all else is escaped."""
    return _environment().get_template(name).render(values)


def drawn(svg: str) -> Any:
    """Return a chart of ``reports.charts`` as what a template may put in as it is."""
    from markupsafe import Markup

    return Markup(svg)


__all__ = ["drawn", "rendered", "unbroken"]
