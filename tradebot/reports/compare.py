"""Two runs side by side: where decisions and outcomes differ, and why.

Signals are the same when time, symbol and side are; ids are not compared. A difference in a decision is
told once; outcomes are compared where both runs decided the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict

from tradebot.core.model.errors import JournalError, UsageError
from tradebot.core.model.money import exact, plain
from tradebot.core.model.times import iso
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rows import RunRow
from tradebot.journal.view import GhostRow, SignalRow, TradeRow

_Span = TypedDict("_Span", {"from": str | None, "to": str | None})


class ComparedRun(_Span):
    """One of the two runs, its stretch of market time and what came of it (USDT)."""

    run: str
    mode: str
    market: str
    strategy: str
    strategy_hash: str
    state: str
    signals: int
    trades: int
    pnl: str


class OtherSetting(TypedDict):
    """What the two were told differently; None where it was not said to one."""

    key: str
    first: Any
    second: Any


class RunDifference(TypedDict):
    """A decision or an outcome that differs, and why as far as the journal knows."""

    time: str
    symbol: str
    side: str
    what: str
    first: str | None
    second: str | None
    why: str


class Totals(TypedDict):
    """Counts of what is the same and what is not, and the results of both (USDT)."""

    signals_in_both: int
    only_in_first: int
    only_in_second: int
    same_verdict: int
    differences: dict[str, int]
    pnl_first: str
    pnl_second: str


Traded = TradeRow | GhostRow
Key = tuple[int, str, str, int]
"""Time, symbol, side and the how-manieth of these: what makes two signals the same."""

FIRST, SECOND = "first", "second"
SAID = ("confidence", "stop", "target")
TRADED = ("qty", "entry_price", "exit_price", "exit_time", "exit_reason", "pnl")
SUPPOSED = ("entry_price", "exit_price", "exit_time", "exit_reason", "pnl")


@dataclass(frozen=True, slots=True)
class RunPlace:
    """Where a run is: the journal's file and the run's id."""

    path: Path
    run: str

    @classmethod
    def parse(cls, text: str, database: Path) -> RunPlace:
        """Read ``RUN`` (in the given journal) or ``DIR#RUN``; JournalError if there is no journal."""
        folder, mark, run = text.rpartition("#")
        path = journal_path(Path(folder).expanduser()) if mark else database
        if not path.is_file():
            hint = "a run of another place is written DIR#RUN, DIR being its data directory"
            raise JournalError(f"there is no journal for {text}", hint=hint, file=str(path))
        return cls(path, run)


@dataclass(slots=True)
class Half:
    """One run as it is compared: signals by key, its trades and hypothetical trades by signal."""

    run: RunRow
    first: int | None
    last: int | None
    signals: dict[Key, SignalRow]
    trades: dict[int, TradeRow]
    ghosts: dict[int, GhostRow]

    @classmethod
    def load(cls, reader: Reader, run: RunRow) -> Half:
        """Read what is compared."""
        signals = reader.signals(run.id)
        state = reader.state(run.id)
        return cls(
            run=run,
            first=None if state is None else state.body.get("first"),
            last=None if state is None else state.body["session"]["engine"]["now"],
            signals=_by_key(signals),
            trades={row.signal: row for row in reader.trades(run.id)},
            ghosts={row.signal: row for row in reader.ghosts(run.id)},
        )

    def covers(self, time: int) -> bool:
        """Whether the run was there at a market time (UTC ms)."""
        return self.first is not None and self.first <= time <= (self.last or time)


@dataclass(slots=True)
class Comparison:
    """What differs, in order of time, with counts; JSON values."""

    runs: list[ComparedRun]
    settings: list[OtherSetting]
    hashes: dict[str, str]
    totals: Totals
    differences: list[RunDifference] = field(default_factory=list)


def compare(first: RunPlace, second: RunPlace) -> Comparison:
    """Compare two runs of one journal or of two. UsageError or JournalError when one is not there,
    and UsageError when they ran over different markets.
    """
    with ExitStack() as stack, exact():
        readers = [stack.enter_context(Reader(place.path)) for place in (first, second)]
        places = zip(readers, (first, second), strict=True)
        found = [(reader, reader.run(place.run)) for reader, place in places]
        _refuse_strangers(*(run for _, run in found))
        one, other = (Half.load(reader, run) for reader, run in found)
        settings = list(_settings(one.run, other.run))
        differences = list(_differences(one, other, settings))
        return Comparison(
            runs=[_run_row(half) for half in (one, other)],
            settings=settings,
            hashes=_hashes(one.run, other.run),
            totals=_totals(one, other, differences),
            differences=differences,
        )


