"""The door to real money, from the installed command: shut on a fresh directory, and on one that has earned it open exactly
behind the gates.

Nothing here leaves this machine: no name is known, and what would connect elsewhere is refused.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from kits.away_kit import shut_in
from kits.demo_kit import DemoVenue, demo_venue
from kits.demo_run_kit import morning_before, play_live
from kits.earned_kit import WORDS, earn, sign_off, spec_of
from kits.evidence_kit import SECRET, SYMBOL, configure
from kits.live_run_kit import rows_of
from kits.live_terminal import Terminal, on_terminal
from kits.paper_kit import Bot, Done

from tradebot.app.checklist import Checklist
from tradebot.app.ours import Ours
from tradebot.app.readiness import judge
from tradebot.app.signing import questions
from tradebot.config import Config
from tradebot.journal.facts import StageRaised
from tradebot.journal.reader import Reader
from tradebot.journal.testimony import read_said

pytestmark = pytest.mark.slow

QUIET, SIGNAL = "2026-11-26T09:39:00Z", "2026-11-26T09:35:00Z"
"""Long before the strategy's next signal; two minutes before one."""
SIGNAL_LATER = "2026-11-26T09:34:00Z"
"""Three minutes before one: time to start and to be left alone."""

BRISK = """
import runpy, sys
from tradebot.app import recompute, supervision

{changes}
sys.argv[0] = "tradebot"
runpy.run_module("tradebot", run_name="__main__")
"""

OFTEN = "recompute.HOUR_S = recompute.AGAIN_S = 25.0"
"""Sooner, and the looks at the gates would use up what the exchange takes of requests in a minute."""

ASK_S, PATIENCE_S = 10.0, 25.0
SOON = f"supervision.ASK_S, supervision.PATIENCE_S = {ASK_S}, {PATIENCE_S}"
"""Somebody has to answer every ten seconds, instead of every five minutes."""

SHOWN = ("backtest", "paper", "testnet", "stability", "ghost", "parity", "drill", "reviewers")
"""The gates that a fresh directory fails by its journal."""
READ_NOW = ("keys", "account")


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A directory that has earned real money."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRADEBOT_AUDIT_KEY", SECRET)
        return earn(tmp_path_factory.mktemp("earned"))


