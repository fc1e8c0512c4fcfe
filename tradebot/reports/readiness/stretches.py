"""Stretches: starts of runs as the audit chain tells them, and why one does not count for real money.

A stretch is one start of one run, from its first row of provenance to its last, without a restart in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradebot.config.model import Sim
from tradebot.core.model.effects import (
    FillBooked,
    GhostClosed,
    Halted,
    Resumed,
    TradeClosed,
    TradeReopened,
)
from tradebot.core.model.values import DAY_MS
from tradebot.journal.facts import PeerRows, Provenance
from tradebot.journal.rows import RunBegun, RunEnded, RunResumed
from tradebot.journal.testimony import Said, Testimony
from tradebot.wire.places import Place, place_of

MOST_AGE_MS = 30 * DAY_MS
"""Older evidence does not count."""
MOST_GAP_PCT = 10
"""Percent of a stretch for which its feed may have been silent."""
MOST_SKEW_MS = 2000
"""Milliseconds that the market's clock may have differed from the real one."""

DIFFERENT = ("account", "ledger", "unexplained")
"""Halts that say that account and ledger differ and nobody knows why."""

WEAK = "it was first signed with a key that lay beside the journal"
SIMULATED = ("paper", "ghost")
"""Modes whose orders the simulated exchange fills."""
DEARER = ("maker_fee", "taker_fee", "spread_bps", "impact", "latency_ms")
"""Settings of the simulated exchange that cost the more the larger they are."""
DIED = "its process ended without a word"


@dataclass(slots=True)
class Stretch:
    """One start of a run. ``trades`` and ``outcomes`` are results (USDT) of what closed in it, by id.

    ``held`` is what is open at its end. ``broke`` is why it broke off, "" where it did not; ``differs`` the
    halt that says that account and ledger differ; ``weak`` that it was first signed with a key beside the journal.
    ``closes`` are the rows of its trades, by id.
    ``cheap`` names what its simulated exchange asked less for than it does unless it is told to.
    ``host`` is the live run that a ghost ran beside, "" for none; ``opened`` the row, and when it was written (UTC ms),
    with which the newest time began in which something is held; None before the first.
    """

    run: str
    mode: str
    venue: str
    nonce: str
    rows: list[Provenance] = field(default_factory=list)
    trades: dict[int, Decimal] = field(default_factory=dict)
    closes: dict[int, Said] = field(default_factory=dict)
    outcomes: dict[int, Decimal] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    broke: str = ""
    differs: str = ""
    weak: bool = False
    running: bool = True
    cheap: tuple[str, ...] = ()
    host: str = ""
    opened: tuple[int, int] | None = None

    @property
    def begun(self) -> int:
        """When it began (real clock, UTC ms)."""
        return self.rows[0].wall

    @property
    def ended(self) -> int:
        """Up to when there is a row of it (real clock, UTC ms)."""
        return self.rows[-1].wall

    @property
    def length(self) -> int:
        """For how long it lasted, in milliseconds."""
        return self.ended - self.begun

    @property
    def open(self) -> tuple[str, ...]:
        """The symbols with a position at its end."""
        return tuple(sorted(symbol for symbol, qty in self.held.items() if qty))


@dataclass(frozen=True, slots=True)
class Demand:
    """What a stretch must be to count: of this evidence hash, and no older at ``now`` (UTC ms) than 30 days.

    ``broken`` is why the chain proves nothing, "" where it does; ``weak`` says that its key lies beside it.
    """

    evidence: str
    now: int
    broken: str = ""
    weak: bool = False


def stretches_of(testimony: Testimony, *, alive: bool) -> list[Stretch]:
    """Return all stretches that have a row of provenance, oldest first; ``alive`` says whether an engine works now."""
    book = Book(testimony.weak_until)
    for said in testimony.rows:
        book.take(said)
    for stretch in book.current.values():
        if stretch.running and not alive:
            stretch.broke, stretch.running = DIED, False
    found = [stretch for stretch in book.stretches if stretch.rows]
    hosts = {one.begun: one.run for one in found if one.mode == "live"}
    for stretch in found:
        if stretch.mode == "ghost":  # the rows of one start bear one time
            stretch.host = hosts.get(stretch.begun, "")
    return found


