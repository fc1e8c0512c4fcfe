"""A report laid out: sections of figures and tables in words, which terminal, screen and page only render."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tradebot.core.model.money import ZERO
from tradebot.reports.monthly.comparison import BenchmarkComparison
from tradebot.reports.monthly.groups import Group
from tradebot.reports.monthly.rows import SIMULATED
from tradebot.reports.monthly.stints import changes_in_words, named
from tradebot.reports.monthly.text import (
    change,
    day,
    figure,
    lasted,
    moment,
    percent,
    share,
    signed,
    spread,
    tint,
    usd,
)
from tradebot.reports.monthly.value import Report
from tradebot.reports.weekdays import WEEKDAYS, place_of, week_start

CHANGES = "Before and after a change of strategy"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and how its sign colours it: up, down or nothing."""

    text: str
    tint: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure with its name."""

    name: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: headings, of which the first ``words`` are of words, and rows."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: int = 1
    note: str = ""


def money(value: Decimal | float | None) -> Cell:
    """Return a result as a cell."""
    return Cell(signed(value), tint(value))


def head_facts(report: Report) -> list[Fact]:
    """Return the head's figures."""
    head, bridge = report.head, report.bridge
    small = " small" if head.small else ""
    return [
        Fact("Net PnL", Cell(f"{signed(head.net)} USDT", tint(head.net))),
        Fact("Time-weighted return", Cell(change(head.return_pct), tint(head.return_pct))),
        Fact(
            "Max drawdown",
            Cell(
                f"{usd(head.drawdown)} ({percent(head.drawdown_pct)}, {lasted(head.drawdown_days)})"
            ),
        ),
        Fact("Equity", Cell(f"{usd(bridge.start_equity)} to {usd(bridge.end_equity)}")),
        Fact("Trades", Cell(f"{head.trades}{small}")),
        Fact("Expectancy a trade", money(head.expectancy)),
        Fact("95 % interval of it", Cell(spread(head.expectancy_low, head.expectancy_high))),
        Fact(
            "Win rate",
            Cell(share(head.win_rate_pct, head.win_rate_low_pct, head.win_rate_high_pct)),
        ),
        Fact("Average win, loss", Cell(f"{signed(head.average_win)}, {signed(head.average_loss)}")),
        Fact("Payoff ratio", Cell(figure(head.payoff_ratio))),
        Fact("Profit factor", Cell(figure(head.profit_factor))),
    ]


def bridge_facts(report: Report) -> list[Fact]:
    """Return the way from gross to net, line by line, and what else moved the equity."""
    b = report.bridge
    lines = [
        ("Gross, at the prices decided on", b.gross),
        ("Slippage", b.slippage),
        ("Maker fees", -b.maker_fees),
        ("Taker fees", -b.taker_fees),
        ("Funding", b.funding),
        ("Change of open PnL", b.open_change),
    ]
    if b.other:
        lines.insert(5, ("Other cash lines", b.other))
    facts = [Fact(name, money(value + 0)) for name, value in lines]
    if 0 < report.head.trades == b.unpriced:  # nobody knows: that is not 0
        facts[1] = Fact("Slippage", Cell("-"))
    facts.append(Fact("Net", money(b.net)))
    if b.transfers:
        facts.append(Fact("Transfers (no result)", Cell(signed(b.transfers))))
    if b.restarts:
        facts.append(Fact("New starts of runs (no result)", Cell(signed(b.restarts))))
    return facts


def risk_facts(report: Report) -> list[Fact]:
    """Return the risk's figures, each with its sample."""
    risk, r = report.risk, report.risk.ratios
    per = "a year, of 365 days" if r.annual else "a day"
    n = f"n {r.n} days{', small' if r.small else ''}"
    return [
        Fact("Days", Cell(n)),
        Fact(f"Volatility ({per})", Cell(percent(r.volatility_pct))),
        Fact(f"Sharpe ({per})", Cell(figure(r.sharpe))),
        Fact(f"Sortino ({per})", Cell(figure(r.sortino))),
        Fact(f"Calmar ({per})", Cell(figure(r.calmar))),
        Fact("Ulcer index", Cell(percent(r.ulcer_pct))),
        Fact("Worst, best day", Cell(f"{change(r.worst_day_pct)}, {change(r.best_day_pct)}")),
        Fact("Skew of days", Cell(figure(r.skew))),
        Fact("Time in the market", Cell(percent(risk.time_in_market_pct, 1))),
        Fact("Turnover", Cell(f"{figure(risk.turnover, 1)} x ({usd(risk.traded)})")),
        Fact("Halts", Cell(", ".join(f"{k} {v}" for k, v in risk.halts.items()) or "none")),
        Fact("Slippage a trade (bps of traded)", Cell(_fill_costs(report))),
        *_beside_model(report),
        Fact("Stops, of the way to liquidation", Cell(_stops(report))),
        Fact("Price to order", Cell(_latency(report))),
    ]


