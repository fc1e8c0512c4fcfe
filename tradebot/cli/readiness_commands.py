"""``gates``: what has to be shown before real money, and what has been."""

from __future__ import annotations

import shutil
import sys
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
from tradebot.journal.audit import AuditKey
from tradebot.journal.paths import journal_path
from tradebot.reports.readiness.verdict import GateVerdict

PIPE_WIDTH = 110
SHOWN_RUNS = 3
"""Runs left out that people are shown, the newest; ``--json`` has all."""

MOST_NAMES = 6
"""Runs that are named again, where it was said above why they are left out."""

KEY_BESIDE = (
    "the key of the journal's chain lies beside it: nothing that it holds counts before real money. Keep a key elsewhere"
    " (TRADEBOT_AUDIT_KEY_FILE, or a keyring), then tradebot db rekey FILE; only runs after that count"
)
NO_KEY = (
    "no key of the journal's chain is there yet: where the first run has to keep one beside the journal, nothing that it"
    " shows counts. tradebot doctor says where it would lie; TRADEBOT_AUDIT_KEY_FILE names another place"
)

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
        "key": key_words(config, found),
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
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
    stage = f"stage {found.stage}{'' if binds(config) == EVERY else ' would bind'}"
    yield f"{config.strategy.name}, evidence hash {found.evidence[:16]}, {stage}"
    if words := key_words(config, found):
        yield from wrapped("first  ", words, width)
    told: dict[str, tuple[str, ...]] = {}
    for one in found.verdicts:
        yield from verdict_lines(one, told, width)
    passed = len(found.verdicts) - len(found.failing)
    yield f"{passed} of {len(found.verdicts)} gates pass"


def key_words(config: Config, found: Readiness) -> str:
    """Return what is to be done about the chain's key before anything can count, "" for nothing."""
    data_dir = config.data_dir()
    if found.testimony.weak:
        return KEY_BESIDE
    if not journal_path(data_dir).exists() and AuditKey.find(data_dir) is None:
        return NO_KEY
    return ""


def verdict_lines(
    one: GateVerdict, told: dict[str, tuple[str, ...]], width: int = PIPE_WIDTH
) -> Iterator[str]:
    """Yield a gate as people read it: what it wants and sees, why not, and what to do next.

    ``told`` are the runs of which it was said why they are left out, and grows: nothing is said twice.
    """
    head = f"{'ok' if one.ok else 'NO':<4}{one.gate:<11}"
    pad = " " * len(head)
    yield from wrapped(head, one.needed, width)
    yield from wrapped(f"{pad}have  ", one.have, width)
    if one.reasons and one.reasons != (one.have,):
        yield from wrapped(f"{pad}no    ", "; ".join(one.reasons), width)
    if one.runs:
        yield from wrapped(f"{pad}rests on  ", ", ".join(one.runs), width)
    if one.renewed:
        yield from wrapped(f"{pad}renewed by  ", " and ".join(one.renewed), width)
    for line in _left_out(one, told):
        yield from wrapped(f"{pad}left out  ", line, width)
    if one.todo and not one.ok:
        wait = f" (at least {_span(one.wait_s)})" if one.wait_s else ""
        yield from wrapped(f"{pad}next  ", one.todo + wait, width)


def _left_out(one: GateVerdict, told: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield which runs a gate leaves out and why, the newest first; where that was said above, their names."""
    again = [run.run for run in one.left_out if told.get(run.run) == run.reasons]
    fresh = [run for run in reversed(one.left_out) if run.run not in again]
    for run in fresh[:SHOWN_RUNS]:
        told[run.run] = run.reasons
        yield f"{run.run}: {'; '.join(run.reasons)}"
    if again:
        names = again if len(again) <= MOST_NAMES else [*again[-MOST_NAMES:], "and others"]
        yield f"for the same reasons as above: {', '.join(names)}"
    if len(fresh) > SHOWN_RUNS:
        yield f"and {len(fresh) - SHOWN_RUNS} more (--json has all)"


def _span(seconds: int) -> str:
    hours, minutes = divmod(-(-seconds // 60), 60)
    return (
        f"{hours} h {minutes} min"
        if hours and minutes
        else f"{hours} h"
        if hours
        else f"{minutes} min"
    )
