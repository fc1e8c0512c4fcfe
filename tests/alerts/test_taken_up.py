"""A secret that is another one is taken up by an alerter that works: by its channel, and by what listens to the phone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from kits.outbox_kit import Desk, ScriptedWay
from kits.phone_kit import TOKEN, USER, FakeTelegram

from tradebot.alerts.alerter import Alerter
from tradebot.alerts.desk import PhoneDesk, desk_as_json
from tradebot.alerts.model import Condition
from tradebot.alerts.store import OutboxStore
from tradebot.alerts.telegram import kept_as
from tradebot.app.alerter import listen
from tradebot.clock import SYSTEM
from tradebot.config import load_config

PATIENCE_S = 60.0


async def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_channel_is_set_up_anew_before_the_old_secret_fails(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (old,) = desk.ways
    old.always = "broken"
    fresh = ScriptedWay("telegram", desk.clock)
    alerter = Alerter(
        *(desk.readings, desk.store, desk.ways, desk.wishes),
        jitter=lambda: 0.0,
        clock=desk.clock,
        anew=lambda _: fresh,
    )
    task = asyncio.create_task(alerter.run())
    await until(lambda: desk.store.get("pulse"))
    desk.store.retry(desk.clock.now)
    await until(lambda: old.closed)
    alarm = desk.readings.notify("critical", "alarm")
    await until(fresh.seqs)
    alerter.stop()
    await task
    assert (fresh.seqs(), old.tries) == ([alarm], [])


async def test_the_phone_is_listened_to_again_when_somebody_has_mended_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Condition] = []
    with FakeTelegram() as phone, OutboxStore(tmp_path) as store:
        monkeypatch.setenv("TRADEBOT_SECRET_TELEGRAM_TOKEN", "1:the-old-token")
        sets = [
            f"alerts.telegram.{key}={value}"
            for key, value in (("chat_id", USER), ("user_id", USER), ("api", phone.url))
        ]
        sets += ["alerts.channels=telegram", "alerts.telegram.commands=true"]
        place = {"data.dir": str(tmp_path)}
        config = load_config(None, {"TRADEBOT_CONFIG": ""}, sets, place)
        task = asyncio.create_task(listen(config, store, told.append, 0.02))
        await until(lambda: told)
        # another bot, which has counted less far, and whose words nobody would hear
        before = PhoneDesk(offset=2**31, heard=SYSTEM.wall_ms())
        store.put(kept_as("1:the-old-token"), desk_as_json(before))
        monkeypatch.setenv("TRADEBOT_SECRET_TELEGRAM_TOKEN", TOKEN)
        store.retry(0, "telegram")
        phone.say("/help")
        await until(phone.texts)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert [one.over for one in told] == [False, True]


def test_what_a_desk_is_kept_as_is_no_secret() -> None:
    assert kept_as(TOKEN) == f"telegram:{TOKEN.partition(':')[0]}"
    assert kept_as("no-token") == kept_as("123456") == kept_as("") == "telegram"
