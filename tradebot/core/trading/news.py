"""What reaches the engine besides prices, orders and people: feeds, clocks, the journal, the account."""

from __future__ import annotations

from tradebot.core.model.effects import Notify
from tradebot.core.model.events import (
    AccountConfigRead,
    AccountRead,
    AccountSnapshot,
    Baseline,
    ClockChecked,
    EntriesBarred,
    FeedStatus,
    JournalBack,
    JournalFailed,
    Reconnected,
    RulesRead,
    VenueNote,
)
from tradebot.core.state.exit_pace import FAR
from tradebot.core.trading.account_setting import AccountSetting
from tradebot.core.trading.accounts import Accounts
from tradebot.core.trading.exits import Exits
from tradebot.core.trading.shared import Shared
from tradebot.core.trading.trading_rules import TradingRules


class News:
    """Takes what was heard and blocks entries, or halts, where it asks for that."""

    def __init__(
        self,
        shared: Shared,
        exits: Exits,
        accounts: Accounts,
        setting: AccountSetting,
        rules: TradingRules,
    ) -> None:
        self._shared = shared
        self._exits = exits
        self._rules = rules
        self._accounts = accounts
        self._setting = setting

    def take(
        self,
        event: AccountSnapshot
        | AccountRead
        | AccountConfigRead
        | RulesRead
        | Baseline
        | ClockChecked
        | FeedStatus
        | JournalFailed
        | JournalBack
        | Reconnected
        | VenueNote
        | EntriesBarred,
    ) -> None:
        """Take an event that is no order's and no price."""
        match event:
            case FeedStatus():
                self._take_feed(event)
            case AccountSnapshot():
                self._accounts.take_snapshot(event)
            case AccountRead():
                self._accounts.take_read(event)
            case AccountConfigRead():
                self._setting.take_config(event)
            case RulesRead():
                self._rules.take(event)
            case Baseline():
                self._setting.take_baseline(event)
            case ClockChecked(error_ms=error):
                self._take_clock(error)
            case Reconnected(detail=detail):
                self._shared.table.look_up_unsettled()
                self._exits.hurry()
                self._accounts.reconcile(f"reconnected {detail}".strip())
            case JournalFailed(detail=detail):
                self._hear_of_journal(detail)
                self._shared.halt("journal", detail)
            case VenueNote():
                self._take_note(event)
            case EntriesBarred(reasons=reasons):
                self._shared.bar(reasons)
            case _:  # the journal is back
                self._hear_of_journal("")

    def begin(self, doubt: str, protect: str, *, resumed: bool) -> None:
        """A run starts, on record; ``doubt`` says what is wrong with the journal all the same.

        Then it is no ground for an entry, and without a state that can be believed the account is taken over.
        ``protect`` is why the start may only protect; one that may trade again ends such a halt.
        """
        shared = self._shared
        shared.only_protect(protect)
        shared.doubt = doubt
        self._hear_of_journal("")
        if doubt:
            shared.halt("journal", doubt)
            if not resumed:
                shared.past = FAR

    def _hear_of_journal(self, detail: str) -> None:
        """Note why the journal is not in order; none of its own means what this start began with."""
        detail = detail or self._shared.doubt
        if detail:
            self._shared.unmet["journal"] = detail
        else:
            self._shared.unmet.pop("journal", None)

    def _take_clock(self, error_ms: int) -> None:
        """Say when entries begin to wait for the clocks, and when not any more.

        The offset itself matters nowhere: it is corrected wherever a time leaves.
        """
        shared = self._shared
        before, shared.skew_ms = shared.skew_ms, error_ms
        most = shared.limits.max_skew_ms
        if most is None or (before < most) is (error_ms < most):
            return
        level, text = "info", f"is known to {error_ms} ms again"
        if error_ms >= most:
            level = "warning"
            text = f"may be {error_ms} ms off ours; entries need under {most} ms"
        shared.out.append(Notify(shared.now, level, f"clock: the exchange's {text}"))

    def _take_note(self, event: VenueNote) -> None:
        """Tell a person, or halt where it means that: then nothing is known to be as it seems."""
        text = f"{event.what}: {event.detail}"
        if event.halt:
            self._shared.halt(event.halt, text)
        else:
            self._shared.out.append(Notify(self._shared.now, "warning", text))

    def _take_feed(self, event: FeedStatus) -> None:
        """A feed that is silent pauses entries on its symbols and cancels those that work."""
        shared = self._shared
        names = [event.symbol] if event.symbol else list(shared.books)
        for name in names:
            if event.live:
                shared.paused.pop(name, None)
            else:
                shared.paused[name] = "its feed is silent"
        if not event.live:
            shared.cancel_entries("feed silent", names)
        word = "is back" if event.live else "is silent"
        level = "info" if event.live else "warning"
        text = f"{event.symbol or 'the feed'} {word}. {event.detail}".strip()
        shared.out.append(Notify(shared.now, level, text))
