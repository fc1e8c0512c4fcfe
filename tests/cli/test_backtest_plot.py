"""``backtest --plot`` and ``--html``."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from kits.report_kit import MAY, a_history, a_trade

from tradebot.__main__ import main
from tradebot.cli.plot import curves, plot
from tradebot.core.model.documents import SummaryDocument, TradeDocument
from tradebot.core.model.effects import EquityPoint
from tradebot.core.model.times import of_iso
from tradebot.core.model.values import HOUR_MS, Bar
from tradebot.market.embedded.market import SimulatedMarket
from tradebot.reports import charts
from tradebot.reports.charts import Mark, curve, thinned
from tradebot.reports.monthly import page as pages
from tradebot.reports.monthly.made import report_of
from tradebot.reports.monthly.page import empty_page, report_page
from tradebot.reports.monthly.period import month_of


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    steps = SimulatedMarket(["BTC/USDT"], 3).history(3000)
    rows = [(e.open_time, *e.text) for step in steps for e in step if isinstance(e, Bar)]
    path = tmp_path / "BTCUSDT-1m-2025-01.csv"
    path.write_text("".join(",".join(map(str, row)) + ",0,0,0,0,0,0\n" for row in rows))
    return path


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def test_plot_draws_three_charts_below_the_summary(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, _ = call(capsys, "backtest", file, "--plot")
    assert code == 0
    places = [
        out.index(t)
        for t in ("Starting capital", "Equity, USDT", "Drawdown, USDT", "PnL of each trade")
    ]
    assert places == sorted(places)
    assert "▼" in out[places[1] : places[2]]
    assert "\x1b" not in out
    assert all(len(line) <= 100 for line in out[places[1] :].splitlines())
    code, plain, _ = call(capsys, "backtest", file)
    assert "Equity, USDT" not in plain


def test_json_stays_one_document(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    code, out, _ = call(capsys, "backtest", file, "--plot", "--html", "page.html", "--json")
    assert code == 0
    parsed = json.loads(out)
    assert parsed["data"]["html"] == "page.html"
    assert Path("page.html").stat().st_size > 5_000


class Page(HTMLParser):
    """What is in a page: its tags, their attributes and its text; unclosed tags fail."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, _ = call(capsys, "backtest", file, "--html", "page.html")
    assert code == 0
    assert out.endswith("wrote page.html\n")
    text = Path("page.html").read_text()
    seen = Page(text)
    parsed = json.loads(call(capsys, "backtest", file, "--json")[1])
    trades = parsed["data"]["trades"]
    assert trades
    assert seen.tags.count("svg") >= 6
    assert f"Trades ({len(trades)})" in seen.text
    assert not {"script", "link", "img", "iframe", "object"} & set(seen.tags)
    assert not {name for name, _ in seen.attributes} & {"src", "href", "onload", "onclick"}
    assert "http" not in text.replace("http-equiv", "")
    assert f"{Decimal(parsed['data']['summary']['equity']):,.2f}" in seen.text
    assert "no funding file was given" in seen.text


SUMMARY: SummaryDocument = {
    "run": None, "mode": "backtest", "market": "<b>&file", "strategy": "<script>alert(1)</script>",
    "from": "2025-05-01T00:00:00Z", "to": "2025-05-02T00:00:00Z", "start_equity": "10000",
    "equity": "10010", "pnl": "10", "pnl_pct": "0.1", "completed_trades": 1, "win_rate_pct": "100",
    "average_win": "10", "average_loss": None, "profit_factor": None, "expectancy": "10",
    "gross": "11", "fees": "1", "funding": "0", "net": "10", "max_drawdown": "5",
    "max_drawdown_pct": "0.05", "order_latency_p50_ms": None, "order_latency_p99_ms": None,
    "halts": 0, "refusals": 0, "rejections": 0, "rejected": [],
}  # fmt: skip
TRADE: TradeDocument = {
    "id": 1, "run": None, "symbol": "BTC/USDT", "side": "long", "qty": "0.01",
    "entry_time": "2025-05-01T01:00:00Z", "entry_price": "100000.12345678",
    "exit_time": "2025-05-01T02:00:00Z", "exit_price": "101000", "fees": "1", "funding": "0",
    "pnl": "10", "pnl_pct": "1", "duration_s": 3600, "exit_reason": "\"x\"<i>",
}  # fmt: skip


def points(count: int) -> list[EquityPoint]:
    start = of_iso("2025-05-01T00:00:00Z")
    return [
        EquityPoint(
            start + i * HOUR_MS, Decimal(10_000 - i % 5), Decimal(0), Decimal(i % 5), "hour"
        )
        for i in range(1, count)
    ]


