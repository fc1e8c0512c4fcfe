"""A ban outlives the process that met it: the next one sends nothing until its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from kits.wire_kit import connected

from tradebot.core.model.errors import ExchangeError
from tradebot.guard.bans import LONGEST_MS, NotedBan
from tradebot.wire.client import Wire
from tradebot.wire.endpoints import TIME


class StillClock:
    def __init__(self) -> None:
        self.now = 1_789_478_299_000

    def wall_ms(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return self.now / 1000

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


def test_a_ban_is_kept_by_host_until_its_end() -> None:
    clock = StillClock()
    ban, other = NotedBan("fapi.binance.com", clock), NotedBan("127.0.0.1:8899", clock)
    assert (ban.until(), other.until()) == (0, 0)
    ban.note(clock.now + 120_000)
    assert (NotedBan("fapi.binance.com", clock).until(), other.until()) == (clock.now + 120_000, 0)
    clock.sleep(120)
    assert ban.until() == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"until": "soon"}', '{"until": 99999999999999}'])
def test_what_nobody_can_have_noted_is_no_ban(text: str, tmp_path: Path) -> None:
    clock = StillClock()
    ban = NotedBan("h", clock)
    ban.note(clock.now + LONGEST_MS)
    assert ban.until()
    ban._path.write_text(text)
    assert ban.until() == 0


def test_a_directory_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    NotedBan("h", StillClock()).note(1)


@pytest.mark.parametrize("behind_ms", [0, 40_000])
async def test_the_next_process_sends_nothing_until_its_end(behind_ms: int) -> None:
    async with connected(behind_ms=behind_ms) as line:
        host = line.wire.hosts.host

        def begin() -> Wire:
            return Wire(line.wire.hosts, clock=line.clock, noted=NotedBan(host, line.clock))

        async with begin() as first:
            await first.measure()
            line.venue.faults.set([{"do": "ban", "seconds": 90.0}])
            assert (await first.ask(TIME, {})).status == 418
        line.venue.faults.set([])
        sent = len(line.asked("GET", "/fapi/v1/time"))
        async with begin() as second:
            reply = await second.ask(TIME, {})
            assert (reply.left, "banned" in reply.withheld) == (False, True)
            assert len(line.asked("GET", "/fapi/v1/time")) == sent
            line.venue_clock.advance(89_000)
            assert not (await second.ask(TIME, {})).left
            line.venue_clock.advance(1_100)
            assert (await second.ask(TIME, {})).ok
        async with begin() as third:
            assert (await third.ask(TIME, {})).ok


@pytest.mark.parametrize("behind_ms", [40_000, -40_000])
async def test_a_ban_while_the_clocks_are_compared_ends_when_the_exchange_says(
    behind_ms: int,
) -> None:
    """Its end was told by the exchange's clock: that ours was wrong until then moves it by nothing."""
    async with connected(behind_ms=behind_ms) as line:
        note = NotedBan(line.wire.hosts.host, line.clock)
        async with Wire(line.wire.hosts, clock=line.clock, noted=note) as wire:
            line.venue.faults.set(
                [{"do": "ban", "seconds": 90.0, "path": "/fapi/v1/time", "nth": 3}]
            )
            await wire.measure()
            assert wire.banned_s == pytest.approx(90, abs=1)
            assert note.until() - line.clock.wall_ms() == pytest.approx(90_000, abs=1000)


async def test_what_a_ban_holds_back_says_what_to_do_where_the_address_has_changed() -> None:
    async with connected() as line:
        host = line.wire.hosts.host
        note = NotedBan(host, line.clock)
        note.note(line.clock.wall_ms() + 60_000)
        async with Wire(line.wire.hosts, clock=line.clock, noted=note) as wire:
            with pytest.raises(ExchangeError, match="banned") as caught:
                await wire.read(TIME, {})
        assert f"remove bans/{note._path.name}" in str(caught.value.hint)
        note._path.unlink()
        async with Wire(line.wire.hosts, clock=line.clock, noted=note) as wire:
            assert await wire.read(TIME, {})
