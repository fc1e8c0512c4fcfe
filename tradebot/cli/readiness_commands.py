"""``gates``: what has to be shown before real money, and what has been."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tradebot.app.checklist import real_money
from tradebot.app.readiness import Readiness, judge
from tradebot.cli.backtest_command import chosen_strategy
from tradebot.cli.findings import wrapped
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.share_bar import parity_bar
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError
from tradebot.reports.readiness.verdict import GateVerdict

WIDTH = 110
SHOWN_RUNS = 3
"""Runs left out that people are shown, the newest; ``--json`` has all."""

EVERY, WALLS = "all", "walls"


def gates(options: RunOptions) -> int:
    """Print what every gate says; 4 where one does not pass."""
    config = read_config(options.common, options.flags())
    with parity_bar(options.common.json) as bar:
        found = judge(config, chosen_strategy(config), progress=bar)
    failing = [one.gate for one in found.failing]
    error = RefusedError(f"gates that do not pass: {', '.join(failing)}") if failing else None
    data = {
        "strategy": config.strategy.name,
        "evidence": found.evidence,
        "stage": found.stage,
        "binds": binds(config),
        "gates": [_document(one) for one in found.verdicts],
    }
    text = "\n".join(_lines(config, found))
    return show(Result("gates", data, text=text, error=error), as_json=options.common.json)


def binds(config: Config) -> str:
    """Return which gates a start with this configuration must pass: all where money is real, else walls."""
    return EVERY if real_money(config) else WALLS


def _document(one: GateVerdict) -> dict[str, Any]:
    return {
        "gate": one.gate,
        "ok": one.ok,
        "needed": one.needed,
        "have": one.have,
        "reasons": list(one.reasons),
        "runs": list(one.runs),
        "renewed_by": list(one.renewed),
        "left_out": [{"run": run.run, "reasons": list(run.reasons)} for run in one.left_out],
        "next": one.todo,
        "wait_s": one.wait_s,
    }


def _lines(config: Config, found: Readiness) -> Iterator[str]:
    yield f"{config.strategy.name}, evidence hash {found.evidence[:16]}, stage {found.stage}"
    for one in found.verdicts:
        yield from verdict_lines(one)
    passed = len(found.verdicts) - len(found.failing)
    yield f"{passed} of {len(found.verdicts)} gates pass"


def verdict_lines(one: GateVerdict) -> Iterator[str]:
    """Yield a gate as people read it: what it wants and sees, why not, and what to do next."""
    head = f"{'ok' if one.ok else 'NO':<4}{one.gate:<11}"
    pad = " " * len(head)
    yield from wrapped(head, one.needed, WIDTH)
    yield from wrapped(f"{pad}have  ", one.have, WIDTH)
    if one.reasons:
        yield from wrapped(f"{pad}no    ", "; ".join(one.reasons), WIDTH)
    if one.runs:
        yield from wrapped(f"{pad}rests on  ", ", ".join(one.runs), WIDTH)
    if one.renewed:
        yield from wrapped(f"{pad}renewed by  ", " and ".join(one.renewed), WIDTH)
    for run in one.left_out[-SHOWN_RUNS:]:
        yield from wrapped(f"{pad}left out  {run.run}: ", "; ".join(run.reasons), WIDTH)
    if len(one.left_out) > SHOWN_RUNS:
        yield f"{pad}and {len(one.left_out) - SHOWN_RUNS} more left out (--json has all)"
    if one.todo and not one.ok:
        wait = f" (at least {_span(one.wait_s)})" if one.wait_s else ""
        yield from wrapped(f"{pad}next  ", one.todo + wait, WIDTH)


def _span(seconds: int) -> str:
    hours, minutes = divmod(-(-seconds // 60), 60)
    return (
        f"{hours} h {minutes} min"
        if hours and minutes
        else f"{hours} h"
        if hours
        else f"{minutes} min"
    )
