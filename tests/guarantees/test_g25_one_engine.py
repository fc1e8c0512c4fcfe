"""Promise 25: a second instance is refused on this host, and recognised by its id on another one within a reconcile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from kits import binance_scene as scene
from kits import live_kit as kit

from tradebot.core.model.errors import AlreadyRunningError
from tradebot.guard.account_lock import AccountLock
from tradebot.guard.lock import InstanceLock, Traded

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
DEAF = [{"do": "drop", "event": "*", "stream": "private"}]


def test_a_second_engine_on_a_directory_or_on_a_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    account = Traded("demo", "127.0.0.1:1", "0123456789abcdef")
    with InstanceLock(tmp_path / "one"), AccountLock(account):
        with pytest.raises(AlreadyRunningError, match="an engine already runs"):
            InstanceLock(tmp_path / "one").__enter__()
        with (
            InstanceLock(tmp_path / "two"),
            pytest.raises(AlreadyRunningError, match="demo account"),
        ):
            AccountLock(account).__enter__()


@pytest.mark.parametrize("deaf", [False, True], ids=["heard", "by REST alone"])
@pytest.mark.parametrize("price", ["1.9", None], ids=["an order", "a fill"])
def test_another_instance_on_the_account_halts_entries_within_a_reconcile(
    tmp_path: Path, price: str | None, deaf: bool
) -> None:
    order = {"symbol": "XRPUSDT", "side": "BUY", "qty": "20"} | (
        {} if price is None else {"price": price}
    )

    async def meddle(live: scene.Live) -> None:
        await live.opened("XRP/USDT")
        if deaf:
            live.venue.faults.set(DEAF)
        live.venue.acts.do("foreign_order", client_id="tbzzzzzz-0a0b0c0d-1e", **order)
        assert await live.until(lambda: "instance" in live.halts(), 60) <= 31
        live.venue.faults.set([])
        rows = live.venue.ledger.of
        before = len([row for row in rows("request") if row["method"] == "DELETE"])
        await asyncio.sleep(5)
        cancelled = [row["params"] for row in rows("request") if row["method"] == "DELETE"][before:]
        assert not [row for row in cancelled if "zzzzzz" in str(row)]  # it is not ours to touch

    scene.meddled(tmp_path, START, meddle)
