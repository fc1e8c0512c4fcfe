"""The first row of every screen: what runs, how it stands, and whether it still lives."""

from __future__ import annotations

from tradebot.journal.rows import RunRow
from tradebot.journal.status import HEARTBEAT_MS
from tradebot.tui.feed import STALE_MS, View
from tradebot.tui.figures import UNKNOWN, arrow, clip, clock, figure, signed, tint, usd
from tradebot.tui.lines import Lines
from tradebot.tui.painted import Line, Span

PAINTED = {"cap": "dim", "clock": "dim"}
"""Names of the parts that may be left out, and their paint."""


class StatusRow(Lines):
    """Mode, market, equity, day PnL against its limit, drawdown, feed age, heartbeat, UTC clock."""

    def __init__(self) -> None:
        super().__init__(classes="row")

    def tell(self, view: View, wall: int) -> None:
        """Show the view as it stands at ``wall`` (UTC milliseconds)."""
        self.show([status_line(view, wall, self.size.width or 78)])


def status_line(view: View, wall: int, width: int) -> Line:
    """Return the row for ``width`` columns."""
    run = view.run
    if run is None:
        return (("NO RUN", "alarm"), (f"  {view.problem}", "warn"))
    long, short = _row(view, run, wall, wide=True), _row(view, run, wall, wide=False)
    # where room is short the limit goes first, then the clock
    forms = (long, short, _without(short, "cap"), _without(short, "cap", "clock"))
    fitting = (form for form in forms if sum(len(text) for text, _ in form) <= width)
    line = next(fitting, forms[-1])
    return tuple((text, PAINTED.get(paint, paint)) for text, paint in line)


def _without(line: Line, *parts: str) -> Line:
    return tuple(span for span in line if span[1] not in parts)


def _row(view: View, run: RunRow, wall: int, *, wide: bool) -> Line:
    parts = [_mode(run.mode), *_market(run.market, wide)]
    if wide:
        parts += [(f"  {run.id}", "dim"), ("  equity ", "dim")]
    else:
        parts.append((" ", ""))
    equity = None if view.snapshot is None else view.snapshot.equity
    parts += [(usd(equity), "word"), *_day(view, wide)]
    if wide or not view.alerts.alarm:  # where room is short it goes for what is an alarm
        parts += _drawdown(view, wide)
    parts += [*_feed(view, wall, wide), *_engine(view, wall, wide)]
    if view.alerts.alarm:
        parts += [("  " if wide else " ", ""), (view.alerts.alarm, "alarm")]
    now = clock(wall, date=False)
    return (*parts, (f"  {now}Z" if wide else f" {now[:5]}Z", "clock"))


def _mode(mode: str) -> Span:
    return (f" {mode.upper()} ", "alarm" if mode == "live" else "key")


def _market(label: str, wide: bool) -> list[Span]:
    name = label.partition(" (")[0]
    if (
        not wide and ":" in name.rpartition(" ")[2]
    ):  # where room is short its address is on the Bot view
        name = name.rpartition(" ")[0]
    return [(clip(name, 32 if wide else 16), "warn")]


def _day(view: View, wide: bool) -> list[Span]:
    pnl = view.day_pnl()
    limit = view.limit("day_loss")
    cap = None if limit is None else limit.cap
    text = UNKNOWN if pnl is None else f"{signed(pnl)}{arrow(pnl)}"
    of = "" if cap is None or not wide else f" of -{figure(cap, places=0)}"
    return [("  day " if wide else " day ", "dim"), (text, tint(pnl)), (of, "dim")]


def _drawdown(view: View, wide: bool) -> list[Span]:
    limit = view.limit("day_loss")
    cap = "" if limit is None or limit.cap is None else f"/{limit.cap:.0f}"
    name = "  drawdown " if wide else " dd "
    drawdown = None if view.snapshot is None else view.snapshot.drawdown
    return [(name, "dim"), (figure(drawdown), ""), ("" if wide else cap, "cap")]


def _feed(view: View, wall: int, wide: bool) -> list[Span]:
    """Return how long a ban still lasts, else the age of the prices, or how the run ended."""
    banned = view.banned_s(wall)
    if banned:
        return [("  " if wide else " ", ""), (f"BANNED {banned:.0f}s", "alarm")]
    age = view.feed_age(wall)
    if age is None or view.run is None:
        return []
    if age * 1000 > STALE_MS:
        return [("  " if wide else " ", ""), (f"STALE {age:.0f}s", "alarm")]
    return [("  feed " if wide else " feed ", "dim"), (f"{age:.0f}s", "")]


def _engine(view: View, wall: int, wide: bool) -> list[Span]:
    gap = ("  " if wide else " ", "")
    age = view.beat_age(wall)
    if view.live and age is None:  # it has not written anything yet
        return [gap, ("♥ -" if wide else "♥-", "dim")]
    if view.engine == "dead":
        return [gap, ("DEAD", "alarm")]
    if age is None:
        state = "" if view.run is None else view.run.state
        word = "INTERRUPTED" if state in ("running", "interrupted") else state.upper()
        return [gap, (word, "warn")]
    if age * 1000 > HEARTBEAT_MS:
        return [gap, (f"HUNG {age:.0f}s", "alarm")]
    name = "♥ " if wide else "♥"
    return [gap, (name, "dim"), (f"{age:.1f}s", "down" if age > 3 else "")]
