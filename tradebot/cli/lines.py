"""What a running engine says to people: one readable line per thing worth knowing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradebot.core.effects import (
    Effect,
    FillBooked,
    FundingBooked,
    Halted,
    Notify,
    Resumed,
    SignalJudged,
    TradeClosed,
)
from tradebot.core.money import plain
from tradebot.core.times import iso


def lines_of(at: int, effects: Sequence[Effect]) -> Iterator[str]:
    """Yield a line for each effect that people want to see; ``at`` in UTC milliseconds."""
    for effect in effects:
        text = _text(effect)
        if text:
            yield f"{iso(at - at % 1000)}  {text}"


def _text(effect: Effect) -> str:
    match effect:
        case SignalJudged():
            return _signal(effect)
        case FillBooked(fill=f):
            word = "LIQUIDATED" if f.liquidation else "filled"
            return (
                f"{f.symbol:<9} {word} {f.side.value} {plain(f.qty)} @ {plain(f.price)}"
                f" fee {f.fee:.4f}"
            )
        case TradeClosed():
            mark = "▲" if effect.pnl > 0 else "▼"
            return (
                f"{effect.symbol:<9} closed {effect.side} {plain(effect.qty)}"
                f" {effect.entry_price:f} → {effect.exit_price:f}"
                f"  PnL {effect.pnl:+.2f} USDT {mark} ({effect.exit_reason})"
            )
        case FundingBooked():
            return f"{effect.symbol:<9} funding {effect.amount:+.4f} USDT"
        case Halted():
            return f"HALTED    {effect.reason}: {effect.detail}"
        case Resumed():
            return f"RESUMED   {effect.reason} cleared by {effect.who}: {effect.detail}"
        case Notify(level=level, text=text) if not text.startswith("HALT "):
            return f"{level.upper():<9} {text}"
        case _:
            return ""


def _signal(signal: SignalJudged) -> str:
    head = (
        f"{signal.symbol:<9} signal {signal.side} ({signal.confidence:.2f}) @ {plain(signal.price)}"
    )
    if signal.verdict == "refused":
        return f"{head}  refused: {'; '.join(signal.refusals)}"
    return f"{head}  {signal.verdict}: {signal.reason}"