def _refuse_strangers(one: RunRow, other: RunRow) -> None:
    """Runs over different markets decided about different prices: nothing of them can be compared."""
    if one.market != other.market:
        raise UsageError(
            f"{one.id} ran on {one.market}, {other.id} on {other.market}: different markets",
            hint="compare runs over the same prices; `tradebot runs` lists them",
        )


def _by_key(signals: Sequence[SignalRow]) -> dict[Key, SignalRow]:
    seen: Counter[tuple[int, str, str]] = Counter()
    keyed = {}
    for row in signals:
        what = (row.time, row.symbol, row.side)
        seen[what] += 1
        keyed[*what, seen[what]] = row
    return keyed


def _run_row(half: Half) -> ComparedRun:
    run = half.run
    return {
        "run": run.id,
        "mode": run.mode,
        "market": run.market,
        "strategy": run.strategy,
        "strategy_hash": run.strategy_hash,
        "state": run.state,
        "from": None if half.first is None else iso(half.first),
        "to": None if half.last is None else iso(half.last),
        "signals": len(half.signals),
        "trades": len(half.trades),
        "pnl": plain(_sum(half.trades.values())),
    }


def _sum(rows: Iterable[TradeRow]) -> Decimal:
    return sum((row.pnl for row in rows), Decimal(0))


# -- what was set otherwise -------------------------------------------------------------------------


def _settings(one: RunRow, other: RunRow) -> Iterator[OtherSetting]:
    """Yield what the runs were told differently: strategy, version, configuration."""
    for name in ("strategy", "strategy_hash", "version"):
        if getattr(one, name) != getattr(other, name):
            yield OtherSetting(key=name, first=getattr(one, name), second=getattr(other, name))
    mine, theirs = _flat(json.loads(one.config)), _flat(json.loads(other.config))
    for key in sorted({*mine, *theirs}):
        if mine.get(key) != theirs.get(key):
            yield OtherSetting(key=key, first=mine.get(key), second=theirs.get(key))


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _hashes(one: RunRow, other: RunRow) -> dict[str, str]:
    """Return whether the fingerprints of signals, orders and fills are equal, where both are known."""
    told = [(run.summary or {}).get("hashes") for run in (one, other)]
    mine, theirs = (hashes if isinstance(hashes, dict) else {} for hashes in told)
    words = {}
    for name in ("signals", "orders", "fills"):
        if name not in mine or name not in theirs:
            words[name] = "unknown"
        else:
            words[name] = "equal" if mine[name] == theirs[name] else "different"
    return words


# -- what was decided and what came of it -----------------------------------------------------------


def _differences(
    one: Half, other: Half, settings: Sequence[OtherSetting]
) -> Iterator[RunDifference]:
    causes = {row["key"] for row in settings}
    for key in sorted({*one.signals, *other.signals}):
        mine, theirs = one.signals.get(key), other.signals.get(key)
        if mine is None or theirs is None:
            yield _alone(key, mine, theirs, one, other, causes)
        elif mine.verdict != theirs.verdict:
            yield _verdicts(key, mine, theirs)
        else:
            yield from _same_verdict(key, mine, theirs, one, other, causes)


def _row(key: Key, what: str, first: str | None, second: str | None, why: str) -> RunDifference:
    time, symbol, side, _ = key
    return RunDifference(
        time=iso(time),
        symbol=symbol,
        side=side,
        what=what,
        first=first,
        second=second,
        why=why,
    )


def _alone(
    key: Key,
    mine: SignalRow | None,
    theirs: SignalRow | None,
    one: Half,
    other: Half,
    causes: set[str],
) -> RunDifference:
    """Say that a signal is in one run only."""
    there = mine or theirs
    assert there is not None
    missing = other if theirs is None else one
    if not missing.covers(key[0]):
        why = f"{missing.run.id} was not running at that time"
    else:
        why = _cause(causes)
    have, want = (None if row is None else row.verdict for row in (mine, theirs))
    return _row(key, "signal", have, want, why)


