"""bench-1's work without any engine: what every engine's trades and equity must equal.

Conventions: EMA 20/60 of the close, both started with the first close, IEEE double; a cross counts
from the bar of index 61 on; long or flat; $1,000 at the signal's close, floored to 0.001; filled at the
next open; 0.04 % a side, exact; an open position is marked at the last close.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

FIRST = 61
"""Index of the first bar at which a cross counts."""

START_MS = 1_672_531_200_000
STEP = Decimal("0.001")
FEE = Decimal("0.0004")

Trade = tuple[int, Decimal, Decimal, int, Decimal]
"""Entry time (UTC ms), entry price, quantity, exit time, exit price."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What comes out: closed trades, their fingerprint, final equity (USDT)."""

    trades: int
    trades_sha256: str
    equity: Decimal


def fingerprint(trades: Iterable[Trade]) -> str:
    """Return the sha256 of the trades as the common benchmark's oracle writes them."""
    digest = sha256()
    for t, p, q, u, x in trades:
        digest.update(f"{t},{p:.2f},{q:.3f},{u},{x:.2f}\n".encode())
    return digest.hexdigest()


def play(path: Path) -> Expected:
    """Do the work on a file of bars (timestamp in ms, open, high, low, close, volume; a header)."""
    cash, qty = Decimal(10_000), Decimal(0)
    entered, trades, close = (0, Decimal(0)), [], Decimal(0)
    wish: Decimal | None = None  # the quantity to hold from the next open on
    for time, opened, close, side in _signals(path):
        if wish is not None:
            cash -= (wish - qty) * opened + abs(wish - qty) * opened * FEE
            if wish:
                entered = (time, opened)
            else:
                trades.append((*entered, qty, time, opened))
            qty, wish = wish, None
        if side > 0 and not qty:
            wish = 1000 / close // STEP * STEP
        elif side < 0 and qty:
            wish = Decimal(0)
    return Expected(len(trades), fingerprint(trades), cash + qty * close)


def _signals(path: Path) -> Iterator[tuple[int, Decimal, Decimal, int]]:
    """Yield time, open, close and the cross at the close (+1 up, -1 down, 0 none) of every bar."""
    fast = slow = gap = 0.0
    with path.open() as lines:
        next(lines)
        for index, line in enumerate(lines):
            time, opened, _, _, close, _ = line.split(",")
            price = float(close)
            fast = 2 / 21 * price + (1 - 2 / 21) * fast if index else price
            slow = 2 / 61 * price + (1 - 2 / 61) * slow if index else price
            last, gap = gap, fast - slow
            side = 0 if index < FIRST else (last < 0 < gap) - (last > 0 > gap)
            yield int(time), Decimal(opened), Decimal(close), side


def make_up(path: Path, bars: int, seed: int = 42) -> None:
    """Write a random walk of one-minute bars, of bench1.csv's kind and with its columns."""
    draw = random.Random(seed)
    price = 45_000.0
    with path.open("w") as file:
        file.write("timestamp,open,high,low,close,volume\n")
        for index in range(bars):
            prices = []
            for _ in range(4):
                price *= 1 + draw.gauss(0.0, 0.0004)
                prices.append(price)
            numbers = (prices[0], max(prices), min(prices), prices[3])
            text = ",".join(f"{number:.2f}" for number in numbers)
            volume = max(0.001, draw.lognormvariate(0.0, 1.0))
            file.write(f"{START_MS + index * 60_000},{text},{volume:.3f}\n")
