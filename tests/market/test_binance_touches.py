"""Touches that nobody needs are not read: the quotes that go out are those that reading every one would give."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.core.model.events import Event
from tradebot.core.model.values import MINUTE_MS, Quote
from tradebot.market.binance.feed import BinanceFeed, Start
from tradebot.market.binance.messages import read_message, touched
from tradebot.market.binance.rest import Rest
from tradebot.market.feed import Step
from tradebot.wire.client import Wire
from tradebot.wire.hosts import find_hosts

BTC, ETH = "BTC/USDT", "ETH/USDT"
T0 = 1_789_478_280_000
NONSENSE = '{"e":"bookTicker","u":9999,"s":"BTCUSDT","b":"nonsense"}'


class ByHand:
    """A clock that stands until somebody moves it, and whoever hears what a feed says."""

    def __init__(self) -> None:
        self.ms = 1_000_000
        self.said: list[str] = []
        self.told: list[Event] = []

    def wall_ms(self) -> int:
        return T0 + self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits here, and not for {seconds} s")

    def say(self, text: str) -> None:
        self.said.append(text)

    def tell(self, event: Event) -> None:
        self.told.append(event)

    def holds(self, symbol: str) -> bool:
        return not symbol


class Heard:
    """A feed without connections, what it put, and its clock; ``spaced`` writes messages so that each is read at once."""

    def __init__(self, *, spaced: bool = False) -> None:
        self.world = ByHand()
        rest = Rest(Wire(find_hosts("live", ""), clock=self.world), MINUTE_MS)
        nothing = {BTC: 0, ETH: 0}
        self.feed = BinanceFeed(
            rest, MINUTE_MS, Start(nothing, nothing, {}, False), self.world, Random(1)
        )
        self.quotes: list[tuple[int, Quote]] = []
        self.feed._put = self.put
        self.feed._work = self.left_alone  # type: ignore[method-assign]  # REST is another test's
        self._between = (", ", ": ") if spaced else (",", ":")

    def put(self, step: Step) -> None:
        self.quotes += [(self.world.ms, event) for event in step if isinstance(event, Quote)]

    def left_alone(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        del name
        work.close()

    def touch(self, order: int, bid: str, symbol: str = "BTCUSDT", **more: Any) -> None:
        """Let the feed hear a touch; in the order of fields that the exchange has."""
        body = {
            "e": "bookTicker",
            "u": order,
            **more,
            "s": symbol,
            "b": bid,
            "B": "1",
            "a": "99999",
        }
        self.hear({**body, "A": "2", "T": T0 + order, "E": T0 + order})

    def mark(self, time: int, symbol: str = "BTCUSDT") -> None:
        body = {"e": "markPriceUpdate", "E": T0 + time, "s": symbol, "p": "95000.5", "i": "1"}
        self.hear({**body, "P": "1", "r": "0.0001", "T": T0 + 3_600_000})

    def hear(self, body: dict[str, Any]) -> None:
        self.feed._hear(json.dumps(body, separators=self._between))

    def later(self, ms: int) -> None:
        """Let time pass, with a look each quarter of a second."""
        for _ in range(ms // 250):
            self.world.ms += 250
            self.feed.look()
        self.world.ms += ms % 250


def test_of_the_touches_of_a_second_only_the_newest_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def counted(text: str, *more: Any) -> Any:
        read.append(text)
        return read_message(text, *more)

    monkeypatch.setattr("tradebot.market.binance.feed.read_message", counted)
    heard = Heard()
    heard.mark(0)
    heard.touch(1, "94000")
    read.clear()
    for number in range(2, 202):
        heard.touch(number, str(94_000 + number))
        heard.world.ms += 1
    assert not read
    heard.mark(500)
    assert len(read) == 2
    assert [quote.text[0] for _, quote in heard.quotes] == ["94000", "94201"]


def test_a_mark_goes_with_the_newest_touch_and_an_older_one_told_later_is_nothing() -> None:
    heard = Heard()
    heard.mark(0)
    heard.touch(1, "94000")
    heard.touch(9, "94009")
    heard.touch(8, "94008")  # the connection that is being replaced
    heard.mark(900)
    assert [quote.text[0] for _, quote in heard.quotes] == ["94000", "94009"]


def test_nonsense_is_told_at_the_next_look_and_is_no_sign_of_life() -> None:
    heard = Heard()
    heard.mark(0)
    heard.touch(1, "94000")
    for _ in range(24):
        heard.feed._hear(NONSENSE)
        heard.later(250)
    assert len(heard.world.said) == 1
    assert "makes no sense" in heard.world.said[0]
    assert "bookTicker" in heard.feed._silence.of(BTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"e":"bookTicker","u":7,"s":"BTCUSDT","b":"1"}', ("BTCUSDT", 7)),
        ('{"e":"bookTicker","u":7,"st":"x","s":"BTCUSDT"}', None),
        ('{"e":"bookTicker","u":-7,"s":"BTCUSDT"}', None),
        ('{"e": "bookTicker","u":7,"s":"BTCUSDT"}', None),
        ('{"e":"bookTicker","u":7,"s":"BTCUSDT' + "x" * 400, None),
        ("", None),
    ],
)
def test_what_begins_as_a_touch_does(text: str, found: tuple[str, int] | None) -> None:
    assert touched(text) == found


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["mark", "touch", "touch", "touch", "old", "pause"]),
        st.sampled_from(["BTCUSDT", "ETHUSDT"]),
        st.integers(1, 700),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(_STEPS)
def test_the_quotes_are_those_of_reading_every_touch(steps: list[tuple[str, str, int]]) -> None:
    ours, every = Heard(), Heard(spaced=True)
    for number, (what, symbol, size) in enumerate(steps, start=10):
        for heard in (ours, every):
            match what:
                case "mark":
                    heard.mark(number, symbol)
                case "touch":
                    heard.touch(number, str(90_000 + size), symbol)
                case "old":
                    heard.touch(number - 5, str(90_000 + size), symbol)
                case _:
                    heard.later(size)
    for heard in (ours, every):
        heard.later(1_250)
    assert repr(ours.quotes) == repr(every.quotes)
    assert ours.feed.ages() == every.feed.ages()
