"""The one client before the venue: what left, what came back, and nothing decided by an exception's class."""

from __future__ import annotations

import asyncio
import logging

import pytest
from kits.wire_kit import Line, connected

from tradebot.broker.outcomes import Fate, judge_order
from tradebot.core.model.errors import ExchangeError
from tradebot.venue.call import Answer, Call, Dropped
from tradebot.venue.faults import Faults
from tradebot.wire.budget import Need
from tradebot.wire.endpoints import ORDER, TIME, Endpoint
from tradebot.wire.public import PublicData
from tradebot.wire.reply import Reply, failure
from tradebot.wire.sending import RECV_WINDOW_MS

DUAL = Endpoint("fapiPrivate", "GET", "positionSide/dual", 30)


def entry(name: str = "tb-1") -> dict[str, str]:
    return {
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001",
        "newClientOrderId": name, "newOrderRespType": "RESULT",
    }  # fmt: skip


class Instead(Faults):
    """Carries a POST out, and gives another answer: None drops the connection."""

    def __init__(self, line: Line, answer: Answer | None) -> None:
        super().__init__(line.venue)
        self.answer = answer

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        if call.method != "POST":
            return answer
        if self.answer is None:
            raise Dropped("closed after it was carried out")
        return self.answer


async def test_an_order_as_text_is_taken_and_its_answer_is_told_as_it_came() -> None:
    async with connected() as line:
        reply = await line.wire.ask(ORDER, entry())
        assert reply.ok
        assert reply.left
        assert reply.body["clientOrderId"] == "tb-1"
        assert reply.body["executedQty"] == "0.001"
        assert "X-MBX-USED-WEIGHT-1M" in reply.headers
        assert reply.sent_at == line.venue_clock.now()
        assert len(line.asked("POST", "/fapi/v1/order")) == 1


async def test_a_signed_request_bears_the_exchanges_time_and_the_window() -> None:
    async with connected(behind_ms=90_000) as line:
        late = await line.wire.ask(DUAL, {})
        assert (late.status, late.code) == (400, -1021)
        await line.wire.measure()
        assert line.wire.time.ahead_ms == 90_000
        assert (await line.wire.ask(DUAL, {})).body == {"dualSidePosition": False}
        (_, row) = line.asked("GET", "/fapi/v1/positionSide/dual")
        sent = row["params"]
        assert sent["recvWindow"] == str(RECV_WINDOW_MS)
        assert int(sent["timestamp"]) == line.venue_clock.now()
        line.clock.set_by = -3_600_000  # somebody sets the clock back by an hour
        assert (await line.wire.ask(DUAL, {})).ok
        assert line.wire.time.is_due


async def test_what_may_not_leave_does_not_reach_the_venue() -> None:
    async with connected() as line:
        reply = await line.wire.ask(ORDER, entry(), Need.ENTRY, lambda: "halted")
        assert (reply.left, reply.withheld, reply.status) == (False, "halted", None)
        assert not line.asked("POST", "/fapi/v1/order")


async def test_it_is_asked_again_when_the_connection_stands() -> None:
    """Connecting takes its time; what comes meanwhile still holds the order back."""
    async with connected() as line:
        said = ["", "halted while it connected"]
        reply = await line.wire.ask(ORDER, entry(), Need.ENTRY, lambda: said.pop(0))
        assert (reply.left, reply.withheld) == (False, "halted while it connected")
        await line.wire.ask(TIME, {})
        assert not line.asked("POST", "/fapi/v1/order")


async def test_a_refused_connection_is_not_sent_and_a_dropped_one_may_have_been() -> None:
    async with connected() as line:
        line.venue.faults = Instead(line, None)
        dropped = await line.wire.ask(ORDER, entry())
        assert (dropped.left, dropped.status) == (True, None)
        assert len(line.venue.desk.records.trades) == 1
        await line.server.refuse()
        refused = await line.wire.ask(ORDER, entry("tb-2"))
        assert (refused.left, refused.status) == (False, None)
        assert refused.error == "connection refused"
        assert dropped.error == "the connection ended before there was an answer"