class Book:
    """Puts rows where they belong, one after the other: to the start of their run that was the current one."""

    def __init__(self, weak_until: int) -> None:
        self._weak_until = weak_until
        self.stretches: list[Stretch] = []
        self.current: dict[str, Stretch] = {}
        self._cheap: dict[str, tuple[str, ...]] = {}

    def take(self, said: Said) -> None:
        """Put the next row where it belongs."""
        fact = said.fact
        if isinstance(fact, RunBegun):
            self._cheap[said.run] = cheap = cheap_of(fact.config)
            self._begin(Stretch(said.run, fact.mode, fact.venue, fact.nonce, cheap=cheap))
            return
        one = self.current.get(said.run)
        if one is None:
            return
        match fact:
            case RunResumed(nonce=nonce, config=config):
                cheap = cheap_of(config) if config else self._cheap[said.run]
                held = dict(one.held)
                self._begin(Stretch(one.run, one.mode, one.venue, nonce, held=held, cheap=cheap))
            case RunEnded():
                one.running, one.broke = False, fact.error or one.broke
            case Provenance():
                one.rows.append(fact)
                one.weak = one.weak or fact.weak_key or said.seq <= self._weak_until
            case _:
                self._book(one, said)

    def _begin(self, stretch: Stretch) -> None:
        self.stretches.append(stretch)
        self.current[stretch.run] = stretch

    def _book(self, one: Stretch, said: Said) -> None:
        fact = said.fact
        match fact:
            case TradeClosed():
                self._forget(one.run, fact.id)
                one.trades[fact.id], one.closes[fact.id] = fact.pnl, said
            case TradeReopened():
                self._forget(one.run, fact.id)
            case GhostClosed() if fact.entry_time is not None:
                one.outcomes[fact.signal] = fact.pnl
            case FillBooked():
                if not any(one.held.values()):
                    one.opened = (said.seq, said.wall)
                one.held[fact.fill.symbol] = fact.position
            case Halted() if fact.reason in DIFFERENT:
                one.differs = fact.reason
            case _:
                pass

    def _forget(self, run: str, trade: int) -> None:
        for stretch in self.stretches:
            if stretch.run == run:
                stretch.trades.pop(trade, None)
                stretch.closes.pop(trade, None)


