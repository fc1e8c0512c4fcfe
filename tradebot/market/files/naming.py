"""What a market data file's name says: symbol, kind, interval.

The names are those of data.binance.vision: ``BTCUSDT-1m-2025-05.zip``,
``BTCUSDT-aggTrades-2025-05-01.csv.gz``, ``BTCUSDT-fundingRate-2025-05.csv``. Mark klines there have the
name of klines and live in a folder ``markPriceKlines``; both ways of saying it are understood.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from tradebot.core.model.errors import DataError
from tradebot.core.model.frozen import frozen
from tradebot.core.strategy.resample import TIMEFRAMES


class Kind(StrEnum):
    """What the rows of a file are."""

    KLINES = "klines"
    MARK = "mark klines"
    TRADES = "aggregated trades"
    FUNDING = "funding rates"


@frozen
class Name:
    """What a file name says; None where it says nothing. ``interval`` in milliseconds."""

    symbol: str | None
    kind: Kind | None
    interval: int | None


_QUOTES = "USDT|USDC|FDUSD|BUSD|USD"
_PAIR = re.compile(rf"([A-Z0-9]{{2,15}}?)({_QUOTES})", re.IGNORECASE)
_DELIVERY = re.compile(rf"([A-Z0-9]{{2,15}}?(?:{_QUOTES})_\d{{6}})(?![0-9A-Z])", re.IGNORECASE)
_KINDS = {
    "mark": Kind.MARK,
    "markpriceklines": Kind.MARK,
    "aggtrades": Kind.TRADES,
    "fundingrate": Kind.FUNDING,
    "funding": Kind.FUNDING,
}
_FOREIGN = frozenset(
    {
        "trades",
        "bookticker",
        "bookdepth",
        "metrics",
        "liquidationsnapshot",
        "indexpriceklines",
        "premiumindexklines",
    }
)
_SUFFIXES = re.compile(r"(\.csv|\.gz|\.zip|\.txt)+$", re.IGNORECASE)


def read_name(path: Path) -> Name:
    """Return what the name and the folders of ``path`` say about its content.

    DataError for kinds of data.binance.vision files that cannot be traded on (order book, index, ...).
    """
    tokens = re.split(r"[-_ .]+", _SUFFIXES.sub("", path.name))
    folders = [part.lower() for part in path.parts[:-1] if part.lower().endswith("klines")]
    words = [token.lower() for token in tokens] + folders
    _refuse_foreign(path, words)
    _refuse_delivery(path)
    interval = next((TIMEFRAMES[token] for token in tokens if token in TIMEFRAMES), None)
    kind = next((_KINDS[word] for word in words if word in _KINDS), None)
    if kind is None and interval is not None:
        kind = Kind.KLINES
    return Name(_symbol(tokens), kind, interval)


def _refuse_foreign(path: Path, words: list[str]) -> None:
    foreign = next((word for word in words if word in _FOREIGN), None)
    if foreign is not None:
        raise DataError(
            f"{foreign} files cannot be used",
            hint="use klines, markPriceKlines, aggTrades or fundingRate files",
            file=str(path),
        )


def _refuse_delivery(path: Path) -> None:
    contract = _DELIVERY.match(path.name)
    if contract is not None:
        raise DataError(
            f"{contract[1].upper()} is a delivery contract, not the perpetual",
            hint="its prices are others: use the files of the perpetual",
            file=str(path),
        )


def _symbol(tokens: list[str]) -> str | None:
    whole = _PAIR.fullmatch(tokens[0])
    if whole is None and len(tokens) > 1 and re.fullmatch(_QUOTES, tokens[1], re.IGNORECASE):
        whole = _PAIR.fullmatch(tokens[0] + tokens[1])
    return None if whole is None else f"{whole[1]}/{whole[2]}".upper()
