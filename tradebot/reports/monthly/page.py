"""A report as one HTML page: readable in light and dark, printed, and on a phone; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tradebot.core.model.times import iso
from tradebot.journal.view import TradeRow
from tradebot.reports import charts
from tradebot.reports.monthly.sections import (
    CHANGES,
    Cell,
    Sheet,
    bridge_facts,
    head_facts,
    money,
    risk_facts,
    sheets,
    span,
)
from tradebot.reports.monthly.text import figure, lasted, moment, signed
from tradebot.reports.monthly.value import Report
from tradebot.reports.pages import drawn, rendered

MOST_TRADES = 1_000
"""Rows of the trades table; of more trades the newest are shown."""

HOW = (
    "Net is gross and slippage less fees and funding, and the change of what is open, to the last digit; a trade counts"
    " where it closed. The return is time-weighted: transfers are no part of it. Ratios are of UTC days, days without a"
    " trade counted as 0, of 365 a year, no riskless rate; fewer than 60 days are not annualised. Win rates have"
    " Wilson's interval. Groups by hour and weekday are UTC, of the entry. Fewer than 30 are marked small: no ground"
    " for a decision. Nothing here is tax advice."
)

TOPICS = (
    (CHANGES, (CHANGES,)),
    ("Beside benchmarks", ("Beside benchmarks", "Beta and alpha")),
    ("Drawdowns and months", ("Deepest drawdowns", "Months, time-weighted return in %")),
    ("Limits", ("Use of limits", "Refused entries")),
)


def report_page(
    report: Report,
    trades: Sequence[TradeRow] = (),
    *,
    digest: str = "",
    made: str = "",
    warnings: Sequence[str] = (),
) -> str:
    """Return the whole page; ``made`` says when and by what, ``trades`` are listed below."""
    values: dict[str, Any] = {
        "title": report.title,
        "badge": _badge(report),
        "subtitle": f"{report.market};",
        "span": span(report),
        "warnings": list(warnings),
        "sentence": report.head.sentence,
        "head": head_facts(report),
        "bridge": bridge_facts(report),
        "risk": risk_facts(report),
        "advice": list(report.advice.lines),
        "tables": list(_topics(report)),
        "trades": _trades(trades),
        "notes": [*report.notes, *report.income],
        "how": HOW,
        "hash": digest,
        "made": made,
        **_charts(report),
    }
    return rendered("report.html", values)


def empty_page(title: str, warnings: Sequence[str] = ()) -> str:
    """Return the page of a run in which nothing happened."""
    return rendered("empty.html", {"title": title, "warnings": list(warnings)})


def _badge(report: Report) -> str:
    simulated = report.market.startswith("SIMULATED MARKET")
    return f"{report.mode.upper()}{', SIMULATED MARKET' if simulated else ''}"


def _charts(report: Report) -> dict[str, Any]:
    marks = [charts.Mark(mark.at, float(mark.pnl), mark.text) for mark in report.marks]
    b = report.bridge
    steps = [
        *(("gross", b.gross), ("slippage", b.slippage), ("maker fees", -b.maker_fees)),
        *(("taker fees", -b.taker_fees), ("funding", b.funding), ("open PnL", b.open_change)),
    ]
    if b.other:
        steps.append(("other", b.other))
    days = [
        (row.at, float(row.pnl), f"{iso(row.at)[:10]}: {signed(row.pnl)} USDT, {row.trades} trades")
        for row in report.days
    ]
    return {
        "equity_chart": drawn(charts.curve(report.curve, marks)),
        "falls_chart": drawn(charts.area(report.falls)),
        "bridge_chart": drawn(
            charts.waterfall(
                [(n, float(v)) for n, v in steps], ("net", float(b.net)), "From gross to net"
            )
        ),
        "calendar_chart": drawn(charts.calendar(days, "Result of each day")),
        "outcome_charts": [(name, drawn(chart)) for name, chart in _outcomes(report) if chart],
    }


def _outcomes(report: Report) -> Iterator[tuple[str, str]]:
    known = [mark for mark in report.marks if mark.mae is not None and mark.mfe is not None]
    if known:
        behind = [(-float(mark.mae or 0), float(mark.pnl)) for mark in known]
        ahead = [(float(mark.mfe or 0), float(mark.pnl)) for mark in known]
        yield (
            "How far behind (MAE) against the outcome",
            charts.scatter(behind, "MAE, USDT", "net result, USDT", "MAE against outcome"),
        )
        yield (
            "How far ahead (MFE) against the outcome",
            charts.scatter(ahead, "MFE, USDT", "net result, USDT", "MFE against outcome"),
        )
    if report.r_multiples:
        rows = [(_bin(row.low, row.high), float(row.count)) for row in report.r_multiples]
        yield (
            "Results in R, multiples of the loss planned at the stop",
            charts.bars(rows, "Histogram of R multiples", whole=True),
        )


def _bin(low: float | None, high: float | None) -> str:
    if low is None:
        return f"< {figure(high, 1)}"
    return f"≥ {figure(low, 1)}" if high is None else f"{figure(low, 1)}"


def _topics(report: Report) -> Iterator[tuple[str, list[Sheet]]]:
    """Yield the tables under their headings; one that says the same as its heading goes without."""
    found = {sheet.title: sheet for sheet in sheets(report)}
    if "Runs" in found:
        yield "Runs", [_untitled(found["Runs"])]
    yield "Where it came from", _where(found)
    for heading, titles in TOPICS:
        chosen = [found[title] for title in titles if title in found]
        if chosen:
            yield heading, [_untitled(s) if s.title == heading else s for s in chosen]


def _where(found: Mapping[str, Sheet]) -> list[Sheet]:
    """Return the groups, the long one of hours after the short ones: so two columns end at about the same height."""
    groups = [sheet for title, sheet in found.items() if title.startswith("By ")]
    return sorted(groups, key=lambda sheet: sheet.title in ("By hour", "By holding"))


def _untitled(sheet: Sheet) -> Sheet:
    return Sheet("", sheet.heads, sheet.rows, sheet.words, sheet.note)


def _trades(trades: Sequence[TradeRow]) -> Sheet | None:
    if not trades:
        return None
    shown = trades[-MOST_TRADES:]
    count = f"{len(trades):,}"
    if len(shown) < len(trades):
        count = f"newest {len(shown):,} of {count}: --csv has them all"
    rows = [
        [
            *(Cell(moment(t.exit_time)), Cell(t.symbol), Cell(t.side), Cell(t.exit_reason)),
            *(Cell(f"{t.qty:f}"), Cell(f"{t.entry_price:.8g}"), Cell(f"{t.exit_price:.8g}")),
            *(Cell(lasted(t.duration_s / 86_400)), money(t.pnl), Cell(figure(float(t.fees)))),
            *(Cell(signed(t.slippage)), Cell(signed(t.mae)), Cell(signed(t.mfe))),
        ]
        for t in shown
    ]
    heads = (
        *("closed", "symbol", "side", "why", "qty", "entry", "exit", "held", "PnL", "fees"),
        *("slippage", "MAE", "MFE"),
    )
    return Sheet(f"Trades ({count})", heads, rows, words=4)


__all__ = ["MOST_TRADES", "empty_page", "report_page"]
