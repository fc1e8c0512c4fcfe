"""A run with real money is told of as any other, and each table says in its title what it is about."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.tui_kit import fly, trade_live

from tradebot.__main__ import main


@pytest.fixture(scope="module")
def live_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of a run with trades and an open position, as a live one's."""
    path = tmp_path_factory.mktemp("live")
    fly(path)
    trade_live(path)
    return path


def told(capsys: pytest.CaptureFixture[str], data_dir: Path, *words: str) -> str:
    assert main([*words, "--data-dir", str(data_dir)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("view", ["positions", "orders", "trades", "signals", "fills", "equity"])
def test_every_table_has_the_label_in_its_title(
    live_dir: Path, capsys: pytest.CaptureFixture[str], view: str
) -> None:
    title, *rows = told(capsys, live_dir, view).splitlines()
    assert title.startswith("LIVE live-0001 · ")
    assert rows


def test_an_empty_table_has_it_too(live_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys, live_dir, "trades", "--symbol", "ADA/USDT")
    assert said.strip() == "No completed trades. (LIVE live-0001)"


def test_status_and_each_table_of_risk(live_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "LIVE live-0001 (live)" in told(capsys, live_dir, "status")
    risk = told(capsys, live_dir, "risk")
    for name in ("Limits", "Liquidation"):
        assert f"LIVE {name}" in risk
    assert "live-0001" in told(capsys, live_dir, "runs")
