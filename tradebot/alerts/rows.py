"""What an audit row tells: drafts of alerts, in the words of the log. Pure; ``memory`` is one run's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from tradebot.alerts.advice import advice, halt_advice
from tradebot.alerts.days import count_trade, day_words, note_equity, note_transfer
from tradebot.alerts.model import AuditRow, Memory, Scene, Wishes
from tradebot.core.model.effects import (
    AccountCompared,
    CashBooked,
    Effect,
    EquityPoint,
    FillBooked,
    GhostClosed,
    Halted,
    Notify,
    OrderChanged,
    Resumed,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.frozen import frozen
from tradebot.core.model.money import plain
from tradebot.core.model.spoken import duration, said
from tradebot.core.model.values import OrderStatus

BY_COMMAND = "x"
"""How the nonce of a start begins that only carries out a command: that is no start of an engine."""

KILLED = "the process ended without a word"
"""What a run ends with when whoever comes next finds that its engine was killed."""

HALT_KINDS: Mapping[str, str] = {
    "day_loss": "loss_limit",
    "week_loss": "loss_limit",
    "signoff_loss": "loss_limit",
    "account": "reconcile",
    "ledger": "reconcile",
    "foreign": "foreign",
    "instance": "foreign",
    "stop_path": "no_stop",
    "journal": "journal",
    "liquidated": "liquidated",
}
"""Halt reasons that have a kind of their own; all others are ``halt``."""

NOTICES: Sequence[tuple[str, str, str]] = (
    ("critical", r"liquidation risk", "liquidation_risk"),
    ("critical", r"\bloss: \$", "loss_limit"),
    ("critical", r"two reads did not show the stop", "no_stop"),
    ("critical", r"\bstop\b", "stop_rejected"),
    ("", r"-201[45]\b|API-key", "key_refused"),
    ("critical", r"", "alarm"),
    ("warning", r"\bloss: \$.*\((?:[89]\d|\d{3})%\)", "loss_near"),
    ("warning", r"\bloss: \$", "note"),
    ("warning", r" is silent\b|^private stream", "feed"),
    ("warning", r"^clock\b", "clock"),
    ("warning", r"\bbanned\b", "banned"),
    ("warning", r"^drift\b", "drift"),
    ("warning", r"^close-all ", "close_all_note"),
    ("warning", r"", "notice"),
    ("info", r" is back\b|can be read again", "recovered"),
    ("", r"", "note"),
)
"""Level, what is in the text, kind: the first that fits says what kind of alert a notice is."""


@frozen
class Draft:
    """What is to be told: kind, the first line, what distinguishes it from others of its kind, what to do.

    ``tag`` tells apart what comes from one row; ``data`` are further facts in JSON types.
    """

    kind: str
    head: str
    about: str = ""
    do: str = ""
    tag: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def drafts_of(row: AuditRow, scene: Scene, wishes: Wishes, memory: Memory) -> list[Draft]:
    """Return what a row of a run tells, mostly nothing; ``memory`` takes what the next rows need."""
    fact = row.fact
    match fact:
        case Halted():
            return _halted(fact, memory)
        case Resumed():
            return [Draft("resume", _line(fact), fact.reason)]
        case Notify():
            return _notice(fact, row, memory)
        case FillBooked():
            return _filled(fact, scene, memory)
        case TradeClosed():
            count_trade(memory, fact)
            return [] if scene.mode == "ghost" else [_closed(fact)]
        case SignalJudged():
            return _signal(fact, memory)
        case GhostClosed():
            return [Draft("ghost", _line(fact), str(fact.signal))]
        case OrderChanged():
            return _order(fact, row, memory)
        case AccountCompared():
            return _compared(fact, row, memory)
        case CashBooked():
            note_transfer(memory, fact)
        case EquityPoint():
            note_equity(memory, fact)
            if fact.why == "day" and scene.simulated:  # its days are not those of the wall clock
                words = day_words(memory, fact.at - 1, scene, wishes)
                return [Draft("day", words)] if words else []
    return _life(row, memory)


def _line(effect: Effect) -> str:
    """Return an effect as the log has it, on one line."""
    return " ".join(" ".join(said(effect) or ()).split())


def _halted(halted: Halted, memory: Memory) -> list[Draft]:
    if halted.reason == "user" and ": close-all, " in halted.detail:
        memory["closing"] = halted.detail.partition(":")[0]
        head = f"CLOSE-ALL begun: {halted.detail}"
        return [Draft("close_all", head, "begun", advice("close_all", ""))]
    kind = HALT_KINDS.get(halted.reason, "halt")
    return [Draft(kind, _line(halted), f"halt:{halted.reason}", halt_advice(halted.reason))]


def _notice(notice: Notify, row: AuditRow, memory: Memory) -> list[Draft]:
    if notice.text.startswith("HALT "):  # its own row has said it
        return []
    fits = (
        kind
        for level, words, kind in NOTICES
        if level in ("", notice.level) and re.search(words, notice.text)
    )
    kind = next(fits)
    if kind == "close_all_note":  # what its own file has told already
        return []
    text, about = notice.text, re.sub(r"[\d.,$%+-]+", "", notice.text)[:80]
    silent: dict[str, int] = memory.setdefault("silent", {})
    if kind == "feed":
        silent[text.partition(" is silent")[0]] = row.wall
    elif kind == "recovered":
        name, found, rest = text.partition(" is back")
        since = silent.pop(name, None)
        if found and since is not None:
            text = f"{name} is back after {duration((row.wall - since) // 1000)}{rest}"
    return [Draft(kind, text, about)]


def _filled(booked: FillBooked, scene: Scene, memory: Memory) -> list[Draft]:
    fill = booked.fill
    if fill.liquidation:
        return [Draft("liquidated", _line(booked), fill.symbol)]
    if scene.mode == "ghost" or not fill.order_id.endswith("e"):
        return []  # what closes is told when the trade is closed
    why = memory.get("why", {}).get(fill.symbol)
    head = f"{_line(booked)} ({why})" if why else _line(booked)
    return [Draft("entry", head, fill.order_id)]


def _closed(trade: TradeClosed) -> Draft:
    head = _line(trade).replace(f" {trade.side} ", f" {trade.side} {plain(trade.qty)} ", 1)
    return Draft("exit", head, f"{trade.symbol}:{trade.id}")


def _signal(signal: SignalJudged, memory: Memory) -> list[Draft]:
    if signal.verdict == "approved":
        memory.setdefault("why", {})[signal.symbol] = signal.reason[:200]
        memory.pop("skewed", None)
    line = _line(signal)
    if not line:
        return []
    if signal.verdict != "refused":
        return [Draft("signal", line, signal.symbol)]
    drafts = [Draft("refusal", line, signal.symbol)]
    skew = [text for text in signal.refusals if text.startswith("our clock")]
    if skew and not memory.get("skewed"):
        memory["skewed"] = True
        drafts.append(Draft("clock", skew[0], tag="clock"))
    return drafts


def _order(change: OrderChanged, row: AuditRow, memory: Memory) -> list[Draft]:
    unknown: dict[str, int] = memory.setdefault("unknown", {})
    name = f"order {change.order_id} ({change.symbol})"
    if change.status is OrderStatus.UNKNOWN:
        if change.order_id in unknown:
            return []
        unknown[change.order_id] = row.wall
        why = f": {change.reason}" if change.reason else ""
        return [Draft("order_unknown", f"{name} is unknown{why}", change.order_id)]
    since = unknown.pop(change.order_id, None)
    if since is None:
        return []
    after = duration((row.wall - since) // 1000)
    head = f"{name} is known again after {after}: {change.status.value}"
    return [Draft("recovered", head, change.order_id)]


def _compared(compared: AccountCompared, row: AuditRow, memory: Memory) -> list[Draft]:
    before, now = memory.get("differences", {}), list(compared.differences)
    memory["differences"] = {text: before.get(text, row.wall) for text in now}
    new = [text for text in now if text not in before]
    if new:
        return [Draft("reconcile", f"account and journal differ: {'; '.join(new)}", "differs")]
    if before and not now:
        after = duration((row.wall - min(before.values())) // 1000)
        return [Draft("recovered", f"account and journal agree again after {after}", "differs")]
    return []


# -- the life of a run ----------------------------------------------------------------------------


def _life(row: AuditRow, memory: Memory) -> list[Draft]:
    if row.kind == "RunBegun":
        memory["command"] = False
        names = (row.body.get("strategy"), row.body.get("market"), row.body.get("version"))
        strategy, market, version = (str(name or "-") for name in names)
        head = f"STARTED {row.run}: {strategy} on {market}, tradebot {version}"
        return [Draft("started", head, row.run)]
    if row.kind == "RunResumed":
        memory["command"] = str(row.body.get("nonce", "")).startswith(BY_COMMAND)
        return [] if memory["command"] else [Draft("started", f"GOES ON {row.run}", row.run)]
    if row.kind == "RunEnded" and not memory.get("command"):
        return [_ended(row)]
    return []


def _ended(row: AuditRow) -> Draft:
    if row.body.get("error") == KILLED:  # who looked has told of it when it happened
        return Draft("notice", f"{row.run} was left by an engine that died", row.run)
    if row.body.get("error"):
        head = f"STOPPED BY AN ERROR: {row.body['error']}"
        return Draft("engine_dead", head, row.run)
    word = "ENDED" if row.body.get("state") == "ended" else "STOPPED"
    return Draft("ended", f"{word} {row.run}{_result(row.body.get('summary'))}", row.run)


def _result(text: object) -> str:
    """Return what a summary says of the whole run; nothing where it says nothing."""
    try:
        summary = json.loads(str(text))
        pnl, pct = float(summary["pnl"]), float(summary["pnl_pct"])
        trades, deepest = summary["completed_trades"], float(summary["max_drawdown_pct"])
    except (ValueError, KeyError, TypeError):
        return ""
    rate = summary.get("win_rate_pct")
    won = f" ({float(rate):.0f}% won)" if rate is not None else ""
    result = f"PnL {pnl:+,.2f} ({pct:+.2f}%)"
    return f": {result}, {trades} trades{won}, max drawdown {deepest:.2f}%"
