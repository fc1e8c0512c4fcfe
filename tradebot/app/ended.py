"""What a run that is over leaves to be told: its closed trades, and why none of its signals was filled."""

from __future__ import annotations

from tradebot.app.database import database
from tradebot.config import Config
from tradebot.core.model.values import OrderStatus, Purpose
from tradebot.journal.reader import Reader
from tradebot.journal.view import TradeRow
from tradebot.reports.unfilled import WAITING, ending, unfilled_sentence


def closed_trades(config: Config, run: str) -> list[TradeRow]:
    """Return a run's closed trades from the journal, oldest first."""
    with Reader(database(config)) as reader:
        return reader.trades(run)


def unfilled(config: Config, run: str) -> list[str]:
    """Say why none of a run's approved signals was filled; nothing if one was, or none was approved."""
    with Reader(database(config)) as reader:
        if reader.fills(run, limit=1):
            return []
        ends = [
            ending(row.status, row.reason) if OrderStatus(row.status).terminal else WAITING
            for row in reader.orders(run)
            if row.purpose == Purpose.ENTRY.value
        ]
    return [unfilled_sentence(len(ends), ends)] if ends else []
