"""The command line as users and scripts meet it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from tradebot import __version__
from tradebot.__main__ import command_name, main
from tradebot.cli import app as app_module
from tradebot.cli.signatures import trade

ROOT = Path(__file__).parents[2]
SIGNATURES = ROOT / "tradebot" / "cli" / "signatures"
COMMANDS = [
    "backtest", "paper", "status", "positions", "orders", "trades", "signals", "runs", "halt",
    "resume", "close-all", "strategies", "config", "db", "config show", "config check",
    "config path", "db verify", "db backup",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests from the configuration, and the terminal, of whoever runs them."""
    for name in list(os.environ):
        if name.startswith("TRADEBOT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code, out, err = call(capsys, *words, "--json")
    assert err == ""
    parsed = json.loads(out)
    assert set(parsed) == {"version", "command", "ok", "data", "warnings", "error"}
    assert parsed["ok"] is (code == 0)
    return code, parsed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "--version") == (0, f"tradebot {__version__}\n", "")


@pytest.mark.parametrize("words", [("--help",), ("-h",), ()], ids=str)
def test_help_lists_every_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, _ = call(capsys, *words)
    assert code == 0
    for word in (*COMMANDS[:14], "Trade", "Inspect", "Control", "Set up"):
        assert word in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = call(capsys, *command.split(), "--help")
    assert code == 0
    if command not in ("config", "db"):
        assert {"--config", "--data-dir", "--json"} <= set(re.findall(r"--[a-z-]+", out))


CONTRACT_FLAGS = {
    "--market", "--symbols", "--timeframe", "--strategy", "--param", "--set", "--speed", "--for",
    "--seed", "--headless", "--new", "--config", "--data-dir", "--json",
}  # fmt: skip


def test_paper_has_the_flags_scripts_rely_on(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "paper", "--help")
    assert set(re.findall(r"--[a-z-]+", out)) >= CONTRACT_FLAGS


HEAVY = {"ccxt", "textual", "aiohttp", "pydantic", "sqlite3", "asyncio", "platformdirs", "tomllib"}
REPORT = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"


