"""What the doctor finds: a line for each check; and the smallest order of a symbol against the limits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tradebot.config import Config
from tradebot.core.model.money import ceil_to, exact, plain
from tradebot.core.model.values import Instrument
from tradebot.core.risk.limits import Limits

Status = Literal["ok", "warn", "fail"]

LOWEST_TIER = Decimal("0.3")
"""Share of the cap that the least confident signal may use."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line: which check, how it went, what was seen, and the way out where there is need for one.

    ``live`` is how a start with real money judges it, where that is another status.
    """

    check: str
    status: Status
    detail: str
    hint: str | None = None
    live: Status | None = None

    def document(self) -> dict[str, str | None]:
        """Return the line as JSON values."""
        return {
            "check": self.check,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        }

    @property
    def for_live(self) -> Status:
        """Whether a start with real money may pass it."""
        return self.live or self.status


def profiles_of(config: Config) -> dict[str, Limits]:
    """Return the limits in force by their profile, and the live ones too where live is switched on."""
    profiles: dict[str, Limits] = {config.risk.profile: config.limits()}
    if config.live.enabled:
        profiles.setdefault("live", config.risk.live.limits())
    return profiles


def judge_symbol(
    instrument: Instrument, profile: str, limits: Limits, price: Decimal, source: str
) -> Row:
    """Compare a symbol's smallest order with the position cap (USDT), at a price that is told with its source."""
    if instrument.symbol not in limits.symbols:
        text = f"{instrument.symbol} is not on the allow-list of profile {profile}"
        return Row("symbol", "fail", text, f"add it to risk.{profile}.symbols, or do not trade it")
    cap = limits.position_value
    with exact():
        qty = _smallest(instrument, price)
        value = qty * price
    base = instrument.symbol.partition("/")[0]
    text = f"{instrument.symbol}: smallest order {plain(qty)} {base} = ${value:,.2f}"
    at = f" (profile {profile}, at ${plain(price)}, {source})"
    if cap is None or value <= cap * LOWEST_TIER:
        return Row("symbol", "ok", text + ("" if cap is None else f" of ${plain(cap)}") + at)
    if value > cap:
        hint = "every entry will be refused: trade another symbol" + (
            "" if profile == "live" else f", or raise risk.{profile}.position_value"
        )
        over = f"{text} exceeds the position cap of ${plain(cap)}{at}: it will not trade"
        return Row("symbol", "fail", over, hint, live="warn")
    least = "0.75" if value > cap * Decimal("0.7") else "0.5"
    hint = f"signals with a confidence below {least} will be refused as too small"
    return Row("symbol", "warn", f"{text} of the position cap of ${plain(cap)}{at}", hint)


def _smallest(instrument: Instrument, price: Decimal) -> Decimal:
    """Return the smallest quantity the exchange takes at the price (base units)."""
    unit = price * instrument.step
    steps = ceil_to(instrument.min_notional, unit) // unit
    return max(instrument.min_qty, steps * instrument.step)
