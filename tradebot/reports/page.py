"""A run's result as one HTML page: summary, equity and drawdown, trades; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from math import ceil, floor, log10

from tradebot.core.model.documents import SummaryDocument, TradeDocument
from tradebot.core.model.effects import EquityPoint
from tradebot.core.model.times import iso, of_iso

Points = Sequence[tuple[int, float]]

MOST_TRADES = 5_000
"""Rows of the trades table; of more trades the newest are shown."""

MOST_POINTS = 1_200
"""Columns a curve is drawn with: of the points in each, the lowest and the highest are kept."""

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, TOP, BOTTOM = 78, 12, 12, 26

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--dim:#667085;--line:#d5dae1;--paper:#fff;--up:#13795b;
--down:#b42318;--curve:#1f5fbf}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--dim:#98a2b3;--line:#344054;--paper:#12161d;
--up:#3ccb97;--down:#f97066;--curve:#7fb0ff}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1000px;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .4rem}
p.sub{color:var(--dim);margin:.2rem 0 1rem}p.warn{border-left:3px solid var(--down);padding-left:.6rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:.5rem 1.5rem;margin:0}
dl div{border-bottom:1px solid var(--line)}dt{color:var(--dim);font-size:.8rem}
dd{margin:0;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font-size:11px}
.grid{stroke:var(--line)}.curve{fill:none;stroke:var(--curve);stroke-width:1.5}
.mark{fill-opacity:.55}
.fall{fill:var(--down);fill-opacity:.25;stroke:var(--down)}
.up{color:var(--up);fill:var(--up)}.down{color:var(--down);fill:var(--down)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--dim);font-weight:500}.word{text-align:left}
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A closed trade on the curve: when (UTC ms), its PnL in USDT, and what a pointer over it says."""

    at: int
    pnl: float
    text: str


def page(
    summary: SummaryDocument,
    equity: Sequence[EquityPoint],
    trades: Sequence[TradeDocument],
    warnings: Sequence[str] = (),
) -> str:
    """Return the whole page. ``summary`` and ``trades`` are CONTRACT's JSON; all text is escaped."""
    title = f"{summary['run'] or summary['mode']}: {summary['strategy']}"
    span = f"{_moment(summary['from'])} to {_moment(summary['to'])} UTC"
    points, falls = curves(summary, equity)
    marks = [_mark(trade) for trade in trades]
    warned = "".join(f'<p class="warn">{escape(text)}</p>' for text in warnings)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f'<h1>{escape(title)}</h1><p class="sub">{escape(str(summary["market"]))}; {span}</p>\n'
        f"{warned}<dl>{''.join(_figures(summary))}</dl>\n"
        f"<h2>Equity, USDT</h2>\n{_curve(points, marks)}\n"
        f"<h2>Drawdown, USDT</h2>\n{_area(falls)}\n"
        f"{_trades(trades)}\n</body></html>\n"
    )


def curves(summary: SummaryDocument, equity: Sequence[EquityPoint]) -> tuple[Points, Points]:
    """Return equity and drawdown (0 or less) over time, from the run's first moment to its last.

    Points of both are (UTC ms, USDT); empty for a run without a moment.
    """
    if summary["from"] is None or summary["to"] is None:
        return [], []
    first, last = of_iso(summary["from"]), of_iso(summary["to"])
    start, end = float(summary["start_equity"]), float(summary["equity"])
    between = [(p.at, float(p.equity), -float(p.drawdown)) for p in equity if first < p.at < last]
    points = [(first, start), *((at, value) for at, value, _ in between), (last, end)]
    fall = min(0.0, end - max(value for _, value in points))
    return points, [(first, 0.0), *((at, value) for at, _, value in between), (last, fall)]


# -- summary ----------------------------------------------------------------------------------------