def _stops(report: Report) -> str:
    s = report.stops
    if not s.n:
        return "-"
    return f"median {percent(s.median_pct)}, worst {percent(s.worst_pct)}, n {s.n}"


def _latency(report: Report) -> str:
    if report.latency_p50_ms is None:
        return "-"
    return f"median {report.latency_p50_ms} ms, p99 {report.latency_p99_ms} ms"


def _fill_costs(report: Report) -> str:
    f = report.fill_costs
    if not f.n:
        return "-"
    return f"median {figure(f.median_bps)}, p90 {figure(f.p90_bps)}, worst {figure(f.worst_bps)}, n {f.n}"


def _beside_model(report: Report) -> Iterator[Fact]:
    """Yield how an exchange's fills were beside the simulation's; nothing where the simulation made them."""
    if report.venue in SIMULATED:
        return
    m = report.beside_model
    if m is None or not m.n:
        why = "not compared" if m is None else m.why
        yield Fact("Fills above the model (bps)", Cell(f"- ({why})"))
        return
    ranks = f"median {signed(m.median_bps)}, p90 {signed(m.p90_bps)}, worst {signed(m.worst_bps)}"
    yield Fact("Fills above the model (bps)", Cell(f"{ranks}, n {m.n} of {m.trades}"))
    yield Fact("Fills above the model, in all", Cell(f"{signed(m.more)} USDT"))


def sheets(report: Report) -> Iterator[Sheet]:
    """Yield the report's tables."""
    if len(report.runs) > 1:
        yield _runs(report)
    if report.stints:
        yield _stints(report)
    yield from _limits(report)
    for name, groups in report.groups.items():
        yield _group_sheet(f"By {'exit reason' if name == 'exit' else name}", name, groups)
    yield _drawdowns(report)
    yield _months(report)
    yield from _benchmarks(report.benchmarks)


def _runs(report: Report) -> Sheet:
    rows = [
        [
            *(
                Cell(run.run),
                Cell(run.strategy),
                Cell(run.strategy_hash[:8]),
                Cell(moment(run.first)),
            ),
            *(
                Cell(moment(run.last)),
                Cell(usd(run.start_equity)),
                money(run.net),
                Cell(str(run.trades)),
            ),
        ]
        for run in report.runs
    ]
    heads = ("run", "strategy", "hash", "from", "to", "start", "net", "trades")
    return Sheet("Runs", heads, rows, words=5)


def _stints(report: Report) -> Sheet:
    rows = [
        [
            *(Cell(named(s)), Cell(day(s.first)), Cell(figure(s.days, 1))),
            Cell(f"{s.trades}{' small' if s.small else ''}"),
            Cell(_estimate(s.expectancy_r, s.low_r, s.high_r), tint(s.expectancy_r)),
            *(money(s.net_a_day), money(s.net)),
        ]
        for s in report.stints
    ]
    heads = ("strategy", "since", "days", "trades", "R a trade (95 %)", "net a day", "net")
    note = " ".join(changes_in_words(report.stints))
    note += " Of this time and the one before. What came after a change need not have come of it."
    return Sheet(CHANGES, heads, rows, words=2, note=note)


def _limits(report: Report) -> Iterator[Sheet]:
    uses = report.risk.limits
    if uses:
        rows = [
            [
                *(
                    Cell(use.rule.replace("_pct", " %").replace("_", " ")),
                    Cell(figure(float(use.cap))),
                ),
                *(
                    Cell(percent(use.average_pct, 1)),
                    Cell(percent(use.highest_pct, 1)),
                    Cell(str(use.n)),
                ),
            ]
            for use in uses
        ]
        note = "Positions, leverage and margin right after each entry; losses, and liquidation at its worst price, of trades that closed."
        yield Sheet("Use of limits", ("limit", "cap", "average", "highest", "n"), rows, note=note)
    refused = report.risk.refusals
    if refused:
        rows = [
            [Cell(r.rule), Cell(str(r.signals)), Cell(str(r.known)), money(r.outcome)]
            for r in refused
        ]
        note = "What they would have come to is known from hypothetical trades only, where these closed: a gain is what refusing cost."
        yield Sheet("Refused entries", ("rule", "signals", "known", "outcome"), rows, note=note)


def _group_sheet(title: str, name: str, groups: Sequence[Group]) -> Sheet:
    rows = [
        [
            Cell(group.name),
            Cell(f"{group.trades}{' small' if group.small else ''}"),
            Cell(share(group.win_rate_pct, group.win_rate_low_pct, group.win_rate_high_pct)),
            money(group.expectancy),
            money(group.pnl),
            Cell(percent(group.share_of_costs_pct, 0)),
        ]
        for group in groups
    ]
    return Sheet(title, (name, "trades", "win rate (95 %)", "expectancy", "PnL", "of costs"), rows)


