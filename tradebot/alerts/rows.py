"""What an audit row tells: drafts of alerts, in the words of the log. Pure; ``memory`` is one run's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from tradebot.alerts.advice import advice, halt_advice
from tradebot.alerts.days import count_trade, day_words, note_equity, note_transfer
from tradebot.alerts.draft import Draft
from tradebot.alerts.model import AuditRow, Memory, Scene, Wishes
from tradebot.alerts.notices import begun, ended, noticed, reconnected
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
    Reconcile,
    Resumed,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.model.money import plain
from tradebot.core.model.spoken import duration, said, unwatched
from tradebot.core.model.times import iso
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

SKEWED_MS = 2_000
"""From here on a stretch of a run is no evidence: its market's clock and ours were too far apart."""

SET_CLOCK = "set this machine's clock (NTP); tradebot doctor shows it"

MOST_CLOSED = 20
"""Close-alls that are remembered until a resume."""

TIMED = ("demo", "live", "local")
"""Where prices come from that bear an exchange's time, at its own speed."""


def drafts_of(row: AuditRow, scene: Scene, wishes: Wishes, memory: Memory) -> list[Draft]:
    """Return what a row of a run tells, mostly nothing; ``memory`` takes what the next rows need."""
    fact = row.fact
    match fact:
        case Halted():
            return _halted(fact, row, memory)
        case Resumed():
            if fact.reason == "user":  # what was closed before is over and told, or never will be
                _forget_closing(memory)
            return [Draft("resume", _line(fact), fact.reason)]
        case Notify():
            return noticed(fact, row, memory)
        case Reconcile():
            return reconnected(fact, row, memory)
        case FillBooked():
            memory.pop("fresh", None)
            return _filled(fact, scene, memory)
        case TradeClosed():
            count_trade(memory, fact)
            return [] if scene.mode == "ghost" else [_closed(fact)]
        case SignalJudged():
            return _signal(fact, row, memory)
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
    return _life(row, scene, memory)


def _line(effect: Effect) -> str:
    """Return an effect as the log has it, on one line."""
    return " ".join(" ".join(said(effect) or ()).split())


def _halted(halted: Halted, row: AuditRow, memory: Memory) -> list[Draft]:
    if halted.reason == "user" and ": close-all, " in halted.detail:
        who, _, why = halted.detail.partition(": close-all, ")
        return _closing(who, why, memory)
    kind = HALT_KINDS.get(halted.reason, "halt")
    halt = Draft(kind, _line(halted), f"halt:{halted.reason}", halt_advice(halted.reason))
    return [halt, *_ban(halted, row, memory)] if halted.reason == "ban" else [halt]


def _closing(who: str, why: str, memory: Memory) -> list[Draft]:
    """Tell once until a resume that a close-all has begun: its HALT row, its own and the halt that it leads to are on record.

    Where a run was halted before there is no new halt.
    """
    known: list[list[str]] = memory.setdefault("closed", [])
    if [who, why] in known:
        return []
    known.append([who, why])
    del known[:-MOST_CLOSED]
    memory["closing"] = who
    head = f"CLOSE-ALL begun by {who}: {why}"
    return [Draft("close_all", head, "begun", advice("close_all", ""))]


def _forget_closing(memory: Memory) -> None:
    memory.pop("closed", None)
    memory.pop("closing", None)


def _stood_before(row: AuditRow, memory: Memory) -> bool:
    """Whether a close-all is that of a HALT file under which a new run began: it has nothing to close, and was told before."""
    own = bool(row.body.get("id")) or memory.get("command")
    return bool(memory.get("fresh")) and not own


