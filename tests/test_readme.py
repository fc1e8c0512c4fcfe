"""What README shows is true: its commands, its strategy, its map of the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kits.paper_kit import WARM

from tradebot.core.trading.reconcile import TABLE, DifferenceKind
from tradebot.wire.reply import UNASKED, WAYS_OUT

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRADEBOT = Path(sys.executable).with_name("tradebot")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def wave(path: Path, bars: int = 600) -> None:
    """Write minute bars that rise and fall in runs."""
    price, rows = 30_000, []
    for n in range(bars):
        close = price + (25 if n // 7 % 2 == 0 else -24)
        top, bottom = max(price, close) + 2, min(price, close) - 2
        rows.append(f"{1_746_403_200_000 + n * 60_000},{price},{top},{bottom},{close},100")
        price = close
    path.write_text("\n".join(rows) + "\n")


def test_the_install_commands_are_those_that_ci_runs() -> None:
    first, second = blocks("sh")[:2]
    assert "pip install . " in first
    assert first.rstrip().endswith("tradebot paper")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "pip install '.[test]'" in second
    assert "install --quiet '.[test]'" in ci


def test_each_difference_between_account_and_journal_has_its_line() -> None:
    table = README.split("## When account and journal differ")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z ]+?) \| .+ \| (.+?) \|$", table, re.MULTILINE)[1:]
    assert [name for name, _ in rows] == [kind.value for kind in DifferenceKind]
    for name, halts in rows:
        remedy = TABLE[DifferenceKind(name)]
        if not remedy.halt:
            assert halts == "never"
        else:
            assert halts.startswith(f"`{remedy.halt}`, ")
            assert str(remedy.rounds) in halts or (remedy.rounds == 1 and "at once" in halts)


def test_each_refusal_with_a_way_out_has_its_line() -> None:
    table = README.split("## When an exchange or a key says no")[1].split("\n## ")[0]
    for code in WAYS_OUT:
        assert (f"({code})" if code < 0 else f"`HTTP {code}`") in table
    for name in (
        "not listed on Binance USD-M",
        "makes no sense",
        "not its own",
        "half a key",
        UNASKED,
    ):
        assert name in table


def test_the_strategy_is_short_and_trades(tmp_path: Path) -> None:
    (source,) = (block for block in blocks("python") if block.startswith("# my_strategy.py"))
    assert len(source.strip().splitlines()) < 25
    (tmp_path / "my_strategy.py").write_text(source)
    wave(tmp_path / "BTCUSDT-1m-2025-05.csv")
    args = ["backtest", "BTCUSDT-1m-2025-05.csv", "--strategy", "my_strategy.py:Momentum"]
    done = subprocess.run(
        [TRADEBOT, *args, "--param", "bars=4", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["summary"]["completed_trades"] > 3


def test_every_command_it_names_exists() -> None:
    named = set(re.findall(r"tradebot ([a-z][a-z-]+)(?: ([a-z]+)\b)?", "\n".join(blocks("sh"))))
    named |= set(re.findall(r"`tradebot ([a-z][a-z-]+)(?: ([a-z]+)\b)?", README))
    assert named
    for command, sub in sorted(named):
        words = [command, sub] if command in ("config", "db") and sub else [command]
        done = WARM.run([*words, "--help"], dict(os.environ), ROOT, timeout=60)
        assert done.returncode == 0, (words, done.stderr)


@pytest.mark.parametrize(
    "path",
    sorted(
        set(re.findall(r"`((?:core|journal|cli|config|market)/[\w/]*(?:\.py)?|\w+\.py)`", README))
    ),
)
def test_every_file_of_the_map_exists(path: str) -> None:
    if path not in ("my_strategy.py", "try.py"):  # the reader writes these
        found = [ROOT / "tradebot" / path, ROOT / "tradebot" / "core" / "risk" / path]
        assert any(candidate.exists() for candidate in found)


def test_the_keys_are_those_of_the_screens() -> None:
    from tradebot.tui.app import keys_markdown

    assert keys_markdown().strip() in README
