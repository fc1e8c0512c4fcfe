"""A demotion inside a live run: its caps at once, nobody before it no entries, and the record plays again byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit
from kits.always_kit import START, XRP, always, swings

from tradebot.app.barred import Watcher
from tradebot.app.replay import replay_run
from tradebot.config import Config, load_config
from tradebot.journal.facts import Demoted, IncidentOpened, SignedOff, SignoffRevoked, Told
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.reports.readiness.stages import LiveStage


@pytest.fixture(autouse=True)
def _in_stage_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the run be told of stage 2, as ``live`` tells it by the journal."""
    real = load_config

    def load(*given: Any) -> Config:
        return real(*given).in_stage(2)

    monkeypatch.setattr(kit, "load_config", load)


def play(folder: Path, meddle: scene.Meddle, start: int = START, count: int = 12) -> Path:
    name, bars, data = always(folder), swings(start, count), folder / "data"
    flags: dict[str, Any] = {
        "risk.profile": "live",
        "risk.live.symbols": [XRP],
        "strategy.name": name,
    }
    kit.play(
        lambda loop: scene.trade(
            *(loop, data, bars),
            strategy=name,
            meddle=meddle,
            modes=("live",),
            flags=flags,
        )
    )
    return data


def caps(live: scene.Live) -> tuple[int, int, int]:
    limits = live.engine.shared.limits
    return live.engine.shared.stage, int(limits.position_value), limits.max_positions


def test_it_goes_down_at_once_and_plays_again(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        run = live.runner.runs[0]
        await live.opened(XRP)
        assert caps(live) == (2, 100, 2)
        run.facts.append((live.engine.now, Demoted("drift", "a median of 6 bps over 20 fills")))
        await live.until(lambda: live.engine.shared.stage == 1)
        assert caps(live) == (1, 50, 1)
        (said,) = live.engine.shared.barred
        assert said.startswith("supervision: stage 1 trades on a terminal only")
        await live.until(lambda: live.engine.entries.refused["barred"])

    data = play(tmp_path, meddle)
    with Reader(journal_path(data)) as reader:
        run = reader.newest_run("live")
        assert run is not None
        events = [type(row.event).__name__ for row in reader.events(run.id)]
    assert events.count("StageLowered") == 1
    assert replay_run(journal_path(data), run.id, tmp_path).difference is None


def test_with_a_person_before_it_it_goes_on_smaller(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        run = live.runner.runs[0]
        run.terminal = True
        await live.opened(XRP)
        run.facts.append((live.engine.now, Demoted("accuracy", "48 of 100 right")))
        await live.until(lambda: live.engine.shared.stage == 1)
        await live.until(lambda: not live.engine.books[XRP].holding.qty)
        book = await live.opened(XRP)
        assert 0 < book.holding.qty * book.holding.entry <= 50
        assert live.engine.shared.barred == ()

    play(tmp_path, meddle)


LAPSES: dict[str, Told] = {
    "revoked": SignoffRevoked("Bob", "I have changed my mind"),
    "incident": IncidentOpened(1, "unprotected", "no stop in place for 6.0 s", 1),
}


@pytest.mark.parametrize("what", LAPSES)
def test_a_sign_off_that_lapses_bars_entries_until_it_is_anew(tmp_path: Path, what: str) -> None:
    """At once: the gates are worked out again only within the hour."""

    async def meddle(live: scene.Live) -> None:
        run = live.runner.runs[0]
        run.terminal = True
        run.facts.append((live.engine.now, LAPSES[what]))
        await live.until(lambda: live.engine.entries.refused["barred"])
        (said,) = live.engine.shared.barred
        assert said.startswith("signoff: it has lapsed: ")
        live.runner.bar(Watcher.GATES, [])  # by what was on record before
        live.runner.bar(Watcher.INCIDENTS, [])
        await live.until(lambda: live.engine.entries.refused["barred"] > 1)
        run.sign_anew(SignedOff("Ada", "r", "w", (), "e", "c", "{}", "50", 1, "9:hash", "s", "k"))
        await live.opened(XRP)

    play(tmp_path, meddle)


def test_in_stage_3_a_week_that_nobody_reviewed_bars_entries(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        run = live.runner.runs[0]
        now = run.wall()
        run.standing = LiveStage(3, since=now - 8 * 86_400_000)
        await live.until(lambda: live.engine.shared.barred)
        (said,) = live.engine.shared.barred
        assert said == "review: nobody has reviewed it for 8.0 days (at most 8): no entries"
        run.reviewed()
        await live.until(lambda: not live.engine.shared.barred)
        await live.opened(XRP)

    play(tmp_path, meddle)