def _figures(summary: SummaryDocument) -> Iterator[str]:
    for label, text, value in (
        ("Starting capital", _money(summary["start_equity"]), None),
        ("Current value", _money(summary["equity"]), None),
        ("PnL", f"{_signed(summary['pnl'])} ({_signed(summary['pnl_pct'])} %)", summary["pnl"]),
        ("Completed trades", str(summary["completed_trades"]), None),
        ("Win rate", _percent(summary["win_rate_pct"]), None),
        ("Average win", _signed(summary["average_win"]), None),
        ("Average loss", _signed(summary["average_loss"]), None),
        ("Profit factor", _two(summary["profit_factor"]), None),
        ("Expectancy a trade", _signed(summary["expectancy"]), None),
        ("Fees", _money(summary["fees"]), None),
        ("Funding", _signed(summary["funding"]), None),
        (
            "Deepest drawdown",
            f"{_money(summary['max_drawdown'])} ({_percent(summary['max_drawdown_pct'])})",
            None,
        ),
        ("Refusals", str(summary["refusals"]), None),
        ("Halts", str(summary["halts"]), None),
    ):
        tint = "" if value is None else f' class="{_tint(value)}"'
        yield f"<div><dt>{label}</dt><dd{tint}>{escape(text)}</dd></div>"


def _two(value: str | None) -> str:
    return "-" if value is None else f"{Decimal(value):,.2f}"


def _money(value: str | None) -> str:
    return "-" if value is None else f"${Decimal(value):,.2f}"


def _signed(value: str | None) -> str:
    return "-" if value is None else f"{Decimal(value):+,.2f}"


def _percent(value: str | None) -> str:
    return "-" if value is None else f"{Decimal(value):.2f} %"


def _moment(text: str | None) -> str:
    return "-" if text is None else escape(text[:16].replace("T", " "))


def _tint(value: str | float) -> str:
    number = float(value)
    return "up" if number > 0 else "down" if number < 0 else ""


# -- curves -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Frame:
    """The part of the plane a curve lives in: times in UTC ms, values in USDT."""

    first: int
    last: int
    low: float
    high: float

    def x(self, at: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - self.first) / max(1, self.last - self.first)

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)

    def path(self, points: Points) -> str:
        return " ".join(f"{self.x(at):.1f},{self.y(value):.1f}" for at, value in points)


def _frame(points: Points) -> _Frame:
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = (high - low) * 0.05 or max(abs(high) * 0.001, 0.01)
    return _Frame(points[0][0], points[-1][0], low - room, high + room)


def _curve(points: Points, marks: Sequence[Mark]) -> str:
    if len(points) < 2:
        return "<p>Too short for a curve.</p>"
    frame = _frame(points)
    line = f'<polyline class="curve" points="{frame.path(thinned(points, MOST_POINTS))}"/>'
    return _svg(frame, "".join(_dots(frame, points, marks)) + line, "Equity over time")


def _area(points: Points) -> str:
    if len(points) < 2:
        return "<p>Too short for a curve.</p>"
    frame = _frame([*points, (points[-1][0], 0.0)])
    shown = thinned(points, MOST_POINTS)
    closed = [(points[0][0], 0.0), *shown, (points[-1][0], 0.0)]
    return _svg(frame, f'<polygon class="fall" points="{frame.path(closed)}"/>', "Drawdown")


def _svg(frame: _Frame, inside: str, title: str) -> str:
    grid = "".join([*_levels(frame), *_times(frame)])
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{title}</title>{grid}{inside}</svg>'
    )


def _levels(frame: _Frame) -> Iterator[str]:
    step = _round_step((frame.high - frame.low) / 5)
    level = ceil(frame.low / step)
    digits = 0 if step >= 1 else 2
    while level * step <= frame.high:
        y = frame.y(level * step)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        text = f"{level * step:,.{digits}f}"
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        level += 1


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 or 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** floor(log10(least))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= least * 0.999)


