"""Who works on a run and whether trading is latched: what a journal alone cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage

from tradebot.core.model.times import iso
from tradebot.guard.account_lock import account_dir
from tradebot.guard.closing import last_close
from tradebot.guard.latch import HaltRow, halt_present, read_halts
from tradebot.guard.lock import Owner, lock_owner
from tradebot.guard.notice import read_notice
from tradebot.journal.rows import RunRow
from tradebot.journal.status import HaltInForce

LATCHED = "the HALT file is there"
FULL_BYTES = 65_536
"""With less free than this a disk is full."""


def engine_of(data_dir: Path, run: RunRow) -> Owner | None:
    """Return the process that works on a run, None for a run that is over or was left by a killed one."""
    return lock_owner(data_dir) if run.state == "running" else None


def trouble_of(data_dir: Path) -> str | None:
    """Return what an engine says that cannot write its journal, or that died of it; None without a word.

    On a full disk it cannot even say that: then the disk is looked at.
    """
    notice = read_notice(data_dir)
    if notice is not None:
        return f"since {iso(notice.since)} {notice.text}"
    with suppress(OSError):
        if disk_usage(data_dir).free < FULL_BYTES:
            return f"the disk of {data_dir} is full: an engine can write nothing down"
    return None


def close_all_of(data_dir: Path) -> dict[str, object] | None:
    """Return how the newest close-all of an account stands, as ``status`` has it; None without one."""
    found = last_close(close_dirs(data_dir))
    if found is None:
        return None
    return {
        "begun": iso(found.begun),
        "who": found.who,
        "account": found.account,
        "stage": found.stage,
        "state": found.state,
        "left": list(found.left),
    }


def close_dirs(data_dir: Path) -> tuple[Path, ...]:
    """Return where the rows of a close-all are looked for: beside the journal, and beside the lock of its engine's account."""
    owner = lock_owner(data_dir)
    traded = None if owner is None else owner.traded
    return (data_dir, *(() if traded is None else (account_dir(traded.fingerprint),)))


def is_closed_down(data_dir: Path) -> bool:
    """Whether the row of a close-all stands in the directory's HALT file."""
    return any(row.kind == "close-all" for row in read_halts(data_dir))


def latched_halt(data_dir: Path) -> HaltInForce | None:
    """Return the halt that the HALT file says, whatever an engine knows of it; None without the file."""
    return latch_of(read_halts(data_dir)) if halt_present(data_dir) else None


def latch_of(rows: Sequence[HaltRow]) -> HaltInForce:
    """Return what the rows of a HALT file say; an empty one halts as well."""
    if not rows:
        return HaltInForce("user", LATCHED, None)
    newest = rows[-1]
    text = f"{newest.who}: {newest.reason}"
    closing = [row for row in rows if row.kind == "close-all"]
    if closing and closing[-1].account is not None:
        text += f"; a close-all of the {closing[-1].account} account stands: nothing is sent to it"
    return HaltInForce("user", text, newest.wall)
