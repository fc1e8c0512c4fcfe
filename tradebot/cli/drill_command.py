"""``drill``: disasters played with the user's own configuration, and the row that says how they went."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tradebot.app.asked import refuse_foreign_key
from tradebot.app.drill.drill import ScenarioResult, directory, play_all
from tradebot.app.drill.record import put_drill_on_record
from tradebot.app.drill.table import chosen
from tradebot.cli.backtest_command import chosen_strategy
from tradebot.cli.findings import wrapped
from tradebot.cli.options import DrillOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.streams import say
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import RefusedError, TradebotError
from tradebot.core.model.money import plain
from tradebot.plugins.evidence import evidence_of

WIDTH = 110


def drill(options: DrillOptions) -> int:
    """Play the disasters, put the result on record, and print it; 4 where one of them failed."""
    run = options.run
    config = read_config(run.common, run.flags())
    scenarios = chosen(options.scenario)
    spec = chosen_strategy(config)
    evidence = evidence_of(spec, config.strategy.timeframe, config.market.symbols).hash
    refuse_foreign_key(config.data_dir())
    began = SYSTEM.wall_ms()
    with _interruptible(), directory(keep=options.keep) as folder:
        say(
            f"{len(scenarios)} disasters, on a venue of this machine and in a directory of their own: {folder}"
        )
        outcomes = play_all(config, scenarios, _tell, folder=folder)
    error, head = _failed(outcomes), None
    try:
        head = put_drill_on_record(config, spec, evidence, outcomes, began)
    except TradebotError as unwritten:
        error = unwritten
    data: dict[str, Any] = {
        "strategy": config.strategy.name,
        "evidence": evidence,
        "drill": [one.document() for one in outcomes],
        "passed": sum(one.ok for one in outcomes),
        "seconds": round((SYSTEM.wall_ms() - began) / 1000, 1),
        "record": head,
        "kept": str(folder) if options.keep else None,
    }
    text = "\n".join(_lines(outcomes, data))
    return show(Result("drill", data, text=text, error=error), as_json=run.common.json)


def _tell(one: ScenarioResult) -> None:
    why = f": {one.why}" if one.why else ""
    say(f"{'ok  ' if one.ok else 'FAIL'} {one.scenario} ({one.seconds:.0f} s){why}")


def _failed(outcomes: Sequence[ScenarioResult]) -> TradebotError | None:
    names = [one.scenario for one in outcomes if not one.ok]
    if not names:
        return None
    hint = f"tradebot drill --scenario {names[0]} --keep leaves everything that it wrote"
    return RefusedError(f"{len(names)} of {len(outcomes)} failed: {', '.join(names)}", hint=hint)


def _lines(outcomes: Sequence[ScenarioResult], data: dict[str, Any]) -> Iterator[str]:
    for one in outcomes:
        yield from outcome_lines(one)
    yield f"{data['passed']} of {len(outcomes)} passed in {data['seconds']:.0f} s"
    if data["record"]:
        yield f"on record under {data['evidence'][:16]}. Head of the journal: {data['record']}"
    if data["kept"]:
        yield f"what it wrote is kept in {data['kept']}"


def outcome_lines(one: ScenarioResult) -> Iterator[str]:
    """Yield a scenario as people read it: what was done, what the bot did, what it cost, what is read at 3 a.m."""
    over = f"{plain(one.overshoot)} USDT over {one.over}" if one.over else "no limit overrun"
    figures = f"{one.naked_s:.1f} s unprotected, {over}"
    signals = "scripted signal" if one.scripted else "the strategy's own signal"
    yield f"{'ok' if one.ok else 'FAIL':<6}{one.scenario}: {figures}, {signals}, {one.seconds:.0f} s"
    rows = (("done", one.done), ("did", one.did), ("reads", one.sentence), ("no", one.why))
    for name, text in rows:
        if text:
            yield from wrapped(f"      {name:<7}", text, WIDTH)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have INT, TERM and HUP interrupt once; while everything is ended and removed a second one changes nothing."""
    numbers = [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, interrupt)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


__all__ = ["drill", "outcome_lines"]
