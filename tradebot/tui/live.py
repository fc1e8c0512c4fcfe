"""The front view of a run that trades an account: what is held there and how sure that is, orders, limits, streams."""

from __future__ import annotations

from decimal import Decimal

from textual.app import ComposeResult

from tradebot.core.model.money import exact, quotient_at_8
from tradebot.journal.snapshots import AccountSeen, LimitRow
from tradebot.tui.detail import TradeDetail
from tradebot.tui.feed import View
from tradebot.tui.figures import clip, duration, figure, gain, quantity, signed, tint, usd
from tradebot.tui.grid import Grid
from tradebot.tui.lines import Lines
from tradebot.tui.page import Page
from tradebot.tui.painted import Line, Span
from tradebot.tui.paper import idle_reason
from tradebot.tui.positions import THERE, there_rows
from tradebot.tui.risk import limit_word, used_bar
from tradebot.tui.tables import ORDERS, TRADES

STALE_S = 60
"""Seconds after which a reading of the account is old, or prices are silent: both come twice a minute at least."""

BAR = 8
NAME = 14
COLUMN = 39
"""Columns of a limit: its bar, its name, and all of it."""

NAMES = {
    "margin_utilisation": "margin used",
    "liquidation_risk": "liquidation",
    "position_value": "value",
    "trade_loss": "loss",
}
"""What limits are called where room is short."""


class LivePage(Page):
    """Account and streams, positions as the exchange has them, orders, limits as bars, trades."""

    mode = "live"

    def body(self) -> ComposeResult:
        """Yield boards and tables."""
        yield Lines(id="account")
        yield Grid("Open positions", THERE, lambda row: row.position.symbol, id="positions")
        yield Grid("Working and unknown orders", ORDERS, lambda row: row.id, id="orders")
        yield Lines(id="caps")
        yield Grid("Trade history", TRADES, lambda row: row.id, newest_first=True, id="trades")

    def tell(self, view: View) -> None:
        """Fill all of it."""
        board = self.query_one("#account", Lines)
        board.show(account_lines(view, board.size.width or 78))
        why = idle_reason(view)
        self.query_one("#positions", Grid).show(there_rows(view), f"No open positions. {why}")
        self.query_one("#orders", Grid).show(view.orders, f"No working orders. {why}")
        caps = self.query_one("#caps", Lines)
        caps.border_title = "Limits"
        caps.show(cap_lines(view, caps.size.width or 78))
        self.query_one("#trades", Grid).show(view.trades, f"No completed trades yet. {why}")

    def on_grid_chosen(self, message: Grid.Chosen) -> None:
        """Show a trade down to its orders and fills."""
        if message.grid.id == "trades":
            self.app.push_screen(TradeDetail(message.row))


# -- the account ------------------------------------------------------------------------------------


def account_lines(view: View, width: int) -> list[Line]:
    """Return equity and stage, the streams with the request weight, and what the exchange has of it, a line each."""
    return [_money(view), _wires(view), _there(view, width)]


def _money(view: View) -> Line:
    shown, run = view.snapshot, view.run
    name = "" if run is None else run.id
    stage: tuple[Span, ...] = ()
    if run is not None and run.mode == "live" and shown is not None:
        stage = _pair("stage", str(shown.stage or "-"), "word")
    if shown is None:
        return (
            *_pair("run", name),
            *stage,
            ("No figures yet: they come with the first prices.", "dim"),
        )
    with exact():
        open_pnl = sum((row.pnl for row in shown.positions), Decimal(0))
        pct = quotient_at_8(shown.pnl * 100, shown.start_equity, "ROUND_HALF_EVEN")
    return (
        *_pair("run", name),
        *stage,
        *_pair("equity", usd(shown.equity), "word"),
        *_pair("PnL", f"{gain(shown.pnl)} {signed(pct, '%')}", tint(shown.pnl)),
        *_pair("open", gain(open_pnl), tint(open_pnl)),
    )


