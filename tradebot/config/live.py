"""``[live]``: what real money needs besides everything else, and from when on live is no longer what was modelled."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, ValidationInfo, field_validator

from tradebot.config.section import Flag, Section
from tradebot.config.values import choice, number
from tradebot.core.model.money import plain
from tradebot.core.risk import ceilings


class Live(Section):
    """``[live]``: real money needs this as well as everything else. ``drift_bps`` and ``ghost_accuracy_pct`` only tighten."""

    enabled: Flag = False
    on_stop: Annotated[Literal["keep", "flatten"], BeforeValidator(choice("keep", "flatten"))] = (
        "keep"
    )
    drift_bps: Annotated[Decimal, BeforeValidator(number(0, 1000))] = ceilings.DRIFT_BPS
    ghost_accuracy_pct: Annotated[Decimal, BeforeValidator(number(0, 100))] = (
        ceilings.GHOST_ACCURACY_PCT
    )

    @field_validator("drift_bps", "ghost_accuracy_pct", mode="after")
    @classmethod
    def _no_looser(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        is_bps = info.field_name == "drift_bps"
        bound = ceilings.DRIFT_BPS if is_bps else ceilings.GHOST_ACCURACY_PCT
        if value > bound if is_bps else value < bound:
            raise ValueError(
                f"{plain(value)} is looser than {plain(bound)} (live can only tighten)"
            )
        return value


__all__ = ["Live"]
