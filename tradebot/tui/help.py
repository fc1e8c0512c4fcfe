"""The Help view: every key, generated from the bindings themselves."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding

from tradebot.tui.bot import BotPage
from tradebot.tui.feed import View
from tradebot.tui.grid import Grid
from tradebot.tui.keys import Group, described
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line
from tradebot.tui.plots import PlotPage
from tradebot.tui.report import ReportPage

ABOUT = (
    "A dash is unknown, never zero. ▲ and ▼ go with the sign of a gain or loss. ♥ is the time since the",
    "engine's last sign of life. What you see is read from the journal: closing this screen with q stops",
    "the engine only where `tradebot paper` opened it; a headless one goes on.",
)


class HelpPage(Page):
    """Keys in groups."""

    mode = "help"

    def body(self) -> ComposeResult:
        """Yield the board."""
        yield Lines(id="keys")

    def tell(self, view: View) -> None:  # noqa: ARG002 - the keys are the same for all
        """Fill the board."""
        board = self.query_one("#keys", Lines)
        width = 2 if board.size.width >= 100 else 1
        board.show(help_lines(key_groups(self.app.BINDINGS), columns=width))
        board.can_focus = True
        if not board.has_focus and self.focused is None:
            board.focus()


def key_groups(everywhere: object) -> list[Group]:
    """Return the keys of the app (given), of tables and of the views that have their own."""
    assert isinstance(everywhere, list)
    apps = described([one for one in everywhere if isinstance(one, Binding)])
    return [
        ("Everywhere", apps),
        ("Tables", described([*Page.BINDINGS, *Grid.BINDINGS])),
        ("2 Plot", described(PlotPage.BINDINGS)),
        ("6 Bot", described(BotPage.BINDINGS)),
        ("9 Report", described(ReportPage.BINDINGS)),
    ]


def help_lines(groups: list[Group], columns: int) -> list[Line]:
    """Return the groups in one or two columns, then how to read the figures."""
    blocks = [_block(group) for group in groups]
    if columns == 1:
        body = [line for block in blocks for line in block]
    else:
        body = _beside(blocks[0], [line for block in blocks[1:] for line in block])
    return [*body, *(((text, "dim"),) for text in ABOUT)]


def _block(group: Group) -> list[Line]:
    title, keys = group
    rows: list[Line] = [((f"{key:>14}", "key"), (f"  {does}", "")) for key, does in keys]
    return [((title, "title"),), *rows, ()]


def _beside(left: list[Line], right: list[Line]) -> list[Line]:
    height = max(len(left), len(right))
    lines: list[Line] = []
    for n in range(height):
        first = left[n] if n < len(left) else ()
        used = sum(len(text) for text, _ in first)
        second = right[n] if n < len(right) else ()
        lines.append((*first, (" " * max(2, 58 - used), ""), *second))
    return lines