def _wires(view: View) -> Line:
    """Return how long a ban lasts, how long ago each stream was heard, and the weight of this minute."""
    if not view.live:
        return (("streams ", "dim"), ("no engine runs: nothing is heard", "warn"))
    spans: list[Span] = []
    if banned := view.banned_s(view.wall):
        spans += [(f"BANNED {banned:.0f}s", "alarm"), ("  ", "")]
    links = None if view.snapshot is None else view.snapshot.links
    if links is not None and links.weight is not None:
        used, limit = links.weight
        spans += [("weight ", "dim"), (f"{used}/{limit}", "warn" if used * 2 > limit else "")]
        spans.append(("  ", ""))
    spans.append(("streams", "dim"))
    for name, age in view.streams:
        # the account's own stream has nothing to say while nothing happens
        away = age is None or (age > STALE_S and name != "account")
        text = "AWAY" if age is None else f"{age:.0f}s"
        spans += [(f" {name} ", "dim"), (text, "alarm" if away else ""), (" ", "")]
    return tuple(spans)


def _there(view: View, width: int) -> Line:
    """Return when the account was read, what is in its wallet, and what is on it that is none of this run's."""
    seen = view.account
    if seen is None:
        return (("account ", "dim"), ("not read yet: what the exchange holds is not known", "warn"))
    age = max(0, view.wall - seen.wall) // 1000
    wallet = ", ".join(f"{figure(held)} {asset}" for asset, held in seen.balances.items())
    old = "warn" if age > STALE_S else ""
    begin: Line = (("account ", "dim"), (f"{wallet}  ", ""), (f"read {duration(age)} ago", old))
    others = foreign(view, seen)
    if not others:
        return begin
    used = sum(len(text) for text, _ in begin)
    return (*begin, (clip(f"  NOT THIS RUN'S: {', '.join(others)}", width - used), "warn"))


def foreign(view: View, seen: AccountSeen) -> list[str]:
    """Return what is on the account that the run knows nothing of: positions, then orders, counted."""
    own = {row.symbol for row in view.positions}
    held = [
        f"{one.symbol} {one.side} {quantity(abs(one.qty))}"
        for one in seen.positions
        if one.symbol not in own
    ]
    known = {row.id for row in view.orders}
    strange = sum(1 for one in seen.resting if one.id not in known)
    return [*held, *([f"{strange} order{'' if strange == 1 else 's'}"] if strange else [])]


def _pair(name: str, value: str, paint: str = "") -> tuple[Span, ...]:
    return ((f"{name} ", "dim"), (value, paint), ("   ", ""))


# -- limits -----------------------------------------------------------------------------------------


def cap_lines(view: View, width: int) -> list[Line]:
    """Return the limits in force as bars, in as many columns as fit; of those by symbol the ones in use."""
    risk = view.risk
    if risk is None:
        return [(("No figures yet: they come with the first prices.", "dim"),)]
    rows = [row for row in risk.limits if row.pct is not None and (row.symbol is None or row.used)]
    cells = [_cap(row) for row in sorted(rows, key=lambda row: row.symbol is not None)]
    columns = max(1, width // COLUMN)
    height = -(-len(cells) // columns)
    return [tuple(span for cell in cells[n::height] for span in cell) for n in range(height)]


def _cap(row: LimitRow) -> Line:
    """Return a limit in ``COLUMN`` characters: name, bar, share, cap; a word in place of the cap where it presses."""
    who = "" if row.symbol is None else f"{row.symbol.partition('/')[0]} "
    name = clip(who + NAMES.get(row.rule, row.rule.replace("_", " ")), NAME)
    word, paint = limit_word(row)
    pct = row.pct or Decimal(0)
    tail = word.upper() if paint in ("warn", "alarm") else f"of {_brief(row)}"
    text = f"{pct:>4.0f}% {tail}"
    room = COLUMN - NAME - 1 - BAR
    return (
        (f"{name:<{NAME}} ", ""),
        *used_bar(pct / 100, BAR, "down" if paint == "alarm" else paint or "up"),
        (f"{clip(text, room - 1):<{room}}", paint),
    )


def _brief(row: LimitRow) -> str:
    cap = row.cap or Decimal(0)
    return usd(cap, 0) if row.unit == "USDT" else f"{figure(cap, places=0)}{row.unit}"