async def test_an_order_is_sent_once_whatever_ccxt_would_do() -> None:
    async with connected() as line:
        line.venue.faults = Instead(line, None)
        line.wire._ccxt.options["maxRetriesOnFailure"] = 3
        dropped = await line.wire.ask(ORDER, entry())
        assert (dropped.left, dropped.status) == (True, None)
        assert len(line.asked("POST", "/fapi/v1/order")) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_an_order_may_have_been_taken(status: int) -> None:
    async with connected() as line:
        there = {"Location": f"{line.server.url}/fapi/v1/order"}
        line.venue.faults = Instead(line, Answer(status, raw=b"", headers=there))
        reply = await line.wire.ask(ORDER, entry())
        assert (reply.left, reply.status) == (True, None)
        assert "not followed" in reply.error
        assert judge_order(reply, "tb-1", algo=False).fate is Fate.UNKNOWN
        assert [row["method"] for row in line.venue.ledger.of("request")] == ["POST"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [("", "json"), ("{}", "json"), ('{"orderId":83', "json"), ("<html>hello</html>", "html")],
)
async def test_a_200_is_told_with_its_body(text: str, kind: str) -> None:
    async with connected() as line:
        line.venue.faults = Instead(
            line, Answer(200, raw=text.encode(), content_type=f"text/{kind}")
        )
        reply = await line.wire.ask(ORDER, entry())
        assert (reply.left, reply.status, reply.text) == (True, 200, text)


async def test_without_a_key_nothing_is_signed_or_sent() -> None:
    async with connected(keys=False) as line:
        reply = await line.wire.ask(ORDER, entry())
        assert not reply.left
        assert not line.asked("POST", "/fapi/v1/order")
        assert (await line.wire.ask(TIME, {})).ok


async def test_requests_at_once_keep_their_own_answers() -> None:
    async with connected() as line:
        names = [f"tb-{number}" for number in range(20)]
        replies = await asyncio.gather(*(line.wire.ask(ORDER, entry(name)) for name in names))
        assert [reply.body["clientOrderId"] for reply in replies] == names


async def test_neither_log_nor_words_hold_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with connected() as line:
        line.venue.faults = Instead(line, None)
        reply = await line.wire.ask(ORDER, entry())
        held = line.venue.credentials
        said = caplog.text + repr(reply) + reply.message + repr(line.wire._api_key)
        assert held.key not in said
        assert held.secret not in said
        assert "signature" not in said


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(True, 400, '{"code": -1000, "msg": "no"}'), "try again later"),
        (Reply(True, 400, '{"code": -1121, "msg": "Invalid symbol."}'), "how Binance writes it"),
        (Reply(True, 418, '{"code": -1003, "msg": "banned until 1"}'), "banned for a time"),
        (Reply(True, 503, "Service Unavailable"), "try again later"),
        (Reply(True, 200, "{"), "login page"),
        (Reply(False, withheld="1598 of 2400 request weight is used"), "in a minute"),
        (Reply(False, withheld="300 of 300 orders in 10 s are used"), "in a minute"),
        (Reply(False, withheld="the exchange has asked for fewer requests"), "in a minute"),
        (Reply(False, withheld="the exchange has banned this address for 9 s more"), "bans/"),
        (Reply(False, error="connection refused"), "the network"),
    ],
)
def test_each_failure_has_a_way_out(reply: Reply, said: str) -> None:
    assert said in str(failure(reply, "host", "account").hint)


class Gone(Faults):
    """Ends every connection."""

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        raise Dropped("gone")


async def test_one_measurement_serves_all_who_ask_and_none_is_an_error() -> None:
    async with connected() as line:
        await asyncio.gather(line.wire.measure(), line.wire.measure())
        assert len(line.asked("GET", "/fapi/v1/time")) == 5
        line.venue.faults = Gone(line.venue)
        with pytest.raises(ExchangeError, match="cannot reach 127"):
            await line.wire.measure()


