"""One row for everything that can become of a new order, and the real client before a venue that does it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.wire_kit import Line, connected

from tradebot.broker.outcomes import Fate, judge_order
from tradebot.wire.endpoints import ALGO_ORDER, ORDER, Endpoint
from tradebot.wire.reply import Reply

OURS = "tbabc123-n0nce-1e"


def answered(status: int | None, body: Any = None, text: str = "") -> Reply:
    return Reply(True, status, text if body is None else json.dumps(body))


def refused(code: int, status: int = 400) -> Reply:
    return answered(status, {"code": code, "msg": "said so"})


TAKEN = {"orderId": 5, "clientOrderId": OURS, "status": "NEW"}
TAKEN_ALGO = {"algoId": 7, "clientAlgoId": OURS, "algoStatus": "NEW"}

REJECTED_CODES = (
    *(-1003, -1015, -1021, -1022, -1034, -1102, -1106, -1111, -1116, -1120, -1121, -1125, -1130),
    *(-2010, -2012, -2014, -2015, -2017, -2018, -2019, -2020, -2021, -2022, -2023, -2024, -2025),
    *(-2026, -2027, -2028, -4003, -4004, -4005, -4013, -4014, -4015, -4016, -4023, -4024, -4028),
    *(-4045, -4046, -4047, -4048, -4050, -4051, -4059, -4061, -4067, -4068, -4109, -4118, -4120),
    *(-4130, -4131, -4137, -4138, -4140, -4141, -4142, -4161, -4164, -4183, -4192, -4400, -4401),
    *(-4509, -4531, -5000, -5021, -5022, -5024, -5027, -5028, -5041),
)
UNKNOWN_CODES = (-1000, -1001, -1006, -1007, -2011, -2013, -4116)


@pytest.mark.parametrize("code", REJECTED_CODES)
def test_a_code_that_means_it_is_a_refusal_on_a_4xx_only(code: int) -> None:
    verdict = judge_order(refused(code), OURS, algo=False)
    assert (verdict.fate, verdict.code, verdict.reason) == (Fate.REJECTED, code, "said so")
    for status in (200, 302, 500, 502, 504):
        assert judge_order(refused(code, status), OURS, algo=False).fate is Fate.UNKNOWN


@pytest.mark.parametrize("code", UNKNOWN_CODES)
@pytest.mark.parametrize("status", [200, 400, 408, 503])
def test_a_code_that_does_not_say_so_is_unknown(code: int, status: int) -> None:
    verdict = judge_order(refused(code, status), OURS, algo=False)
    assert (verdict.fate, verdict.code) == (Fate.UNKNOWN, code)
    assert verdict.reason


ROWS: dict[str, tuple[Reply, Fate]] = {
    "a refused connection": (Reply(False, error="connection refused"), Fate.NOT_SENT),
    "held back here": (Reply(False, withheld="halted"), Fate.NOT_SENT),
    "no answer in time": (Reply(True, error="no answer in time"), Fate.UNKNOWN),
    "a dropped connection": (Reply(True, error="ServerDisconnectedError"), Fate.UNKNOWN),
    "taken": (answered(200, TAKEN), Fate.ACCEPTED),
    "taken, number as text": (answered(200, {**TAKEN, "orderId": "5"}), Fate.ACCEPTED),
    "another's id": (answered(200, {**TAKEN, "clientOrderId": "x"}), Fate.UNKNOWN),
    "no id": (answered(200, {"orderId": 5}), Fate.UNKNOWN),
    "no number": (answered(200, {"clientOrderId": OURS}), Fate.UNKNOWN),
    "number 0": (answered(200, {**TAKEN, "orderId": 0}), Fate.UNKNOWN),
    "number true": (answered(200, {**TAKEN, "orderId": True}), Fate.UNKNOWN),
    "an algo answer to an order": (answered(200, TAKEN_ALGO), Fate.UNKNOWN),
    "empty": (answered(200), Fate.UNKNOWN),
    "braces": (answered(200, {}), Fate.UNKNOWN),
    "cut": (answered(200, text='{"orderId":83897657,"clientOr'), Fate.UNKNOWN),
    "a page": (answered(200, text="<html>hello</html>"), Fate.UNKNOWN),
    "a list": (answered(200, [TAKEN]), Fate.UNKNOWN),
    "201": (answered(201, TAKEN), Fate.UNKNOWN),
    "302": (answered(302), Fate.UNKNOWN),
    "403 without a code": (answered(403, text="<html>Forbidden</html>"), Fate.REJECTED),
    "404 without a code": (answered(404, text="<html>no</html>"), Fate.UNKNOWN),
    "418 with a code": (refused(-1003, 418), Fate.REJECTED),
    "418 with a page": (answered(418, text="<html>I'm a teapot</html>"), Fate.UNKNOWN),
    "429 with a code": (refused(-1003, 429), Fate.REJECTED),
    "429 with a page": (answered(429, text="<html>slow</html>"), Fate.UNKNOWN),
    "400 without a code": (answered(400, text="bad"), Fate.UNKNOWN),
    "400 with a code nobody knows": (refused(-9999), Fate.UNKNOWN),
    "500": (answered(500), Fate.UNKNOWN),
    "502": (answered(502, text="<html>Bad Gateway</html>"), Fate.UNKNOWN),
    "503 unavailable": (answered(503, text="Service Unavailable."), Fate.REJECTED),
    "503 unavailable, no stop": (answered(503, text=" Service Unavailable\n"), Fate.REJECTED),
    "503 a page": (answered(503, text="<html>503 Service Unavailable</html>"), Fate.UNKNOWN),
    "503 in another text": (answered(503, text="Service Temporarily Unavailable"), Fate.UNKNOWN),
    "503 unknown error": (refused(-1000, 503), Fate.UNKNOWN),
    "503 throttled": (refused(-1008, 503), Fate.REJECTED),
    "504": (answered(504), Fate.UNKNOWN),
    "a code beyond all numbers": (answered(400, text='{"code": Infinity}'), Fate.UNKNOWN),
    "a body without an end": (answered(200, text="[" * 100_000), Fate.UNKNOWN),
}


@pytest.mark.parametrize(("reply", "fate"), ROWS.values(), ids=ROWS)
def test_each_row(reply: Reply, fate: Fate) -> None:
    verdict = judge_order(reply, OURS, algo=False)
    assert verdict.fate is fate
    assert (verdict.body is not None) == (fate is Fate.ACCEPTED)
    assert "\n" not in verdict.reason


def test_the_algo_service_has_names_of_its_own() -> None:
    assert judge_order(answered(200, TAKEN_ALGO), OURS, algo=True).fate is Fate.ACCEPTED
    assert judge_order(answered(200, TAKEN), OURS, algo=True).fate is Fate.UNKNOWN


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "msg", "orderId", "clientOrderId"]), inner)
    ),
    max_leaves=6,
)


@given(
    st.booleans(), st.none() | st.integers(100, 599), _JSON.map(json.dumps) | st.text(max_size=40)
)
def test_whatever_comes_gets_a_fate_and_accepted_only_with_our_id(
    left: bool, status: int | None, text: str
) -> None:
    verdict = judge_order(Reply(left, status, text), OURS, algo=False)
    if not left:
        assert verdict.fate is Fate.NOT_SENT
    elif status is None or status == 200 or status >= 500:
        assert verdict.fate in (Fate.UNKNOWN, Fate.ACCEPTED) or status == 503
    if verdict.fate is Fate.ACCEPTED:
        assert json.loads(text)["clientOrderId"] == OURS


# -- the real client before the venue ---------------------------------------------------------------


def entry() -> dict[str, str]:
    return {
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001",
        "newClientOrderId": OURS, "newOrderRespType": "RESULT",
    }  # fmt: skip


def stop() -> dict[str, str]:
    return {
        "algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET",
        "quantity": "0.001", "triggerPrice": "70000", "workingType": "MARK_PRICE",
        "reduceOnly": "true", "clientAlgoId": OURS,
    }  # fmt: skip


UNKNOWN, REJECTED = Fate.UNKNOWN, Fate.REJECTED
FAULTS: list[tuple[dict[str, Any], Fate]] = [
    ({"do": "reset"}, UNKNOWN),
    ({"do": "accept_then_close"}, UNKNOWN),
    ({"do": "accept_then_timeout"}, UNKNOWN),
    *(
        ({"do": "accept_then_garbage", "form": form}, UNKNOWN)
        for form in ("empty", "cut", "html", "braces")
    ),
    *(
        ({"do": "error", "code": code, "executed": done}, UNKNOWN)
        for code in (-1000, -1006, -1007)
        for done in (True, False)
    ),
    ({"do": "error", "code": -1008}, REJECTED),
    ({"do": "error", "code": -1021}, REJECTED),
    ({"do": "error", "code": -2013}, UNKNOWN),
    ({"do": "error", "code": -4116, "executed": True}, UNKNOWN),
    (
        {"do": "answer", "status": 502, "body": "<html>Bad Gateway</html>", "executed": True},
        UNKNOWN,
    ),
    ({"do": "answer", "status": 504, "body": "", "executed": True}, UNKNOWN),
    ({"do": "answer", "status": 403, "body": "<html>Forbidden</html>"}, REJECTED),
    ({"do": "answer", "status": 418, "body": "<html>teapot</html>"}, UNKNOWN),
    ({"do": "unavailable", "meaning": "unknown"}, UNKNOWN),
    ({"do": "unavailable", "meaning": "not_executed"}, REJECTED),
    ({"do": "unavailable", "meaning": "overload"}, REJECTED),
    ({"do": "rate_limited"}, REJECTED),
    ({"do": "ban"}, REJECTED),
]


async def send(line: Line, endpoint: Endpoint, params: dict[str, str]) -> Fate:
    reply = await line.wire.ask(endpoint, params)
    return judge_order(reply, OURS, algo=endpoint is ALGO_ORDER).fate


@pytest.mark.parametrize(
    ("fault", "fate"), FAULTS, ids=[" ".join(map(str, fault.values())) for fault, _ in FAULTS]
)
async def test_over_the_wire(fault: dict[str, Any], fate: Fate) -> None:
    async with connected() as line:
        if fault["do"] == "accept_then_timeout":
            line.wire._ccxt.timeout = 3000  # ms
        rule = {"method": "POST", "path": "/fapi/v1/order", **fault}
        if fault["do"] == "ban":
            del rule["method"], rule["path"]
        line.venue.faults.set([rule])
        assert await send(line, ORDER, entry()) is fate
        carried_out = len(line.venue.desk.records.trades)
        if fate is Fate.REJECTED:
            assert not carried_out


async def test_over_the_wire_without_faults() -> None:
    async with connected() as line:
        assert await send(line, ORDER, entry()) is Fate.ACCEPTED
        assert await send(line, ALGO_ORDER, stop()) is Fate.ACCEPTED


async def test_a_stopped_task_leaves_it_unknown_to_us_and_the_venue_may_have_it() -> None:
    """There is no verdict of a request that was broken off: its order stays as it was, until looked up."""
    async with connected() as line:
        line.venue.faults.set(
            [{"do": "accept_then_timeout", "method": "POST", "path": "/fapi/v1/order"}]
        )
        asking = asyncio.ensure_future(send(line, ORDER, entry()))
        async with asyncio.timeout(60):
            while not line.venue.desk.records.trades:
                await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
