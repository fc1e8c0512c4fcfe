"""Renewal: what live shows of itself while a sign-off stands, in place of evidence that has aged.

*ghost* and *stability* rest on the ghost that live hosts on its own feed, *paper* on live's own closed trades. Both are
judged by the bounds of the gates themselves, so that nothing passes that would not pass as evidence of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from tradebot.core.model.effects import Halted
from tradebot.core.model.money import ZERO, exact, plain
from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import IncidentOpened, SignedOff, SignoffRevoked
from tradebot.journal.testimony import Said
from tradebot.reports.readiness.signoffs import LOST, Ground, reviewers, signatures
from tradebot.reports.readiness.signoffs import MOST_AGE_MS as SIGNED_FOR_MS
from tradebot.reports.readiness.stretches import (
    MOST_AGE_MS,
    Demand,
    Stretch,
    trades_on_production,
)
from tradebot.reports.readiness.verdict import LeftOut, Sorted, sort_out

ELSEWHERE = "orders did not go to Binance's production, by the connections themselves"


def standing_since(rows: Sequence[Said], ground: Ground) -> int | None:
    """Return since when (UTC ms) two people's word has stood without a break until now; None where it does not."""
    signed = [said for said in rows if isinstance(said.fact, SignedOff)]
    ended = [said for said in rows if _ends(said.fact)]
    words = [*signed, *ended]

    def stood(at: int) -> bool:
        then = [said for said in words if said.wall <= at]
        return reviewers(signatures(then, replace(ground, now=at))).ok

    if not stood(ground.now):
        return None
    first = max((said.wall for said in ended), default=0)
    walls = [said.wall for said in words]
    moments = {*walls, *(said.wall + SIGNED_FOR_MS for said in signed)}
    since = ground.now
    for at in sorted((at for at in moments if first <= at <= ground.now), reverse=True):
        if not stood(at):
            break
        since = at
    return since


def _ends(fact: object) -> bool:
    """Whether a row ends every sign-off before it."""
    lost = isinstance(fact, Halted) and fact.reason == LOST
    return lost or isinstance(fact, SignoffRevoked | IncidentOpened)


def ghosts_of(stretches: Sequence[Stretch], demand: Demand, since: int | None) -> Sorted:
    """Return the ghost stretches that count; one beside live only under a sign-off, and if its host traded on production."""
    hosts = {(one.run, one.begun): one for one in stretches if one.mode == "live"}

    def more(one: Stretch) -> Iterator[str]:
        if one.host:
            host = hosts.get((one.host, one.begun))
            if host is None or not trades_on_production(host.rows):
                yield f"it ran beside {one.host}, whose {ELSEWHERE}"
            yield from _of_word(one, since)

    return sort_out(stretches, "ghost", demand, more)


def lives_of(stretches: Sequence[Stretch], demand: Demand, since: int | None) -> Sorted:
    """Return the live stretches that renew something: begun under a sign-off that stands, and on production."""

    def more(one: Stretch) -> Iterator[str]:
        if not trades_on_production(one.rows):
            yield f"its {ELSEWHERE}"
        yield from _of_word(one, since)

    return sort_out([up_to_flat(one) for one in stretches], "live", demand, more)


def _of_word(stretch: Stretch, since: int | None) -> Iterator[str]:
    if since is None:
        yield "no sign-off stands: what live shows counts only under one"
    elif stretch.begun < since:
        yield "it began before the sign-off that stands"


def up_to_flat(stretch: Stretch) -> Stretch:
    """Return what a live stretch was when it last held nothing; one that never did, or that does now, as it is."""
    if stretch.mode != "live" or not stretch.open or stretch.opened is None:
        return stretch
    seq, wall = stretch.opened
    rows = [row for row in stretch.rows if row.wall <= wall]
    closes = {number: said for number, said in stretch.closes.items() if said.seq < seq}
    trades = {number: stretch.trades[number] for number in closes}
    return replace(stretch, rows=rows, closes=closes, trades=trades, held={}) if rows else stretch


def unless_they_lose(lives: Sorted, stretches: Sequence[Stretch], demand: Demand) -> Sorted:
    """Return live stretches whose trades may stand for paper's: none of them where live as a whole has not gained.

    What was lost with real money and this evidence hash in the last 30 days counts whatever else is wrong with its run.
    """
    counted = {(one.run, one.nonce) for one in lives.counted}
    found: list[Decimal] = []
    for one in (one for one in stretches if one.mode == "live"):
        lately = _results(one, demand.now)
        if (one.run, one.nonce) in counted:
            found += lately
        elif _was_real(one, demand.evidence):
            found += [pnl for pnl in lately if pnl < 0]
    with exact():
        total = sum(found, ZERO)
    if not found or total > 0:
        return lives
    days = MOST_AGE_MS // DAY_MS
    why = f"live's closed trades of the last {days} days came to {plain(total)} USDT"
    return joined(
        Sorted((), tuple(LeftOut(one.run, (why,)) for one in lives.counted)),
        Sorted((), lives.left_out),
    )


def _results(stretch: Stretch, now: int) -> list[Decimal]:
    oldest = now - MOST_AGE_MS
    return [stretch.trades[key] for key, said in stretch.closes.items() if said.wall >= oldest]


def _was_real(stretch: Stretch, evidence: str) -> bool:
    mine = [row for row in stretch.rows if row.evidence == evidence]
    return any(trades_on_production([row]) for row in mine)


def joined(*found: Sorted) -> Sorted:
    """Return several as one: stretches oldest first, each run that was left out once with all its reasons."""
    reasons: dict[str, dict[str, None]] = {}
    for left in (left for one in found for left in one.left_out):
        reasons.setdefault(left.run, {}).update(dict.fromkeys(left.reasons))
    counted = sorted((one for kind in found for one in kind.counted), key=lambda one: one.begun)
    return Sorted(tuple(counted), tuple(LeftOut(run, tuple(why)) for run, why in reasons.items()))


__all__ = ["ghosts_of", "joined", "lives_of", "standing_since", "unless_they_lose", "up_to_flat"]
