"""The screens' colours."""

from __future__ import annotations

from textual.theme import Theme

LABEL = "#8b949e"
"""The colour of what only names a figure."""

THEME = Theme(
    name="tradebot",
    primary="#58a6ff",
    secondary="#8b949e",
    success="#3fb950",
    warning="#e3b341",
    error="#ff6161",
    accent="#58a6ff",
    foreground="#d6dde6",
    background="#0d1117",
    surface="#161b22",
    panel="#1c2330",
)
