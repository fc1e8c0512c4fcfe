"""Watchers outside the engine who want no entries: each speaks for itself, over restarts too, and the record plays again."""

from __future__ import annotations

from pathlib import Path

from kits import binance_scene as scene
from kits import live_kit as kit
from kits.always_kit import START, XRP, always, swings

from tradebot.app.barred import Watcher, barred_by
from tradebot.core.model.effects import SignalJudged
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader


def test_each_watcher_speaks_for_itself() -> None:
    both = barred_by(barred_by((), Watcher.GATES, ["walls: no"]), Watcher.REVIEW, ["due"])
    assert both == ("gates: walls: no", "review: due")
    assert barred_by(both, Watcher.GATES, ["keys: no", "walls: no"]) == (
        *("gates: keys: no", "gates: walls: no", "review: due"),
    )
    assert barred_by(both, Watcher.REVIEW) == ("gates: walls: no",)
    assert barred_by(both, Watcher.INCIDENTS) == both


def judged(data: Path) -> list[SignalJudged]:
    with Reader(journal_path(data)) as reader:
        effects = [row.effect for row in reader.effects(reader.resolve_run(None).id)]
    return [effect for effect in effects if isinstance(effect, SignalJudged)]


def play(folder: Path, meddle: scene.Meddle, start: int = START) -> Path:
    name, bars, data = always(folder), swings(start, 12), folder / "data"
    kit.play(lambda loop: scene.trade(loop, data, bars, strategy=name, meddle=meddle))
    return data


def test_a_position_is_let_go_and_none_is_opened(tmp_path: Path) -> None:
    async def meddle(live: scene.Live) -> None:
        await live.opened(XRP)
        live.runner.bar(Watcher.GATES, ["walls: no"])
        await live.until(lambda: live.engine.entries.refused["barred"])
        live.runner.bar(Watcher.GATES, [])
        await live.opened(XRP)

    data = play(tmp_path, meddle)
    said = [one for one in judged(data) if one.verdict != "ignored"]
    assert [one.verdict for one in said] == ["approved", "exit", "refused", "approved"]
    assert said[2].refusals == ("entries are barred: gates: walls: no",)
    with Reader(journal_path(data)) as reader:
        events = [type(row.event).__name__ for row in reader.events(reader.resolve_run(None).id)]
    assert events.count("EntriesBarred") == 2


def test_a_start_afterwards_is_barred_until_somebody_says_otherwise(tmp_path: Path) -> None:
    async def bar(live: scene.Live) -> None:
        live.runner.bar(Watcher.GATES, ["walls: no"])
        await live.until(lambda: live.engine.entries.refused["barred"])

    async def lift(live: scene.Live) -> None:
        assert live.engine.shared.barred == ("gates: walls: no",)
        await live.until(lambda: live.engine.entries.refused["barred"] > 1)
        live.runner.bar(Watcher.GATES, [])
        await live.opened(XRP)

    data = play(tmp_path, bar)
    assert play(tmp_path, lift, START + 30 * 60_000) == data
    verdicts = [one.verdict for one in judged(data) if one.verdict != "ignored"]
    assert verdicts == ["refused", "refused", "approved"]