@pytest.fixture
def earned(unsigned: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The directory, which two people have signed for: anew where a test before took that back."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    verdicts = judge(unsigned, spec_of(unsigned), found=Checklist((), Ours())).verdicts
    if not all(one.ok for one in verdicts if one.gate == "reviewers"):
        sign_off(unsigned)
    return unsigned


def real_bot(folder: Path, data_dir: Path) -> Bot:
    """Return the command configured for real money, with a key that opens nothing."""
    env = {
        "TRADEBOT_AUDIT_KEY": SECRET,
        "TRADEBOT_BINANCE_KEY": "k" * 64,
        "TRADEBOT_BINANCE_SECRET": "s" * 64,
        "TRADEBOT_EXCHANGE__ENVIRONMENT": "live",
        "TRADEBOT_LIVE__ENABLED": "true",
        "TRADEBOT_RISK__PROFILE": "live",
        "XDG_STATE_HOME": str(folder / "state"),
    }
    return Bot(folder, data_dir, env=env)


def earned_bot(config: Config, **env: str) -> Bot:
    """Return the command of the directory that has earned it."""
    bot = real_bot(config.base_dir, config.data_dir())
    bot.env |= {"TRADEBOT_CONFIG": str(config.base_dir / "bot.toml"), **env}
    return bot


@dataclass
class Brisk(Bot):
    """The command with shorter periods, which no option can set; ``changes`` are the lines that do."""

    changes: str = OFTEN

    def _command(self, words: tuple[object, ...]) -> list[str]:
        script = self.folder / "brisk.py"
        script.write_text(BRISK.format(changes=self.changes))
        return [sys.executable, str(script), *super()._command(words)[3:]]


def asked_for(noted: Path) -> set[str]:
    return set(noted.read_text().splitlines())


# -- with real money --------------------------------------------------------------------------------------


def test_a_fresh_directory_is_refused_with_every_gate_in_one_go(tmp_path: Path) -> None:
    bot = real_bot(tmp_path, tmp_path / "data")
    noted = shut_in(bot)
    for words in (("live",), ("live", "--check")):
        done = bot.json(*words, code=4)
        message = done.error["message"]
        assert all(gate in message for gate in (*SHOWN, *(READ_NOW if words == ("live",) else ()))), message  # fmt: skip
        assert [row["status"] for row in rows_of(done)["readiness"]] == ["ok"]
    assert asked_for(noted) == {"asked fapi.binance.com"}
    assert not (bot.data_dir / "tradebot.db").exists()


@pytest.mark.full
def test_on_an_earned_one_only_key_and_account_are_not_readable(earned: Config) -> None:
    bot = earned_bot(earned)
    noted = shut_in(bot)
    before = (bot.data_dir / "tradebot.db").read_bytes()
    done = bot.json("live", "--check", code=3)
    lines = rows_of(done)
    assert [lines[gate][0]["status"] for gate in (*SHOWN, "walls")] == ["ok"] * 9
    assert lines["stage"][0]["detail"].startswith("stage 1: $50 a symbol, 1 position")
    failing = {name for name, rows in lines.items() if rows[-1]["status"] == "fail"}
    assert failing == {"exchange"}
    gates = bot.json("gates", code=4).data
    assert gates["binds"] == "all"
    assert [one["gate"] for one in gates["gates"] if not one["ok"]] == list(READ_NOW)
    with on_terminal(bot, "live") as screen:
        assert screen.process.wait(90) == 3
        assert "Type LIVE" not in screen.shown
    assert "supervision" in bot.json("live", code=4).error["message"]  # nobody is before it
    assert asked_for(noted) == {"asked fapi.binance.com"}
    assert (bot.data_dir / "tradebot.db").read_bytes() == before


@pytest.mark.full
def test_what_is_open_is_protected_first_though_no_gate_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not end with 4, and does not give up while the exchange cannot be reached."""
    monkeypatch.setenv("TRADEBOT_AUDIT_KEY", SECRET)
    play_live(tmp_path, morning_before(time.time_ns() // 1_000_000), minutes=3)
    bot = earned_bot(configure(tmp_path))
    try:
        noted = shut_in(bot)
        process = bot.start("live", "--headless", "--json")
        bot.until(lambda: len(noted.read_text().splitlines()) > 1)
        assert process.poll() is None
        done = bot.end(process)
        assert done.code == -signal.SIGTERM  # nothing ran yet
        assert "open of ours: XRP/USDT" in done.err
        assert "trying again: what is open must be protected" in done.err
        assert asked_for(noted) == {"asked fapi.binance.com"}
    finally:
        bot.clean_up()


# -- on a venue of this machine -----------------------------------------------------------------------------


def on_venue(bot: Bot, venue: DemoVenue) -> Bot:
    """Have a bot trade on a venue, with the venue's key."""
    place = {"TRADEBOT_EXCHANGE__URL": venue.url, "TRADEBOT_MARKET__SYMBOLS": SYMBOL}
    key = {"TRADEBOT_BINANCE_KEY": venue.key, "TRADEBOT_BINANCE_SECRET": venue.secret}
    bot.env |= {**place, **key}
    return bot


def says(bot: Bot, name: str, *words: str) -> Done:
    """Have a person say something through the engine that runs."""
    text = bot.folder / f"{name}.txt"
    answers = (f"{one.key}: {one.right[0]}" for one in questions(configure(bot.folder)))
    text.write_text("\n".join([WORDS, *answers]))
    return bot.json("signoff", *words, "--name", name, "--text-file", text)


def entries(venue: DemoVenue) -> int:
    return len(venue.asked("POST", "/fapi/v1/order"))


def test_a_fresh_directory_is_refused_on_a_venue_too_where_gates_are_enforced(
    tmp_path: Path,
) -> None:
    with demo_venue(tmp_path, QUIET) as venue:
        bot = on_venue(real_bot(tmp_path, tmp_path / "data"), venue)
        message = bot.json("live", "--enforce-gates", code=4).error["message"]
        assert all(gate in message for gate in SHOWN)
        assert {row["method"] for row in venue.rows("request")} == {"GET"}


@pytest.mark.full
def test_nobody_who_answers_the_screen_halts_entries_and_a_key_in_time_does_not(
    earned: Config, tmp_path: Path
) -> None:
    """In stage 1: what is signalled then is refused, a key comes too late, and only a person's resume begins it anew."""
    with demo_venue(tmp_path, SIGNAL_LATER) as venue:
        bot = on_venue(earned_bot(earned), venue)
        brisk = Brisk(bot.folder, bot.data_dir, env=bot.env, changes=SOON)
        with on_terminal(brisk, "live", "--enforce-gates") as screen:
            screen.answers("Type LIVE to trade:", "LIVE")
            screen.shows("ARE YOU THERE? Press any key")
            screen.shows("NOBODY ANSWERED: no entries")
            bot.until(lambda: halts(bot) == ["unsupervised"])
            screen.presses("y")
            run = max(one["id"] for one in bot.json("runs").data["runs"] if one["mode"] == "live")
            signals = ("signals", "--run", run, "--verdict", "refused")
            bot.until(lambda: bot.json(*signals).data["signals"], 240)
            (refused,) = bot.json(*signals).data["signals"]
            assert "unsupervised" in str(refused["refusals"])
            assert halts(bot) == ["unsupervised"]
            assert entries(venue) == 0

            bot.json("resume", "--reason", "I was away from the desk")
            begun = time.monotonic()
            while time.monotonic() < begun + 2 * PATIENCE_S:
                screen.shows("ARE YOU THERE?", since=len(screen.shown))
                screen.presses("y")
                time.sleep(2)  # until the question is gone
            assert halts(bot) == []
            ends(screen)


def halts(bot: Bot) -> list[str]:
    return [halt["reason"] for halt in bot.status()["halts"]]


@pytest.mark.full  # two minutes, of which most is waiting for the next look at the gates
def test_an_earned_one_starts_in_stage_1_and_loses_a_gate_and_gets_it_back(
    earned: Config, tmp_path: Path
) -> None:
    """A word by two people taken back bars entries; two new words, through the engine, end that."""
    with demo_venue(tmp_path, QUIET) as venue:
        bot = on_venue(earned_bot(earned), venue)
        assert [one["gate"] for one in bot.json("gates").data["gates"] if not one["ok"]] == []
        with trading(bot) as screen:
            says(bot, "Ada", "--stage", "2")
            assert raised(bot) == [(2, "Ada")]
            assert bot.status()["stage"] == 1  # from its next start on
            taken_back_and_given_anew(bot, venue)
            assert entries(venue) == 0
            signed = bot.json("signoff", code=None).data["signoff"]
            assert [one["name"] for one in signed if not one["lapsed"]] == ["Ada", "Bob"]
            ends(screen)
        bot("db", "verify")


@contextmanager
def trading(bot: Bot) -> Iterator[Terminal]:
    """Start live on a terminal, with a look at the gates every 25 s, and wait until it trades in stage 1."""
    brisk = Brisk(bot.folder, bot.data_dir, env=bot.env)
    with on_terminal(brisk, "live", "--enforce-gates") as screen:
        screen.answers("Type LIVE to trade:", "LIVE")
        bot.until(lambda: bot.status().get("stage") == 1)
        assert bot.status()["barred"] == []
        yield screen


def taken_back_and_given_anew(bot: Bot, venue: DemoVenue) -> None:
    """Lose a gate and get it back; whatever is open is protected all the while."""
    bot.json("signoff", "--revoke", "--name", "Ada")
    bot.until(lambda: "gates: reviewers: 2 more to sign" in bot.status()["barred"], 300)
    assert not venue.held() or venue.stops()
    for name in ("Ada", "Bob"):
        says(bot, name, "--role", "owner")
    bot.until(lambda: bot.status()["barred"] == [], 300)
    assert not venue.held() or venue.stops()


def ends(screen: Terminal) -> None:
    """End it in order."""
    assert screen.process.poll() is None
    screen.process.send_signal(signal.SIGTERM)
    assert screen.process.wait(90) == 0


@pytest.mark.full
def test_a_word_taken_back_while_the_start_waits_for_its_own_is_heard(
    earned: Config, tmp_path: Path
) -> None:
    """What every gate said is stale then: nothing that changes the account is sent."""
    with demo_venue(tmp_path, QUIET) as venue:
        bot = on_venue(earned_bot(earned), venue)
        with on_terminal(bot, "live", "--enforce-gates") as screen:
            screen.shows("Type LIVE to trade:")
            bot.json("signoff", "--revoke", "--name", "Ada")
            screen.answers("Type LIVE to trade:", "LIVE")
            assert screen.process.wait(90) == 4
            assert "the journal has changed since the gates were asked" in screen.shown
        assert {row["method"] for row in venue.rows("request")} == {"GET"}


def raised(bot: Bot) -> list[tuple[int, str]]:
    """The stages that somebody moved live up to."""
    with Reader(bot.data_dir / "tradebot.db") as reader:
        facts = [said.fact for said in read_said(reader, ("StageRaised",))]
    return [(one.stage, one.name) for one in facts if isinstance(one, StageRaised)]


@pytest.mark.full  # the last one: its position stays open
def test_what_is_open_keeps_its_stop_while_a_gate_is_lost(earned: Config, tmp_path: Path) -> None:
    with demo_venue(tmp_path, SIGNAL) as venue:
        bot = on_venue(earned_bot(earned), venue)
        with trading(bot) as screen:
            bot.until(lambda: venue.held() and venue.stops())
            before = entries(venue)
            taken_back_and_given_anew(bot, venue)
            assert entries(venue) == before
            ends(screen)
        bot("db", "verify")