async def test_an_exchange_that_asks_for_less_is_asked_for_its_time_less_often() -> None:
    """One question a try, each later than the one before; then the samples of every measurement."""
    pauses: list[float] = []

    async def rest(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            line.venue.faults.set([])
        if len(pauses) == 7:
            raise asyncio.CancelledError

    async with connected() as line:
        line.venue.faults.set([{"do": "rate_limited", "path": "/fapi/v1/time"}])
        with pytest.raises(asyncio.CancelledError):
            await line.wire.keep_time(rest=rest)
        assert pauses == [2, 4, 8, 16, 16, 16, 1]
        assert len(line.asked("GET", "/fapi/v1/time")) == 6 + 5


@pytest.mark.parametrize("text", ["[]", "5", '"x"', "{}"])
async def test_a_time_of_another_shape_is_no_answer(text: str) -> None:
    async with connected() as line:
        fault = {"do": "answer", "path": "/fapi/v1/time", "status": 200, "body": text}
        line.venue.faults.set([fault])
        with pytest.raises(ExchangeError, match="something that is not its own"):
            await line.wire.measure()
        assert line.wire.time.is_unknown


class Twice(Faults):
    """Answers 503 so many times before it is there."""

    left = 2

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        self.left -= 1
        return answer if self.left < 0 else Answer(503, raw=b"Service Unavailable.")


async def test_reads_are_repeated_and_refusals_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        waits.append(seconds)

    waits: list[float] = []
    async with connected() as line:
        monkeypatch.setattr("tradebot.wire.client.asyncio.sleep", at_once)
        line.venue.faults = Twice(line.venue)
        rows = await PublicData(line.wire).klines("BTC/USDT", "1m", limit=3)
        assert len(rows) <= 3
        assert len(waits) == 2
        with pytest.raises(ExchangeError, match=r"refused klines: .*\(-1121\)"):
            await PublicData(line.wire).klines("NO/SUCH", "1m")
        assert len(waits) == 2


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008])
async def test_a_read_that_met_trouble_inside_the_exchange_is_repeated(code: int) -> None:
    async with connected() as line:
        line.venue.faults.set([{"do": "error", "code": code, "times": 1}])
        assert (await line.wire.repeat(DUAL, {})).ok
        assert len(line.asked("GET", "/fapi/v1/positionSide/dual")) == 2


async def test_a_late_stamp_has_the_clocks_compared_and_is_sent_again() -> None:
    async with connected(behind_ms=90_000) as line:
        reply = await line.wire.repeat(DUAL, {})
        assert reply.ok
        assert line.wire.time.ahead_ms == 90_000
        assert len(line.asked("GET", "/fapi/v1/positionSide/dual")) == 2


async def test_a_ban_ends_all_requests_until_the_time_it_names() -> None:
    async with connected() as line:
        line.venue.faults.set([{"do": "ban", "seconds": 300.0}])
        banned = await line.wire.ask(DUAL, {})
        line.venue.faults.set([])
        until = line.wire.budget.banned_until
        assert banned.status == 418
        assert until == line.venue_clock.now() + 300_000
        for kind in Need:
            held = await line.wire.ask(ORDER, entry(), kind)
            assert (held.left, "banned" in held.withheld) == (False, True)
        assert len(line.venue.ledger.of("request")) == 1
        line.venue_clock.advance(300_001)
        assert (await line.wire.ask(ORDER, entry(), Need.PROTECTIVE)).ok


async def test_a_ban_that_comes_while_it_connects_holds_back_what_is_not_out() -> None:
    async with connected() as line:

        def banned() -> str:
            line.wire.budget.banned_until = line.wire.time.now() + 1000
            return ""

        reply = await line.wire.ask(ORDER, entry(), Need.PROTECTIVE, banned)
        assert (reply.left, "banned" in reply.withheld) == (False, True)
        assert not line.venue.ledger.of("request")


async def test_429_leaves_protection_and_look_ups_until_the_minute_turns() -> None:
    async with connected() as line:
        line.venue.faults.set([{"do": "rate_limited", "times": 1}])
        assert (await line.wire.ask(DUAL, {})).status == 429
        assert (await line.wire.ask(DUAL, {}, Need.RECONCILE)).withheld
        assert (await line.wire.ask(ORDER, entry(), Need.ENTRY)).withheld
        assert (await line.wire.ask(DUAL, {}, Need.LOOK_UP)).ok
        assert (await line.wire.ask(ORDER, entry(), Need.PROTECTIVE)).ok
        line.venue_clock.advance(60_000)
        assert (await line.wire.ask(DUAL, {}, Need.DATA)).ok


async def test_the_budget_knows_what_the_exchange_has_counted() -> None:
    async with connected() as line:
        await asyncio.gather(*(line.wire.ask(DUAL, {}) for _ in range(5)))
        line.venue.limits.charge(1000)  # another program on this address
        assert (await line.wire.ask(DUAL, {})).ok
        assert line.wire.budget.weight.used == 1180
        assert (await line.wire.ask(ORDER, entry(), Need.ENTRY)).ok
        assert [counter.used for counter in line.wire.budget.orders] == [1, 1]
        assert "weight" in (await line.wire.ask(DUAL, {})).withheld
        assert (await line.wire.ask(DUAL, {}, Need.RECONCILE)).ok
