"""One run, every face: page, tables, document and terminal say the same numbers, of a journal's run and of a backtest.

The document is the measure: its figures are put into words here, by other code than the report's, and looked for in the page
and on the terminal; what can be added up from the tables is added up.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from kits.paper_kit import Bot

from tradebot.core.model.values import Bar
from tradebot.market.embedded.market import SimulatedMarket

D = Decimal
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
FEBRUARY = 1_738_368_000_000
FREE = ("--set", "risk.paper.blackout_hours=[]")
OWN = {"run", "mode", "market", "title", "hash", "latency_p50_ms", "latency_p99_ms"}
"""What names the run, and what only one that goes on in time has."""


@dataclass(frozen=True)
class Faces:
    """What one report came to: the document, the page's rows, the terminal's lines, the tables' rows."""

    report: dict[str, Any]
    page: list[list[str]]
    terminal: list[str]
    tables: dict[str, list[dict[str, str]]]


@dataclass
class Rows(HTMLParser):
    """The rows of a page's tables and lists of figures, each a list of cells."""

    rows: list[list[str]] = field(default_factory=list)
    _open: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("tr", "dt"):
            self.rows.append([])
        self._open = tag in ("td", "th", "dt", "dd")
        if self._open and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in ("td", "th", "dt", "dd")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data.replace("\u00a0", " ")  # keeps a number beside its unit


def faces(bot: Bot, folder: Path, *words: str) -> Faces:
    """Ask the installed command for every face of a report."""
    answer = bot.json(*words, "--html", folder / "r.html", "--csv", folder / "csv").data
    shown = bot(*words, *(("--report",) if words[0] == "backtest" else ()), COLUMNS="300").out
    page = Rows()
    page.feed((folder / "r.html").read_text())
    tables = {path.stem: _rows(path) for path in (folder / "csv").iterdir()}
    assert answer["csv"]["rows"] == {name: len(rows) for name, rows in tables.items()}
    return Faces(answer["report"], page.rows, shown.splitlines(), tables)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Faces, Faces]:
    """A run of two symbols over the end of January and its beginning of February, journalled and as a backtest."""
    folder = tmp_path_factory.mktemp("agrees")
    bot = Bot(folder, folder / "data")
    names = [_data(folder, symbol) for symbol in ("BTC/USDT", "ETH/USDT")]
    rates = "\n".join(f"{FEBRUARY - h * 3_600_000},0.0003" for h in (8, 0, -8))
    (folder / "BTCUSDT-fundingRate.csv").write_text(f"calc_time,last_funding_rate\n{rates}\n")
    days = ((date(2025, 1, 27) + timedelta(days=i), 100 + i * 37 % 11) for i in range(12))
    (folder / "index.csv").write_text("date,close\n" + "".join(f"{d},{v}\n" for d, v in days))
    files = (*names, "BTCUSDT-fundingRate.csv")
    bot("paper", *files, "--speed", "max", "--headless", *FREE)
    span = ("--from", "2025-01-30", "--to", "2025-02-05")
    more = ("--benchmark", "index.csv", "--no-advice")
    (folder / "paper").mkdir()
    (folder / "backtest").mkdir()
    return (
        faces(bot, folder / "paper", "report", *span, *more),
        faces(bot, folder / "backtest", "backtest", *files, *FREE, *more),
    )


def _data(folder: Path, symbol: str) -> str:
    steps = SimulatedMarket([symbol], 3).history(3000)
    bars = [event for step in steps for event in step if isinstance(event, Bar)]
    shift = FEBRUARY - bars[2100].open_time
    lines = (",".join(map(str, (bar.open_time + shift, *bar.text))) for bar in bars)
    name = f"{symbol.replace('/', '')}-1m-2025-01.csv"
    (folder / name).write_text("".join(f"{line},0,0,0,0,0,0\n" for line in lines))
    return name


@pytest.mark.parametrize("which", [0, 1], ids=["paper", "backtest"])
def test_every_number_is_the_same_on_every_face(both: tuple[Faces, Faces], which: int) -> None:
    check(both[which])


def test_a_backtest_s_report_is_that_of_the_journalled_run(both: tuple[Faces, Faces]) -> None:
    """To the last digit: the document, and every row of every table but for the ids of run and orders."""
    paper, backtest = both
    asked = {"/first", "/last", "/partial"}  # what a person asked for, and all there is
    assert set(differences(paper.report, backtest.report)) <= asked
    assert paper.tables.keys() == backtest.tables.keys()
    for name, rows in paper.tables.items():
        assert list(map(_bare, rows)) == list(map(_bare, backtest.tables[name])), name


def _bare(row: dict[str, str]) -> dict[str, str]:
    number = {k: row[k].rpartition("-")[2] for k in ("id", "order_id") if "-" in row.get(k, "")}
    return {k: v for k, v in row.items() if k not in ("run", "wall")} | number


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield where two documents differ, but for what is a run's own."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted((one.keys() | other.keys()) - OWN):
            yield from differences(one.get(name), other.get(name), f"{path}/{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}/{i}")
    elif one != other:
        yield path