def standing_halts(
    testimony: Testimony, mode: str, venue: str, url: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Return the newest run of a mode on an account, and the halts that stand in it.

    The account is that of ``venue``, at ``url`` where it is not the usual place: a run elsewhere clears no halt here.
    """
    run, standing = "", dict[str, None]()
    for said in testimony.rows:
        if isinstance(said.fact, RunBegun):
            if (said.fact.mode, said.fact.venue, _url_of(said.fact.config)) == (mode, venue, url):
                run, standing = said.run, {}
        elif said.run == run and isinstance(said.fact, Halted):
            standing[said.fact.reason] = None
        elif said.run == run and isinstance(said.fact, Resumed):
            standing.pop(said.fact.reason, None)
    return run, tuple(standing)


def _url_of(config: str) -> str:
    """Return the address that a run's configuration (JSON text) put in the usual one's place, "" for none."""
    try:
        return str(json.loads(config)["exchange"]["url"] or "")
    except (ValueError, KeyError, TypeError):
        return ""


def cheap_of(config: str) -> tuple[str, ...]:
    """Return in words what a run's configuration (JSON text) made cheaper on the simulated exchange than it is by itself."""
    usual = Sim()
    try:
        told = Sim.model_validate(json.loads(config)["sim"])
    except (ValueError, KeyError, TypeError):
        return ("what its orders cost cannot be read",)
    lower = [name for name in DEARER if getattr(told, name) < getattr(usual, name)]
    deeper = ["volume_share"] if told.volume_share > usual.volume_share else []
    return tuple(
        f"sim.{name} {getattr(told, name)}, not {getattr(usual, name)}" for name in lower + deeper
    )


# -- what counts --------------------------------------------------------------------------------------


def left_out(stretch: Stretch, demand: Demand) -> tuple[str, ...]:
    """Return every reason why a stretch does not count for real money; none where it does."""
    return (
        *doubts_of(demand),
        *((WEAK,) if stretch.weak and not demand.weak else ()),
        *_of_prices(stretch),
        *_of_footing(stretch, demand),
        *_of_time(stretch, demand),
    )


def left_out_of_demo(stretch: Stretch, demand: Demand) -> tuple[str, ...]:
    """Return every reason why a live run does not count as one on Demo Trading; none where it does."""
    elsewhere = "its orders did not go to Binance's Demo Trading, by the connections themselves"
    return (
        *doubts_of(demand),
        *((WEAK,) if stretch.weak else ()),
        *(() if is_connected_to_demo(stretch.rows) else (elsewhere,)),
        *_of_footing(stretch, demand),
        *_of_time(stretch, demand),
    )


def doubts_of(demand: Demand) -> tuple[str, ...]:
    """Return why nothing that a journal says is believed."""
    doubts = [f"the journal does not verify: {demand.broken}"] if demand.broken else []
    if demand.weak:
        doubts.append("the key lies beside the journal: nothing that it holds counts")
    return tuple(doubts)


def _of_prices(stretch: Stretch) -> Iterator[str]:
    """Say where prices came from where that was not Binance's production, by the connections themselves."""
    names = {row.environment for row in stretch.rows}
    if "embedded" in names:
        yield "its prices were the embedded market's"
    elif "files" in names:
        yield "its prices came from files"
    else:
        peers = [peer for row in stretch.rows for peer in (*row.rest, *row.stream)]
        yield from dict.fromkeys(_strange(*peer) for peer in peers if not _is_production(*peer))
        if any(not row.rest or not row.stream for row in stretch.rows):
            yield "its feed was not connected all the time"


def _is_production(host: str, address: str) -> bool:
    return place_of(host, address) == "production"


_PLACES: dict[Place, str] = {
    "loopback": "its prices came from this machine ({address})",
    "private": "its prices came from a private address ({address})",
    "demo": "its prices came from Binance's demo ({host})",
    "elsewhere": "its prices came from a host that is not Binance's ({host} at {address})",
}


def _strange(host: str, address: str) -> str:
    words = _PLACES[place_of(host, address)]
    return words.format(host=host or "no verified host", address=address or "no address")


def _of_footing(stretch: Stretch, demand: Demand) -> Iterator[str]:
    speeds = sorted({row.speed for row in stretch.rows} - {"1"})
    profiles = sorted({row.profile for row in stretch.rows} - {"live"})
    if stretch.cheap and stretch.mode in SIMULATED:
        yield f"its simulated orders cost less than they would: {', '.join(stretch.cheap)}"
    hashes = sorted({row.evidence for row in stretch.rows} - {demand.evidence})
    if speeds:
        yield f"its market ran at speed {', '.join(speeds)}, not at 1"
    if profiles:
        yield f'its profile was "{", ".join(profiles)}", not "live"'
    if hashes:
        yield f"its evidence hash is another one ({', '.join(one[:12] or 'none' for one in hashes)})"


def _of_time(stretch: Stretch, demand: Demand) -> Iterator[str]:
    skew = max(row.skew_ms for row in stretch.rows)
    if skew > MOST_SKEW_MS and all(row.speed == "1" for row in stretch.rows):
        yield f"its market's clock was {skew / 1000:.1f} s off (at most {MOST_SKEW_MS / 1000:g} s)"
    gap = stretch.rows[-1].gap_ms
    if gap * 100 > stretch.length * MOST_GAP_PCT:
        share = 100 * gap / stretch.length if stretch.length else 100
        yield f"its feed was silent for {share:.1f} % of it (at most {MOST_GAP_PCT} %)"
    if demand.now - stretch.ended > MOST_AGE_MS:
        days = (demand.now - stretch.ended) / DAY_MS
        yield f"it ended {days:.1f} days ago (at most {MOST_AGE_MS // DAY_MS})"
    if stretch.ended > demand.now + MOST_SKEW_MS:
        yield "it ends in the future"
    if stretch.differs:
        yield f"account and ledger differed in it ({stretch.differs})"


def trades_on_production(rows: Sequence[Provenance]) -> bool:
    """Whether orders went to Binance's production in every row, by the connection itself."""
    peers = [peer for row in rows for peer in row.orders]
    return all(row.orders for row in rows) and all(_is_production(*peer) for peer in peers)


def is_connected_to_demo(rows: list[Provenance]) -> bool:
    """Whether orders went to Binance's Demo Trading in every row, by the connection itself."""
    return bool(rows) and all(row.orders and _all_demo(row.orders) for row in rows)


def _all_demo(peers: PeerRows) -> bool:
    return all(place_of(host, address) == "demo" for host, address in peers)
