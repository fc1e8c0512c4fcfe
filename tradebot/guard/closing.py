"""How a close-all of an account stands, told by its own rows in ``close-all.jsonl``: for every face, whoever carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tradebot.guard.diary import BROKEN_OFF, COMMAND, Step, read_diary
from tradebot.guard.process import process_start

Phase = Literal["open", "cancelling", "closing", "closed", "refused", "flat"]
"""What was done last for a symbol: ``closed`` says that the exchange took the close, ``flat`` that a read shows nothing."""

Stage = Literal["under way", "broken off", "nothing is left", "left something", "cannot be told"]

_WORDS: Mapping[Phase, str] = {
    "open": "open",
    "cancelling": "cancelling its orders",
    "closing": "close sent",
    "closed": "close accepted",
    "refused": "close refused",
    "flat": "nothing is left",
}


@dataclass(frozen=True, slots=True)
class SymbolClose:
    """A symbol of a close-all: its phase, what the newest read shows of it, what the exchange said against it."""

    symbol: str
    phase: Phase
    left: tuple[str, ...] = ()
    said: str = ""

    @property
    def words(self) -> str:
        """How it stands, in words."""
        more = f" ({self.said})" if self.said and self.phase == "refused" else ""
        left = ", ".join(dict.fromkeys(self.left))
        return f"{_WORDS[self.phase]}{more}" + (f"; left: {left}" if left else "")


@dataclass(frozen=True, slots=True)
class CloseProgress:
    """The newest close-all of an account: by whom, since when (real clock, UTC ms), and how it stands.

    ``reads`` are the beginnings of the proof's reads so far, two at the end; ``sent_at`` when the last request was put on
    record, ``banned_until`` the end of a ban that it sits out (real clock, UTC ms), ``fenced`` the engine that was ended.
    ``left`` says in words what remains, ``why`` why that cannot be told. ``key`` is the fingerprint of the account's key, ""
    where that was not known.
    """

    begun: int
    who: str
    account: str
    stage: Stage
    symbols: tuple[SymbolClose, ...] = ()
    reads: tuple[int, ...] = ()
    sent_at: int | None = None
    banned_until: int | None = None
    fenced: str = ""
    left: tuple[str, ...] = ()
    why: str = ""
    key: str = ""

    @property
    def state(self) -> str:
        """How it stands, in words."""
        if self.stage == "nothing is left":
            return "nothing is left: proved by two reads"
        if self.stage == "left something":
            return f"left: {', '.join(self.left) or self.why or 'see close-all.jsonl'}"
        if self.stage == "cannot be told":
            return f"cannot be told: {self.why}"
        if self.stage == "broken off":
            return f"broken off without a proof, {self._done}: run close-all again"
        if self.banned_until is not None:
            return "under way, banned by the exchange: it goes on when the ban ends"
        return f"under way: {self._done}"

    @property
    def _done(self) -> str:
        flat = sum(one.phase == "flat" for one in self.symbols)
        return f"{flat} of {len(self.symbols)} symbols read flat"


def last_close(
    dirs: Sequence[Path], alive: Callable[[int], str | None] = process_start
) -> CloseProgress | None:
    """Return how the newest close-all on record stands; None without one. ``alive`` names a process's start."""
    steps = read_diary(dirs)
    begins = [number for number, step in enumerate(steps) if step.step == "begin"]
    if not begins:
        return None
    first = steps[begins[-1]]
    goes = alive(first.pid) == first.more.get("started", "")
    return progress_of(first, steps[begins[-1] + 1 :], goes=goes)


def progress_of(begin: Step, steps: Sequence[Step], *, goes: bool) -> CloseProgress:
    """Return what the rows after a beginning say; ``goes`` says that its process still lives."""
    ends = [step for step in steps if step.step == "result" and step.pid == begin.pid]
    more = ends[-1].more if ends else {}
    asked = [step.wall for step in steps if step.step in ("cancel", "close")]
    fences = [step for step in steps if step.step == "fence"]
    return CloseProgress(
        begun=begin.wall,
        who=str(begin.more.get("who", "")),
        account=str(begin.more.get("account", "")),
        key=str(begin.more.get("key", "")),
        stage=_stage(more, goes=goes) if ends or not goes else "under way",
        symbols=_symbols(steps),
        reads=_reads(steps, begin.pid),
        sent_at=max(asked, default=None),
        banned_until=None if ends else _ban(steps),
        fenced=f"process {fences[-1].more.get('process')}" if fences else "",
        left=_left(more),
        why=str(more.get("why") or ""),
    )