def _ban(halted: Halted, row: AuditRow, memory: Memory) -> list[Draft]:
    """Say until when an exchange has banned us, which is no more than a warning; the halt it leads to has its own row."""
    begun("ban", row, memory)
    found = re.search(r"\bfor (\d+) s$", halted.detail)
    if found is None:
        return []
    seconds = int(found[1])
    until = iso((halted.at // 1000 + seconds) * 1000)[11:19]
    text = f"the exchange has banned us until {until}Z (for {duration(seconds)})"
    return [Draft("banned", text, "ban", tag="ban")]


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


def _signal(signal: SignalJudged, row: AuditRow, memory: Memory) -> list[Draft]:
    if signal.verdict == "approved":
        memory.setdefault("why", {})[signal.symbol] = signal.reason[:200]
    line = _line(signal)
    if not line:
        return []
    if signal.verdict == "refused":
        skew = [text for text in signal.refusals if text.startswith("our clock")]
        return [Draft("refusal", line, signal.symbol), *_skewed(skew, row, memory)]
    drafts = [Draft("signal", line, signal.symbol)]
    if signal.verdict == "approved" and (after := ended("clock", row, memory)):
        drafts.append(
            Draft("recovered", f"clock: entries are made again after {after}", "clock", tag="clock")
        )
    return drafts


def _skewed(skew: list[str], row: AuditRow, memory: Memory) -> list[Draft]:
    """Say once that entries are refused for the clocks, where the engine has not told of them already."""
    return (
        [Draft("clock", skew[0], "clock", tag="clock")]
        if skew and begun("clock", row, memory)
        else []
    )


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


def _life(row: AuditRow, scene: Scene, memory: Memory) -> list[Draft]:
    if row.kind == "Command" and row.body.get("name") == "close-all":
        if _stood_before(row, memory):
            return []
        return _closing(str(row.body.get("who")), str(row.body.get("reason")), memory)
    if row.kind == "RunBegun":
        memory["command"], memory["fresh"] = False, True
        _forget_closing(memory)
        names = (row.body.get("strategy"), row.body.get("market"), row.body.get("version"))
        strategy, market, version = (str(name or "-") for name in names)
        head = f"STARTED {row.run}: {strategy} on {market}, tradebot {version}"
        return [Draft("started", head, row.run)]
    if row.kind == "RunResumed":
        memory["command"] = str(row.body.get("nonce", "")).startswith(BY_COMMAND)
        return [] if memory["command"] else [Draft("started", f"GOES ON {row.run}", row.run)]
    if row.kind == "RunEnded" and not memory.get("command"):
        return [_ended(row, scene)]
    return _judged(row, memory)


def _judged(row: AuditRow, memory: Memory) -> list[Draft]:
    """Tell of what others than the engine found out: an incident, drift, clocks that were apart."""
    its = {name: str(row.body.get(name, "")) for name in ("why", "text", "what", "name", "id")}
    match row.kind:
        case "Demoted":
            kind = "drift" if its["why"] == "drift" else "demoted"
            return [Draft(kind, f"DEMOTED to stage 1: {its['text']}", its["why"])]
        case "IncidentOpened":
            text = f"INCIDENT {its['id']} ({its['what']}): {its['text']}"
            return [Draft("incident", text, its["id"])]
        case "IncidentClosed":
            text = f"incident {its['id']} was closed by {its['name']}: {its['text']}"
            return [Draft("note", text, its["id"])]
        case "StageRaised":
            stage, words = row.body.get("stage"), row.body.get("words")
            return [Draft("note", f"STAGE {stage} from now on, by {its['name']}: {words}", "stage")]
        case "Provenance":
            return _apart(row, memory)
        case _:
            return []


def _apart(row: AuditRow, memory: Memory) -> list[Draft]:
    """Say that the exchange's clock and ours were far apart since the last look, and when they are not any more."""
    body = row.body
    if body.get("environment") not in TIMED or str(body.get("speed")) != "1":
        return []  # a market that goes faster has no clock of ours
    skew = int(body.get("skew_ms") or 0)
    if skew > SKEWED_MS:
        text = f"clock: the exchange's was up to {skew / 1000:.1f} s off ours"
        text += f"; over {SKEWED_MS / 1000:g} s the run is no evidence"
        return [Draft("clock", text, "apart", SET_CLOCK)] if begun("apart", row, memory) else []
    after = ended("apart", row, memory)
    text = f"clock: the exchange's and ours agree again after {after}"
    return [Draft("recovered", text, "apart")] if after else []


def _ended(row: AuditRow, scene: Scene) -> Draft:
    if row.body.get("error") == KILLED:  # who looked has told of it when it happened
        return Draft("notice", f"{row.run} was left by an engine that died", row.run)
    if row.body.get("error"):
        head = f"STOPPED BY AN ERROR{unwatched(len(scene.positions))}: {row.body['error']}"
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
