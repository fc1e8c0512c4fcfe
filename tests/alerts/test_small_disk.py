"""A disk of a test's own that is full, under journal and outbox: what is critical is told from memory, and entered later."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kits.paper_kit import Bot
from kits.small_disk import small_disk
from kits.webhook_kit import SECRET, WebhookReceiver, hooked

from tradebot.guard.alerts_lock import alerter_pid

pytestmark = pytest.mark.skipif(
    os.environ.get("TRADEBOT_FULL") != "1", reason="takes seconds: TRADEBOT_FULL=1"
)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path, tmp_path / "data")
    bot.env = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TRADEBOT_SECRET_WEBHOOK_SECRET": SECRET,
    }
    yield bot
    bot.clean_up()
    pid = alerter_pid(bot.data_dir)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kinds(hook: WebhookReceiver) -> list[str]:
    return [body["kind"] for body in hook.bodies()]


def test_a_full_disk_under_journal_and_outbox_is_told(bot: Bot, tmp_path: Path) -> None:
    """Neither can be written: what is critical goes out from memory, and is entered when there is room."""
    with small_disk(tmp_path / "disk") as disk, WebhookReceiver() as hook:
        bot.data_dir = disk.path / "data"
        hooked(bot, hook)
        bot.engine("--symbols", "BTC/USDT")
        hook.until(lambda: "started" in [body["kind"] for body in hook.bodies()])
        disk.fill()
        hook.until(lambda: "disk_full" in [body["kind"] for body in hook.bodies()])
        told = next(body for body in hook.bodies() if body["kind"] == "disk_full")
        assert told["text"].endswith("#unrecorded")
        disk.empty()

        def entered() -> bool:
            rows = bot.json("alerts", "list").data["alerts"]
            return "disk_full" in [row["kind"] for row in rows if row["state"] == "sent"]

        bot.until(entered)
        assert [body["kind"] for body in hook.bodies()].count("disk_full") == 1
        pid = alerter_pid(bot.data_dir)
        assert pid
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("known", [True, False], ids=["an outbox", "none yet"])
def test_an_alerter_that_starts_on_a_full_disk_tells_from_memory(
    bot: Bot, tmp_path: Path, known: bool
) -> None:
    with small_disk(tmp_path / "disk") as disk, WebhookReceiver() as hook:
        bot.data_dir = disk.path / "data"
        hooked(bot, hook)
        bot.env["INVOCATION_ID"] = "x"  # the engine starts no alerter
        engine = bot.engine("--symbols", "BTC/USDT")
        if known:
            first = bot.start("alerts", "run")
            hook.until(lambda: "started" in [body["kind"] for body in hook.bodies()])
            first.kill()
            first.wait(30)
        disk.fill()
        bot.start("alerts", "run")
        hook.until(lambda: "disk_full" in [body["kind"] for body in hook.bodies()])
        told = next(body for body in hook.bodies() if body["kind"] == "disk_full")
        assert told["text"].endswith("#unrecorded")
        engine.kill()
        engine.wait(30)
        hook.until(lambda: "engine_dead" in [body["kind"] for body in hook.bodies()])
        disk.empty()

        def entered() -> bool:
            rows = bot.json("alerts", "list").data["alerts"]
            return {"disk_full", "engine_dead"} <= {
                row["kind"] for row in rows if row["state"] == "sent"
            }

        bot.until(entered)
        kinds = [body["kind"] for body in hook.bodies()]
        assert kinds.count("disk_full") == kinds.count("engine_dead") == 1
    assert (
        1 <= kinds.count("started") <= 1 + known
    )  # killed right at its acceptance it is told again


def test_a_full_disk_keeps_no_new_settings_of_a_channel_from_being_used(
    bot: Bot, tmp_path: Path
) -> None:
    """The channel was stopped, and mended while the disk is full: it tells at once, and what had waited comes with room."""
    with small_disk(tmp_path / "disk") as disk, WebhookReceiver() as old, WebhookReceiver() as new:
        bot.data_dir = disk.path / "data"
        bot.env["INVOCATION_ID"] = "x"  # the engine starts no alerter
        old.always = "401"
        hooked(bot, old)
        engine = bot.engine("--symbols", "BTC/USDT")
        first = bot.start("alerts", "run")
        bot.until(lambda: stopped(bot))
        first.kill()
        first.wait(30)
        hooked(bot, new)
        disk.fill()
        bot.start("alerts", "run")
        new.until(lambda: "disk_full" in kinds(new))
        engine.kill()
        engine.wait(30)
        new.until(lambda: "engine_dead" in kinds(new))
        assert all(body["text"].endswith("#unrecorded") for body in new.bodies())
        assert stopped(bot)  # nothing could be written yet
        disk.empty()
        new.until(lambda: "started" in kinds(new))
        bot.until(lambda: not stopped(bot))
        bot.until(lambda: not bot.status()["alerts"]["channels"][0]["waiting"])
        assert sorted(set(kinds(new))) == sorted(kinds(new))
        assert not kinds(old)


def stopped(bot: Bot) -> bool:
    """Whether the channel is stopped."""
    return [row["state"] for row in bot.status()["alerts"]["channels"]] == ["stopped"]
