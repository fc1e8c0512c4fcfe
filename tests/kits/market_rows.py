"""Writes market data files of every kind and compression for the tests of this folder."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tradebot.core.model.events import FundingRate, MarketEvent
from tradebot.core.model.values import Bar, MarkBar, Quote

T0 = 1_746_057_600_000  # 2025-05-01T00:00Z
MINUTE = 60_000
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
SHORT_HEADER = "timestamp,open,high,low,close,volume"
TRADE_HEADER = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
)
FUNDING_HEADER = "calc_time,funding_interval_hours,last_funding_rate"


def numbers(i: int) -> tuple[str, str, str, str, str]:
    """Return open, high, low, close, volume of the i-th bar of the series used everywhere."""
    base = 1000 + (i * 37) % 101
    return f"{base}.10", f"{base + 2}.50", f"{base - 1}.25", f"{base + 1}.00", f"{i % 7}.125"


def row(i: int, *, columns: int = 12, micro: bool = False, interval: int = MINUTE) -> str:
    """Return the i-th kline as a line of 6 or 12 columns, in ms or us."""
    scale = 1000 if micro else 1
    opened = T0 + i * interval
    text = f"{opened * scale},{','.join(numbers(i))}"
    if columns == 6:
        return text
    return f"{text},{(opened + interval) * scale - 1},0,0,0,0,0"


def rows(count: int, start: int = 0, **form: int) -> list[str]:
    """Return ``count`` klines from the ``start``-th on."""
    return [row(i, **form) for i in range(start, start + count)]  # type: ignore[arg-type]


def write(path: Path, lines: Iterable[str], *, end: str = "\n") -> Path:
    """Write lines as plain, gzip or zip, by the path's suffix."""
    data = "\n".join(lines).encode() + end.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.with_suffix(".csv").name, data)
    else:
        path.write_bytes(data)
    return path


def shown(event: MarketEvent) -> tuple[object, ...]:
    """Return an event as a tuple that can be compared."""
    match event:
        case Bar():
            kind = "mark" if isinstance(event, MarkBar) else "bar"
            return kind, event.symbol, event.open_time, event.interval, *event.text
        case Quote():
            return "quote", event.symbol, event.at, *event.text
        case FundingRate():
            return "funding", event.symbol, event.at, event.rate, event.mark


def all_shown(steps: Iterable[Sequence[MarketEvent]]) -> list[list[tuple[object, ...]]]:
    """Return steps in a form that can be compared."""
    return [[shown(event) for event in step] for step in steps]
