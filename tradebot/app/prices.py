"""Where a command's prices come from: files that were named, else the embedded market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tradebot.app.build import price_bounds
from tradebot.config import Config
from tradebot.market.files.feed import FileFeed, open_files

if TYPE_CHECKING:
    from tradebot.market.feed import Source


def open_data(files: Sequence[Path], symbols: Sequence[str] | None) -> FileFeed:
    """Open market data files; a price that no symbol of ours can have is an error of theirs.

    Raises DataError for files that are none or do not go together.
    """
    return open_files(files, symbols, bounds=price_bounds())


def choose_source(files: Sequence[Path], symbols: Sequence[str] | None, config: Config) -> Source:
    """Return the source of a run: the files, or the embedded market as it is configured."""
    from tradebot.market.feed import FileSource, SimulatedSource  # a backtest does without them

    if files:
        return FileSource(open_data(files, symbols))
    return SimulatedSource(config.market.symbols, config.market.seed)
