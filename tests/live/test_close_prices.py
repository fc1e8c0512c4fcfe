"""At which prices a close-all closed: told where it can be read soon, and waited for by nobody."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest
from kits.disaster_kit import XRP, Scene, scene
from kits.wire_kit import connected

from tradebot.app import close_report
from tradebot.app.close_report import going_on, read_closes, seen_in
from tradebot.app.close_symbol import SymbolCloser
from tradebot.broker.account_view import read_holdings
from tradebot.guard.diary import COMMAND, ENGINE, Diary, Step, read_diary
from tradebot.venue.settings import AccountScript, ScriptedPosition

ORDER = "/fapi/v1/order"
HELD = AccountScript(
    margin_type="isolated",
    positions=(
        ScriptedPosition("BTCUSDT", "BOTH", Decimal("0.01"), Decimal(76_000), "isolated", 1),
    ),
)
UNREADABLE = {"do": "unavailable", "meaning": "unknown", "method": "GET", "path": ORDER}


ONCE = {"method": "POST", "path": ORDER, "times": 1}


@pytest.mark.parametrize(
    ("fault", "looked_up"),
    [
        ({"do": "error", "code": -1008}, False),
        ({"do": "error", "code": -2022}, False),
        ({"do": "unavailable", "meaning": "not_executed"}, False),
        ({"do": "ban", "seconds": 1}, False),
        ({"do": "error", "code": -1001}, True),
        ({"do": "accept_then_close"}, True),
    ],
    ids=["throttled", "nothing to reduce", "not executed", "banned", "perhaps", "no answer"],
)
async def test_only_an_order_that_may_have_been_taken_is_asked_for(
    tmp_path: Path, fault: dict[str, object], looked_up: bool
) -> None:
    """What was refused outright has no fills; what the exchange may have taken all the same is looked up."""
    diary = Diary([tmp_path])
    async with connected(account=HELD) as line:
        await line.wire.measure()
        found = await read_holdings(line.wire)
        line.venue.faults.set([{**fault, **ONCE}])
        closer = SymbolCloser(line.wire, diary, lambda _: None)
        await closer.close("BTC/USDT", found)
        line.venue_clock.advance(5_000)
        await closer.close("BTC/USDT", await read_holdings(line.wire))
        rows = await read_closes(line.wire, read_diary([tmp_path]))
        assert [(row["symbol"], row["qty"]) for row in rows] == [("BTC/USDT", "0.01")]
        assert bool(line.asked("GET", ORDER)) is looked_up


async def test_prices_that_cannot_be_read_soon_stay_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many orders were sent; another symbol's are told all the same."""
    monkeypatch.setattr(close_report, "PRICES_S", 1.0, raising=False)
    steps = [
        Step("close", 1, 1, COMMAND, n, {
            "symbol": symbol, "side": "long", "entry": "2", "mark": "2",
            "params": {"newClientOrderId": f"closeall-{symbol[:3]}-{n}"},
        })
        for symbol, count in (("XRP/USDT", 200), ("BTC/USDT", 1))
        for n in range(count)
    ]  # fmt: skip
    async with connected(account=HELD) as line:
        await line.wire.measure()
        line.venue.faults.set([UNREADABLE])
        begun = asyncio.get_running_loop().time()
        rows = await asyncio.wait_for(read_closes(line.wire, steps), 10)
        assert asyncio.get_running_loop().time() - begun < 3
        assert [(row["symbol"], row["qty"], row["pnl"]) for row in rows] == [
            ("BTC/USDT", None, None),
            ("XRP/USDT", None, None),
        ]


def close(number: int, symbol: str, name: str, qty: str) -> Step:
    params = {"quantity": qty, "newClientOrderId": name}
    return Step(
        "close", number, 1, ENGINE, number, {"symbol": symbol, "side": "long", "params": params}
    )


def answer(number: int, name: str, *, ok: bool) -> Step:
    return Step("answer", number, 1, ENGINE, number, {"id": name, "ok": ok})


def test_what_the_rows_say_of_an_account_that_cannot_be_read() -> None:
    """The newest whole read counts, and each side's newest close since that was not answered with yes."""

    def read(number: int, *names: str, strange: bool = False) -> Step:
        more = {"open": names, "strange": ["no answer"] if strange else [], "begun": 1000}
        return Step("read", number, 1, ENGINE, number, more)

    assert seen_in([]) == ""
    refused = [close(1, "XRP/USDT", "a", "40"), answer(2, "a", ok=False)]
    assert seen_in(refused) == "closes not known to be taken: XRP/USDT long 40"
    halved = [*refused, close(3, "XRP/USDT", "b", "20"), answer(4, "b", ok=True)]
    assert seen_in(halved) == ""
    steps = [
        *refused,
        read(5, "ETH/USDT position"),
        close(6, "ETH/USDT", "c", "1"),
        read(7, strange=True),
    ]
    whole = "read whole last at 1970-01-01T00:00:01Z: "
    assert seen_in(steps) == (
        f"{whole}ETH/USDT position; closes not known to be taken: ETH/USDT long 1"
    )
    assert seen_in([*steps, read(8)]) == f"{whole}nothing"

    # asked once more while it is at it, not when it was done before
    again = Step("taken", 12, 1, ENGINE, 12)
    done = Step("done", 10, 1, ENGINE, 10)
    other = Step("read", 11, 2, ENGINE, 11, {"open": [], "strange": []})
    assert going_on([*refused, other, again], 12) == [*refused, again]
    assert going_on([*refused, done, other, again], 12) == [again]
    assert going_on([*refused, done, again], 1) == [*refused, done, again]


@pytest.mark.slow
def test_how_it_ended_is_on_record_before_prices_are_read(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.faults(
            {"do": "accept_then_close", **ONCE},
            {"do": "delay", "ms": 120_000, "method": "GET", "path": ORDER},
        )
        closing = it.closing("--account", "demo")
        it.bot.until(lambda: any(row["do"] == "delay" for row in it.venue.rows("fault")))
        begun = time.monotonic()
        assert codes(it) == [0]
        out, err = closing.communicate(timeout=60)
        assert closing.returncode == 0, err
        assert time.monotonic() - begun < 10
        assert '"close_price": null' in out
        assert codes(it) == [0]


@pytest.mark.slow
def test_what_is_refused_again_and_again_is_over_in_time(tmp_path: Path) -> None:
    with scene(tmp_path, XRP) as it:
        it.faults({"do": "error", "code": -1008, "method": "POST", "path": ORDER}, UNREADABLE)
        begun = time.monotonic()
        error = it.close_all("--account", "demo", "--wait", "6", code=6)["error"]
        assert time.monotonic() - begun < 14
        assert "still open: XRP/USDT position 40" in error["message"]
        assert not it.venue.asked("GET", ORDER)
        assert codes(it) == [6]


def codes(it: Scene) -> list[int]:
    """With which codes the close-alls on record ended."""
    return [step.more["code"] for step in it.steps() if step.step == "result"]