# -- the document in words, and added up ------------------------------------------------------------------


def check(told: Faces) -> None:
    """Look for every figure of the document on the page and on the terminal, and add the tables up to it."""
    report = told.report
    assert report["head"]["trades"] > 20
    expected = list(rows_of(report))
    assert len(expected) > 60
    for cells in expected:
        assert cells in told.page, cells
        if not (len(cells) == 6 and _is_alone(cells[0], report)):
            assert any(_holds(line, cells) for line in told.terminal), cells
    assert any(report["head"]["sentence"] in line for line in told.terminal)
    add_up(report, told.tables)


def _is_alone(name: str, report: dict[str, Any]) -> bool:
    """Whether a group is the only one of its kind: the terminal leaves such tables out."""
    return any(len(g) == 1 and g[0]["name"] == name for g in report["groups"].values())


def _holds(line: str, cells: list[str]) -> bool:
    place = 0
    for cell in cells:
        place = line.find(cell, place) + len(cell)
        if place < len(cell):
            return False
    return True


def rows_of(report: dict[str, Any]) -> Iterator[list[str]]:
    """Yield every row of figures there must be."""
    yield from facts(report)
    for rows in report["groups"].values():
        for g in rows:
            yield [
                *(g["name"], f"{g['trades']}{' small' if g['small'] else ''}"),
                *(rate(g), signed(g["expectancy"]), signed(g["pnl"])),
                percent(g["share_of_costs_pct"], 0),
            ]
    for d in report["drawdowns"]:
        yield [
            *(moment(d["peak"]), moment(d["trough"]), moment(d["recovery"])),
            *(usd(d["depth"]), percent(d["depth_pct"]), lasted(d["days"])),
        ]
    for use in report["risk"]["limits"]:
        yield [
            *(use["rule"].replace("_pct", " %").replace("_", " "), figure(use["cap"])),
            *(percent(use["average_pct"], 1), percent(use["highest_pct"], 1), str(use["n"])),
        ]
    for r in report["risk"]["refusals"]:
        yield [r["rule"], str(r["signals"]), str(r["known"]), signed(r["outcome"])]
    for b in report["benchmarks"]:
        yield [
            *(b["name"], str(b["n"]), change(b["return_pct"]), change(b["own_return_pct"])),
            *(percent(b["volatility_pct"]), percent(b["drawdown_pct"]), figure(b["correlation"])),
            *(percent(b["up_capture_pct"], 0), percent(b["down_capture_pct"], 0)),
        ]
        assert b["beta"] is None  # of fewer than 60 intervals
        yield [b["name"], str(b["n"]), *"------"]


def facts(report: dict[str, Any]) -> Iterator[list[str]]:
    head, b, risk = report["head"], report["bridge"], report["risk"]
    r = risk["ratios"]
    small = " small" if head["small"] else ""
    yield ["Net PnL", f"{signed(head['net'])} USDT"]
    yield ["Time-weighted return", change(head["return_pct"])]
    depth = f"{percent(head['drawdown_pct'])}, {lasted(head['drawdown_days'])}"
    yield ["Max drawdown", f"{usd(head['drawdown'])} ({depth})"]
    yield ["Equity", f"{usd(b['start_equity'])} to {usd(b['end_equity'])}"]
    yield ["Trades", f"{head['trades']}{small}"]
    yield ["Expectancy a trade", signed(head["expectancy"])]
    between = f"{signed(head['expectancy_low'])} to {signed(head['expectancy_high'])}"
    yield ["95 % interval of it", between]
    yield ["Win rate", rate(head)]
    yield ["Average win, loss", f"{signed(head['average_win'])}, {signed(head['average_loss'])}"]
    yield ["Payoff ratio", figure(head["payoff_ratio"])]
    yield ["Profit factor", figure(head["profit_factor"])]
    yield ["Gross, at the prices decided on", signed(b["gross"])]
    yield ["Slippage", signed(b["slippage"])]
    yield ["Maker fees", signed(-D(b["maker_fees"]) + 0)]
    yield ["Taker fees", signed(-D(b["taker_fees"]) + 0)]
    yield ["Funding", signed(b["funding"])]
    yield ["Change of open PnL", signed(b["open_change"])]
    yield ["Net", signed(b["net"])]
    yield ["Days", f"n {r['n']} days{', small' if r['small'] else ''}"]
    yield ["Volatility (a day)", percent(r["volatility_pct"])]
    for name in ("sharpe", "sortino", "calmar"):
        yield [f"{name.capitalize()} (a day)", figure(r[name])]
    yield ["Ulcer index", percent(r["ulcer_pct"])]
    yield ["Worst, best day", f"{change(r['worst_day_pct'])}, {change(r['best_day_pct'])}"]
    yield ["Skew of days", figure(r["skew"])]
    yield ["Time in the market", percent(risk["time_in_market_pct"], 1)]
    yield ["Turnover", f"{figure(risk['turnover'], 1)} x ({usd(risk['traded'])})"]
    f = report["fill_costs"]
    costs = f"median {figure(f['median_bps'])}, p90 {figure(f['p90_bps'])}"
    yield [
        "Slippage a trade (bps of traded)",
        f"{costs}, worst {figure(f['worst_bps'])}, n {f['n']}",
    ]


