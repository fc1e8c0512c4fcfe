"""``close-all`` of an account: its engine does it while it answers, and the proof is always our own reading.

An engine that holds the data directory or the key is asked through the HALT files and answers in ``close-all.jsonl``; one
that does not, makes no progress or dies is fenced off, and the same routine runs here. A journal is no proof.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tradebot.app.account import Access, find_access
from tradebot.app.close_report import times_of
from tradebot.app.closed import Closed, EngineHereError
from tradebot.app.closings import Sealer
from tradebot.app.fencing import kill, let_end
from tradebot.app.flatten import Flattened, Named, flatten, rows_of
from tradebot.app.ours import OPEN_ENDED
from tradebot.app.patience import ACCOUNT_S, Patience
from tradebot.app.target import ExchangeAccount, Request, account_of_note, latch_account
from tradebot.broker.account_view import AccountHoldings, read_holdings
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import (
    AlreadyRunningError,
    JournalError,
    LeftoverError,
    TradebotError,
    UsageError,
)
from tradebot.guard.account_lock import AccountLock, account_dir
from tradebot.guard.diary import BROKEN_OFF, COMMAND, ENGINE, Diary, Step, diary_mark, read_diary
from tradebot.guard.latch import read_halts
from tradebot.guard.lock import ENGINE as TRADES
from tradebot.guard.lock import LOCK_FILE, InstanceLock, Owner, is_held, lock_holder, may_be_fenced
from tradebot.guard.process import process_start
from tradebot.journal.commands import post_command
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader

ANSWER_S = 2.0
"""Seconds an engine has to answer before it is fenced off."""
STUCK_S = 5.0
"""Seconds without a step after which an engine that is closing is taken to hang."""
UNSEEN_LOOKS = 5
"""How often a lock is looked at whose holder cannot be told, a tenth of a second apart."""
LOOK_S = 0.02
"""Seconds between two looks at what the engine has written."""
HELD_UP = ("banned", "slowed")
"""Steps with an end until which an engine need not move: of a ban, of a minute that is used up."""
AT_IT = "is still at it"
"""The time is up before an engine was done."""
WAITS = "waits for a resume and sends nothing"
"""An engine that was started under a close-all need not be ended for another."""
FAILED = "could not close it"
"""An engine that has given up says why; what it left open is closed here."""

OWN_KEY = "give the key that the run trades with"

Told = Callable[[str], None]


@dataclass(slots=True)
class AccountClose:
    """One close-all of one account, from the latch to the proof."""

    data_dir: Path
    request: Request
    target: ExchangeAccount
    wait_s: float
    told: Told
    unfenced: list[str] = field(default_factory=list)
    latched: int = 0
    quiet_from: float = 0.0
    sealer: Sealer | None = None
    seen: Sequence[Step] = ()

    def run(self) -> Closed:
        """Close it. LeftoverError where the account cannot be read, EngineHereError where only its end would help."""
        until = SYSTEM.monotonic() + self.wait_s
        self.latched = self.request.posted
        access, why_not = self._access()
        fingerprint = self.target.fingerprint or ("" if access is None else access.fingerprint)
        dirs = [self.data_dir, *([account_dir(fingerprint)] if fingerprint else [])]
        if fingerprint:
            self._latch(fingerprint)
        diary = Diary(dirs)
        diary.put(
            "begin",
            who=self.request.who,
            reason=self.request.reason,
            account=str(self.target),
            key=fingerprint,
            started=process_start(os.getpid()),
        )
        self.sealer = Sealer(self.data_dir)
        warming = threading.Thread(target=_warm, daemon=True)
        warming.start()
        try:
            how = self._by_engines(dirs, diary, until)
            warming.join()
            if access is None:
                raise why_not or LeftoverError("there is no way to the account")
            return self._by_ourselves(access, dirs, diary, how, until)
        except TradebotError as error:
            diary.put("result", code=error.exit_code, why=error.message)
            raise
        except KeyboardInterrupt:
            diary.put("result", code=BROKEN_OFF, why=self._seen_last())
            raise

    def _seen_last(self) -> str:
        from tradebot.app.control import last_seen

        return last_seen(self.data_dir, replace(self.request, target=self.target))

    def _latch(self, fingerprint: str) -> None:
        """Set the account's own latch, unless who asked has done so: each row asks its engine anew."""
        rows = read_halts(account_dir(fingerprint))
        if any(row.kind == "close-all" and row.wall >= self.latched for row in rows):
            return
        with contextlib.suppress(JournalError):
            latch_account(fingerprint, replace(self.request, target=self.target))

    def _access(self) -> tuple[Access | None, LeftoverError | None]:
        """Return the way to the account, or why what it holds cannot be told."""
        target = self.target
        cannot = f"trading is halted, but what {target} holds cannot be told"
        try:
            access = find_access(target.environment, target.url, target.demo)
        except TradebotError as error:
            return None, LeftoverError(f"{cannot}: {error.message}", hint=error.hint)
        if target.fingerprint in ("", access.fingerprint):
            return access, None
        return None, LeftoverError(f"{cannot}: {_other_key(target, access)}", hint=OWN_KEY)

    # -- engines -----------------------------------------------------------------------------------------

    def _by_engines(self, dirs: Sequence[Path], diary: Diary, until: float) -> str:
        """Let whoever trades the account close it, or end him; say in words how that went."""
        engines = self._engines(dirs)
        words = [self._by_engine(owner, where, dirs, diary, until) for owner, where in engines]
        self.unfenced += [
            f"a process that cannot be seen from here holds {where / LOCK_FILE}"
            for where in filter(_is_held_unseen, dirs)
        ]
        self.quiet_from, self.seen = SYSTEM.monotonic(), self._requests(dirs)
        return "; ".join(words) or self._gone(dirs)

    def _gone(self, dirs: Sequence[Path]) -> str:
        """Say that no engine runs, or that one had begun to close before anybody could look at it."""
        begun = [step for step in read_diary(dirs, self.latched) if step.role == ENGINE]
        return (
            f"the engine (process {begun[-1].pid}) ended on its way" if begun else "no engine runs"
        )

    def _engines(self, dirs: Sequence[Path]) -> list[tuple[Owner, Path]]:
        """Return the engines that trade the account, each with the directory whose lock it holds."""
        found: dict[int, tuple[Owner, Path]] = {}
        for where in dirs:
            owner = lock_holder(where)
            if owner is None or owner.role != TRADES or owner.traded is None:
                continue
            if owner.traded.environment == self.target.environment:
                found.setdefault(owner.pid, (owner, where))
        return list(found.values())

    def _by_engine(
        self, owner: Owner, where: Path, dirs: Sequence[Path], diary: Diary, until: float
    ) -> str:
        self.told("asking the engine")
        threading.Thread(target=self._post, daemon=True).start()
        ending = self._follow(owner, dirs, until)
        if not ending:
            return "closed by the engine"
        if ending in (WAITS, AT_IT) or ending.startswith(FAILED):
            return f"the engine (process {owner.pid}) {ending}"
        if ending == "died":
            return f"the engine (process {owner.pid}) ended on its way"
        self.told(f"the engine {ending}: fencing it off")
        diary.put("fence", process=owner.pid, why=ending)
        return self._fence(owner, where, ending)

    def _post(self) -> None:
        """Put the wish on record, where there is a journal that takes it; the HALT file has asked already."""
        asked = self.request
        with contextlib.suppress(TradebotError, OSError):
            post_command(
                *(journal_path(self.data_dir), asked.name, asked.who, asked.reason, asked.run),
                busy_s=ANSWER_S,
            )

    def _follow(self, owner: Owner, dirs: Sequence[Path], until: float) -> str:
        """Watch an engine close; return "" when it is done, else what is wrong with it."""
        begun = moved = SYSTEM.monotonic()
        count, taken, mark = 0, False, None
        rows: list[Step] = []
        steps: list[Step] = []
        patience = Patience(self.told, until)
        while True:
            now, before, mark = SYSTEM.monotonic(), mark, diary_mark(dirs)
            if mark != before:
                rows = [
                    step
                    for step in read_diary(dirs)  # it may sit out a ban that it met before this
                    if step.role == ENGINE and step.pid == owner.pid
                ]
                steps = [step for step in rows if step.wall >= self.latched]
            if len(steps) > count:
                self._tell(steps[count:])
                count, moved, taken = len(steps), now, True
            if steps and (ended := _ending(steps[-1])) is not None:
                return ended
            if not owner.alive:
                return "died"
            if not taken and now - begun >= ANSWER_S:
                return "did not answer"
            ends = self._ban_ends(rows, now)
            if taken and now - max(moved, ends) >= STUCK_S:
                return "made no progress"
            if now >= until or (taken and ends > until and _is_banned(rows)):
                return AT_IT
            if taken:
                patience.say(*_doing(rows if ends else steps))
            SYSTEM.sleep(LOOK_S)

    def _ban_ends(self, steps: Sequence[Step], now: float) -> float:
        """Return when (monotonic) a ban or a used up minute ends that an engine sits out; until then it need not move."""
        newest = _newest(steps)
        if newest is None or newest.step not in HELD_UP:
            return 0.0
        ends = int(newest.more.get("ends") or 0)
        return now + (ends - SYSTEM.wall_ms()) / 1000

    def _tell(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if step.step in ("close", "cancel"):
                self.told(f"the engine: {step.step} {step.more.get('symbol', '')}")
            elif step.step == "banned":
                self.told("the engine: the exchange has banned this address; it waits for the end")

    def _fence(self, owner: Owner, where: Path, why: str) -> str:
        """Kill an engine: by pid and start time, and only one that holds the lock as the engine."""
        name = f"process {owner.pid}"
        if owner.pid == os.getpid():
            raise EngineHereError(
                "the engine of this very process does not answer",
                hint="run tradebot close-all from another terminal",
            )
        trouble = kill(owner) if may_be_fenced(where, owner) else let_end(owner, where)
        if trouble and owner.alive:
            self.unfenced.append(f"{name} {trouble}")
            return f"the engine ({name}) {why} and could not be ended"
        return f"the engine ({name}) {why} and was ended"

    # -- here --------------------------------------------------------------------------------------------

    def _by_ourselves(
        self, access: Access, dirs: Sequence[Path], diary: Diary, how: str, until: float
    ) -> Closed:
        unknown, read = unknown_orders(self.data_dir, self.target.environment)
        left_s = max(0.0, until - SYSTEM.monotonic())
        with _alone(self.data_dir, access, self.request.name):
            self.told(f"reading {self.target}")
            work = flatten(
                *(access, left_s, self.told, diary),
                quiet_s=lambda: self._quiet_s(dirs),
                unknown=unknown,
                since=self.latched,
                ended=lambda outcome: self._put_end(diary, outcome),
            )
            outcome = asyncio.run(work)
        left = list(outcome.left)
        words = [how]
        if not left:
            words.append(f"{self.target} was read: nothing is left on it")
            words.append("a stop that appears later is reduce-only and can open nothing")
        if not left and not read:
            words.append(
                f"no journal was read; requests of this host ended {outcome.quiet_s:.1f} s before the last read"
            )
        steps = times_of(read_diary(dirs, self.latched), self.latched)
        return Closed(
            *(left, "; ".join(words), outcome.closes, steps, outcome.proof),
            unfenced=tuple(self.unfenced),
        )

    def _put_end(self, diary: Diary, outcome: Flattened) -> None:
        """Put on record how it ended, as soon as that is known: others act on it."""
        left = list(outcome.left)
        code = 6 if left or self.unfenced else 0
        ended = SYSTEM.wall_ms()
        diary.put(
            "result",
            code=code,
            left=left,
            unfenced=self.unfenced,
            reads=outcome.reads,
            ended=ended,
            seal="" if self.sealer is None else self.sealer.seal(self.target, code, left, ended),
        )

    def _quiet_s(self, dirs: Sequence[Path]) -> float:
        """Return the seconds since anybody else on this machine may have sent something: an engine, another close-all.

        It counts from when we see that something was: the real clock may be set meanwhile.
        """
        if (asked := self._requests(dirs)) != self.seen:
            self.quiet_from, self.seen = SYSTEM.monotonic(), asked
        return SYSTEM.monotonic() - self.quiet_from

    def _requests(self, dirs: Sequence[Path]) -> list[Step]:
        """Return what others have put on record to be sent; an engine of this very process is one of them."""
        return [
            step
            for step in read_diary(dirs, self.latched)
            if step.step in ("cancel", "close") and not _is_mine(step)
        ]


def _other_key(target: ExchangeAccount, access: Access) -> str:
    return (
        f"its key has the fingerprint {target.fingerprint}, the one given here {access.fingerprint}"
    )


def _ending(step: Step) -> str | None:
    """Return how an engine's last row says that it has ended: "" when it has closed, None while it goes on."""
    if step.step == "failed":
        return f"{FAILED}: {step.more.get('why') or 'it does not say why'}"
    return {"done": "", "waits": WAITS}.get(step.step)


def _newest(steps: Sequence[Step]) -> Step | None:
    """Return what an engine did last; that it was asked once more meanwhile is nothing that it did."""
    return next((step for step in reversed(steps) if step.step != "taken"), None)


def _is_banned(steps: Sequence[Step]) -> bool:
    newest = _newest(steps)
    return newest is not None and newest.step == "banned"


def _doing(steps: Sequence[Step]) -> tuple[str, str]:
    """Say what an engine waits for, by its own rows: what is the same for a while, and what is not."""
    newest = _newest(steps)
    if newest is not None and newest.step in HELD_UP:
        left = max(0.0, int(newest.more.get("ends") or 0) - SYSTEM.wall_ms()) / 1000
        why = "waits for the end of a ban" if newest.step == "banned" else "may ask for no more"
        return f"the engine {why}", f": it goes on in {left:.0f} s"
    reads = [step.more for step in steps if step.step == "read"]
    if not reads:
        return "the engine is closing", ""
    words = [str(name) for name in reads[-1].get("open") or ()]
    strange = [str(why) for why in reads[-1].get("strange") or ()]
    said = [f"still open: {', '.join(words)}"] if words else []
    said += [f"it cannot read the account whole: {strange[0]}"] if strange else []
    return f"the engine is closing; {'; '.join(said) or 'it reads nothing open'}", ""


def unknown_orders(data_dir: Path, environment: str) -> tuple[list[Named], bool]:
    """Return the orders of an account's runs of which the journal does not know the end, and whether it could be read."""
    path = journal_path(data_dir)
    try:
        with Reader(path) as reader:
            runs = [run.id for run in reader.runs() if run.venue == environment]
            rows = [row for run in runs for row in reader.orders(run, open_only=True)]
    except (JournalError, OSError):
        return [], False
    return [Named(row.symbol, row.id) for row in rows if row.status in OPEN_ENDED], True


@contextlib.contextmanager
def _alone(data_dir: Path, access: Access, role: str) -> Iterator[None]:
    """Keep engines from starting on the directory and the account meanwhile; one that runs is halted, and stays."""
    with contextlib.ExitStack() as held:
        for lock in (InstanceLock(data_dir, role), AccountLock(access.traded, role)):
            with contextlib.suppress(AlreadyRunningError, JournalError):
                held.enter_context(lock)
        yield


def _is_held_unseen(where: Path) -> bool:
    """Whether somebody holds a lock who cannot be told; one that is just being taken or left is looked at again."""
    for _ in range(UNSEEN_LOOKS):
        if lock_holder(where) is not None or not is_held(where):
            return False
        SYSTEM.sleep(0.1)
    return True


def _is_mine(step: Step) -> bool:
    """Whether a row is of this close-all's own requests; an engine in this process is somebody else."""
    return step.pid == os.getpid() and step.role == COMMAND


def _warm() -> None:
    """Have what is slow to import there when it is needed: meanwhile the engine is asked."""
    from tradebot.wire.library import load_class

    with contextlib.suppress(Exception):
        load_class()


def close_account(
    data_dir: Path, request: Request, target: ExchangeAccount, wait_s: float | None, told: Told
) -> Closed:
    """Close an account by its engine, where one answers, and see with own eyes that nothing is left of it.

    ``wait_s`` None: as long as is usual for an account.
    """
    wait_s = ACCOUNT_S if wait_s is None else wait_s
    owner = lock_holder(data_dir)
    traded = None if owner is None or owner.role != TRADES else owner.traded
    if traded is not None and traded.environment == target.environment:
        target = account_of_note(traded)
    return AccountClose(data_dir, request, target, wait_s, told).run()


def plan_of(target: ExchangeAccount) -> list[dict[str, Any]]:
    """Return what is open on an account and in which order it would go: read only.

    UsageError without its key, ExchangeError where it cannot be read.
    """
    access = find_access(target.environment, target.url, target.demo)
    if target.fingerprint not in ("", access.fingerprint):
        raise UsageError(_other_key(target, access), hint=OWN_KEY)

    async def look() -> AccountHoldings:
        async with access.wire() as wire:
            await wire.measure()
            return await read_holdings(wire)

    found = asyncio.run(look())
    order = {"order": 1, "position": 2, "stop or target": 3}
    rows = [{"step": order[row["what"]], **row} for row in rows_of(found)]
    return sorted(rows, key=lambda row: (row["step"], row["symbol"]))
