"""From an audit row to the tables: one pure function, used at commit and by ``db verify``.

Everything a statement needs comes from the row itself, so the tables can be rebuilt from the audit
trail alone and must come out the same.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias

from tradebot.core.model import codec
from tradebot.core.model.effects import (
    AccountCompared,
    Cancel,
    CashBooked,
    CommandDone,
    Effect,
    EquityPoint,
    FillBooked,
    FundingBooked,
    GhostClosed,
    GhostOpened,
    Halted,
    OrderChanged,
    Place,
    Resumed,
    SignalJudged,
    TradeClosed,
    TradeReopened,
)
from tradebot.core.model.events import Command
from tradebot.core.model.money import exact, plain, quotient_at_8
from tradebot.core.model.values import OrderStatus
from tradebot.journal.facts import TOLD, Told, read_told
from tradebot.journal.rows import RunBegun, RunEnded, RunResumed

Fact: TypeAlias = Effect | Command | RunBegun | RunResumed | RunEnded | Told
"""What the audit trail holds: every effect, every command taken, the life of the runs, what was told of them."""

Statement: TypeAlias = tuple[str, tuple[Any, ...]]

_LIFE: dict[str, type[RunBegun] | type[RunResumed] | type[RunEnded]] = {
    "RunBegun": RunBegun,
    "RunResumed": RunResumed,
    "RunEnded": RunEnded,
}


def fact_body(fact: Fact) -> str:
    """Return a fact as the canonical JSON of its audit row."""
    if isinstance(fact, RunBegun | RunResumed | RunEnded | Told):
        return codec.canonical(asdict(fact))
    return codec.dumps(fact)


def read_fact(kind: str, body: str) -> Fact:
    """Return the fact of an audit row; ValueError if it makes no sense."""
    if kind not in _LIFE and kind not in TOLD:
        fact: Fact = codec.loads(kind, body)
        return fact
    try:
        said = json.loads(body)
        return read_told(TOLD[kind], said) if kind in TOLD else _LIFE[kind](**said)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{kind}: {error}") from error


def project(seq: int, run: str, ts: int, wall: int, fact: Fact) -> list[Statement]:
    """Return the statements that bring the tables up to date with one audit row.

    ``seq`` is the row's number, ``ts`` the market time and ``wall`` the real time it carries.
    """
    match fact:
        case Place():
            return [_placed(run, ts, wall, fact)]
        case Cancel():
            return [_cancelled(run, ts, wall, fact)]
        case SignalJudged():
            return [_judged(run, wall, fact)]
        case OrderChanged():
            return [_changed(run, wall, fact)]
        case FillBooked():
            return [_booked(run, wall, fact)]
        case TradeClosed():
            return _closed(run, wall, fact)
        case TradeReopened():
            return _reopened(run, fact)
        case GhostOpened():
            return [_ghost_opened(run, wall, fact)]
        case GhostClosed():
            return _ghost_closed(seq, run, wall, fact)
        case RunBegun() | RunResumed() | RunEnded():
            return _run_changed(run, wall, fact)
        case _:
            return _noted(seq, run, wall, fact)


def _noted(seq: int, run: str, wall: int, fact: Fact) -> list[Statement]:
    """Return the rows of facts that are only ever appended; other facts have none."""
    row: tuple[Any, ...]
    match fact:
        case EquityPoint(at, equity, cash, drawdown, why):
            row = (seq, run, at, wall, plain(equity), plain(cash), plain(drawdown), _text(why))
            return [_insert("equity", row)]
        case Halted(at, reason, detail, epoch):
            row = (seq, run, at, wall, "halted", _text(reason), _text(detail), None, epoch)
            return [_insert("halts", row)]
        case Resumed(at, reason, who, detail, epoch):
            row = (seq, run, at, wall, "resumed", _text(reason), _text(detail), _text(who), epoch)
            return [_insert("halts", row)]
        case FundingBooked(at, symbol, amount, rate, mark, qty, id_):
            row = (seq, run, at, wall, symbol, *map(plain, (amount, rate, mark, qty)), _text(id_))
            return [_insert("funding", row)]
        case CashBooked(at, id_, kind, symbol, amount, time):
            row = (run, _text(id_), _text(kind), symbol, plain(amount), time, at, wall)
            return [_insert("cash", row)]
        case AccountCompared(at, symbol, wallet, ledger, differences):
            said = codec.canonical(list(differences))
            row = (seq, run, at, wall, symbol, _money(wallet), _money(ledger), said)
            return [_insert("comparisons", row)]
        case CommandDone(at, command, ok, result):
            return [_insert("acks", (command, run, at, wall, int(ok), _text(result)))]
        case _:
            return []


def _placed(run: str, ts: int, wall: int, place: Place) -> Statement:
    order = place.approved.order
    row = (
        *(run, order.id, place.signal, order.symbol, order.side.value, order.type.value),
        *(order.purpose.value, plain(order.qty), _money(order.price), _money(order.trigger)),
        *(order.tif.value, int(order.reduce_only), place.approved.epoch),
        *(OrderStatus.PENDING.value, "0", None, "", ts, ts, wall, ""),
    )
    return _insert("orders", row)


def _cancelled(run: str, ts: int, wall: int, cancel: Cancel) -> Statement:
    live = ", ".join(f"'{status.value}'" for status in OrderStatus if not status.terminal)
    sql = (
        "UPDATE orders SET status = ?, reason = ?, updated = ?, wall = ?"
        f" WHERE run = ? AND id = ? AND status IN ({live})"
    )
    status = OrderStatus.CANCELLING.value
    return sql, (status, _text(cancel.why), ts, wall, run, cancel.order_id)


_CHANGE = """INSERT INTO orders
    (run, id, symbol, qty, status, filled, average, reason, ts, updated, wall, venue_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (run, id) DO UPDATE SET
    qty = excluded.qty, status = excluded.status, filled = excluded.filled,
    average = excluded.average, reason = excluded.reason, updated = excluded.updated,
    wall = excluded.wall, venue_id = excluded.venue_id"""


def _changed(run: str, wall: int, change: OrderChanged) -> Statement:
    row = (
        *(run, change.order_id, change.symbol, plain(change.qty), change.status.value),
        *(plain(change.filled), _money(change.average), _text(change.reason)),
        *(change.at, change.at, wall, _text(change.venue_id)),
    )
    return _CHANGE, row


def _booked(run: str, wall: int, booked: FillBooked) -> Statement:
    fill = booked.fill
    row = (
        *(run, fill.symbol, fill.trade_id, fill.order_id, fill.side.value, plain(fill.qty)),
        *(plain(fill.price), plain(fill.fee), int(fill.maker), int(fill.liquidation), fill.time),
        *(plain(booked.position), plain(booked.entry), plain(booked.realised), booked.at, wall),
        _text(fill.venue_id),
    )
    return _insert("fills", row)


# A signal judged again (its reversal has come to its turn) keeps the outcome a ghost may have had.
_SIGNAL = f"""INSERT OR REPLACE INTO signals VALUES ({", ".join("?" * 14)},
    (SELECT pnl FROM ghosts WHERE ghosts.run = ? AND ghosts.signal = ? AND state = 'closed'))"""

# In a ghost run the outcome of a signal is its hypothetical trade's, not the shadow account's.
_OUTCOME = """UPDATE signals SET outcome_pnl = ? WHERE run = ? AND id = ? AND NOT EXISTS
    (SELECT 1 FROM ghosts WHERE ghosts.run = signals.run AND ghosts.signal = signals.id)"""


def _judged(run: str, wall: int, signal: SignalJudged) -> Statement:
    row = (
        *(run, signal.id, signal.at, wall, signal.symbol, signal.side, signal.confidence),
        *(plain(signal.price), _money(signal.stop), _money(signal.target), _text(signal.reason)),
        *(signal.verdict, codec.canonical(list(signal.refusals))),
        codec.canonical(codec.encode(signal)["indicators"]),
    )
    return _SIGNAL, (*row, run, signal.id)


_TRADE = f"""INSERT OR REPLACE INTO trades VALUES ({", ".join("?" * 25)},
    (SELECT strategy_hash FROM runs WHERE runs.id = ?))"""


def _closed(run: str, wall: int, trade: TradeClosed) -> list[Statement]:
    row = (
        *(run, trade.id, trade.symbol, trade.side, plain(trade.qty), trade.entry_time),
        *(plain(trade.entry_price), trade.exit_time, plain(trade.exit_price), plain(trade.fees)),
        *(plain(trade.funding), plain(trade.pnl), _percent(trade)),
        *((trade.exit_time - trade.entry_time) // 1000, _text(trade.exit_reason)),
        *(trade.signal, trade.at, wall),
        *map(_money, (trade.mae, trade.mfe, trade.decision_price, trade.slippage)),
        *map(_money, (trade.stop, trade.target, trade.risk)),
    )
    return [(_TRADE, (*row, run)), (_OUTCOME, (plain(trade.pnl), run, trade.signal))]


def _reopened(run: str, trade: TradeReopened) -> list[Statement]:
    key = (run, trade.id)
    trade_signal = "(SELECT signal FROM trades WHERE run = ? AND id = ?)"
    outcome = _OUTCOME.replace("AND id = ?", f"AND id = {trade_signal}")
    return [(outcome, (None, run, *key)), ("DELETE FROM trades WHERE run = ? AND id = ?", key)]


def _ghost_opened(run: str, wall: int, ghost: GhostOpened) -> Statement:
    row = (
        *(run, ghost.signal, ghost.symbol, ghost.side, plain(ghost.notional), plain(ghost.qty)),
        *("open", ghost.at, *[None] * 12, ghost.at, wall),
    )
    return _insert("ghosts", row)


_LAID = """UPDATE ghosts SET qty = ?, state = ?, entry_time = ?, entry_price = ?, exit_time = ?,
    exit_price = ?, fees = ?, funding = ?, pnl = ?, mfe = ?, mae = ?, duration_s = ?,
    exit_reason = ?, closed = ?, ts = ?, wall = ? WHERE run = ? AND signal = ?"""


def _ghost_closed(seq: int, run: str, wall: int, ghost: GhostClosed) -> list[Statement]:
    """Return what ends a hypothetical trade; one that never was has no figures."""
    key = (run, ghost.signal)
    if ghost.entry_time is None or ghost.exit_time is None:
        figures: tuple[Any, ...] = ("unfilled", *[None] * 10)
    else:
        money = (ghost.fees, ghost.funding, ghost.pnl, ghost.mfe, ghost.mae)
        figures = (
            *("closed", ghost.entry_time, _money(ghost.entry_price), ghost.exit_time),
            *(_money(ghost.exit_price), *map(plain, money)),
            (ghost.exit_time - ghost.entry_time) // 1000,
        )
    end = (_text(ghost.exit_reason), seq, ghost.at, wall)
    outcome = "UPDATE signals SET outcome_pnl = ? WHERE run = ? AND id = ?"
    pnl = None if ghost.entry_time is None else plain(ghost.pnl)
    return [(_LAID, (plain(ghost.qty), *figures, *end, *key)), (outcome, (pnl, *key))]


def _run_changed(run: str, wall: int, fact: RunBegun | RunResumed | RunEnded) -> list[Statement]:
    nonce = "INSERT INTO nonces VALUES (?, ?, ?)"
    match fact:
        case RunBegun():
            row = (
                *(fact.num, run, fact.mode, fact.venue, fact.market, fact.seed, fact.config),
                *(fact.config_hash, fact.strategy, fact.strategy_hash, fact.instance),
                *(fact.version, "running", None, None, wall, None, None),
            )
            marks = ", ".join("?" * len(row))
            return [(f"INSERT INTO runs VALUES ({marks})", row), (nonce, (fact.nonce, run, wall))]
        case RunResumed():
            again = (
                "UPDATE runs SET state = 'running', error = NULL, resumed = ?, ended = NULL"
                " WHERE id = ?"
            )
            return [(again, (wall, run)), (nonce, (fact.nonce, run, wall))]
        case RunEnded():
            done = "UPDATE runs SET state = ?, error = ?, summary = ?, ended = ? WHERE id = ?"
            return [(done, (fact.state, fact.error, fact.summary, wall, run))]


def _insert(table: str, row: tuple[Any, ...]) -> Statement:
    """Return an insert that replaces a row of the same key: a fact told again stands as told last."""
    return f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row


def _percent(trade: TradeClosed) -> str | None:
    """Return the PnL as percent of the entry notional at 8 decimals, half-even."""
    with exact():
        notional = trade.qty * trade.entry_price
        if not notional:
            return None
        return plain(quotient_at_8(trade.pnl * 100, notional, ROUND_HALF_EVEN))


def _money(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _text(words: str) -> str:
    """Return free text as SQLite can hold it: lone surrogates (a strategy's doing) become ``?``."""
    return words if words.isascii() else words.encode("utf-8", "replace").decode()