def modules_of(script: str) -> set[str]:
    """The modules a Python process has loaded after running the script."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script + REPORT]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    ("words", "typer_s_own"),
    # newer versions of typer parse the arguments of a command with pydantic
    [("--help", set()), ("--version", set()), ("paper --help", {"pydantic"})],
)
def test_help_imports_nothing_heavy(words: str, typer_s_own: set[str]) -> None:
    loaded = modules_of(f"from tradebot.__main__ import main\nmain({words.split()})")
    assert loaded & HEAVY - typer_s_own == set()
    signatures = {f"tradebot.cli.signatures.{path.stem}" for path in SIGNATURES.glob("[!_]*.py")}
    assert {name for name in loaded if name.startswith("tradebot.")} - signatures == {
        "tradebot.__main__",
        "tradebot.cli",
        "tradebot.cli.app",
        "tradebot.cli.arguments",
        "tradebot.cli.interrupts",
        "tradebot.cli.options",
        "tradebot.cli.output",
        "tradebot.cli.signatures",
        "tradebot.cli.streams",
        "tradebot.core",
        "tradebot.core.model",
        "tradebot.core.model.errors",
        "tradebot.core.model.frozen",
        "tradebot.core.model.text",
    }


def test_runs_take_one_bundle_of_options() -> None:
    paper, ghost = (set(signature(command).parameters) for command in (trade.paper, trade.ghost))
    assert paper - ghost == {"ghost", "venue"}
    assert ghost < paper
    assert paper == set(signature(trade.run_options).parameters) - {"mode"}


def test_as_a_process() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tradebot", "config", "show", "--set", "market.seed=x"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: market.seed: must be a whole number")
    assert "Traceback" not in done.stderr


USAGE = {
    ("nonsense",): "nonsense",
    ("paper", "--bogus"): "--bogus",
    ("paper", "--seed", "x"): "seed",
    ("backtest",): "FILE",
    ("trades", "--limit", "0"): "limit",
    ("trades", "--since", "soon"): "no time",
    ("paper", "--for", "ever"): "no duration",
    ("config", "nonsense"): "nonsense",
}


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_usage_errors(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    if words[0] == "paper" and words[1] == "--for":
        pytest.importorskip("tradebot.cli.run_commands", reason="the trade commands are not there")
    code, out, err = call(capsys, *words)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err
    code, parsed = document(capsys, *words)
    assert code == 2
    assert parsed["error"]["kind"] == "usage"
    assert USAGE[words] in parsed["error"]["message"]


def test_a_group_without_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "config")
    assert code == 2
    assert "config show" in out or "show" in out + err


def test_the_name_of_the_command() -> None:
    from typer.main import get_command

    command = get_command(app_module.app)
    assert command_name(command, ["config", "show", "--origin"]) == "config show"
    assert command_name(command, ["--json", "trades", "runs"]) == "trades"
    assert command_name(command, ["nope", "trades"]) == ""
    assert command_name(command, ["--json"]) == ""


def test_config_show_is_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "config", "show", "--set", "risk.paper.day_loss=off")
    Path("bot.toml").write_text(out)
    code, parsed = document(capsys, "config", "show")
    assert code == 0
    assert parsed["command"] == "config show"
    assert parsed["data"]["file"] == "bot.toml"
    assert parsed["data"]["config"]["risk"]["paper"]["day_loss"] == "off"
    assert parsed["data"]["config"]["sim"]["taker_fee"] == "0.0005"
    assert "origin" not in parsed["data"]


def test_config_show_tells_origins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bot.toml").write_text("[market]\nseed = 5\n[strategy.params]\nfast = 5")
    monkeypatch.setenv("TRADEBOT_SIM__LATENCY_MS", "9")
    words = ("config", "show", "--origin", "--set", "log.level=debug", "--data-dir", "state")
    _, out, _ = call(capsys, *words)
    assert "seed = 5  # bot.toml:2" in out
    assert "fast = 5  # bot.toml:4" in out
    assert "latency_ms = 9  # TRADEBOT_SIM__LATENCY_MS" in out
    assert 'level = "debug"  # --set' in out
    assert 'dir = "state"  # flag' in out
    assert "impact = 0.1  # default" in out
    _, parsed = document(capsys, *words)
    assert parsed["data"]["origin"]["market.seed"] == "bot.toml:2"
    assert parsed["data"]["origin"]["sim.impact"] == "default"


def test_config_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "config", "check")
    assert code == 0
    assert out.startswith("ok: no configuration file")
    Path("bot.toml").write_text('[risk.paper]\nday_loss = "off"\nsymbols = ["BTC/USDT"]\n')
    code, parsed = document(capsys, "config", "check")
    assert code == 0
    assert parsed["data"]["strategy"] == "ema_cross"
    assert parsed["data"]["params"]["fast"] == 20
    assert parsed["warnings"] == [
        "switched off: risk.paper.day_loss",
        "ETH/USDT: on the market but not on the allow-list of the profile",
    ]


@pytest.mark.parametrize(
    ("text", "key", "line", "kind"),
    [
        ("[risk.live]\nday_loss = 99", "risk.live.day_loss", 2, "config"),
        ("[market]\nsede = 99", "market.sede", 2, "config"),
        ("[market", None, 1, "config"),
        ("[strategy.params]\nfsat = 99", "strategy.params.fsat", None, "config"),
        ('[strategy]\nname = "no.py:No"', "strategy.name", None, "config"),
    ],
)
def test_config_check_refuses(
    capsys: pytest.CaptureFixture[str], text: str, key: str | None, line: int | None, kind: str
) -> None:
    Path("bot.toml").write_text(text)
    code, parsed = document(capsys, "config", "check")
    assert code == 2
    assert parsed["error"]["kind"] == kind
    assert parsed["error"]["key"] == key
    assert line is None or parsed["error"]["line"] == line
    assert parsed["error"]["hint"]


def test_config_path(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, parsed = document(capsys, "config", "path")
    user = tmp_path / "user" / "tradebot" / "bot.toml"
    assert code == 0
    assert parsed["data"] == {
        "file": None,
        "searched": ["bot.toml", str(user)],
        "data_dir": str(tmp_path / "share" / "tradebot"),
    }
    Path("bot.toml").touch()
    _, out, _ = call(capsys, "config", "path", "--data-dir", "here")
    assert "bot.toml" in out
    assert str(tmp_path / "here") in out


def test_strategies(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "strategies")
    assert code == 0
    assert "ema_cross" in out
    assert "stop_atr" in out
    code, parsed = document(capsys, "strategies")
    (ema,) = (s for s in parsed["data"]["strategies"] if s["name"] == "ema_cross")
    assert ema["kind"] == "built-in"
    assert {p["name"]: p["default"] for p in ema["params"]}["slow"] == 60


def test_one_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text(
        "from pydantic import BaseModel\nclass Mine:\n    '''Never trades.'''\n"
        "    class Params(BaseModel): n: int\n    warmup = 0\n"
        "    def __init__(self, params, symbol): ...\n    def on_bar(self, bar): ...\n"
    )
    code, parsed = document(capsys, "strategies", "mine.py:Mine")
    assert code == 0
    (info,) = parsed["data"]["strategies"]
    assert info["summary"] == "Never trades."
    assert info["params"][0]["default"] == "required"
    code, parsed = document(capsys, "strategies", "ema_cros")
    assert code == 2
    assert parsed["error"]["hint"] == "did you mean ema_cross?"


def test_interrupted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tradebot.cli.strategy_commands.strategies", interrupt)
    code, _, err = call(capsys, "strategies")
    assert code == 130
    assert "Traceback" not in err


def test_a_defect_is_reported_as_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("tradebot.cli.strategy_commands.strategies", fail)
    code, out, err = call(capsys, "strategies", "--json")
    assert code == 1
    assert json.loads(out)["error"]["message"] == "unexpected ZeroDivisionError: oh"
    assert "Traceback" in err