def add_up(report: dict[str, Any], tables: dict[str, list[dict[str, str]]]) -> None:
    """Add up the tables to the document's figures."""
    trades, curve, b = tables["trades"], tables["equity"], report["bridge"]
    assert len(trades) == report["head"]["trades"] == len({row["id"] for row in trades})
    assert total(trades, "pnl") == D(b["trades_net"])
    assert total(trades, "fees") == D(b["maker_fees"]) + D(b["taker_fees"])
    assert total(tables["fills"], "fee") == total(trades, "fees")
    assert total(trades, "slippage") == D(b["slippage"])
    assert total(trades, "funding") == D(b["funding"])
    assert D(curve[0]["equity"]) == D(b["start_equity"])
    assert D(curve[-1]["equity"]) == D(b["end_equity"])
    assert max(D(row["drawdown"]) for row in curve) == D(report["head"]["drawdown"])
    wins = [D(row["pnl"]) for row in trades if D(row["pnl"]) > 0]
    assert abs(100 * D(len(wins)) / len(trades) - D(report["head"]["win_rate_pct"])) < D("1e-6")
    assert abs(sum(wins, D(0)) / len(wins) - D(report["head"]["average_win"])) < D("1e-6")
    for dimension, of in (
        ("symbol", lambda row: row["symbol"]),
        ("side", lambda row: row["side"]),
        ("exit", lambda row: row["exit_reason"]),
        ("hour", lambda row: row["entry_time"][11:13]),
        ("weekday", lambda row: f"{date.fromisoformat(row['entry_time'][:10]):%a}"),
    ):
        groups = {g["name"]: g for g in report["groups"][dimension]}
        assert Counter(map(of, trades)) == {name: g["trades"] for name, g in groups.items()}
        for name, g in groups.items():
            assert total([row for row in trades if of(row) == name], "pnl") == D(g["pnl"])
    for day in report["days"]:
        closed = [row for row in trades if row["exit_time"][:10] == day["at"][:10]]
        assert len(closed) == day["trades"]
    assert sum(D(day["pnl"]) for day in report["days"]) == D(b["net"])
    refused = [row for row in tables["signals"] if row["verdict"] == "refused"]
    assert max((r["signals"] for r in report["risk"]["refusals"]), default=0) <= len(refused)


def total(rows: list[dict[str, str]], name: str) -> Decimal:
    return sum((D(row[name] or 0) for row in rows), D(0))


def signed(value: Any) -> str:
    return "-" if value is None else f"{D(value):+,.2f}"


def usd(value: Any) -> str:
    return f"{'-' if D(value) < 0 else ''}${abs(D(value)):,.2f}"


def figure(value: Any, places: int = 2) -> str:
    return "-" if value is None else f"{D(value):,.{places}f}"


def percent(value: Any, places: int = 2) -> str:
    return "-" if value is None else f"{figure(value, places)} %"


def change(value: Any) -> str:
    return "-" if value is None else f"{D(value):+,.2f} %"


def rate(row: dict[str, Any]) -> str:
    low, high = D(row["win_rate_low_pct"]), D(row["win_rate_high_pct"])
    return f"{D(row['win_rate_pct']):.1f} % ({low:.0f} to {high:.0f})"


def moment(value: str | None) -> str:
    return "-" if value is None else value[:16].replace("T", " ")


def lasted(days: str) -> str:
    value = float(days)
    if value >= 1:
        return f"{value:.1f} d"
    return f"{value * 24:.1f} h" if value * 24 >= 1 else f"{value * 1440:.0f} min"


# -- the recorded month ----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.environ.get("TRADEBOT_FULL") != "1", reason="a minute: TRADEBOT_FULL=1")
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not here")
def test_may_of_five_symbols_beside_the_index(tmp_path: Path) -> None:
    bot = Bot(tmp_path, tmp_path / "data")
    names = ("BTC", "ETH", "ADA", "SOL", "XRP")
    files = [SHARED / "um" / f"{name}USDT-1m-2025-05.csv.gz" for name in names]
    files += [SHARED / "um" / f"{name}USDT-fundingRate-2020-2026.csv.gz" for name in names]
    index = SHARED / "macro" / "SP500-1d-2017-2026.csv.gz"
    more = ("--benchmark", str(index), "--no-advice")
    words = list(map(str, files))
    process = bot.start("paper", *words, "--speed", "max", "--headless")
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    (tmp_path / "paper").mkdir()
    (tmp_path / "backtest").mkdir()
    paper = faces(bot, tmp_path / "paper", "report", *more)
    backtest = faces(bot, tmp_path / "backtest", "backtest", *words, *more)
    assert list(differences(paper.report, backtest.report)) == []
    for told in (paper, backtest):
        check(told)
