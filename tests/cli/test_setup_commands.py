"""``init``, ``doctor`` and ``lookahead`` as users and scripts meet them."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tradebot.__main__ import main
from tradebot.config import Config, load_config
from tradebot.config.template import example, filled
from tradebot.core.model.values import Bar
from tradebot.core.strategy.breakout import Breakout
from tradebot.market.embedded.market import SimulatedMarket
from tradebot.plugins.strategies import BUILT_IN, load_strategy

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    code, out, err = call(capsys, *words, "--json")
    assert err == ""
    parsed = json.loads(out)
    assert set(parsed) == {"version", "command", "ok", "data", "warnings", "error"}
    assert parsed["ok"] is (code == 0)
    return code, parsed


# -- init -------------------------------------------------------------------------------------------


def test_init_writes_a_commented_file_that_loads(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = call(capsys, "init")
    assert (code, err) == (0, "")
    assert out.startswith("wrote bot.toml\n")
    text = Path("bot.toml").read_text()
    assert "made by `tradebot init`" in text
    assert tomllib.loads(text)["market"] == {"symbols": ["BTC/USDT", "ETH/USDT"]}
    assert load_config(Path("bot.toml"), {}).document() == Config().document()
    assert text.count("\n#") > 100
    assert call(capsys, "config", "check")[0] == 0


def test_init_never_overwrites_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bot.toml").write_text("# mine\n")
    code, _, err = call(capsys, "init")
    assert code == 2
    assert "bot.toml: there is one already, and it was left as it is" in err
    assert "--force replaces it" in err
    assert Path("bot.toml").read_text() == "# mine\n"
    assert call(capsys, "init", "--force")[0] == 0
    assert "made by" in Path("bot.toml").read_text()


def test_init_takes_flags(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, parsed = document(
        capsys, "init", "--config", "deep/my.toml", "--symbols", "SOL/USDT,xrp/usdt",
        "--strategy", "breakout", "--start-equity", "2500.5", "--data-dir", "state",
    )  # fmt: skip
    assert code == 0
    assert parsed["data"]["file"] == str(tmp_path / "deep/my.toml")
    config = load_config(Path("deep/my.toml"), {})
    assert config.market.symbols == ("SOL/USDT", "XRP/USDT")
    assert config.strategy.name == "breakout"
    assert str(config.sim.start_equity) == "2500.5"
    assert config.data_dir() == tmp_path / "state"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symbols", "DOGE/USDT"), "DOGE"),
        (("--strategy", "ema_crss"), "did you mean ema_cross?"),
        (("--start-equity", "-1"), "must be above 0"),
        (("--start-equity", "much"), "must be a number"),
        (("--config", "bot.toml/below"), "cannot be written"),
    ],
)
def test_init_writes_nothing_wrong(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    if "below" in words[1]:
        Path("bot.toml").touch()
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(capsys, "init", *words)
    assert code == 2
    assert out == ""
    assert said in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_strategys_parameters_are_in_the_file(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert call(capsys, "init", "--strategy", name)[0] == 0
    text = Path("bot.toml").read_text()
    section = text.partition("[strategy.params]")[2].partition("[market]")[0]
    set_all = re.sub(r"^#(?=\w+ = )", "", section, flags=re.MULTILINE)
    spec = load_strategy(name, Path(), tomllib.loads(set_all))
    assert spec.params == load_strategy(name, Path()).params
    assert set(tomllib.loads(set_all)) == set(type(spec.params).model_fields)


def test_the_template_is_the_example_of_the_repository() -> None:
    assert (ROOT / "bot.toml.example").read_text() == example()
    with pytest.raises(KeyError):
        filled({"market.sped": 1})
    with pytest.raises(KeyError):
        filled({"markt.speed": 1})
    assert "\nspeed = 5\n" in filled({"market.speed": 5})
    assert "entry" in Breakout.Params.model_fields


def screen(words: list[str], typed: str, folder: Path, **env: str) -> tuple[int, str]:
    """Run the command on a terminal of its own and type; return its exit code and what it showed."""
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **env}
    with subprocess.Popen(
        [sys.executable, "-m", "tradebot", *words],
        stdin=child, stdout=child, stderr=child, cwd=folder, close_fds=True, env=environment,
    ) as process:  # fmt: skip
        os.close(child)
        os.write(parent, typed.encode())
        shown = b""
        while True:
            ready, _, _ = select.select([parent], [], [], 30)
            try:
                part = os.read(parent, 4096) if ready else b""
            except OSError:  # the other side is closed
                part = b""
            if not part:
                break
            shown += part
        code = process.wait(90)
    os.close(parent)
    return code, shown.decode(errors="replace")


def test_init_asks_on_a_terminal_until_the_answer_can_be_used(tmp_path: Path) -> None:
    typed = "DOGE\nBTC/USDT,SOL/USDT\nema\nrsi_reversion\n-5\n\n"
    code, shown = screen(["init"], typed, tmp_path)
    assert code == 0, shown
    assert 'unknown symbol "DOGE"' in shown
    assert 'unknown strategy "ema"' in shown
    assert "must be above 0" in shown
    assert "breakout" in shown
    config = load_config(tmp_path / "bot.toml", {})
    assert config.market.symbols == ("BTC/USDT", "SOL/USDT")
    assert config.strategy.name == "rsi_reversion"
    assert config.sim.start_equity == 10_000


def test_init_on_a_terminal_asks_nothing_that_a_flag_says(tmp_path: Path) -> None:
    words = ["init", "--symbols", "ETH/USDT", "--strategy", "breakout"]
    code, shown = screen(words, "777\n", tmp_path)
    assert code == 0, shown
    assert "Symbols" not in shown
    assert "Start equity on paper, USDT [10000]" in shown
    assert load_config(tmp_path / "bot.toml", {}).sim.start_equity == 777
    code, shown = screen(["init", "--force", "--yes"], "", tmp_path)
    assert code == 0, shown
    assert "Start equity" not in shown


def test_the_first_run_hint_only_on_a_terminal_and_only_the_first_time(tmp_path: Path) -> None:
    hint = "`tradebot init` writes one"
    code, shown = screen(["config", "check"], "", tmp_path)
    assert code == 0
    assert shown.count(hint) == 1
    (tmp_path / "bot.toml").write_text("")
    assert hint not in screen(["config", "check"], "", tmp_path)[1]
    (tmp_path / "bot.toml").unlink()
    run = [sys.executable, "-m", "tradebot", "config", "check"]
    piped = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert hint not in piped.stderr


# -- doctor -----------------------------------------------------------------------------------------


def test_doctor_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "doctor", "--data-dir", "state")
    assert code == 0
    lines = out.splitlines()
    assert all(len(line) <= 110 for line in lines)
    assert lines[0].startswith("ok    python     3.")
    assert re.fullmatch(r"\d+ ok, \d+ to look at, 0 failed", lines[-1])
    assert "\x1b" not in out


def test_doctor_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    code, parsed = document(capsys, "doctor")
    assert code == 0
    rows = parsed["data"]["doctor"]
    assert {frozenset(row) for row in rows} == {frozenset({"check", "status", "detail", "hint"})}
    assert {row["status"] for row in rows} <= {"ok", "warn"}


def test_doctor_fails_where_something_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code, parsed = document(capsys, "doctor", "--set", "risk.profile=live")
    assert code == 1
    assert parsed["error"]["message"] == "not fit to trade: symbol"
    details = [row["detail"] for row in parsed["data"]["doctor"] if row["status"] == "fail"]
    (detail,) = details
    assert "smallest order 0.001 BTC = $98.30 exceeds the position cap of $50" in detail
    Path("bot.toml").write_text("[markt]\n")
    code, out, err = call(capsys, "doctor")
    assert code == 1
    assert "fail  config" in out
    assert "did you mean market?" in out
    assert "not fit to trade: config" in err


def test_doctor_after_a_run_knows_the_journal_and_the_last_prices(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("paper", "--headless", "--speed", "max", "--for", "5m", "--data-dir", "state")
    assert call(capsys, *words)[0] == 0
    code, parsed = document(capsys, "doctor", "--data-dir", "state")
    assert code == 0
    rows = {row["check"]: row["detail"] for row in parsed["data"]["doctor"]}
    assert "1 runs, 0 interrupted" in rows["database"]
    assert "last seen" in rows["symbol"]
    assert len(rows["instance"]) == 6


# -- lookahead --------------------------------------------------------------------------------------

CHEAT = """
from pydantic import BaseModel
from tradebot.core.strategy.protocol import Signal

