"""``slippage`` as a user meets it, on a journal with modelled fills."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from kits.journal_samples import KEY, T0, WALL, new_run

from tradebot.__main__ import main
from tradebot.journal.facts import FillModelled
from tradebot.journal.rows import Batch
from tradebot.journal.verify import verify
from tradebot.journal.writer import Journal


def fill(n: int, bps: str) -> FillModelled:
    return FillModelled(
        *("ETH/USDT", n, f"tba-b-{n}e", "buy", "entry", "0.1", "3600"),
        *("" if not bps else "3599", bps, T0 + n, 20 if bps else -1),
    )


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)

    async def fill_in() -> None:
        path = tmp_path / "data" / "tradebot.db"
        async with await Journal.open(path, key=KEY) as journal:
            run = await journal.begin_run(new_run("n1", mode="live", venue="live"))
            facts: list[Any] = [(T0 + n, fill(n, "6.5" if n < 21 else "")) for n in range(1, 23)]
            await journal.commit(Batch(run, WALL, facts=facts))
            await journal.begin_run(new_run("n2"))
        assert verify(path, KEY) == []

    asyncio.run(fill_in())
    return tmp_path / "data"


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_the_newest_run_at_an_exchange(
    journal: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = call(capsys, "slippage", "--data-dir", str(journal), "--json")
    data = json.loads(out)["data"]
    assert (code, data["run"], data["fills"], data["unmodelled"]) == (0, "live-0001", 22, 2)
    first = data["slippage"][0]
    assert (first["by"], first["fills"], first["median_bps"]) == ("all", 20, "6.50")
    assert data["verdict"]["ok"] is False
    assert "6.5 bps, more than 5" in data["verdict"]["reasons"][0]
    code, out, _ = call(capsys, "slippage", "--data-dir", str(journal))
    assert "+6.50" in out
    assert "the last 20 fills were worse than modelled by a median of 6.5 bps" in " ".join(
        out.split()
    )
    target = tmp_path / "fills.csv"
    code, out, _ = call(capsys, "slippage", "--data-dir", str(journal), "--csv", str(target))
    rows = list(csv.DictReader(target.read_text().splitlines()))
    assert (code, len(rows), rows[0]["bps"], rows[21]["bps"]) == (0, 22, "6.5", "")


def test_what_cannot_be_shown_is_one_line(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--data-dir", str(journal))
    code, _, err = call(capsys, "slippage", *place, "--run", "live-0009")
    assert (code, err.splitlines()[0]) == (2, "error: there is no run live-0009")
    code, out, _ = call(capsys, "slippage", *place, "--run", "paper-0001")
    assert (code, out) == (0, "paper-0001: no fill was modelled yet.\n")
    code, out, _ = call(capsys, "slippage", *place, "--csv", "-", "--json")
    assert (code, json.loads(out)["ok"]) == (2, False)


def test_a_journal_without_an_exchange(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def fill_in() -> None:
        async with await Journal.open(tmp_path / "tradebot.db", key=KEY) as journal:
            await journal.begin_run(new_run("n1"))

    asyncio.run(fill_in())
    code, _, err = call(capsys, "slippage", "--data-dir", str(tmp_path))
    assert code == 2
    assert "no run of this journal traded at an exchange" in err