def _stage(result: Mapping[str, Any], *, goes: bool) -> Stage:
    if not result:
        return "under way" if goes else "broken off"
    if result.get("code") == BROKEN_OFF:
        return "broken off"
    if result.get("code") == 0:
        return "nothing is left"
    return "left something" if _left(result) else "cannot be told"


def _left(result: Mapping[str, Any]) -> tuple[str, ...]:
    rows, unfenced = result.get("left"), result.get("unfenced")
    names = [
        " ".join(str(row[name]) for name in ("symbol", "what", "qty") if row.get(name))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping)
    ]
    return (*names, *(str(name) for name in (unfenced if isinstance(unfenced, list) else ())))


def _ban(steps: Sequence[Step]) -> int | None:
    """Return when the ban ends that is the newest row; who is asked once more meanwhile says so and sits it out."""
    newest = next((step for step in reversed(steps) if step.step != "taken"), None)
    ends = newest.more.get("ends") if newest is not None and newest.step == "banned" else None
    return int(ends) if isinstance(ends, int | float) else None


def _reads(steps: Sequence[Step], asker: int) -> tuple[int, ...]:
    """Return when the whole reads by the asker itself began that show nothing, since something was last seen or sent.

    Of more than two the first and the last count.
    """
    found: list[int] = []
    for step in steps:
        if step.step in ("cancel", "close") or (step.step == "read" and not _is_empty(step)):
            found = []
        elif step.step == "read" and _is_proof(step, asker):
            found.append(int(step.more.get("begun") or step.wall))
    return (found[0], found[-1]) if len(found) > 1 else tuple(found)


def _is_proof(step: Step, asker: int) -> bool:
    """Whether a read counts: one after the other, by the asker itself and not by its engine."""
    return step.pid == asker and step.role == COMMAND and bool(step.more.get("whole"))


def _is_empty(step: Step) -> bool:
    return not step.more.get("open") and not step.more.get("strange")


def _symbols(steps: Sequence[Step]) -> tuple[SymbolClose, ...]:
    """Return how each symbol stands that was seen open, or asked for."""
    phases: dict[str, Phase] = {}
    left: dict[str, tuple[str, ...]] = {}
    said: dict[str, str] = {}
    for step in steps:
        name = str(step.more.get("symbol", ""))
        if step.step == "read":
            left = _open(step)
            for symbol in left:
                phases.setdefault(symbol, "open")
            if not step.more.get("strange"):  # what could not be read may still be there
                phases |= {symbol: "flat" for symbol in phases if symbol not in left}
        elif step.step == "cancel" and name:
            phases[name] = (
                "cancelling" if phases.get(name, "open") in ("open", "flat") else phases[name]
            )
        elif step.step == "close" and name:
            phases[name] = "closing"
        elif step.step == "answer" and name:
            phases[name] = "closed" if step.more.get("ok") else "refused"
            said[name] = str(step.more.get("said") or "")
    return tuple(
        SymbolClose(symbol, phase, left.get(symbol, ()), said.get(symbol, ""))
        for symbol, phase in sorted(phases.items())
    )


def _open(step: Step) -> dict[str, tuple[str, ...]]:
    """Return what a read shows to be open, by symbol; rows say it as ``ETH/USDT position``."""
    found: dict[str, tuple[str, ...]] = {}
    rows = step.more.get("open")
    for row in rows if isinstance(rows, list) else ():
        symbol, _, what = str(row).partition(" ")
        found[symbol] = (*found.get(symbol, ()), what)
    return found


__all__ = ["CloseProgress", "Phase", "Stage", "SymbolClose", "last_close", "progress_of"]
