"""Channels against servers of their kind: what each answer means, and that no log line holds a token."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from kits.mail_kit import FakeMailServer
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.alerts.channels import (
    Answered,
    Broken,
    ChannelSettings,
    Delivered,
    Message,
    NotDelivered,
)
from tradebot.alerts.services import Service, _mail_address
from tradebot.alerts.stored import Outgoing
from tradebot.alerts.webhook import Webhook

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what apprise imports


def message(text: str = "HALTED: equity < limit & more #17", *, silent: bool = False) -> Message:
    alert = Outgoing(
        1, "17.0.abc", 17, "halt", "critical", text, 0, {"x": "1"}, "r", "live", "m", ""
    )
    return Message(text, [alert], silent)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Whatever any logger lets out, DEBUG included."""
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    ear, root = Ear(logging.DEBUG), logging.getLogger()
    before = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(ear)
    root.setLevel(before)


@pytest.mark.parametrize("fate", ["ok", "429", "401", "400", "403", "500", "closed"])
async def test_what_telegram_s_answers_mean(fate: str, said: list[str]) -> None:
    meant: dict[str, type[Answered]] = {"ok": Delivered, "429": NotDelivered, "500": NotDelivered}
    meant |= {"401": Broken, "400": Broken, "403": Broken, "closed": NotDelivered}
    with FakeTelegram() as phone:
        phone.then(fate)
        settings = ChannelSettings("telegram", {"chat_id": str(USER), "api": phone.url}, TOKEN)
        answer = await Service(settings).send(message(silent=True))
        assert isinstance(answer, meant[fate]), answer
        if isinstance(answer, NotDelivered):
            assert answer.retry_after == (7.0 if fate == "429" else None)
        if isinstance(answer, Broken):
            assert {"401": "Unauthorized", "400": "chat not found", "403": "blocked"}[
                fate
            ] in answer.why
        if fate == "ok":
            (sent,) = phone.sent
            assert sent.silent
            assert sent.text == "HALTED: equity &lt; limit &amp; more #17"  # its parse_mode is HTML
    assert not [line for line in said if TOKEN in line or TOKEN.partition(":")[2] in line]


async def test_a_token_that_is_none_is_called_that() -> None:
    for token in ("not a token", "planted/secret?x=1"):
        answer = await Service(ChannelSettings("telegram", {"chat_id": "1"}, token)).send(message())
        assert isinstance(answer, Broken)
        assert "no bot's token" in answer.why
        assert token not in answer.why


@pytest.mark.parametrize(
    "words",
    [
        "<b>x</b>",
        "<script>alert(1)</script>",
        "<html><p>503</p>",
        "<!-- --> &lt; &nbsp;",
        "*a* _b_",
    ],
)
async def test_what_looks_like_markup_is_told_as_it_is(words: str, tmp_path: Path) -> None:
    """An exchange that answers with a page, or a person's reason."""
    text = f"HALTED: {words} more #17"
    with FakeTelegram() as phone, FakeMailServer(tmp_path) as mail:
        settings = ChannelSettings("telegram", {"chat_id": str(USER), "api": phone.url}, TOKEN)
        assert await Service(settings).send(message(text)) == Delivered()
        (sent,) = phone.sent
        assert sent.fields["parse_mode"] == "HTML"
        assert "<" not in sent.text
        assert unescape(sent.text) == text
        given: dict[str, object] = {"host": "127.0.0.1", "port": mail.port, "security": "none"}
        given |= {"from": "me@example.org", "to": ("me@example.org",)}
        assert await Service(ChannelSettings("email", given)).send(message(text)) == Delivered()
        assert mail.texts()[0].strip() == text


