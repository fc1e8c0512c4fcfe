"""``report`` as users meet it: terminal, page, JSON and CSV files agree, and what is due is written once."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradebot.__main__ import main
from tradebot.core.model.values import Bar
from tradebot.market.embedded.market import SimulatedMarket

D = Decimal
KEY = "6b" * 32
FEBRUARY = 1_738_368_000_000


def at_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("TRADEBOT_AUDIT_KEY", KEY)
    patch.setenv("TRADEBOT_DATA_DIR", str(folder / "data"))
    patch.setenv("XDG_STATE_HOME", str(folder / "state"))
    patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    patch.chdir(folder)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a paper run over the last hours of January and the first of February."""
    folder = tmp_path_factory.mktemp("report")
    steps = SimulatedMarket(["BTC/USDT"], 3).history(1500)
    bars = [e for step in steps for e in step if isinstance(e, Bar)]
    shift = FEBRUARY - bars[1100].open_time
    rows = [(bar.open_time + shift, *bar.text) for bar in bars]
    path = folder / "BTCUSDT-1m-2025-01.csv"
    path.write_text("".join(",".join(map(str, row)) + ",0,0,0,0,0,0\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        at_home(folder, patch)
        words = ("paper", str(path), "--speed", "max", "--headless")
        assert main((*words, "--set", "risk.paper.blackout_hours=[]")) == 0
        assert main(("ghost", *words[1:], "--set", "risk.paper.blackout_hours=[]")) == 0
    return folder


@pytest.fixture
def home(traded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    at_home(traded, monkeypatch)
    return traded


def told(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    mode = () if "--mode" in words or "--due" in words else ("--mode", "paper")
    code = main(["report", *mode, *map(str, words), "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    data: dict[str, Any] = json.loads(out)
    return data


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def total(table: list[dict[str, str]], name: str) -> Decimal:
    return sum((D(row[name]) for row in table), D(0))


def test_every_face_says_the_same(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    span = ("--mode", "paper", "--from", "2025-01-01", "--to", "2025-03-01")
    answer = told(capsys, *span, "--html", tmp_path / "r.html", "--csv", tmp_path / "csv")
    report = answer["data"]["report"]
    bridge = {name: D(value) for name, value in report["bridge"].items() if name != "unpriced"}
    trades, fills = rows(tmp_path / "csv" / "trades.csv"), rows(tmp_path / "csv" / "fills.csv")
    assert report["head"]["trades"] == len(trades) > 5
    assert total(trades, "pnl") == bridge["trades_net"]
    assert total(trades, "slippage") == bridge["slippage"] < 0
    assert total(trades, "fees") == bridge["maker_fees"] + bridge["taker_fees"]
    assert sum(D(f["fee"]) for f in fills if f["maker"] == "yes") == bridge["maker_fees"]
    assert bridge["net"] == bridge["trades_net"] + bridge["open_change"]
    curve = rows(tmp_path / "csv" / "equity.csv")
    assert (curve[0]["why"], curve[-1]["why"]) == ("start", "end")
    assert D(curve[0]["equity"]) == bridge["start_equity"]
    assert D(curve[-1]["equity"]) == bridge["end_equity"] == bridge["start_equity"] + bridge["net"]
    realised = rows(tmp_path / "csv" / "realised.csv")
    assert total(realised, "proceeds") - total(realised, "cost") == total(realised, "realised")
    assert total(realised, "realised") == total(fills, "realised")
    page = (tmp_path / "r.html").read_text()
    assert report["hash"] in page
    assert f"{bridge['net']:+,.2f} USDT" in page
    assert report["head"]["sentence"].replace("'", "&#39;") in page
    assert "not tax advice" in answer["data"]["csv"]["note"]
    assert set(answer["data"]["csv"]["rows"]) == {p.stem for p in (tmp_path / "csv").iterdir()}
    assert main(["report", *span]) == 0
    text = capsys.readouterr().out
    assert f"{bridge['net']:+,.2f} USDT" in text
    assert report["head"]["sentence"] in text
    assert f"Hash {report['hash']}" in text
    assert "Days, USDT" in text


def test_months_add_up_and_are_the_same_for_ever(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = told(capsys, "--from", "2025-01-01", "--to", "2025-03-01")["data"]["report"]["bridge"]
    one = told(capsys, "--month", "2025-01")["data"]["report"]
    two = told(capsys, "--month", "2025-02")["data"]["report"]
    for name in ("gross", "slippage", "maker_fees", "taker_fees", "funding", "open_change", "net"):
        assert D(one["bridge"][name]) + D(two["bridge"][name]) == D(whole[name]), name
    assert one["bridge"]["end_equity"] == two["bridge"]["start_equity"]
    assert one["title"].startswith("Paper, January 2025 (partial: ")
    again = told(capsys, "--month", "2025-01")["data"]["report"]
    assert json.dumps(again) == json.dumps(one)
    default = told(capsys)["data"]["report"]
    assert default["title"].startswith("Paper, February 2025")  # no month is whole: the newest part
    assert told(capsys, "--last", "2h")["data"]["report"]["begun"] >= "2025-02-01"


def as_it_was(path: Path, moment: int) -> None:
    """Take from a journal all that came after a moment (UTC ms), as far as a report reads it."""
    times = {"fills": "time", "trades": "exit_time", "signals": "time", "orders": "ts"}
    with closing(sqlite3.connect(path)) as db, db:
        for table, column in {**times, "equity": "ts", "funding": "ts", "halts": "ts"}.items():
            db.execute(f"DELETE FROM {table} WHERE {column} > ?", (moment,))
        db.execute("UPDATE runs SET state = 'running', summary = NULL, ended = NULL")
        open_then = "UPDATE ghosts SET exit_time = NULL, pnl = NULL WHERE exit_time > ?"
        assert db.execute(open_then, (moment,)).rowcount > 0
        db.execute(
            "UPDATE signals SET outcome_pnl = NULL WHERE EXISTS (SELECT 1 FROM ghosts WHERE"
            " ghosts.run = signals.run AND signal = signals.id AND exit_time IS NULL)"
        )


@pytest.mark.parametrize("mode", ["paper", "ghost"])
def test_what_comes_after_a_month_changes_nothing_about_it(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    """The same bytes right after its end, while the run goes on, as long after."""
    shutil.copytree(home / "data", tmp_path / "then")
    as_it_was(tmp_path / "then" / "tradebot.db", FEBRUARY + 1000)
    words = ("--month", "2025-01", "--mode", mode, "--no-advice")
    now, then = (
        told(capsys, *words, *more)["data"]["report"]
        for more in ((), ("--data-dir", tmp_path / "then"))
    )
    assert now["hash"] == then["hash"]
    assert {name for name in now if now[name] != then[name]} <= {"latency_p50_ms", "latency_p99_ms"}
    assert then["latency_p50_ms"] is None  # it is told when a run ends, and no part of the hash
    assert now["latency_p50_ms"] is not None


def test_what_is_due_is_written_once(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home / "data" / "reports"
    due = told(capsys, "--due")["data"]["due"]
    both = [str(folder / f"2025-01-{mode}.html") for mode in ("ghost", "paper")]
    assert due == both  # February is not over
    report = json.loads((folder / "2025-01-paper.json").read_text())
    assert report["hash"] == told(capsys, "--month", "2025-01")["data"]["report"]["hash"]
    assert report["hash"] in (folder / "2025-01-paper.html").read_text()
    assert told(capsys, "--due")["data"]["due"] == []
    (folder / "2025-01-paper.json").unlink()
    assert told(capsys, "--due")["data"]["due"] == both[1:]


def test_a_first_month_that_began_midway_is_advised_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is over like any other, and nothing can be added to it."""
    kept = home / "data" / "reports" / "2025-01-paper.advice.json"
    kept.unlink(missing_ok=True)
    report = told(capsys, "--month", "2025-01")["data"]["report"]
    assert report["partial"]
    ((rows_of_it, entry),) = json.loads(kept.read_text()).items()
    kept.write_text(json.dumps({rows_of_it: entry | {"lines": ["kept"]}}))
    again = told(capsys, "--month", "2025-01")["data"]["report"]
    assert again["advice"]["lines"] == ["kept"]
    kept.unlink()
    told(capsys, "--month", "2025-02")  # goes on
    assert not kept.with_name("2025-02-paper.advice.json").exists()


@pytest.mark.parametrize("columns", ["44", "80"])
def test_a_narrow_terminal_loses_no_column(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["report", "--mode", "paper", "--month", "2025-01", "--no-advice"]) == 0
    out = capsys.readouterr().out
    for head in ("Dec  year's", "correlation", "alpha %", "up capture", "down capture"):
        assert head in out
    assert out.count("Beside benchmarks") == 1
    assert out.count("BTC/USDT held  ") >= 2  # it stands before each part


def test_what_is_due_stands_beside_the_configured_benchmarks(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They lie beside the configuration's file, wherever it is used from; one that cannot be read is said and left out."""
    where = tmp_path / "conf"
    where.mkdir()
    (where / "own.csv").write_text("date,close\n2025-01-02,1\n2025-01-31,2\n")
    (where / "bot.toml").write_text('[report]\nbenchmarks = ["own.csv:Mine", "gone.csv"]\n')
    words = ("--config", str(where / "bot.toml"), "--data-dir", str(home / "data"))
    folder = home / "data" / "reports"
    for path in folder.glob("2025-01-paper.*"):
        path.unlink()
    document = told(capsys, "--due", "--no-advice", *words)
    assert document["data"]["due"] == [str(folder / "2025-01-paper.html")]
    assert [w["message"] if isinstance(w, dict) else w for w in document["warnings"]] == [
        f"without a benchmark: {where / 'gone.csv'}: does not exist"
    ]
    report = json.loads((folder / "2025-01-paper.json").read_text())
    assert "Mine" in [row["name"] for row in report["benchmarks"]]
    assert main(["report", "--month", "2025-01", *words]) == 2  # whoever asks is told
    assert "gone.csv: does not exist" in capsys.readouterr().err
    for path in folder.glob("2025-01-paper.*"):
        path.unlink()


@pytest.mark.parametrize("mode", ["paper", "ghost"])
def test_what_a_report_says_is_what_the_run_came_to(
    home: Path, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    assert main(["runs", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["data"]["runs"]
    summary = next(run["summary"] for run in runs if run["mode"] == mode)
    span = ("--mode", mode, "--from", "2025-01-01", "--to", "2025-03-01")
    report = told(capsys, *span)["data"]["report"]
    bridge, head = report["bridge"], report["head"]
    assert report["mode"] == mode
    assert D(bridge["net"]) == D(summary["pnl"])
    assert D(bridge["trades_net"]) + D(bridge["open_change"]) == D(summary["pnl"])
    assert D(bridge["end_equity"]) == D(summary["equity"])
    assert head["trades"] == summary["completed_trades"] > 5
    assert D(head["drawdown"]) == D(summary["max_drawdown"])
    assert abs(D(head["drawdown_pct"]) - D(summary["max_drawdown_pct"])) < D("1e-6")
    assert abs(D(head["win_rate_pct"]) - D(summary["win_rate_pct"])) < D("1e-6")


def test_a_backtest_s_page_is_the_same_report(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("backtest", str(home / "BTCUSDT-1m-2025-01.csv"), "--html", str(tmp_path / "b.html"))
    assert main([*words, "--set", "risk.paper.blackout_hours=[]", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)["data"]["summary"]
    page = (tmp_path / "b.html").read_text()
    assert f"{D(summary['pnl']):+,.2f} USDT" in page
    assert f"${D(summary['max_drawdown']):,.2f} (" in page
    assert "<h1>Backtest, 2025-01-31" in page
    assert re.search(r"From gross to net", page)
    assert "By hour" in page
    assert "No change can be recommended" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "May"), "is no month"),
        (("--month", "2024-05"), "ghost has nothing in May 2024"),
        (("--month", "2025-01", "--last", "1d"), "three ways"),
        (("--from", "2025-02-02", "--to", "2025-02-01"), "is not after"),
        (("--mode", "live"), "there is no run of mode live"),
        (("--mode", "wrong"), "is no mode"),
        (("--run", "paper-0009"), "there is no run paper-0009"),
        (("--benchmark", "none.csv"), "does not exist"),
        (("--html", "no/such/r.html"), "does not exist"),
        (("--csv", "no/such/dir"), "does not exist"),
        (("--csv", "BTCUSDT-1m-2025-01.csv"), "is no directory"),
        (("--csv", "a" * 300), "cannot be used: File name too long"),
        (("--due", "--html", "due.html"), "takes no --html"),
        (("--due", "--month", "2025-01", "--benchmark", "b.csv"), "takes no --month, --benchmark"),
    ],
)
def test_what_cannot_be_reported_is_said_in_a_line(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code = main(["report", *words])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert "hint:" in err


@pytest.mark.parametrize("table", ["trades", "orders", "signals", "fills", "equity", "funding"])
def test_every_table_can_be_archived_by_month(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    def written(month: str) -> list[dict[str, str]]:
        target = tmp_path / f"{table}-{month}.csv"
        assert main([table, "--month", month, "--csv", str(target), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)["data"]
        found = rows(target)
        assert answer["count"] == len(found)
        return found

    assert main([table, "--csv", str(tmp_path / "all.csv")]) == 0
    assert f"{table} of ghost-0001 written to" in capsys.readouterr().out
    all_rows = rows(tmp_path / "all.csv")
    assert written("2025-01") + written("2025-02") == all_rows
    assert written("2024-01") == []
    if table != "funding":
        assert all_rows
    for row in all_rows:
        for name, text in row.items():
            if name in ("time", "ts", "entry_time", "exit_time") and text:
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", text)
    assert main([table, "--month", "2025-02", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["data"][table]
    assert len(shown) == len(written("2025-02"))
    if table == "trades":  # as the archive and a backtest have it
        assert [str(row["signal_id"]) for row in shown] == [
            row["signal_id"] for row in written("2025-02")
        ]


def test_a_table_goes_to_a_pipe_s_place_never(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for words in (["trades", "--csv"], ["report", "--html"], ["quality", "--html"]):
        assert main([*words, str(tmp_path / "pipe")]) == 2
        assert ("is a pipe" in (err := capsys.readouterr().err)) or "hypothetical" in err
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()