def _drawdowns(report: Report) -> Sheet:
    rows = [
        [
            *(Cell(moment(s.peak)), Cell(moment(s.trough)), Cell(moment(s.recovery))),
            *(Cell(usd(s.depth)), Cell(percent(s.depth_pct)), Cell(lasted(s.days))),
        ]
        for s in report.drawdowns
    ]
    heads = ("peak", "trough", "recovery", "depth", "of peak", "length")
    return Sheet("Deepest drawdowns", heads, rows, words=3)


def _months(report: Report) -> Sheet:
    """Return months by years: returns, the year's at the end."""
    years: dict[int, dict[int, float]] = {}
    for row in report.months:
        years.setdefault(row.year, {})[row.month] = row.return_pct
    rows = []
    for year, months in years.items():
        total = 1.0
        for value in months.values():
            total *= 1.0 + value / 100.0
        cells = [Cell(_short(months.get(m)), tint(months.get(m))) for m in range(1, 13)]
        whole = 100.0 * (total - 1.0)
        rows.append([Cell(str(year)), *cells, Cell(_short(whole), tint(whole))])
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return Sheet("Months, time-weighted return in %", ("year", *names, "year's"), rows)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


BESIDE, FITS = "Beside benchmarks", "Beta and alpha"


def _benchmarks(rows: Sequence[BenchmarkComparison]) -> Iterator[Sheet]:
    if not rows:
        return
    lines = [
        [
            *(Cell(c.name), Cell(str(c.n)), Cell(change(c.return_pct), tint(c.return_pct))),
            *(
                Cell(change(c.own_return_pct), tint(c.own_return_pct)),
                Cell(percent(c.volatility_pct)),
            ),
            *(Cell(percent(c.drawdown_pct)), Cell(figure(c.correlation))),
            *(Cell(percent(c.up_capture_pct, 0)), Cell(percent(c.down_capture_pct, 0))),
        ]
        for c in rows
    ]
    heads = (
        *("benchmark", "n", "its return", "ours", "volatility", "drawdown", "correlation"),
        *("up capture", "down capture"),
    )
    said: dict[str, list[str]] = {}
    for row in rows:
        if row.notes:
            said.setdefault("; ".join(row.notes), []).append(row.name)
    notes = " ".join(f"{', '.join(names)}: {text}." for text, names in said.items())
    note = f"Over each benchmark's own sessions; volatility is of one interval. {notes}"
    yield Sheet(BESIDE, heads, lines, note=note.strip())
    yield _fits(rows)


def _fits(rows: Sequence[BenchmarkComparison]) -> Sheet:
    """Return the line through both, with standard errors and 95 % intervals."""
    lines = [
        [
            *(Cell(c.name), Cell(str(c.n)), Cell(figure(c.beta, 3)), Cell(figure(c.beta_error, 3))),
            Cell("-" if c.beta is None else spread(c.beta_low, c.beta_high, 3)),
            *(Cell(figure(c.alpha_pct, 4)), Cell(figure(c.alpha_error_pct, 4))),
            Cell("-" if c.alpha_pct is None else spread(c.alpha_low_pct, c.alpha_high_pct, 4)),
        ]
        for c in rows
    ]
    heads = ("benchmark", "n", "beta", "error", "95 %", "alpha %", "error", "95 %")
    note = (
        "By least squares, with standard errors; alpha is of one interval. They need 60 common intervals"
        " (--last 90d or --from gives them)."
    )
    return Sheet(FITS, heads, lines, note=note)


def _estimate(value: float | None, low: float | None, high: float | None) -> str:
    """Return a mean with its sign and its 95 % interval."""
    return "-" if value is None else f"{value:+.2f} ({spread(low, high, 2)})"


def calendar_sheet(report: Report) -> Sheet:
    """Return the days as a calendar: a row a week, with its Monday and its sum (USDT); large results go without cents."""
    days = {place_of(row.at): row.pnl for row in report.days}
    places = 2 if all(abs(pnl) < 1000 for pnl in days.values()) else 0
    rows = []
    for week in sorted({week for week, _ in days}):
        found = [days.get((week, i)) for i in range(7)]
        results = [*found, sum((pnl for pnl in found if pnl is not None), ZERO)]
        cells = (Cell("" if pnl is None else f"{pnl:+,.{places}f}", tint(pnl)) for pnl in results)
        rows.append([Cell(day(week_start(week))[5:]), *cells])
    return Sheet("Days, USDT", ("week", *WEEKDAYS, "sum"), rows)


def span(report: Report) -> str:
    """Return the time the report has figures of."""
    return f"{moment(report.begun)} to {moment(report.ended)} UTC"


__all__ = [
    "CHANGES",
    "Cell",
    "Fact",
    "Sheet",
    "bridge_facts",
    "calendar_sheet",
    "head_facts",
    "risk_facts",
    "sheets",
    "span",
]
