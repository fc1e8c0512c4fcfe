"""What must not be overlooked, in red under the status row: halted, hung, closing, no journal."""

from __future__ import annotations

from tradebot.journal.status import dead_words
from tradebot.tui.feed import View, since_text
from tradebot.tui.figures import clip
from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line

WAY_OUT = "No entries; exits and stops go on. 6 r resumes."
SHORT_WAY_OUT = "6 r resumes"


class Banner(Lines):
    """One line per alarm; it takes no room while there is none."""

    def __init__(self) -> None:
        super().__init__(classes="auto")

    def tell(self, view: View, wall: int, doing: str) -> None:
        """Show what is wrong at ``wall``; ``doing`` is what a kill key is doing, or its outcome."""
        width = self.app.size.width
        lines = banner_lines(view, wall, doing, width)
        self.display = bool(lines)
        self.show([_full(line, width) for line in lines])


def banner_lines(view: View, wall: int, doing: str, width: int) -> list[Line]:
    """Return the alarms, the gravest first."""
    lines: list[Line] = []
    if doing:
        lines.append(((clip(f" {doing}", width), "alarm"),))
    elif (closing := view.closing) is not None and closing.stage != "nothing is left":
        word = "CLOSING ALL" if closing.stage == "under way" else "CLOSE ALL"
        text = f" {word} of {closing.account}: {closing.state}"
        lines.append(((_fitted(text, ". F9 shows what is open", width), "alarm"),))
    if view.engine == "dead":
        lines.append(((_dead(view, wall, width), "alarm"),))
    if view.hung(wall):
        text = f" ENGINE HUNG: no sign of life for {view.beat_age(wall):.0f}s."
        lines.append(((f"{text} F9 closes everything without it.", "alarm"),))
    halts = view.halts
    if halts:
        first = halts[0]
        more = f" +{len(halts) - 1} more" if len(halts) > 1 else ""
        since = f" since {since_text(first.since)}" if first.since else ""
        text = f" ■ HALTED{since} by {_who(first.reason, first.detail)}"
        lines.append(((_fitted(text, f"{more}  {WAY_OUT} ", width), "alarm"),))
    if view.run is not None and view.run.error and not view.live:
        lines.append(((f" STOPPED BY AN ERROR: {view.run.error}", "alarm"),))
    if view.problem:
        lines.append(((f" {view.problem}", "warn"),))
    return lines


def _dead(view: View, wall: int, width: int) -> str:
    """Return since when the engine is dead; where room is short the way out stays, not the time."""
    count = len(view.positions)
    way = "b starts, F9 closes" if count else "b starts"
    text = f" ENGINE {dead_words(view.snapshot, wall)}: {way}"
    return text if len(text) <= width else f" ENGINE DEAD, {count} open: {way}"


def _who(reason: str, detail: str) -> str:
    """Return who halted and why; a person's words carry the name already."""
    return detail if reason == "user" else f"{reason.replace('_', ' ')}: {detail}"


def _fitted(text: str, tail: str, width: int) -> str:
    """Return the text and its tail; the longer tail only where both fit, the shorter one always."""
    if len(text) + len(tail) > width:
        tail = tail.replace(WAY_OUT, SHORT_WAY_OUT)
    return clip(text, width - len(tail)) + tail


def _full(line: Line, width: int) -> Line:
    """Carry the last paint to the end of the row."""
    used = sum(len(text) for text, _ in line)
    return (*line, (" " * max(0, width - used), line[-1][1]))
