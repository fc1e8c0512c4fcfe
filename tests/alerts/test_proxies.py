"""A proxy of the environment is used by the phone's listener and the webhook as by the other channels, but not within this machine."""

from __future__ import annotations

import os
from base64 import b64encode

import pytest
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.proxy_kit import FakeProxy
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.alerts.bot_api import BotApi, NoAnswerError
from tradebot.alerts.channels import ChannelSettings, Delivered, Message, NotDelivered
from tradebot.alerts.services import Service
from tradebot.alerts.sessions import spare
from tradebot.alerts.stored import Outgoing
from tradebot.alerts.webhook import Webhook

FAR = "http://bot-api.test"
"""Nobody answers by this name but through a proxy."""

ALERT = Outgoing(1, "17", 17, "halt", "critical", "text", 0, {}, "r", "live", "m", "")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for one in (name, name.upper()):
            monkeypatch.delenv(one, raising=False)


async def say(api: str = "") -> None:
    bot = BotApi(TOKEN, api)
    try:
        await bot.send(USER, "hello")
    finally:
        await bot.close()


async def test_a_bot_is_reached_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTelegram() as phone, FakeProxy(phone.url) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        await say(FAR)
        assert phone.texts() == ["hello"]
        assert proxy.heard == ["POST bot-api.test:80"]


async def test_telegram_itself_is_asked_for_through_a_tunnel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy hears no token, and neither does who reads that there was no answer."""
    with FakeProxy("") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://me:pa55word@"))
        with pytest.raises(NoAnswerError) as told:
            await say()
        assert proxy.heard == ["CONNECT api.telegram.org:443"]
        assert proxy.logins == [f"Basic {b64encode(b'me:pa55word').decode()}"]
        assert TOKEN not in str(told.value)
        assert "pa55word" not in str(told.value)


@pytest.mark.parametrize(
    "proxy", ["bob:pa55word@proxy.test:3128", "http://bob:pa55word@proxy.test:x"]
)
async def test_of_a_proxy_that_is_no_address_nobody_reads_the_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    way = Webhook(ChannelSettings("webhook", {"url": "https://hook.test/x"}, SECRET))
    answer = await way.send(Message("text", [ALERT]))
    await way.close()
    assert isinstance(answer, NotDelivered)
    assert "pa55word" not in answer.why
    assert answer.why.startswith("no answer: ")


async def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeProxy("") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "example.org,bot-api.test")
        with pytest.raises(NoAnswerError):
            await say(FAR)
        assert proxy.heard == []


@pytest.mark.parametrize(
    ("spared", "then"),
    [
        ("*", "*"),
        (" * ", "*"),
        ("", "127.0.0.1"),
        ("a.test, 127.0.0.1 ,b.test", "a.test, 127.0.0.1 ,b.test"),
        (" a.test , b.test,", "a.test,b.test,127.0.0.1"),
    ],
)
def test_who_is_spared_already_stays_so(
    monkeypatch: pytest.MonkeyPatch, spared: str, then: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", spared)
    spare("http://127.0.0.1:8080/x")
    assert os.environ["no_proxy"] == then


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what apprise imports
@pytest.mark.parametrize("spared", ["", "127.0.0.1,localhost", "127.0.0.0/8"])
async def test_a_server_of_this_machine_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, spared: str
) -> None:
    with FakeTelegram() as phone, WebhookReceiver() as hook, FakeProxy(phone.url) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", spared)
        await say(phone.url)
        await say(phone.url.replace("127.0.0.1", "localhost"))
        way = Webhook(ChannelSettings("webhook", {"url": hook.target}, SECRET))
        assert isinstance(await way.send(Message("text", [ALERT])), Delivered)
        await way.close()
        chat = {"chat_id": str(USER), "api": phone.url}
        service = Service(ChannelSettings("telegram", chat, TOKEN))
        assert isinstance(await service.send(Message("by apprise", [ALERT])), Delivered)
        assert phone.texts() == ["hello", "hello", "by apprise"]
        assert proxy.heard == []