def _cause(causes: set[str]) -> str:
    """Return what can make signals differ, as far as the journal knows."""
    named = {
        "strategy_hash": "the strategy or its parameters differ",
        "strategy.timeframe": "the timeframe differs",
    }
    said = [text for key, text in named.items() if key in causes]
    return "; ".join(said) or "the same strategy saw other bars (a gap, or another start)"


def _verdicts(key: Key, mine: SignalRow, theirs: SignalRow) -> RunDifference:
    """Say why one run let a signal through and the other did not."""
    whys = []
    for word, row in ((FIRST, mine), (SECOND, theirs)):
        if row.refusals:
            whys.append(f"{word} refused: {'; '.join(row.refusals)}")
        elif row.verdict in ("held", "ignored", "exit"):
            whys.append(f"{word} {_POSITION[row.verdict]}")
    return _row(key, "verdict", mine.verdict, theirs.verdict, "; ".join(whys))


_POSITION = {
    "held": "already had that position",
    "ignored": "had no position to leave",
    "exit": "had a position to leave",
}


def _same_verdict(
    key: Key, mine: SignalRow, theirs: SignalRow, one: Half, other: Half, causes: set[str]
) -> Iterator[RunDifference]:
    said = _changed(mine, theirs, SAID)
    if said:
        yield _row(key, "signal", _words(mine, said), _words(theirs, said), _cause(causes))
    if mine.refusals != theirs.refusals:
        first, second = ("; ".join(row.refusals) for row in (mine, theirs))
        yield _row(key, "refusals", first, second, "refused both times, for other reasons")
    for what, mine_by, theirs_by, names in (
        ("trade", one.trades, other.trades, TRADED),
        ("hypothetical", one.ghosts, other.ghosts, SUPPOSED),
    ):
        have, want = mine_by.get(mine.id), theirs_by.get(theirs.id)
        if have is not None and want is not None:
            yield from _outcome(key, what, have, want, names)
        elif (have or want) and (what == "trade" or (one.ghosts and other.ghosts)):
            results = tuple(None if row is None else _result(row) for row in (have, want))
            yield _row(key, what, results[0], results[1], "closed in one run only")


def _outcome(
    key: Key, what: str, have: Traded, want: Traded, names: Sequence[str]
) -> Iterator[RunDifference]:
    changed = _changed(have, want, names)
    if not changed:
        return
    parts = []
    if "entry_price" in changed:
        parts.append(f"entered at {_word(have.entry_price)} and {_word(want.entry_price)}")
    if "qty" in changed:
        parts.append(f"size {_word(have.qty)} and {_word(want.qty)}")
    if "exit_reason" in changed:
        parts.append(f"left by {have.exit_reason} and {want.exit_reason}")
    elif "exit_price" in changed or "exit_time" in changed:
        parts.append(f"left at {_word(have.exit_price)} and {_word(want.exit_price)}")
    why = "; ".join(parts) or "fees or funding differ"
    yield _row(key, what, _result(have), _result(want), why)


def _changed(have: object, want: object, names: Sequence[str]) -> list[str]:
    return [name for name in names if getattr(have, name) != getattr(want, name)]


def _words(row: SignalRow, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {_word(getattr(row, name))}" for name in names)


def _word(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)


def _result(row: Traded) -> str | None:
    if isinstance(row, GhostRow) and row.pnl is None:
        return row.state
    return f"{row.pnl:+.2f} {row.exit_reason}"


def _totals(one: Half, other: Half, differences: Sequence[RunDifference]) -> Totals:
    """Return counts of what is the same and what is not, and the results of both (USDT)."""
    shared = [key for key in one.signals if key in other.signals]
    kinds = Counter(row["what"] for row in differences)
    same = sum(one.signals[key].verdict == other.signals[key].verdict for key in shared)
    return {
        "signals_in_both": len(shared),
        "only_in_first": len(one.signals) - len(shared),
        "only_in_second": len(other.signals) - len(shared),
        "same_verdict": same,
        "differences": {name: kinds[name] for name in sorted(kinds)},
        "pnl_first": plain(_sum(one.trades.values())),
        "pnl_second": plain(_sum(other.trades.values())),
    }