class Cheat:
    class Params(BaseModel):
        pass
    warmup = 0
    seen = {}
    def __init__(self, params, symbol):
        pass
    def on_bar(self, bar):
        self.seen[bar.open_time] = bar.close
        later = self.seen.get(bar.open_time + 60_000, 0.0)
        return Signal("long", 1.0) if later > bar.close else None
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    steps = SimulatedMarket(["BTC/USDT"], 3).history(600)
    rows = [(e.open_time, *e.text) for step in steps for e in step if isinstance(e, Bar)]
    path = tmp_path / "BTCUSDT-1m-2025-01.csv"
    path.write_text("".join(",".join(map(str, row)) + ",0,0,0,0,0,0\n" for row in rows))
    return path


def test_lookahead_passes_an_honest_strategy(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, err = call(capsys, "lookahead", file, "--strategy", "breakout")
    assert (code, err) == (0, "")
    assert re.match(r"ok: breakout gave \d+ signals on 600 bars, the same with the data cut", out)
    code, parsed = document(capsys, "lookahead", file, "--timeframe", "5m", "--param", "fast=3")
    assert code == 0
    assert parsed["data"]["lookahead"] == []
    assert parsed["data"]["bars"] == 600


def test_lookahead_catches_a_cheat(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    Path("cheat.py").write_text(CHEAT)
    words = ("lookahead", file, "--strategy", "cheat.py:Cheat")
    code, parsed = document(capsys, *words)
    assert code == 1
    assert parsed["error"]["kind"] == "strategy"
    (finding,) = parsed["data"]["lookahead"]
    assert set(finding) == {"kind", "symbol", "time", "text"}
    assert finding["kind"] == "unstable"
    code, out, err = call(capsys, *words)
    assert code == 1
    assert out.startswith("unstable: BTC/USDT at 2025-01-0")
    assert "cannot be trusted" in err


# -- completion -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("tradebot pa", {"paper"}),
        ("tradebot paper --strategy rsi", {"rsi_reversion"}),
        ("tradebot backtest --profile l", {"live"}),
        ("tradebot paper --market b", {"binance"}),
        ("tradebot paper --timeframe 1", {"1m", "15m", "1h", "12h", "1d"}),
    ],
)
def test_the_shell_completes(typed: str, expected: set[str]) -> None:
    words = typed.split()
    env = {
        **os.environ,
        "_TRADEBOT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    run = [sys.executable, "-m", "tradebot"]
    done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == expected
