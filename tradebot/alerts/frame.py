"""How a text is put together: what happened, how the run stands, what to do; and money masked for phones that others see."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from tradebot.alerts.model import SIMULATED, Held, Scene, Wishes
from tradebot.core.model.money import plain, ratio
from tradebot.core.model.spoken import price
from tradebot.core.model.text import escaped

LONGEST = 3000
"""Characters of a text: Telegram takes 4096, with the number and the count of repetitions behind it."""

NO_STOP = "NO STOP"
HIDDEN = "*"
"""What stands for money of which nobody can say the percentage."""


def framed(head: str, scene: Scene | None, wishes: Wishes, do: str = "") -> str:
    """Return a whole text, cut to what a channel takes; with ``amounts`` off no money is in it."""
    first = " ".join(head.split(" "))
    if not wishes.amounts:
        first = masked(first, None if scene is None else scene.equity)
    if scene is not None and scene.simulated:
        first = f"{SIMULATED} {first}"
    lines = [first, *([] if scene is None else standing(scene, wishes)), f"do: {do}" if do else ""]
    return "\n".join(escaped(line)[:LONGEST] for line in lines if line)[: LONGEST + 400]


def standing(scene: Scene, wishes: Wishes) -> list[str]:
    """Return how a run stands: run, mode, equity, then what is open and whether it has a stop."""
    return [_account(scene, wishes), *open_lines(scene, wishes)]


def open_lines(scene: Scene, wishes: Wishes) -> list[str]:
    """Return a line for each open position, or that nothing is open."""
    if not scene.positions:
        return ["nothing is open"]
    return [f"open: {held_words(held, scene, wishes)}" for held in scene.positions]


def held_words(held: Held, scene: Scene, wishes: Wishes) -> str:
    """Return a position: quantity, entry, PnL and its stop; with ``amounts`` off as percent of the equity."""
    stop = NO_STOP if held.stop is None else f"stop {price(held.stop, held.symbol)}"
    entry = price(held.entry, held.symbol)
    if wishes.amounts:
        size, pnl = plain(held.qty), "-" if held.pnl is None else f"{held.pnl:+,.2f}"
    else:
        value = abs(held.qty) * (held.entry if held.mark is None else held.mark)
        size, pnl = percent_of(value, scene.equity), signed_percent(held.pnl, scene.equity)
    return f"{held.symbol} {held.side} {size} at {entry}, PnL {pnl}, {stop}"


def _account(scene: Scene, wishes: Wishes) -> str:
    """Return run, mode and market with what the account is worth and has made today."""
    parts = []
    if scene.equity is not None and wishes.amounts:
        parts.append(f"equity {scene.equity:,.2f} USDT")
    if scene.day_pnl is not None:
        today = f"{scene.day_pnl:+,.2f} USDT"
        parts.append(
            f"today {today if wishes.amounts else signed_percent(scene.day_pnl, scene.equity)}"
        )
    told = f": {', '.join(parts)}" if parts else ""
    return f"{scene.run} {scene.mode} on {scene.market}{told}"


def percent_of(amount: Decimal | None, base: Decimal | None) -> str:
    """Return an amount as percent of the equity, ``*`` where that cannot be said."""
    if amount is None or base is None or base <= 0:
        return HIDDEN
    return f"{ratio(amount * 100, base):.1f}%"


def signed_percent(amount: Decimal | None, base: Decimal | None) -> str:
    """Return a gain or a loss as percent of the equity with its sign, ``*`` where that cannot be said."""
    if amount is None or base is None or base <= 0:
        return HIDDEN
    return f"{ratio(amount * 100, base):+.2f}%"


def masked(text: str, base: Decimal | None) -> str:
    """Return a text of the engine's without money: of a limit its percentage, of a result that of the equity.

    What else is a number on its own (a quantity, a wallet) is a ``*``; prices, codes, counts, and what has a percent sign,
    a unit of time or letters at it stay: what is held cannot be worked out from them.
    """
    rules: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
        (r"-?\$[\d,.]+ of -?\$[\d,.]+ \((\d+%)\)", lambda found: found[1]),
        (r"PnL ([+-]?[\d,]+(?:\.\d+)?)", lambda found: f"PnL {_as_percent(found[1], base)}"),
        (r"([+-]?)\$([\d,]+(?:\.\d+)?)", lambda found: _as_percent(found[1] + found[2], base)),
        (r"([+-]?[\d,]+(?:\.\d+)?) USDT", lambda found: _as_percent(found[1], base)),
        (r" fee [\d,.]+\d", lambda _: ""),
        (_NUMBER, lambda _: HIDDEN),
    )
    for pattern, instead in rules:
        text = re.sub(pattern, instead, text)
    return text


_NUMBER = (
    r"(?<![\w./:#*+(-])(?<!@ )(?<! at )(?<!→ )(?<!tradebot )(?<!process )(?<!signal )(?<!: -)"
    r"[+-]?\d[\d,]*(?:\.\d+)?"
    r"(?![\w%:/*-]|\.\d| ?(?:%|s\b|ms\b|min\b|h\b|UTC\b)"
    r"| (?:trade|position|bars|won|symbols|of \d+ symbols|KiB|→|are allowed|Invalid))"
)
"""A number on its own: no part of an id, a time, a percentage, a code or a price, no count of trades or positions."""


def _as_percent(figure: str, base: Decimal | None) -> str:
    return signed_percent(Decimal(figure.replace(",", "")), base)