async def test_a_chat_that_is_to_have_markdown_gets_no_html(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apprise.plugins.telegram import NotifyTelegram

    with FakeTelegram() as phone:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{phone.url}/bot")
        address = f"tgram://{TOKEN}/{USER}/?detect=no&format=markdown"
        service = Service(ChannelSettings("mine", {}, address))
        assert await service.send(message("equity < limit & more #17")) == Delivered()
        (sent,) = phone.sent
        assert sent.fields["parse_mode"] == "MARKDOWN"
        assert sent.text.endswith("\nequity < limit & more #17")


def test_a_mail_server_s_address_of_ipv6_has_its_port() -> None:
    from apprise import Apprise

    given: dict[str, object] = {"host": "::1", "port": 2525, "security": "none", "from": "a@b.org"}
    made: Any = Apprise.instantiate(_mail_address({**given, "to": ("a@b.org",)}, "pw"))
    assert (made.smtp_host, made.port) == ("::1", 2525)


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_mail_goes_out_shut_and_a_wrong_password_stops_it(
    tmp_path: Path, security: str, said: list[str]
) -> None:
    user = "" if security == "none" else "me@example.org"
    with FakeMailServer(tmp_path, security, user, "planted-pw") as mail:  # type: ignore[arg-type]
        given: dict[str, object] = {
            "host": "127.0.0.1",
            "port": mail.port,
            "security": security,
            "user": user,
            "from": "me@example.org",
            "to": ("you@example.org", "me@example.org"),
            "loopback": True,
        }
        good = Service(ChannelSettings("email", given, "planted-pw" if user else ""))
        assert await good.send(message()) == Delivered()
        assert {mail.encrypted for mail in mail.taken} == {security != "none"}
        assert "HALTED: equity < limit & more #17" in mail.texts()[0]
        mail.then("450", "450")
        assert isinstance(await good.send(message()), NotDelivered)
        if user:
            wrong = Service(ChannelSettings("email", given, "another-pw"))
            assert isinstance(await wrong.send(message()), Broken)
    assert not [line for line in said if "planted-pw" in line]


async def test_a_month_s_report_goes_along(tmp_path: Path) -> None:
    page = tmp_path / "2026-10-live.html"
    page.write_text("<p>a month</p>")
    alert = replace(message().alerts[0], file=str(page))
    sent = Message("the month's report is ready: 2026-10 #17", [alert])
    with FakeTelegram() as phone, FakeMailServer(tmp_path) as mail:
        settings = ChannelSettings("telegram", {"chat_id": str(USER), "api": phone.url}, TOKEN)
        assert await Service(settings).send(sent) == Delivered()
        given: dict[str, object] = {"host": "127.0.0.1", "port": mail.port, "security": "none"}
        given |= {"from": "me@example.org", "to": ("me@example.org",)}
        assert await Service(ChannelSettings("email", given)).send(sent) == Delivered()
        assert any("report is ready" in text for text in phone.texts())
        assert page.name in [one.fields.get("document") for one in phone.sent]
        (taken,) = mail.taken
        assert taken.attachments == (page.name,)
        assert "report is ready" in taken.text


async def test_a_report_that_is_gone_keeps_nothing_from_being_told(tmp_path: Path) -> None:
    alert = replace(message().alerts[0], file=str(tmp_path / "gone.html"))
    with FakeTelegram() as phone:
        settings = ChannelSettings("telegram", {"chat_id": str(USER), "api": phone.url}, TOKEN)
        assert await Service(settings).send(Message("ready #17", [alert])) == Delivered()
        assert phone.texts() == ["ready #17"]


@pytest.mark.parametrize("fate", ["ok", "302", "401", "429", "500", "closed"])
async def test_what_a_webhook_s_answers_mean(fate: str) -> None:
    meant = {"ok": Delivered, "302": Broken, "401": Broken}
    with WebhookReceiver() as hook:
        hook.then(fate)
        way = Webhook(ChannelSettings("webhook", {"url": hook.target}, SECRET))
        answer = await way.send(message())
        await way.close()
        assert isinstance(answer, meant.get(fate, NotDelivered))
        if isinstance(answer, NotDelivered):
            assert answer.retry_after == (7.0 if fate == "429" else None)
        assert not hook.strays
        if fate == "ok":
            (body,) = hook.bodies()
            assert set(body) == {
                *("version", "id", "time", "level", "kind", "run", "mode", "market", "text", "data")
            }
            assert body["id"] == "17:17.0.abc"


async def test_a_wrong_secret_is_not_believed() -> None:
    with WebhookReceiver() as hook:
        way = Webhook(ChannelSettings("webhook", {"url": hook.target}, "another"))
        answer = await way.send(message())
        await way.close()
        assert isinstance(answer, Broken)
        assert hook.refused == ["a wrong signature"]


async def test_an_address_that_makes_no_sense_is_not_repeated() -> None:
    answer = await Service(ChannelSettings("own", {}, "nonsense://planted")).send(message())
    assert isinstance(answer, Broken)
    assert "planted" not in answer.why


def with_file(file: Path) -> Message:
    alert = Outgoing(
        1, "17.0.abc", 17, "month", "info", "the month", 0, {}, "r", "live", "m", str(file)
    )
    return Message("the month's report is ready #17", [alert])


async def test_a_file_that_is_refused_stops_no_channel(tmp_path: Path) -> None:
    file = tmp_path / "month.html"
    file.write_text("<html></html>")
    with FakeTelegram() as phone:
        settings = ChannelSettings("telegram", {"chat_id": str(USER), "api": phone.url}, TOKEN)
        phone.then("413")
        assert isinstance(await Service(settings).send(with_file(file)), Delivered)
        assert "ready #17" in phone.texts()[-1]
        assert "not taken" in phone.texts()[-1]
        phone.then("401", "401")
        assert isinstance(await Service(settings).send(with_file(file)), Broken)
        before = len(phone.asked)
        assert isinstance(await Service(settings).send(with_file(file)), Delivered)
        methods = [method for method, _, _ in phone.asked[before:]]
        assert "sendDocument" in methods
        assert "not taken" not in phone.texts()[-1]
