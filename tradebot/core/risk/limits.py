"""The numbers the gate and the monitor hold an account to.

Each rule knows which way is tighter, so that configuration can be held to the ceilings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from tradebot.core.model.frozen import frozen
from tradebot.core.risk import ceilings

UNBOUND = 10**12
"""Larger than anything that happens: a rule with this number is evaluated and never binds."""

_LONGER_IS_TIGHTER = "entry_interval_s"
_MORE_IS_TIGHTER = "blackout_hours"
_FEWER_IS_TIGHTER = "symbols"
_TRUE_IS_TIGHTER = "stop_required"


@frozen
class Limits:
    """All rules. ``None`` switches a rule off; an empty ``blackout_hours`` means no such hour.

    Money in USDT (Decimal), ``*_pct`` in percent (Decimal), ``*_s`` seconds, ``*_ms`` milliseconds,
    ``leverage`` times, ``blackout_hours`` UTC hours (sorted), ``symbols`` by name (sorted).
    """

    position_value: Decimal | None
    leverage: int | None
    trade_loss: Decimal | None
    day_loss: Decimal | None
    week_loss: Decimal | None
    since_signoff_loss: Decimal | None
    margin_utilisation_pct: Decimal | None
    liquidation_alert_pct: Decimal | None
    liquidation_close_pct: Decimal | None
    max_positions: int | None
    entry_interval_s: int | None
    symbols: tuple[str, ...]
    blackout_hours: tuple[int, ...]
    stale_s: int | None
    max_skew_ms: int | None
    stop_required: bool = True

    @classmethod
    def live(cls) -> Limits:
        """Return the ceilings themselves: the widest that live trading can have."""
        return cls(
            position_value=ceilings.POSITION_VALUE,
            leverage=ceilings.LEVERAGE,
            trade_loss=ceilings.TRADE_LOSS,
            day_loss=ceilings.DAY_LOSS,
            week_loss=ceilings.WEEK_LOSS,
            since_signoff_loss=ceilings.SINCE_SIGNOFF_LOSS,
            margin_utilisation_pct=ceilings.MARGIN_UTILISATION_PCT,
            liquidation_alert_pct=ceilings.LIQUIDATION_ALERT_PCT,
            liquidation_close_pct=ceilings.LIQUIDATION_CLOSE_PCT,
            max_positions=ceilings.MAX_POSITIONS,
            entry_interval_s=ceilings.ENTRY_INTERVAL_S,
            symbols=ceilings.SYMBOLS,
            blackout_hours=ceilings.BLACKOUT_HOURS,
            stale_s=ceilings.STALE_S,
            max_skew_ms=ceilings.MAX_SKEW_MS,
            stop_required=ceilings.STOP_REQUIRED,
        )

    @classmethod
    def paper(cls) -> Limits:
        """Return the paper profile: money rules twenty times the ceilings, other rules equal."""
        factor = ceilings.PAPER_FACTOR
        return replace(
            cls.live(),
            position_value=ceilings.POSITION_VALUE * factor,
            trade_loss=ceilings.TRADE_LOSS * factor,
            day_loss=ceilings.DAY_LOSS * factor,
            week_loss=ceilings.WEEK_LOSS * factor,
            since_signoff_loss=ceilings.SINCE_SIGNOFF_LOSS * factor,
        )

    @classmethod
    def bench(cls, symbols: Iterable[str]) -> Limits:
        """Return limits that are all evaluated and never bind, for comparing engines.

        ``position_value`` is what the benchmark sizes by, and 1x is the leverage it trades at.
        """
        return cls(
            position_value=Decimal(1000),
            leverage=1,
            trade_loss=Decimal(UNBOUND),
            day_loss=Decimal(UNBOUND),
            week_loss=Decimal(UNBOUND),
            since_signoff_loss=Decimal(UNBOUND),
            margin_utilisation_pct=Decimal(UNBOUND),
            liquidation_alert_pct=Decimal(UNBOUND),
            liquidation_close_pct=Decimal(UNBOUND),
            max_positions=UNBOUND,
            entry_interval_s=0,
            symbols=tuple(sorted(set(symbols))),
            blackout_hours=(),
            stale_s=UNBOUND,
            max_skew_ms=UNBOUND,
            stop_required=False,
        )

    def in_stage(self, stage: int, cap: Decimal | None = None) -> Limits:
        """Return the rules as a live stage (from 1) has them; ``cap`` is what else holds a symbol's value (USDT).

        From stage 2 on that value is not these rules' own: ``cap`` is then what was configured for it.
        """
        value = self.position_value
        if stage > 1:
            value = ceilings.POSITION_VALUE_STAGE_TWO
        return replace(
            self,
            position_value=tighter("position_value", value, cap),
            max_positions=tighter(
                "max_positions", self.max_positions, ceilings.POSITIONS_BY_STAGE[stage - 1]
            ),
        )

    def tightened(self, other: Limits) -> Limits:
        """Return the tighter of both, rule by rule: never wider than either."""
        names = (item.name for item in fields(Limits))
        return Limits(**{n: tighter(n, getattr(self, n), getattr(other, n)) for n in names})

    def looser_than(self, ceiling: Limits) -> tuple[str, ...]:
        """Return the names of the rules that allow more than ``ceiling`` does."""
        names = (item.name for item in fields(Limits))
        return tuple(n for n in names if is_looser(n, getattr(self, n), getattr(ceiling, n)))


def tighter(rule: str, one: Any, two: Any) -> Any:
    """Return the tighter of two values of a rule (lists: what both allow)."""
    if rule == _MORE_IS_TIGHTER:
        return tuple(sorted(set(one) | set(two)))
    if rule == _FEWER_IS_TIGHTER:
        return tuple(symbol for symbol in one if symbol in two)
    if rule == _TRUE_IS_TIGHTER:
        return one or two
    if one is None or two is None:
        return two if one is None else one
    return max(one, two) if rule == _LONGER_IS_TIGHTER else min(one, two)


def is_looser(rule: str, value: Any, ceiling: Any) -> bool:
    """Return whether ``value`` allows anything that ``ceiling`` does not; ``None`` is off."""
    if rule == _MORE_IS_TIGHTER:
        return not set(ceiling) <= set(value)
    if rule == _FEWER_IS_TIGHTER:
        return not set(value) <= set(ceiling)
    if rule == _TRUE_IS_TIGHTER:
        return bool(ceiling) and not value
    if ceiling is None or value is None:
        return value is None and ceiling is not None
    return bool(value < ceiling if rule == _LONGER_IS_TIGHTER else value > ceiling)


__all__ = ["UNBOUND", "Limits", "is_looser", "tighter"]
