"""The benchmark's scripts run, and its work comes out right; how fast is never asserted here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "tests" / "bench"
SHARED = ROOT.parent / "shared" / "bench"


def bench(script: str, *words: str | Path) -> dict[str, Any]:
    """Run a script with ``--json`` and return its document."""
    done = subprocess.run(
        [sys.executable, BENCH / script, *map(str, words), "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def test_the_engine_does_the_benchmark_s_work_as_it_is_defined() -> None:
    data = bench("bench1.py", "--bars", "3000", "--runs", "1")
    assert data["equal"]
    assert data["trades"] > 10
    assert data["engines"]["tradebot"]["peak_mb"] > 0


def test_an_alert_is_counted_for_its_row_also_where_it_is_not_the_only_one() -> None:
    texts = ("HALTED #17", "HALTED #17.2\n", "HALTED #unrecorded", "#17 HALTED")
    words = f"import alerts; print([alerts.row_of(text) for text in {texts!r}])"
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=BENCH, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[17, 17, None, None]"


def test_a_wrong_result_is_said_and_fails(tmp_path: Path) -> None:
    path = tmp_path / "bench1.csv"
    made = subprocess.run(
        [sys.executable, BENCH / "phase.py", "make", path, "400"], capture_output=True, check=True
    )
    assert b"400" in made.stdout
    # the engine floors quantities to the step of its facts; a price this high makes the reference differ
    lines = path.read_text().splitlines()
    dear = [lines[0]]
    for line in lines[1:]:
        time, *prices, volume = line.split(",")
        dear.append(",".join([time, *(f"{float(p) * 90:.2f}" for p in prices), volume]))
    path.write_text("\n".join(dear) + "\n")
    done = subprocess.run(
        [sys.executable, BENCH / "bench1.py", "--data", path, "--runs", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["equal"] is False


@pytest.mark.full
def test_the_whole_year_equals_the_oracle(tmp_path: Path) -> None:
    if not (SHARED / "oracle.json").exists() or importlib.util.find_spec("numpy") is None:
        pytest.skip("needs ../shared/bench and numpy")
    subprocess.run(
        [sys.executable, SHARED / "gen_bench1.py"], cwd=tmp_path, check=True, capture_output=True
    )
    oracle = json.loads((SHARED / "oracle.json").read_text())["result"]
    data = bench("bench1.py", "--data", tmp_path / "bench1.csv", "--runs", "1")
    assert data["checked_by"] == "oracle"
    assert data["equal"]
    assert data["trades_sha256"] == oracle["trades_sha256"]
    assert float(data["equity"]) == float(oracle["final_equity_exact"])


def test_scaling_runs_on_a_tiny_file() -> None:
    cases = bench("scaling.py", "--bars", "600", "--times", "3", "--runs", "1")["cases"]
    assert cases["longer"]["trades"] > 2 * cases["one"]["trades"] > 0
    assert cases["symbols"]["trades"] > 4 * cases["one"]["trades"]


def test_paper_day_runs_for_half_an_hour() -> None:
    data = bench("paper_day.py", "--hours", "0.5", "--watch", "0.5", "--runs", "1")
    assert data["day"]["wall_s"] > 0
    assert data["watched"][-1]["journal_mb"] > 0


def test_the_idle_app_shows_the_same_help_and_nothing_heavy_is_imported_for_it() -> None:
    data = bench("startup.py", "--runs", "1")
    assert data["same_help"]
    assert data["heavy_modules_loaded"] == []


def test_step_cost_weighs_the_guards() -> None:
    guards = bench("step_cost.py", "--bars", "1500", "--runs", "1")["guards"]
    assert guards["gate"]["calls"] > 0
    assert guards["together"]["calls"] >= guards["gate"]["calls"] + guards["watch"]["calls"]


def test_a_month_s_report_runs_on_a_small_journal() -> None:
    data = bench("report.py", "--trades", "40", "--rows", "400", "--runs", "1")
    assert data["trades_told"] == 40
    assert data["html_mb"] > 0
    assert data["benchmark_cpu_s"] >= 0


def test_the_races_of_a_live_run_are_run() -> None:
    data = bench("live.py", "--rounds", "4")
    for race in ("mark_to_exit", "fill_to_stop"):
        assert data[race]["ours"]["p99_ms"] >= data[race]["ours"]["p50_ms"] > 0
        assert data[race]["raw_ccxt"]["p50_ms"] > 0


@pytest.mark.skipif(os.environ.get("TRADEBOT_FULL") != "1", reason="takes seconds: TRADEBOT_FULL=1")
def test_the_races_are_run_beside_the_screens() -> None:
    data = bench("live_screens.py", "--rounds", "4", "--runs", "1")
    for place in ("without_screens", "with_screens"):
        for race in ("mark_to_exit", "fill_to_stop"):
            assert data[place][race]["p99_ms"] >= data[place][race]["p50_ms"] > 0


@pytest.mark.skipif(os.environ.get("TRADEBOT_FULL") != "1", reason="takes seconds: TRADEBOT_FULL=1")
def test_every_channel_takes_what_is_halted() -> None:
    data = bench("alerts.py", "--runs", "1")
    assert data["halts"] == 1
    assert {name: one["count"] for name, one in data["latency"].items()} == {
        "telegram": 1,
        "email": 1,
        "webhook": 1,
    }
    assert data["memory"]["alerter_mb"] > 0


def test_the_drift_of_a_fill_is_measured_beside_the_fill_alone() -> None:
    data = bench("drift.py", "--fills", "20", "--runs", "1")
    assert data["fills"] == 20
    assert data["us_per_fill"]["with"] > data["us_per_fill"]["without"] > 0


def test_gates_are_judged_over_a_journal_of_the_real_writer() -> None:
    data = bench("gates.py", "--days", "0.25", "--runs", "1")
    assert data["broken"] == ""
    assert data["rows"] > 500
    assert data["ghost"][0] == 1  # the run is read, and left out for its prices


@pytest.mark.full
def test_a_burst_of_alerts_is_said_whole_and_what_matters_comes_through() -> None:
    data = bench("alert_burst.py", "--runs", "1", "--count", "300", "--seconds", "10")
    (told,), (quiet,) = data["rounds"]["with"], data["rounds"]["without"]
    assert told["left"] == quiet["left"] == 0
    assert told["critical_out_s"] is not None
    assert told["most_in_a_minute"] <= 20
    assert told["alerter"]["most_mb"] > 0
