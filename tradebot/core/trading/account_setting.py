"""How the account is set, and what its equity was when the day and the week began: as the venue tells it."""

from __future__ import annotations

from collections.abc import Iterator

from tradebot.core.model.effects import Notify
from tradebot.core.model.events import AccountConfigRead, Baseline
from tradebot.core.trading.reactions import Reactions
from tradebot.core.trading.shared import Shared

UNASKED = (
    "the exchange does not say whether fees are paid in BNB; a run goes on as if they were not,"
    " and halts at the first that is"
)


class AccountSetting:
    """Halts while leverage and modes are not those that limits are worked out with; takes over baselines."""

    def __init__(self, shared: Shared, reactions: Reactions) -> None:
        self._shared = shared
        self._reactions = reactions

    def take_config(self, event: AccountConfigRead) -> None:
        """Halt while the account is not set as limits and margins are worked out."""
        if event.fee_burn is None:
            self._shared.warn_once(UNASKED)
        faults = list(self._config_faults(event))
        if faults:
            self._shared.unmet["config"] = "; ".join(faults)
            self._shared.halt("config", "; ".join(faults))
        else:
            self._shared.unmet.pop("config", None)

    def _config_faults(self, event: AccountConfigRead) -> Iterator[str]:
        if event.hedged:
            yield "the account is in hedge mode; one-way is needed"
        if event.multi_assets:
            yield "the account is in multi-assets mode; single-asset is needed"
        if event.fee_burn:
            yield "fees are paid in BNB; they must come out of USDT"
        for item in event.symbols:
            if item.symbol not in self._shared.books:
                continue
            if item.leverage != self._shared.watch.leverage:
                wanted = self._shared.watch.leverage
                yield f"{item.symbol} is set to {item.leverage}x instead of {wanted}x"
            if not item.isolated or item.auto_margin:
                yield f"{item.symbol} is not on isolated margin of a fixed amount"

    def take_baseline(self, event: Baseline) -> None:
        """Take over what the equity was when day and week began; entries wait while nobody knows."""
        shared = self._shared
        if shared.watch.rebase(event.day_start, event.day, event.week_start, event.week):
            shared.blocked.pop("baseline", None)
            text = f"equity at the start of the day {event.day}, of the week {event.week}"
            shared.out.append(Notify(shared.now, "info", text))
            self._reactions.see_equity()
        else:
            text = f"the equity at the start of the day or week is not known. {event.detail}"
            shared.blocked["baseline"] = text.strip()
            shared.cancel_entries("baseline unknown")
