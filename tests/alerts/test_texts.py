"""What is told, to the letter: ``golden/*.txt``. ``TRADEBOT_GOLDEN=1`` writes them anew."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.alerts_kit import BTC, LIVE, LONG, NOON, PAPER, WISHES, D, Story, begun, condition, row_of

from tradebot.alerts.model import KINDS, Alert, OwnerSeen, Scene, Sighting, Wishes
from tradebot.alerts.texts import told, told_at, told_of
from tradebot.alerts.watch import watched
from tradebot.core.model.effects import (
    AccountCompared,
    CashBooked,
    EquityPoint,
    FillBooked,
    GhostClosed,
    Halted,
    Notify,
    OrderChanged,
    Reconcile,
    Resumed,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.events import Command
from tradebot.core.model.values import DAY_MS, Fill, OrderStatus, Side
from tradebot.core.state.halts import HALTS
from tradebot.journal.facts import Demoted, IncidentClosed, IncidentOpened, Provenance, StageRaised
from tradebot.journal.projection import Fact
from tradebot.journal.rows import RunEnded, RunResumed

GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("TRADEBOT_GOLDEN") == "1"
MINUTE = 60_000

SUMMARY = json.dumps(
    {
        "pnl": "12.5",
        "pnl_pct": "1.25",
        "completed_trades": 4,
        "win_rate_pct": "75",
        "max_drawdown_pct": "0.8",
    }
)
SIGNAL = SignalJudged(
    1, NOON, BTC, "long", 0.9, D("64000.5"), D(62000), None, "breakout of 20 bars", "approved"
)
SKEW = "our clock and the exchange's may be 1400 ms apart; entries need under 1000 ms"


def fill(order: str = "tbxyz-a-1e", *, liquidation: bool = False) -> FillBooked:
    filled = Fill(
        *(BTC, 7, order, Side.BUY, D("0.001"), D("64000.5"), D("0.03"), False, NOON),
        liquidation=liquidation,
    )
    return FillBooked(NOON, filled, D("0.001"), D("64000.5"), D(0))


def trade(number: int = 1, pnl: str = "-1.04", at: int = NOON) -> TradeClosed:
    return TradeClosed(
        *(number, at, BTC, "long", D("0.001"), at - 240_000, D(64000), at, D(63000), D("0.04")),
        *(D(0), D(pnl), "stop"),
    )


def order(status: OrderStatus, reason: str = "") -> OrderChanged:
    return OrderChanged(NOON, BTC, "tbxyz-a-1e", status, D(0), None, D("0.001"), reason)


def note(level: str, text: str) -> Notify:
    return Notify(NOON, level, text)


def provenance(skew_ms: int, speed: str = "1") -> Provenance:
    return Provenance(
        *("n", "hourly", "live", (), (), (), "BINANCE", speed, "live", NOON, NOON),
        *(skew_ms, 3_600_000, 0, 0, 0, "1.0", "e"),
    )


FACTS: tuple[Fact, ...] = (
    begun(),
    RunResumed("x9"),
    RunEnded("interrupted", None, SUMMARY),
    RunResumed("n2"),
    Halted(NOON, "user", "sarah: going to bed", 1),
    Halted(NOON, "user", "sarah: close-all, going to bed", 2),
    Halted(NOON, "day_loss", "day loss: $25.10 of $25 (100%)", 2),
    note("critical", "HALT day_loss: day loss: $25.10 of $25 (100%)"),
    Halted(NOON, "week_loss", "week loss: $100.10 of $100 (100%)", 2),
    Halted(NOON, "account", "wallet differs: 974.9 there, 976.0 here", 3),
    Halted(NOON, "foreign", "order web_123 on BTC/USDT is none of this run's", 4),
    Halted(NOON, "stop_path", "BTC/USDT: closed without a stop (2 positions in an hour)", 5),
    Halted(NOON, "journal", "database or disk is full", 6),
    Halted(NOON, "liquidated", "BTC/USDT: sell 0.001 at 32000 by the exchange (autoclose-1)", 7),
    Halted(NOON, "ban", "banned: for 120 s", 8),
    Resumed(NOON, "user", "sarah", "seen, all right", 9),
    note("critical", "BTC/USDT trade loss: $5.10 of $5 (102%); closing"),
    note("critical", "BTC/USDT liquidation risk 82%"),
    note("critical", "BTC/USDT: stop rejected (-2021 would trigger at once); closing"),
    note("critical", "BTC/USDT: stop not taken (-1001); sending it again"),
    note("critical", "BTC/USDT: two reads did not show the stop; closing"),
    note("critical", "XRP/USDT does not trade any more (SETTLING): no entries; closing"),
    note("warning", "settings: -2015 Invalid API-key, IP, or permissions for action"),
    note("warning", "day loss: $15.10 of $25 (60%)"),
    note("warning", "day loss: $20.10 of $25 (80%)"),
    note("warning", "BTC/USDT is silent. no message for 5 s"),
    note("info", "BTC/USDT is back."),
    note("warning", "clock: the exchange's may be 1400 ms off ours; entries need under 1000 ms"),
    note("info", "clock: the exchange's is known to 40 ms again"),
    note("warning", "private stream: not connected: no route"),
    Reconcile("reconnected (the connection ended)"),
    Reconcile("reconnected (the ban is over)"),
    Reconcile("every 30 s"),
    note("warning", "banned: for 60 s"),
    Demoted("drift", "fills cost 0.09 % more than the model (at most 0.05 %) over 30 fills"),
    Demoted("accuracy", "signals were right in 43 % (at least 50 %) over 60 of them"),
    IncidentOpened(3, "unexplained", "the exchange said 'NEWS'", NOON),
    IncidentClosed(3, "sarah", "a new event of theirs, of no matter"),
    StageRaised(2, "sarah", "a month of nothing strange", "e1"),
    provenance(skew_ms=3400),
    provenance(skew_ms=3500),
    provenance(skew_ms=12),
    provenance(skew_ms=9_000_000, speed="60"),
    note("warning", "the exchange has changed the rules of BTC/USDT: tick"),
    note("warning", "the equity at the start of the day or week is not known."),
    note("warning", "the account could not be read for 60 s: nothing is entered"),
    note("info", "the account can be read again"),
    note("info", "fees are reckoned with at 0.02 % / 0.05 % (maker / taker)"),
    SIGNAL,
    fill(),
    fill("tbxyz-a-2s"),
    fill("liq", liquidation=True),
    trade(),
    trade(2, "3.5"),
    replace(SIGNAL, verdict="refused", refusals=("2 positions are open, 2 are allowed",)),
    replace(SIGNAL, verdict="refused", refusals=(SKEW,)),
    replace(SIGNAL, verdict="refused", refusals=(SKEW,)),
    replace(SIGNAL, verdict="held"),
    GhostClosed(3, NOON, BTC, "target", entry_time=NOON, pnl=D("2.4")),
    order(OrderStatus.UNKNOWN, "no answer in 10 s"),
    order(OrderStatus.UNKNOWN, "no answer in 10 s"),
    order(OrderStatus.WORKING),
    AccountCompared(NOON, "", D(1), D(1), ("position larger: 0.002 there, 0.001 here",)),
    AccountCompared(NOON, "", D(1), D(1), ("position larger: 0.002 there, 0.001 here",)),
    AccountCompared(NOON, "", D(1), D(1)),
    RunEnded("interrupted", None, SUMMARY),
    RunEnded("interrupted", "the strategy raised: division by zero", None),
    RunEnded("interrupted", "the process ended without a word", None),
    RunEnded("ended", None, SUMMARY),
    begun(strategy="breakout", strategy_hash="99887766", config='{"risk": {"profile": "paper"}}'),
)
"""One of each; a minute passes between two of them."""

CLOSING: dict[str, Any] = {
    "account": "the live account",
    "who": "sarah",
    "begun": "2026-11-27T12:00:00Z",
}
CONDITIONS = (
    condition("engine_dead", pid=4711),
    condition("engine_dead", pid=4711, seconds=240, over=True),
    condition("engine_hung", pid=4711, seconds=14),
    condition("engine_hung", seconds=30, over=True),
    condition("halt", file="HALT", by="telegram:42: going to bed"),
    condition("halt", file="HALT", since=NOON + MINUTE),
    condition("disk_full", free_bytes=20_480),
    condition("journal", why="database or disk is full"),
    condition("journal", over=True, seconds=600),
    condition("close_all", **CLOSING, stage="under way", state="under way: 0 of 2 symbols read flat"),
    condition("close_all", **CLOSING, stage="nothing is left", state="nothing is left: proved by two reads"),
    condition("close_all", **CLOSING, stage="left something", state="left: BTC/USDT position 0.001"),
    condition("close_all", **CLOSING, stage="broken off", state="broken off without a proof"),
    condition("channel", channel="email", why="401: the password is refused"),
    condition("month", month="2026-10", file="/data/reports/2026-10.html"),
    condition("commands", why="somebody else polls with this token (409): commands are off"),
)  # fmt: skip


def shown(alerts: list[Alert]) -> str:
    return "".join(f"[{a.level}: {a.kind}]\n{a.text}\n\n" for a in alerts)


def day_story(scene: Scene, wishes: Wishes) -> list[Alert]:
    """A day with three trades and a deposit, and the minute after it at which it is summed up."""
    story = Story(scene, wishes)
    start = NOON // DAY_MS * DAY_MS
    story.tell(EquityPoint(start, D(1000), D(1000), D(0), "day"))
    for number, pnl in enumerate(("4", "-1.5", "2")):
        story.tell(trade(number, pnl, NOON + number * MINUTE))
    story.tell(trade(0, "4", NOON))  # a late fill: recorded again
    story.tell(CashBooked(NOON, "t1", "transfer", "", D(100), NOON))
    end = story.tell(EquityPoint(start + DAY_MS, D("1104.5"), D(1100), D(0), "day"))
    moment = start + DAY_MS + 5 * MINUTE
    assert told_at(moment - 1, [scene], wishes, story.memory)[0] == []
    summed, memory = told_at(moment, [scene], wishes, story.memory)
    assert told_at(moment + MINUTE, [scene], wishes, memory)[0] == []
    return [a for a in [*end, *summed] if a.kind == "day"]


def everything(scene: Scene, wishes: Wishes) -> list[Alert]:
    story = Story(scene, wishes)
    for number, fact in enumerate(FACTS):
        story.tell(fact, NOON + number * MINUTE)
    seen = [told_of(one, scene, wishes) for one in CONDITIONS]
    return [*story.alerts, *seen, *day_story(scene, wishes)]


@pytest.mark.parametrize(
    ("name", "scene", "wishes"),
    [
        ("live", LIVE, WISHES),
        ("simulated", replace(PAPER, positions=()), WISHES),
        ("without_amounts", replace(LIVE, positions=(LONG, replace(LONG, symbol="ETH/USDT", stop=None))), replace(WISHES, amounts=False)),
    ],
)  # fmt: skip
def test_the_texts(name: str, scene: Scene, wishes: Wishes) -> None:
    text = shown(everything(scene, wishes))
    path = GOLDEN / f"{name}.txt"
    if WRITE:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_every_kind_is_told_at_its_level() -> None:
    alerts = everything(LIVE, WISHES)
    assert {a.kind for a in alerts} == set(KINDS)
    assert all(a.level == KINDS[a.kind] for a in alerts)
    assert len({a.source for a in alerts}) == len(alerts)


def test_every_text_says_how_the_run_stands() -> None:
    for alert in everything(LIVE, WISHES):
        _, account, *rest = alert.text.splitlines()
        assert account.startswith("live-0003 live on BINANCE: equity 974.90 USDT, today -25.10")
        assert rest[0] == "open: BTC/USDT long 0.001 at 64000.0, PnL -1.00, stop 62000.0"
        assert alert.kind in ("started", "entry", "exit", "day", "ended", "resume", "recovered",
                              "note", "notice", "signal", "refusal", "ghost", "commands",
                              ) or rest[1].startswith("do: ")  # fmt: skip


def test_simulated_texts_begin_with_the_word() -> None:
    assert all(a.text.startswith("SIMULATED ") for a in everything(PAPER, WISHES))
    assert not any("SIMULATED" in a.text for a in everything(LIVE, WISHES))


def test_a_position_without_a_stop_is_said_so() -> None:
    bare = replace(LIVE, positions=(replace(LONG, stop=None),))
    alert = told_of(condition("engine_dead"), bare, WISHES)
    assert "NO STOP" in alert.text
    assert "1 position unwatched" in alert.text


@pytest.mark.parametrize("reason", sorted(HALTS))
def test_every_halt_is_critical_and_says_how_it_ends(reason: str) -> None:
    [alert] = Story().tell(Halted(NOON, reason, "why", 1))
    assert alert.level == "critical"
    assert "tradebot" in alert.text.splitlines()[-1]


def test_a_critical_notice_is_never_left_out() -> None:
    for text in ("something nobody foresaw", "", "stop", "close-all at noon"):
        [alert] = Story().tell(Notify(NOON, "critical", text))
        assert alert.level == "critical"


def test_what_a_row_carries_is_passed_on_but_no_documents() -> None:
    [alert] = Story().tell(Halted(NOON, "user", "sarah: bed", 1))
    assert alert.data == {"at": NOON, "reason": "user", "detail": "sarah: bed", "epoch": 1}
    [alert] = Story().tell(begun())
    assert "config" not in alert.data


def test_a_months_report_is_told_once_and_attached() -> None:
    page = "/data/reports/2026-10-live.html"
    seen = Sighting(NOON, OwnerSeen(1, "a"), [LIVE], reports=("/data/reports/2026-09-live.html",))
    found, memory = watched(seen, {}, NOON)
    assert found == []
    [(month, scene)], memory = watched(replace(seen, reports=(*seen.reports, page)), memory, NOON)
    assert told_of(month, scene, WISHES).file == page
    assert told_of(month, scene, replace(WISHES, amounts=False)).file == ""  # it is full of money
    assert watched(replace(seen, reports=(*seen.reports, page)), memory, NOON)[0] == []


def test_a_run_that_goes_on_with_another_configuration_is_told_so() -> None:
    story = Story()
    story.tell(begun())
    kinds = [[alert.kind for alert in story.tell(RunResumed("n2"))]]
    other = '{"risk": {"profile": "paper"}, "strategy": {"name": "ema_cross"}}'
    resumed = story.tell(RunResumed("n3", config=other))
    kinds += [[alert.kind for alert in resumed], [a.kind for a in story.tell(RunResumed("x4"))]]
    back = story.tell(RunResumed("n5"))
    assert kinds == [["started"], ["started", "changed"], []]
    assert "risk.profile live -> paper" in resumed[1].text
    assert "risk.profile paper -> live" in back[1].text


def test_a_feed_that_fell_silent_as_a_whole_comes_back_symbol_by_symbol() -> None:
    story = Story()

    def heads(level: str, text: str, minute: int) -> list[str]:
        told = story.tell(note(level, text), NOON + minute * MINUTE)
        return [alert.text.partition("\n")[0] for alert in told]

    assert heads("warning", "the feed is silent. no markPrice for 5 s", 0)
    assert heads("info", "BTC/USDT is back. markPrice speaks", 4) == [
        "BTC/USDT is back after 4m00s. markPrice speaks"
    ]
    assert heads("info", "ETH/USDT is back.", 5) == ["ETH/USDT is back after 5m00s."]
    assert heads("warning", "ETH/USDT is silent. no kline for 5 s", 10)
    assert heads("info", "ETH/USDT is back.", 11) == ["ETH/USDT is back after 1m00s."]
    assert heads("warning", "the feed is silent. no markPrice for 5 s", 20)
    assert heads("info", "the feed is back.", 22) == ["the feed is back after 2m00s."]
    assert heads("info", "BTC/USDT is back.", 30) == ["BTC/USDT is back."]


def test_the_day_is_summed_up_when_it_is_wished() -> None:
    story = Story(LIVE, replace(WISHES, summary_at=7 * 60 + 30))
    start = NOON // DAY_MS * DAY_MS
    story.tell(EquityPoint(start, D(1000), D(1000), D(0), "day"))
    morning = start + DAY_MS + 450 * MINUTE
    assert told_at(morning - 1, [LIVE], story.wishes, story.memory)[0] == []
    [alert], _ = told_at(morning, [LIVE], story.wishes, story.memory)
    assert alert.text.startswith("2026-11-27: ")


def test_a_command_that_closes_is_no_engine_that_runs_again() -> None:
    dead = Sighting(NOON, None, [LIVE])
    [(condition, _)], memory = watched(dead, {}, NOON)
    assert condition.kind == "engine_dead"
    busy = replace(dead, busy=True, scenes=[replace(LIVE, beat=NOON + 5)])
    found, memory = watched(busy, memory, NOON)
    assert found == []
    over = replace(dead, scenes=[replace(LIVE, state="interrupted")])
    assert watched(over, memory, NOON)[0] == []


def test_a_close_all_of_paper_is_told_to_have_left_nothing() -> None:
    story = Story(PAPER)
    story.tell(Halted(NOON, "user", "sarah: close-all, bed", 1))
    assert told_at(NOON, [PAPER], WISHES, story.memory)[0] == []
    flat = replace(PAPER, positions=())
    [alert], memory = told_at(NOON, [flat], WISHES, story.memory)
    assert (alert.kind, alert.level) == ("close_all", "critical")
    assert "CLOSE-ALL by sarah: nothing is left" in alert.text
    assert told_at(NOON, [flat], WISHES, memory)[0] == []


def test_a_close_all_of_a_halted_run_is_told_once_until_a_resume() -> None:
    """There is no new halt then: only its own rows say it, one for the HALT file and one for the command."""
    story = Story(PAPER)
    story.tell(Halted(NOON, "user", "telegram:7: too much", 1))
    for number in (0, 3):
        story.tell(Command(NOON, number, "close-all", "telegram:7", "bed"))
    told = [alert for alert in story.alerts if alert.kind == "close_all"]
    assert [(one.seq, one.level) for one in told] == [(2, "critical")]
    assert told[0].text.startswith("SIMULATED CLOSE-ALL begun by telegram:7: bed\n")
    [flat], _ = told_at(NOON, [replace(PAPER, positions=())], WISHES, story.memory)
    assert "nothing is left" in flat.text
    story.tell(Resumed(NOON, "user", "sarah", "morning", 2))
    story.tell(Command(NOON, 0, "close-all", "telegram:7", "bed"))
    assert story.tell(Halted(NOON, "user", "telegram:7: close-all, bed", 3)) == []
    assert [one.seq for one in story.alerts if one.kind == "close_all"] == [2, 5]
    assert story.tell(Command(NOON, 4, "halt", "telegram:7", "bed")) == []


def test_a_new_run_under_an_old_close_all_begins_none() -> None:
    """Its HALT file stands until a resume, and each new run is told to close what it does not have."""
    story = Story(replace(PAPER, positions=()))
    standing = Command(NOON, 0, "close-all", "telegram:7", "bed")
    for fact in (begun(), standing, Halted(NOON, "user", "telegram:7: bed", 1), standing):
        story.tell(fact)
    assert [alert for alert in story.alerts if alert.kind == "close_all"] == []
    assert told_at(NOON, [story.scene], WISHES, story.memory)[0] == []
    [alert] = story.tell(Command(NOON, 4, "close-all", "telegram:7", "bed"))
    assert alert.kind == "close_all"
    story.tell(begun())  # another journal has runs of the same names
    story.tell(fill())
    [alert] = story.tell(standing)
    assert alert.kind == "close_all"


def test_a_close_all_that_somebody_resumed_from_is_not_told_to_have_left_nothing_later() -> None:
    story = Story(PAPER)
    story.tell(Halted(NOON, "user", "sarah: close-all, bed", 1))
    story.tell(Resumed(NOON, "user", "sarah", "morning", 2))
    flat = replace(PAPER, positions=())
    assert told_at(NOON, [flat], WISHES, story.memory)[0] == []


MONEY = st.decimals(1000, 9000, places=2).filter(lambda d: "." in str(d.normalize()))


@given(MONEY, MONEY, st.sampled_from(["equity", "pnl", "detail"]))
def test_no_amount_is_in_a_text_without_amounts(one: object, two: object, where: str) -> None:
    equity, pnl = D(str(one)), D(str(two))
    scene = replace(LIVE, equity=equity, positions=(replace(LONG, pnl=pnl, qty=equity),))
    wishes = replace(WISHES, amounts=False)
    facts: list[Fact] = [
        Halted(NOON, "account", f"wallet differs: {equity} there, {pnl} here", 1),
        Halted(NOON, "day_loss", f"day loss: ${equity} of ${pnl} (80%)", 1),
        note("warning", f"{equity:,} USDT left the wallet: a transfer, no result"),
        replace(trade(), pnl=pnl, qty=equity),
        fill(),
    ]
    for fact in facts:
        alerts, _ = told(row_of(fact), scene, wishes, {})
        for alert in alerts:
            said = f"{alert.text} {dict(alert.data)}"
            for amount in (equity, pnl, D("0.001")):
                for spelled in (f"{amount:,}", f"{amount}", f"{amount.normalize()}"):
                    assert not re.search(rf"(?<![\d.,]){re.escape(spelled)}(?![\d])", said), said
