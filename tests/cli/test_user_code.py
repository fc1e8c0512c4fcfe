"""A strategy's code in our process: what it prints, raises, imports and changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kits.paper_kit import Bot

HEAD = """\
from pydantic import BaseModel
from tradebot.core.strategy.protocol import Signal
"""

MODES = {
    "backtest": ("backtest", "FILE"),
    "paper": ("paper", "FILE", "--headless", "--speed", "max"),
    "ghost": ("ghost", "FILE", "--headless", "--speed", "max"),
    "lookahead": ("lookahead", "FILE"),
}


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    made = Bot(tmp_path, tmp_path / "data")
    yield made
    made.clean_up()


def words(bot: Bot, mode: str, own: str) -> list[str]:
    """Return the command that plays the file's bars to a strategy."""
    file = str(bot.klines(120))
    return [file if word == "FILE" else word for word in MODES[mode]] + ["--strategy", own]


LOUD = """\
        import os, sys
        print("printed", self.seen)
        sys.__stdout__.write("past it\\n")
        os.write(1, b"to the descriptor\\n")
        os.system("echo from a child")
        return None
"""


@pytest.mark.parametrize("mode", MODES)
def test_prints_go_to_stderr_and_never_into_the_document(bot: Bot, mode: str) -> None:
    own = bot.strategy("if self.seen % 50: return None\n" + LOUD)
    done = bot.json(*words(bot, mode, own))
    for said in ("printed 50", "past it", "to the descriptor", "from a child"):
        assert said in done.err


def test_what_people_are_shown_is_free_of_prints_too(bot: Bot) -> None:
    own = bot.strategy("print('printed', self.seen)")
    done = bot(*words(bot, "backtest", own))
    assert "printed" not in done.out
    assert "printed 1\n" in done.err


RAISES = f"""\
{HEAD}

class S:
    class Params(BaseModel):
        n: int = 3

    def __init__(self, params, symbol):
        self.warmup = 0
        self.n = -1

    def on_bar(self, bar):
        self.n += 1
        return self.ratio(bar)

    def ratio(self, bar):
        if self.n == 5:
            ERROR
"""

ERRORS = {
    "an exception": ("return 1 / 0", "ZeroDivisionError: division by zero"),
    "an exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "a base exception": (
        "raise type('Boom', (BaseException,), {})('out')",
        "Boom: out",
    ),
    "cancelled": ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
    "no words": (
        "raise type('Mute', (Exception,), {'__str__': lambda s: 1 / 0})",
        "Mute: a Mute that has no words",
    ),
}


PLACES = [("backtest", case) for case in ERRORS] + [(mode, "an exception") for mode in MODES]


@pytest.mark.parametrize(("mode", "case"), PLACES)
def test_what_it_raises_is_told_with_file_line_symbol_and_bar(
    bot: Bot, case: str, mode: str
) -> None:
    code, said = ERRORS[case]
    file = bot.folder / "own.py"
    file.write_text(RAISES.replace("ERROR", code))
    done = bot.json(*words(bot, mode, f"{file}:S"), code=1)
    where = r" \(BTC/USDT, bar of 2\d{3}-\d\d-\d\dT\d\d:05:00Z\)"
    assert re.fullmatch(re.escape(said) + where, done.error["message"])
    assert (done.error["kind"], done.error["file"]) == ("strategy", str(file))
    assert done.error["line"] == RAISES[: RAISES.index("ERROR")].count("\n") + 1


def test_people_are_told_in_one_line(bot: Bot) -> None:
    file = bot.folder / "own.py"
    file.write_text(RAISES.replace("ERROR", "return 1 / 0"))
    done = bot(*words(bot, "backtest", f"{file}:S"), code=1)
    (line,) = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert f"{file}:19: ZeroDivisionError: division by zero (BTC/USDT, bar of " in line
    bot(*words(bot, "paper", f"{file}:S"), code=1)
    halted = bot.json("status").data
    assert "own.py:19: ZeroDivisionError: division by zero (BTC/USDT" in str(halted)


def test_an_interrupt_of_its_own_ends_the_run_in_order(bot: Bot) -> None:
    own = bot.strategy("if self.seen == 50: raise KeyboardInterrupt")
    done = bot.json(*words(bot, "paper", own), code=1)
    assert "raised KeyboardInterrupt" in done.error["message"]
    assert bot.json("runs").data["runs"][0]["state"] == "interrupted"


def test_its_folder_stays_importable_while_it_runs(bot: Bot) -> None:
    Path(bot.folder / "helper_x.py").write_text("def f():\n    return None\n")
    own = bot.strategy("from helper_x import f\n        return f()")
    for mode in MODES:
        bot.json(*words(bot, mode, own))


EARLY = f"""\
{HEAD}
class S:
    class Params(BaseModel):
        need: int = 20

    def __init__(self, params, symbol):
        self.warmup = params.need
        self.n = -1

    def on_bar(self, bar):
        self.n += 1
        if self.n in (3, 30):
            return Signal("long", 1.0, stop=round(bar.close * 0.99, 1))
"""


def test_no_signal_is_judged_before_the_warm_up_is_over(bot: Bot) -> None:
    file = bot.folder / "own.py"
    file.write_text(EARLY)
    own = f"{file}:S"
    for mode in ("backtest", "paper", "ghost"):
        done = bot.json(*words(bot, mode, own))
        assert not [text for text in done.document["warnings"] if "before its first" in text]
        if mode != "backtest":
            assert len(bot.json("signals").data["signals"]) == 1
    cold = [*words(bot, "backtest", own), "--param", "need=20000"]
    warned = "BTC/USDT: the data has 120 bars, the strategy needs 20000 before its first signal"
    assert warned in bot.json(*cold).document["warnings"]
    assert warned in bot.json("paper", *cold[1:], "--speed", "max").document["warnings"]


MEDDLES = f"""\
{HEAD}
class S:
    class Params(BaseModel):
        how: str = ""
        levels: list[float] = [0.99]

    def __init__(self, params, symbol):
        self.params, self.warmup, self.n = params, 0, 0

    def on_bar(self, bar):
        self.n += 1
        if self.params.how == "bar":
            bar.close = 1.0
        if self.params.how == "params":
            self.params.levels.append(0.5)
            self.params.levels[0] = 0.98
        if self.params.how == "decimals":
            import decimal
            decimal.getcontext().prec = 3
        if self.n % 40 == 20:
            return Signal("long", 1.0, stop=round(bar.close * 0.99, 1))
        return Signal("exit", 1.0) if self.n % 40 == 39 else None
"""


def test_it_can_change_nothing_that_others_use(bot: Bot) -> None:
    file = bot.folder / "own.py"
    file.write_text(MEDDLES)
    play = words(bot, "backtest", f"{file}:S")
    clean = bot.json(*play).data
    assert clean["summary"]["completed_trades"] == 3
    for how in ("params", "decimals"):
        meddled = bot.json(*play, "--param", f"how={how}").data
        assert meddled["hashes"] == clean["hashes"]
    error = bot.json(*play, "--param", "how=bar", code=1).error
    assert "a bar cannot be changed: close is read-only" in error["message"]
    paper = bot.json("paper", *play[1:], "--ghost", "--speed", "max", "--param", "how=decimals")
    assert paper.data["hashes"] == clean["hashes"]