def test_names_are_escaped() -> None:
    trades = [a_trade(1, MAY + HOUR_MS, exit_reason='"x"<i>', symbol="<u>")]
    history = a_history(trades, market="<b>&file", strategy="<script>alert(1)</script>")
    text = report_page(report_of([history], month_of(MAY)), trades, warnings=["a <warning>"])
    seen = Page(text)
    assert "<script" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert "<u>" not in text
    assert "a <warning>" in seen.text
    assert '"x"<i>' in seen.text
    assert "default-src 'none'" in str(seen.attributes)


def test_a_run_without_a_trade_or_a_moment() -> None:
    seen = Page(report_page(report_of([a_history([])], month_of(MAY))))
    assert "No trade was closed." in seen.text
    assert "there is not a moment" in Page(empty_page("Backtest <x>", ["w"])).text
    summary: SummaryDocument = {**SUMMARY, "from": None, "to": None, "completed_trades": 0}
    assert plot(summary, [], []) == "Too short for a plot."


def test_many_marks_become_a_rug_below_the_curve() -> None:
    points = [(MAY + i * HOUR_MS, 100.0 + i % 7) for i in range(200)]
    marks = [
        Mark(MAY + i * HOUR_MS, 1.0 if i % 3 else -1.0, "<t>") for i in range(charts.MOST_MARKS + 1)
    ]
    few, many = curve(points, marks[:-1]), curve(points, marks)
    assert few.count('class="mark') == charts.MOST_MARKS
    assert 'class="rug' not in few
    assert many.count('class="mark') == 0
    assert many.count('class="rug') == 2
    for text in (few, many):  # the curve is drawn last: above its marks
        assert text.index('class="curve"') > max(
            text.rfind('class="mark'), text.rfind('class="rug')
        )
    assert "&lt;t&gt;" in few


def test_curves_begin_with_the_start_and_end_with_the_end() -> None:
    equity, falls = curves(SUMMARY, points(24))
    assert equity[0] == (of_iso("2025-05-01T00:00:00Z"), 10_000.0)
    assert equity[-1] == (of_iso("2025-05-02T00:00:00Z"), 10_010.0)
    assert [at for at, _ in equity] == [at for at, _ in falls] == sorted(at for at, _ in falls)
    assert min(value for _, value in falls) == -4.0
    assert falls[-1][1] == 0.0
    losing, falls = curves({**SUMMARY, "equity": "9990"}, points(24))
    assert falls[-1][1] == losing[-1][1] - 10_000.0 == -10.0


def test_thinning_keeps_the_extremes_and_the_order() -> None:
    line = [(i, float((i * 7919) % 1000)) for i in range(50_000)]
    line[31_234] = (31_234, 5_000.0)
    line[31_235] = (31_235, -5_000.0)
    few = thinned(line, 100)
    assert len(few) <= 202
    assert few[0] == line[0]
    assert few[-1] == line[-1]
    assert {line[31_234], line[31_235]} <= set(few)
    assert [at for at, _ in few] == sorted(at for at, _ in few)
    assert thinned(line[:150], 100) == line[:150]


@pytest.mark.parametrize(
    ("least", "step"), [(113.8, 200), (0.011, 0.02), (1, 1), (4.2, 5), (5.1, 10), (99, 100)]
)
def test_levels_are_round_numbers(least: float, step: float) -> None:
    assert charts.round_step(least) == pytest.approx(step)


def test_very_many_trades_are_cut_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_TRADES", 3)
    trades = [a_trade(i, MAY + i * HOUR_MS) for i in range(1, 6)]
    seen = Page(report_page(report_of([a_history(trades)], month_of(MAY)), trades))
    assert "Trades (newest 3 of 5: --csv has them all)" in seen.text


def test_colours_only_where_they_are_wanted() -> None:
    trades: list[TradeDocument] = [
        TRADE,
        {**TRADE, "pnl": "-3", "exit_time": "2025-05-01T12:00:00Z"},
    ]
    coloured = plot(SUMMARY, points(20), trades, 70, coloured=True)
    bare = plot(SUMMARY, points(20), trades, 70, coloured=False)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == bare
    assert "▲" in bare
    assert "▼" in bare
    assert max(len(line) for line in bare.splitlines()) <= 70


@pytest.mark.parametrize(
    ("target", "said"), [("none/page.html", "does not exist"), (".", "is a directory")]
)
def test_a_page_that_cannot_be_written_is_refused_before_the_run(
    capsys: pytest.CaptureFixture[str], file: Path, target: str, said: str
) -> None:
    code, out, err = call(capsys, "backtest", file, "--html", target)
    assert code == 2
    assert out == ""
    assert said in err
