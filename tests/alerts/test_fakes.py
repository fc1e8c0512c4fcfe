"""The fakes do what they are scripted to do, seen through real clients."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import smtplib
import ssl
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kits.mail_kit import FakeMailServer, Security
from kits.phone_kit import RETRY_AFTER_S, TOKEN, FakeTelegram
from kits.webhook_kit import SECRET, WebhookReceiver


def ask(url: str, **fields: Any) -> tuple[int, Any]:
    """Post a JSON document; returns status and answer."""

    async def go() -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.post(url, json=fields) as answer:
            return answer.status, await answer.json()

    return asyncio.run(go())


def test_a_bot_api_answers_as_scripted() -> None:
    with FakeTelegram() as phone:
        send = f"{phone.url}/bot{TOKEN}/sendMessage"
        assert ask(send, chat_id=1, text="one")[1]["ok"]
        phone.then(429, 400, 401, 409, 500)
        answers = [ask(send, chat_id=1, text="no") for _ in range(5)]
        assert [status for status, _ in answers] == [429, 400, 401, 409, 500]
        assert answers[0][1]["parameters"]["retry_after"] == RETRY_AFTER_S
        phone.then("closed", "lost")
        for text in ("never came", "came"):
            with pytest.raises(aiohttp.ClientError):
                ask(send, chat_id=1, text=text)
        assert phone.texts() == ["one", "came"]
        assert ask(f"{phone.url}/botwrong/sendMessage")[0] == 401


def test_a_bot_api_that_hangs_answers_nothing() -> None:
    async def go(url: str) -> None:
        patience = aiohttp.ClientTimeout(total=0.2)
        async with aiohttp.ClientSession(timeout=patience) as session:
            await session.post(url, json={})

    with FakeTelegram() as phone:
        phone.then("hang")
        with pytest.raises(TimeoutError):
            asyncio.run(go(f"{phone.url}/bot{TOKEN}/sendMessage"))
        assert phone.texts() == []


def test_updates_stay_until_they_are_confirmed() -> None:
    with FakeTelegram() as phone:
        url = f"{phone.url}/bot{TOKEN}/getUpdates"
        first, second = phone.say("/status"), phone.say("/halt", edited=True)
        for _ in range(2):
            got = ask(url, offset=0)[1]["result"]
            assert [one["update_id"] for one in got] == [first, second]
        assert [one["update_id"] for one in ask(url, offset=second)[1]["result"]] == [second]
        assert ask(url, offset=second + 1)[1]["result"] == []
        phone.polls.append("409")
        assert ask(url)[0] == 409


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_a_mail_server_takes_refuses_and_loses(tmp_path: Path, security: Security) -> None:
    with FakeMailServer(tmp_path, security, "me", "pass") as server:
        trust = None
        if security != "none":
            trust = ssl.create_default_context(cafile=str(server.ca_file))

        def send(text: str, password: str = "pass") -> None:
            message = EmailMessage()
            message["Subject"], message["From"], message["To"] = "Hello", "a@x.org", "b@x.org"
            message.set_content(text)
            client = (
                smtplib.SMTP_SSL("127.0.0.1", server.port, context=trust, timeout=60)
                if security == "tls"
                else smtplib.SMTP("127.0.0.1", server.port, timeout=60)
            )
            with client:
                if security == "starttls":
                    client.starttls(context=trust)
                client.login("me", password)
                client.send_message(message)

        send("one")
        server.then(550)
        with pytest.raises(smtplib.SMTPDataError):
            send("refused")
        server.then("lost")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            send("came all the same")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            send("not me", "wrong")
        assert [text.strip() for text in server.texts()] == ["one", "came all the same"]
        assert server.taken[0].encrypted == (security != "none")
        assert server.taken[0].subject == "Hello"


def test_a_mail_server_with_tls_is_not_trusted_by_its_name_alone(tmp_path: Path) -> None:
    with (
        FakeMailServer(tmp_path, "tls") as server,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        smtplib.SMTP_SSL("127.0.0.1", server.port, context=ssl.create_default_context(), timeout=60)


def test_a_webhook_believes_what_is_signed() -> None:
    async def post(receiver: WebhookReceiver, secret: str, shift: int = 0) -> int:
        raw = json.dumps({"version": 1, "id": "7"}).encode()
        stamp = str(int(time.time()) - shift)
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        headers = {"X-Tradebot-Timestamp": stamp, "X-Tradebot-Signature": f"sha256={digest}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                receiver.target, data=raw, headers=headers, allow_redirects=False
            ) as answer,
        ):
            return answer.status

    with WebhookReceiver() as receiver:
        assert asyncio.run(post(receiver, SECRET)) == 204
        assert asyncio.run(post(receiver, "another")) == 401
        assert asyncio.run(post(receiver, SECRET, shift=4000)) == 401
        receiver.then(500, 302, "lost")
        assert asyncio.run(post(receiver, SECRET)) == 500
        assert asyncio.run(post(receiver, SECRET)) == 302
        with pytest.raises(aiohttp.ClientError):
            asyncio.run(post(receiver, SECRET))
        assert [body["id"] for body in receiver.bodies()] == ["7", "7"]
        assert receiver.refused == ["a wrong signature", "an old timestamp"]
        assert receiver.strays == []
