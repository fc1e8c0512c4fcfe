"""One scenario's desk: a venue, the user's bot on it, and what a scenario says, waits for and looks at."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tradebot.app.drill.ground import (
    DrillGround,
    most_warmup,
    new_audit_key,
    smallest,
    write_config,
)
from tradebot.app.drill.local import LocalVenue
from tradebot.app.drill.machine import (
    LONGEST,
    PATIENCE_S,
    CommandLeft,
    Machine,
    MissedError,
    Process,
)
from tradebot.app.drill.oracle import Oracle, Rules
from tradebot.app.drill.resting import met
from tradebot.app.drill.voice import NAME, SCRIPTED, WORD, write_voice
from tradebot.app.permission import Terms, issue_token
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import ConfigError, RefusedError, TradebotError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import plain
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.wire.api_key import ApiKey

READY = "equity at the start of the day"
"""What a run tells when it may enter."""
ACCOUNT = 'wallet = "{wallet}"\nmargin_type = "isolated"\nleverage = 20\n'
NOTHING = Decimal(0)


class SlowError(MissedError):
    """The bar that a scenario turns on closed before the bot was ready, and the next one is far."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a scenario begins, by what is drilled: its wallet (USDT), more of the account's file, keys that it tightens.

    ``naked_s``: for how long a position may be without a stop, longer where the scenario hides that it is gone. ``ahead_s``:
    what a scenario does between its start and the bar takes so long (s) on a busy machine; late for that bar it waits a minute more.
    """

    wallet: Callable[[DrillGround], str] = lambda _: "10000"
    account: Callable[[DrillGround], str] = lambda _: ""
    tighter: Callable[[DrillGround], Mapping[str, str]] = lambda _: {}
    naked_s: float = 5.0
    ahead_s: float = 0.0


@dataclass
class DrillDesk:
    """What a scenario works with. ``symbol`` is what it trades, ``absent`` when no process of ours ran (venue ms)."""

    ground: DrillGround
    scene: Opening
    machine: Machine
    venue: LocalVenue
    symbol: str
    begun: float
    engines: list[Process] = field(default_factory=list)
    absent: list[tuple[int, int | None]] = field(default_factory=list)

    # -- opening and starting --------------------------------------------------------------------

    @classmethod
    def opened(cls, ground: DrillGround, scene: Opening, machine: Machine) -> DrillDesk:
        """Open a venue and put the bot beside it; nothing of the bot runs yet."""
        config, folder, begun = ground.config, machine.folder, SYSTEM.monotonic()
        start = ground.bar - round((ground.lead.seconds + scene.ahead_s) * 1000)
        account = ACCOUNT.format(wallet=scene.wallet(ground)) + scene.account(ground)
        venue = LocalVenue(machine, start, ground.symbols, account)
        symbol = traded(ground, venue)
        write_voice(
            *(folder, config.strategy.name, config.strategy_dir(), dict(config.strategy.params)),
            most_warmup(ground.timeframe),
        )
        machine.env |= {
            "TRADEBOT_BINANCE_KEY": venue.key,
            "TRADEBOT_BINANCE_SECRET": venue.secret,
            "TRADEBOT_AUDIT_KEY": new_audit_key(),
        }
        return cls(ground, scene, machine, venue, symbol, begun)

    @property
    def name(self) -> str:
        """The traded symbol by Binance's name."""
        return self.symbol.replace("/", "")

    @property
    def rests(self) -> bool:
        """Whether entries rest at their price."""
        return self.ground.config.execution.entry == "limit"

    @property
    def data_dir(self) -> Path:
        """The scenario's own data directory."""
        return self.machine.folder / "data"

    @property
    def engine(self) -> Process:
        """The engine that was started last."""
        return self.engines[-1]

    def start(self) -> None:
        """Start the bot as a user does whose check went well; wait until it may enter."""
        config = self._configured()
        fingerprint = ApiKey(self.venue.key, self.venue.secret).fingerprint
        terms = Terms.of(config, self.ground.strategy_hash, fingerprint)
        token = issue_token(self.data_dir, terms)
        self._start("--confirm-live", token)
        self.until(lambda: self._is_ready() or self._ended(), "a start that may enter")
        self.ground.lead.took(SYSTEM.monotonic() - self.begun)
        if self.ground.timeframe != "1m" and self.venue.now() >= self.ground.bar:
            raise SlowError("the start took longer than there was time before the bar")

    def refused(self) -> CommandLeft:
        """Start it where it must refuse to; return what it left."""
        self._configured()
        self._start()
        answer = self.machine.ended(self.engine)
        self.must(answer.code == RefusedError.exit_code, f"live ended with {answer.code}, not 4")
        return answer

    def _configured(self) -> Config:
        """Write the scenario's bot.toml; return what it says."""
        sets = self.scene.tighter(self.ground)
        return write_config(self.ground, self.machine.folder, self.venue.url, NAME, sets)

    def again(self) -> None:
        """Start it again as a supervisor does, with no word; wait until it has read the account."""
        keys = len(self.venue.asked("POST", "/fapi/v1/listenKey"))
        self._start()
        self.until(
            lambda: len(self.venue.asked("POST", "/fapi/v1/listenKey")) > keys or self._ended(),
            "the second start",
        )
        self.absent[-1:] = [(since, self.venue.now()) for since, _ in self.absent[-1:]]

    def _start(self, *words: str) -> None:
        self.engines.append(
            self.machine.start("live", "live", "--headless", "--json", "--for", LONGEST, *words)
        )

    def _ended(self) -> bool:
        """Raise where the engine has ended: a configuration that live refuses is the user's to mend."""
        if self.engine.code is None:
            return False
        answer = self.engine.answer()
        words = answer.error or answer.said.strip()[-300:]
        if answer.code == ConfigError.exit_code:
            found = answer.document.get("error") or {}
            raise ConfigError(
                f"live refuses it: {words}", key=found.get("key"), hint=found.get("hint")
            )
        raise MissedError(f"live ended with {answer.code} at its start: {words}")

    def _is_ready(self) -> bool:
        return READY in self.notices()

    # -- what a scenario says --------------------------------------------------------------------

    def signals(self, side: str = "long") -> None:
        """Let the strategy be heard from the next bar on: its own signal where it has one, else a scripted one."""
        (self.machine.folder / WORD).write_text(f"{side} {self.symbol}", encoding="utf-8")

    def hush(self) -> None:
        """Let it be heard no more."""
        (self.machine.folder / WORD).unlink(missing_ok=True)

    def hold(self, side: str = "long") -> dict[str, Any]:
        """Have a position with its stop in place; return the venue's row of it."""
        if not self.engines:
            self.start()
        self.signals(side)
        self.until(
            lambda: self._met() and self.position() and self.venue.stops(self.name),
            "a position with a stop",
        )
        self.hush()
        return self.position()

    def entered(self) -> None:
        """Wait until an entry has left, one that rests until it has filled; from then on nothing more is signalled."""
        self.until(
            lambda: self._met() and set(self.order_states()) - {"pending", "rejected"}, "an entry"
        )
        self.hush()

    def _met(self) -> bool:
        """Let the price come to an entry that rests; whether it has. One that does not rest is met as it is."""
        return not self.rests or met(self.venue, self.symbol)

    def move(self, percent: float) -> None:
        """Let the price jump so many percent against what is held (for it, where negative)."""
        way = -1 if float(self.position().get("positionAmt", 1)) > 0 else 1
        self.venue.act("move_price", symbol=self.name, percent=str(way * percent))

    def through_stop(self) -> None:
        """Let the price jump past the stop, by a percent more."""
        mark = float(self.position()["markPrice"])
        rows = [row for row in self.venue.stops(self.name) if row["orderType"] == "STOP_MARKET"]
        self.must(rows, "no stop is there to be met")
        self.move(abs(mark - float(rows[0]["triggerPrice"])) / mark * 100 + 1)

    def part(self, share: str) -> str:
        """Return a share of what is held, floored to the lot step."""
        step = INSTRUMENTS[self.symbol].step
        held = abs(Decimal(self.position()["positionAmt"])) * Decimal(share)
        return plain(held // step * step)

    def kill(self) -> None:
        """Kill the engine; what happens until ``again`` nobody of ours could have seen."""
        self.absent.append((self.venue.now(), None))
        self.engine.kill()

    def run(self, *words: str) -> CommandLeft:
        """Run another command beside it."""
        return self.machine.run(*words)

    def close_all(self) -> CommandLeft:
        """Close everything from another terminal; MissedError unless it ends with 0 and its proof."""
        answer = self.run("close-all", "--yes", "--wait", "60")
        if answer.code:
            raise MissedError(f"close-all ended with {answer.code}: {answer.error}")
        return answer

    def stop(self, code: int = 0) -> None:
        """Stop the engine in order; it must end with ``code``."""
        self.engine.send(signal.SIGTERM)
        answer = self.machine.ended(self.engine)
        if answer.code != code:
            raise MissedError(f"live ended with {answer.code}, not {code}: {answer.error}")

    def end(self) -> None:
        """Stop what still runs in order: it must end with 0."""
        if self.engines and self.engine.code is None:
            self.stop()

    # -- what it waits for and looks at ----------------------------------------------------------

    def until(self, what: Callable[[], object], words: str, seconds: float = PATIENCE_S) -> None:
        """Wait until something is so; MissedError where it never comes."""
        self.machine.until(what, words, seconds)

    def flat(self) -> None:
        """Wait until nothing is open that was opened."""
        self.until(lambda: self.venue.rows("fill") and self.venue.is_flat(), "a flat account")

    def booked(self, positions: int) -> None:
        """Wait until the journal has so many open positions."""
        self.until(
            lambda: len(self._of_run(lambda reader, run: list(reader.positions(run)))) == positions,
            f"{positions} positions in the journal",
        )

    def position(self) -> dict[str, Any]:
        """Return the venue's row of what is held, empty for nothing."""
        return self.venue.position(self.name)

    def purposes(self) -> str:
        """Return what fills were for, in order: e(ntry), s(top), t(arget), x (exit); ``!`` is somebody else."""
        ids = [row["client"] for row in self.venue.rows("fill")]
        parts = [name[-1] if name.startswith("tb") else "!" for name in ids]
        return "".join(part for i, part in enumerate(parts) if i == 0 or part != parts[i - 1])

    def must(self, held: object, words: str) -> None:
        """Raise MissedError where something that must hold does not."""
        if not held:
            raise MissedError(words)

    def notices(self) -> str:
        """Return everything the run told of, in one text."""
        return "\n".join(
            self._of_run(lambda reader, run: [row.text for row in reader.notices(run)])
        )

    def notice(self, *words: str) -> str:
        """Wait for a notice with these words; return it."""
        self.until(lambda: self._notice(words), f'a notice "{" ".join(words)}"')
        return self._notice(words)

    def _notice(self, words: tuple[str, ...]) -> str:
        lines = self.notices().splitlines()
        return next((line for line in lines if all(word in line for word in words)), "")

    def line(self, *words: str) -> str:
        """Wait for a line of the engine with these words, as a terminal or a log shows it; return the newest."""
        self.until(lambda: self._line(words), f'a line "{" ".join(words)}"')
        return self._line(words)

    def _line(self, words: tuple[str, ...]) -> str:
        lines = [one for one in self.engine.said().splitlines() if all(w in one for w in words)]
        return " ".join(lines[-1].split()) if lines else ""

    def halts(self) -> dict[str, str]:
        """Return the halts in force by reason, with what is said of each."""
        found: dict[str, str] = {}
        for row in self._halts():
            if row.event == "halted":
                found[row.reason] = row.detail
            else:
                found.pop(row.reason, None)
        return found

    def halt(self, reason: str) -> str:
        """Wait for a halt; return what is said of it."""
        self.until(lambda: reason in self.halts(), f"the halt {reason}")
        return self.halts()[reason]

    def order_states(self) -> list[str]:
        """Return the states of the run's orders."""
        return self._of_run(lambda reader, run: [row.status for row in reader.orders(run)])

    def order_reason(self) -> str:
        """Return why the run's last order is as it is, in the journal's words."""
        found = self._of_run(lambda reader, run: [row.reason for row in reader.orders(run)])
        return str(found[-1]) if found else ""

    def refusals(self) -> str:
        """Return why signals of the traded symbol were refused so far, in one text."""
        rows = self._of_run(lambda reader, run: list(reader.signals(run, symbol=self.symbol)))
        return "; ".join("; ".join(row.refusals) for row in rows if row.verdict == "refused")

    def scripted(self) -> bool:
        """Whether a signal of this scenario was the drill's, and not the strategy's own."""
        reasons = self._of_run(lambda reader, run: [row.reason for row in reader.signals(run)])
        return SCRIPTED in reasons or not reasons

    def equity(self) -> Decimal:
        """Return the run's equity (USDT) as its journal has it."""
        found: list[Decimal] = self._of_run(
            lambda reader, run: [] if (seen := reader.snapshot(run)) is None else [seen.equity]
        )
        return found[0] if found else Decimal("Infinity")

    def refused_by(self, status: int) -> list[dict[str, Any]]:
        """Return the requests that the venue answered with a status."""
        return [row for row in self.venue.rows("request") if row["status"] == status]

    def _halts(self) -> list[Any]:
        return self._of_run(lambda reader, run: list(reader.halts(run)))

    def _of_run(self, read: Callable[[Reader, str], list[Any]]) -> list[Any]:
        """Return rows of the newest live run; none while there is no journal that can be read."""
        with suppress(TradebotError), Reader(journal_path(self.data_dir)) as reader:
            run = reader.newest_run("live")
            return [] if run is None else read(reader, run.id)
        return []

    # -- the judgement ---------------------------------------------------------------------------

    def judged(self) -> Oracle:
        """Hold the venue's whole record to what must be at every event; return who did."""
        limits = self.ground.limits
        rules = Rules(
            cap=limits.position_value or NOTHING,
            naked_s=self.scene.naked_s,
            day_loss=limits.day_loss or NOTHING,
            interval_s=limits.entry_interval_s or 0,
            blackout=limits.blackout_hours,
            blocked=list(self._blocked()),
            absent=self.absent,
        )
        oracle = Oracle(rules)
        oracle.walk(self.venue.rows(), self.venue.now())
        return oracle

    def _blocked(self) -> Iterator[tuple[int, int | None, str]]:
        """Yield when entries were forbidden: from each halt to what cleared it (venue ms)."""
        since: dict[str, int] = {}
        for row in self._halts():
            if row.event == "halted":
                since.setdefault(row.reason, row.ts)
            elif row.reason in since:
                yield since.pop(row.reason), row.ts, row.reason
        for reason, at in since.items():
            yield at, None, reason

    def overshoot(self) -> tuple[Decimal, str]:
        """Return by how much (USDT) a limit was overrun the most, and which: what a gap adds to a stop is there."""
        limits, lost = self.ground.limits, NOTHING
        for row in self.venue.rows("income"):
            if row["asset"] == "USDT" and row["type"] != "TRANSFER":
                lost -= Decimal(str(row["amount"]))
        bounds = (("trade_loss", limits.trade_loss), ("day_loss", limits.day_loss))
        over = [(lost - bound, name) for name, bound in bounds if bound and lost > bound]
        return max(over, default=(NOTHING, ""))


def traded(ground: DrillGround, venue: LocalVenue) -> str:
    """Return the symbol whose smallest order is the smallest; ConfigError where even that exceeds the cap."""
    costs = {name: smallest(name, venue.price(name.replace("/", ""))) for name in ground.symbols}
    best = min(costs, key=lambda name: costs[name])
    cap = ground.limits.position_value or NOTHING
    if costs[best] > float(cap):
        raise ConfigError(
            f"the smallest order of {best} costs {costs[best]:.2f} USDT, the cap is {cap}: nothing can be entered",
            key="risk.live.position_value",
            hint="trade another symbol, or raise the cap",
        )
    return best


__all__ = ["DrillDesk", "Opening", "SlowError"]
