"""``alerts.db``: the cursor into the audit trail, and what became of each alert on each channel.

An alert and the cursor behind its row are one transaction, and (channel, source) is unique, so a channel decides once
on each. What goes out is noted as tried before it leaves: who is killed meanwhile sends it again, after a pause.
States: waiting, held, sent, coalesced, muted, expired.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tradebot.alerts.alerts_file import AGAIN, AlertsFile
from tradebot.alerts.model import Alert, Decision, Memory
from tradebot.alerts.outbox import MINUTE, SECOND, STORM_SPAN, TOGETHER, Going, Item, Past, Try
from tradebot.alerts.stored import (
    INSERT,
    TRIED,
    ChannelRow,
    OutboxRow,
    Outgoing,
    columns_of,
    mark_of,
)

KEEP_MS = 30 * 24 * 60 * MINUTE
"""How long what is over can be listed."""

AT_ONCE = 100
"""So much of what waits is looked at where each goes by itself."""

_ITEM = (
    "SELECT id, kind, level, key, created, due, text, seq, source, state, attempts, next_try, silent"
    " FROM outbox WHERE channel = ? AND state IN ('waiting', 'held')"
    " ORDER BY level != 'critical', attempts, id LIMIT ?"
)


class OutboxStore(AlertsFile):
    """What waits in ``alerts.db``, what becomes of it, and how every channel does."""

    # -- deciding ----------------------------------------------------------------------------------

    def decide(
        self,
        decided: Sequence[tuple[Alert, Mapping[str, Decision]]],
        place: tuple[int, str] | None,
        memory: Memory,
        now: int,
        delivered: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        """Enter each channel's decision on each alert, with cursor and memory, in one transaction.

        ``place`` is the last row that was decided on, by its number and its mark; None where it stays.
        ``delivered`` has when (channel, source) went out already while the file could not be written: that is entered,
        and what had waited in the file before is noted as taken. What is critical,
        or no audit row, is tried from ``now`` on for its whole time, however late it was seen.
        """
        with self.transaction() as db:
            for alert, decisions in decided:
                for channel, decision in decisions.items():
                    at = (delivered or {}).get((channel, alert.source))
                    db.execute(INSERT, columns_of(alert, channel, decision, now, at))
            db.executemany(
                "UPDATE outbox SET state = 'sent', sent = ? WHERE channel = ? AND source = ?"
                " AND state = 'waiting'",
                [(at, *where) for where, at in (delivered or {}).items()],
            )
            self.put("memory", memory)
            if place is not None:
                self.put("cursor", place[0])
                self.put("mark", place[1])

    # -- delivering --------------------------------------------------------------------------------

    def items(self, channel: str, *, joins: bool = True) -> list[Item]:
        """Return all that waits for a channel, what is critical first, then what was tried least, oldest first.

        Where each goes by itself (not ``joins``) the first of it are enough.
        """
        with self.faults():
            most = -1 if joins else AT_ONCE
            return [_item(row) for row in self.db.execute(_ITEM, (channel, most))]

    def stamp(self) -> tuple[int, int]:
        """Return what changes whenever somebody, here or in another process, has written."""
        with self.faults():
            (version,) = self.db.execute("PRAGMA data_version").fetchone()
        return int(version), self.db.total_changes

    def past(self, channel: str, now: int) -> Past:
        """Return what ``choose`` has to know of a channel."""
        with self.faults():
            tries = self.db.execute(
                "SELECT at, critical FROM tries WHERE channel = ? AND at > ? ORDER BY at",
                (channel, now - MINUTE),
            )
            keys = self.db.execute(
                "SELECT key, max(sent) FROM outbox WHERE channel = ? AND sent > ? AND level != 'critical'"
                " GROUP BY key",
                (channel, now - TOGETHER),
            )
            arrived = self.db.execute(
                "SELECT created FROM outbox WHERE channel = ? AND created > ?"
                " AND level != 'critical' AND state NOT IN ('muted', 'held') LIMIT 100",
                (channel, now - STORM_SPAN),
            )
            row = self._channel(channel)
            if row is None:
                return Past()
            return Past(
                [Try(at, bool(critical)) for at, critical in tries],
                dict(keys.fetchall()),
                row["digest"],
                [at for (at,) in arrived],
                row["failures"],
                row["others_from"],
                row["not_before"],
                row["stopped"],
            )

    def _channel(self, channel: str) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.db.execute(
            "SELECT * FROM channels WHERE channel = ?", (channel,)
        ).fetchone()
        return found

    def heed_clock(self, channel: str, now: int) -> None:
        """Move tries and waits with a clock that was set back: nothing may wait until it is as late as it was.

        No wait begins after the newest try, so by what that lies ahead of ``now`` the clock went back at least.
        """
        with self.faults():
            (newest,) = self.db.execute(
                "SELECT max(at) FROM tries WHERE channel = ?", (channel,)
            ).fetchone()
        back = (newest or 0) - now
        if back <= SECOND:
            return
        with self.transaction() as db:
            db.execute("UPDATE tries SET at = at - ? WHERE channel = ?", (back, channel))
            db.execute(
                "UPDATE outbox SET next_try = max(0, next_try - ?), due = min(due, ?)"
                " WHERE channel = ? AND state = 'waiting'",
                (back, now, channel),
            )
            db.execute(
                "UPDATE channels SET others_from = max(0, others_from - ?),"
                " not_before = max(0, not_before - ?), digest = max(0, digest - ?) WHERE channel = ?",
                (back, back, back, channel),
            )

    def hold(self, channel: str, until: int, why: str) -> None:
        """Hold what waits and is not critical back until a time (UTC ms)."""
        waits = "channel = ? AND state = 'waiting' AND level != 'critical'"
        with self.faults():
            found = self.db.execute(f"SELECT 1 FROM outbox WHERE {waits} LIMIT 1", (channel,))
            if found.fetchone() is None:
                return
        with self.transaction() as db:
            db.execute(
                f"UPDATE outbox SET state = 'held', due = ?, last_error = ? WHERE {waits}",
                (until, why, channel),
            )

    def outgoing(self, ids: Sequence[int]) -> dict[int, Outgoing]:
        """Return what there is to send of these items."""
        with self.faults():
            rows = self.db.execute(
                "SELECT id, source, seq, kind, level, text, created, data, run, mode, market, file"
                " FROM outbox WHERE id IN (SELECT value FROM json_each(?))",  # any number of them
                (json.dumps(list(ids)),),
            ).fetchall()
        return {
            row["id"]: Outgoing(**{**dict(row), "data": json.loads(row["data"])}) for row in rows
        }

    def note_try(self, channel: str, going: Going, now: int, until: int) -> None:
        """Note that these are about to leave; ``until`` is when they are tried again should nobody say more."""
        with self.transaction() as db:
            critical = going.items[0].critical
            db.execute(TRIED, (channel, now, critical))
            db.execute(
                "DELETE FROM tries WHERE channel = ? AND at < ?", (channel, now - 10 * MINUTE)
            )
            db.executemany(
                "UPDATE outbox SET attempts = attempts + 1, next_try = ? WHERE id = ?",
                [(until, item.id) for item in going.items],
            )

    def note_sent(self, channel: str, going: Going, now: int) -> None:
        """Note that these were taken; the rest may be tried at once, but for what a send beside them has learned."""
        summed = going.how in ("digest", "repeated")
        newest = going.items[-1].id
        with self.transaction() as db:
            for item in going.items:
                state = "coalesced" if summed and item.id != newest else "sent"
                db.execute(
                    "UPDATE outbox SET state = ?, sent = ?, last_error = ? WHERE id = ?",
                    (
                        state,
                        now,
                        f"in the message of {newest}" if state == "coalesced" else "",
                        item.id,
                    ),
                )
            db.execute(
                "UPDATE outbox SET next_try = 0 WHERE channel = ? AND state = 'waiting' AND next_try > 0",
                (channel,),
            )
            db.execute(
                "UPDATE channels SET failures = 0, others_from = 0, error = stopped,"
                " not_before = CASE WHEN not_before > ? THEN not_before ELSE 0 END, delivered = ?,"
                " failing_since = CASE WHEN stopped != '' THEN failing_since END,"
                " digest = CASE WHEN ? THEN ? ELSE digest END WHERE channel = ?",
                (now, now, going.how == "digest", now, channel),
            )

    def note_failed(
        self, channel: str, going: Going, why: str, now: int, until: int, not_before: int
    ) -> None:
        """Note that these were not taken, why, and when they are tried again."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE outbox SET next_try = ?, last_error = ? WHERE id = ?",
                [(until, why, item.id) for item in going.items],
            )
            db.execute(
                "UPDATE channels SET failures = failures + 1, error = ?, not_before = max(not_before, ?),"
                " others_from = CASE WHEN ? THEN others_from ELSE ? END,"
                " failing_since = coalesce(failing_since, ?) WHERE channel = ?",
                (why, not_before, going.items[0].critical, until, now, channel),
            )

    def note_stopped(self, channel: str, why: str, now: int) -> None:
        """Note that a channel takes nothing until somebody mends it."""
        with self.transaction() as db:
            db.execute(
                "UPDATE channels SET stopped = ?, error = ?, failures = failures + 1,"
                " failing_since = coalesce(failing_since, ?) WHERE channel = ?",
                (why, why, now, channel),
            )

    def note_expired(self, items: Sequence[Item]) -> None:
        """Note that these waited too long."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE outbox SET state = 'expired' WHERE id = ?", [(item.id,) for item in items]
            )

    def resettle(self, channel: str, settings: str) -> None:
        """Take a channel up again whose settings are other ones than when it was stopped."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO channels (channel) VALUES (?)", (channel,))
            row = self._channel(channel)
            if row is None or row["settings"] != settings:
                db.execute(
                    "UPDATE channels SET settings = ?, stopped = '', failures = 0, others_from = 0,"
                    " not_before = 0 WHERE channel = ?",
                    (settings, channel),
                )

    def forget_old(self, now: int) -> None:
        """Let go of what has long been over."""
        with self.transaction() as db:
            db.execute(
                "DELETE FROM outbox WHERE created < ? AND state NOT IN ('waiting', 'held')",
                (now - KEEP_MS,),
            )

    # -- for people --------------------------------------------------------------------------------

    def retry(self, now: int, channel: str | None = None) -> int:
        """Try all that waits at once, and expired critical alerts anew; return how many there are."""
        given: tuple[str, ...] = () if channel is None else (channel,)
        where = "" if channel is None else " AND channel = ?"
        with self.transaction() as db:
            expired = "state = 'expired' AND level = 'critical'"
            db.execute(
                f"UPDATE outbox SET state = 'waiting', next_try = 0, due = ? WHERE {expired}{where}",
                (now, *given),
            )
            db.execute(f"UPDATE outbox SET next_try = 0 WHERE state = 'waiting'{where}", given)
            db.execute(
                "UPDATE channels SET stopped = '', failures = 0, others_from = 0, not_before = 0"
                f" WHERE 1{where}",
                given,
            )
            self.put(AGAIN, self.again + 1)
            count = db.execute(
                f"SELECT count(*) FROM outbox WHERE state = 'waiting'{where}", given
            ).fetchone()[0]
        return int(count)

    def listed(
        self, *, failed: bool = False, channel: str | None = None, limit: int = 100
    ) -> list[OutboxRow]:
        """Return the newest rows, oldest first; ``failed``: only what was not delivered though it should be."""
        names = ", ".join(OutboxRow.__annotations__)
        bad = "(state = 'expired' OR (state = 'waiting' AND last_error != ''))"
        where = [bad] if failed else []
        given: tuple[Any, ...] = ()
        if channel is not None:
            where.append("channel = ?")
            given = (channel,)
        clause = f"WHERE {' AND '.join(where)}" if where else ""
        with self.faults():
            rows = self.db.execute(
                f"SELECT {names} FROM outbox {clause} ORDER BY id DESC LIMIT ?", (*given, limit)
            ).fetchall()
        return [OutboxRow(**dict(row)) for row in rows[::-1]]

    def channels(self) -> list[ChannelRow]:
        """Return how every channel does that was ever used."""
        sql = """SELECT c.channel, c.failures, c.stopped, c.error, c.failing_since, c.delivered,
            coalesce(sum(o.state = 'waiting'), 0) AS waiting, coalesce(sum(o.state = 'held'), 0) AS held,
            coalesce(sum(o.state = 'expired' AND o.level = 'critical'), 0) AS expired_critical
            FROM channels c LEFT JOIN outbox o ON o.channel = c.channel
            AND o.state IN ('waiting', 'held', 'expired') GROUP BY c.channel"""
        with self.faults():
            return [ChannelRow(**dict(row)) for row in self.db.execute(sql)]

    def backlog(self, channels: Collection[str]) -> int:
        """Return how many messages wait on these channels: on one that is configured no more nothing moves."""
        return sum(row.waiting + row.held for row in self.channels() if row.channel in channels)


def _item(row: sqlite3.Row) -> Item:
    head = row["text"].partition("\n")[0]
    return Item(
        *(row["id"], row["kind"], row["level"], row["key"], row["created"], row["due"], head),
        mark_of(row["seq"], row["source"]),
        *(row["state"], row["attempts"], row["next_try"], bool(row["silent"])),
    )


__all__ = ["OutboxStore"]
