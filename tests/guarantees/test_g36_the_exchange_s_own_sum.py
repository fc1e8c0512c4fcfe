"""Promise 36: PnL per trade and day is what the exchange's income says, to the cent, or the difference is shown."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from kits import binance_scene as scene
from kits import live_kit as kit
from kits.hour_kit import BODY
from kits.strategy_kit import write_strategy

from tradebot.core.model.effects import FillBooked, Notify, TradeClosed
from tradebot.journal.reader import Reader

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
D = Decimal
CENT = D("0.01")


def effects(data: Path) -> list[Any]:
    with Reader(data / "tradebot.db") as reader:
        return [row.effect for row in reader.effects(reader.resolve_run(None).id)]


def test_each_trade_is_what_its_lines_add_up_to(tmp_path: Path) -> None:
    busy = write_strategy(tmp_path, BODY, "busy.py")
    both = [
        kit.swinging("XRP/USDT", 2.2, 3, 25, START),
        kit.swinging("ADA/USDT", 0.7, 4, 25, START),
    ]
    data = tmp_path / "data"
    found = kit.play(
        lambda loop: scene.trade(
            loop,
            data,
            [list(pair) for pair in zip(*both, strict=True)],
            strategy=busy,
        )
    )
    told = effects(data)
    lines: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for row in found.venue.ledger.of("income"):
        lines[row["symbol"], int(row["trade"])] += D(row["amount"])
    closed = [e for e in told if isinstance(e, TradeClosed)]
    assert len(closed) >= 4
    open_: dict[str, Decimal] = defaultdict(Decimal)
    theirs = []
    for one in (e for e in told if isinstance(e, FillBooked)):
        symbol = one.fill.symbol
        open_[symbol] += lines[symbol.replace("/", ""), one.fill.trade_id]
        if not one.position:  # flat again
            theirs.append((symbol, open_.pop(symbol)))
    assert len(theirs) == len(closed)
    for trade, (symbol, amount) in zip(closed, theirs, strict=True):
        assert trade.symbol == symbol
        assert abs(amount - trade.pnl) < CENT, trade
    everything = sum(lines.values(), D(0))
    assert abs(everything - (found.cash - scene.WALLET)) < CENT * len(closed)
    assert not found.session.engine.cash.rests()
    found.agree()


def test_a_line_that_says_otherwise_is_shown(tmp_path: Path) -> None:
    """The exchange charges two cents more than its fill said."""

    async def meddle(live: scene.Live) -> None:
        live.venue.acts.do("delay_income", seconds=3600)
        await live.opened("XRP/USDT")
        (fill,) = live.venue.ledger.of("fill")
        row = {
            "symbol": "XRPUSDT",
            "incomeType": "COMMISSION",
            "income": str(-D(fill["fee"]) - D("0.02")),
            "asset": "USDT",
            "time": fill["at"],
            "info": "",
            "tranId": 991,
            "tradeId": str(fill["trade"]),
        }
        said = {"do": "answer", "status": 200, "body": json.dumps([row]), "path": "/fapi/v1/income"}
        live.venue.faults.set([said])
        await live.until(lambda: live.engine.cash.rests(), 90)
        assert list(live.engine.cash.rests().values()) == [D("-0.02")]
        await asyncio.sleep(3)

    scene.meddled(tmp_path, START, meddle)
    said = [e.text for e in effects(tmp_path / "data") if isinstance(e, Notify)]
    assert any("commission of trade XRP/USDT:" in text for text in said)
    with Reader(tmp_path / "data" / "tradebot.db") as reader:
        shown = reader.snapshot(reader.resolve_run(None).id)
    assert shown is not None
    assert list(shown.income_rests.values()) == [D("-0.02")]
    assert list(shown.fill_rests.values()) == [D("-0.02")]