def _times(frame: _Frame) -> Iterator[str]:
    long = frame.last - frame.first > 3 * 86_400_000
    for part in range(5):
        at = frame.first + (frame.last - frame.first) * (part * 2 + 1) // 10
        text = iso(at)[:10] if long else iso(at)[5:16].replace("T", " ")
        yield f'<text x="{frame.x(at):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{text}</text>'


def _mark(trade: TradeDocument) -> Mark:
    words = f"{trade['symbol']} {trade['side']} {_signed(trade['pnl'])} ({trade['exit_reason']})"
    return Mark(of_iso(trade["exit_time"]), float(trade["pnl"]), words)


def _dots(frame: _Frame, points: Points, marks: Sequence[Mark]) -> Iterator[str]:
    """Draw a triangle where a trade closed, up for a win; the newest where there are very many."""
    index = 0
    for mark in sorted(marks[-MOST_POINTS:], key=lambda mark: mark.at):
        while index + 1 < len(points) and points[index + 1][0] <= mark.at:
            index += 1
        x, y = frame.x(mark.at), frame.y(points[index][1])
        tip = -5 if mark.pnl > 0 else 5
        shape = f"M{x:.1f} {y + tip:.1f}l4 {-1.4 * tip:.1f}h-8z"
        text = escape(mark.text)
        yield f'<path class="mark {_tint(mark.pnl)}" d="{shape}"><title>{text}</title></path>'


def thinned(points: Points, columns: int) -> list[tuple[int, float]]:
    """Return at most two points per column, in order: the extremes, so that no spike is lost."""
    if len(points) <= 2 * columns:
        return list(points)
    kept: list[tuple[int, float]] = [points[0]]
    for column in range(columns):
        part = points[len(points) * column // columns : len(points) * (column + 1) // columns]
        ends = {min(part, key=_value), max(part, key=_value)}
        kept += sorted(ends)
    return [*kept, points[-1]]


def _value(point: tuple[int, float]) -> float:
    return point[1]


# -- trades -----------------------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str, Callable[[TradeDocument], str]], ...] = (
    ("Closed", lambda trade: _moment(trade["exit_time"])),
    ("Symbol", lambda trade: escape(trade["symbol"])),
    ("Side", lambda trade: escape(trade["side"])),
    ("Quantity", lambda trade: escape(trade["qty"])),
    ("Entry", lambda trade: _price(trade["entry_price"])),
    ("Exit", lambda trade: _price(trade["exit_price"])),
    ("Duration", lambda trade: _duration(trade["duration_s"])),
    ("PnL", lambda trade: _signed(trade["pnl"])),
    ("PnL %", lambda trade: _signed(trade["pnl_pct"])),
    ("Fees", lambda trade: _two(trade["fees"])),
    ("Why", lambda trade: escape(trade["exit_reason"])),
)
_WORDS = ("Closed", "Symbol", "Side", "Why")


def _trades(trades: Sequence[TradeDocument]) -> str:
    if not trades:
        return "<h2>Trades</h2><p>No trade was completed.</p>"
    shown = trades[-MOST_TRADES:]
    count = (
        f"{len(trades)}"
        if len(shown) == len(trades)
        else f"newest {MOST_TRADES:,} of {len(trades):,}"
    )
    head = "".join(f'<th class="{_class(name)}">{name}</th>' for name, _ in _COLUMNS)
    rows = "".join(_row(trade) for trade in shown)
    return (
        f'<h2>Trades ({count})</h2><div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(trade: TradeDocument) -> str:
    cells = []
    for name, shown in _COLUMNS:
        tint = _tint(trade["pnl"]) if name in ("PnL", "PnL %") else _class(name)
        cells.append(f'<td class="{tint}">{shown(trade)}</td>')
    return f"<tr>{''.join(cells)}</tr>\n"


def _class(name: str) -> str:
    return "word" if name in _WORDS else ""


def _price(text: str) -> str:
    """Return a price with at most six decimals: averages carry eight."""
    return f"{Decimal(text):.6f}".rstrip("0").rstrip(".")


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


__all__ = ["Points", "curves", "page", "thinned"]
