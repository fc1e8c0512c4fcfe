"""README's own lines set the channels up, the channels are tried, and a whole paper day is told of.

Normally a few hours of market; the whole day, and until the last digest has gone, with TRADEBOT_FULL=1.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from kits.mail_kit import FakeMailServer
from kits.outbox_kit import Onlooker
from kits.paper_kit import ROOT, Bot
from kits.phone_kit import TOKEN, USER, FakeTelegram
from kits.webhook_kit import SECRET, WebhookReceiver

from tradebot.guard.alerts_lock import alerter_pid

FULL = os.environ.get("TRADEBOT_FULL") == "1"
SPAN = "24h" if FULL else "3h"
PASSWORD = "the-password-of-the-mailbox"
SECRETS = {"telegram": TOKEN, "email": PASSWORD, "webhook": SECRET}
CHANNELS = tuple(SECRETS)

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = README.split("## Have it tell you")[1].split("\n## ")[0]


def steps(name: str) -> list[str]:
    """Return README's numbered lines for a channel."""
    part = re.search(rf"^{name}:\n\n((?:\d\. .*\n)+)", SECTION, re.MULTILINE)
    assert part is not None
    return part[1].splitlines()


def spans(line: str) -> list[str]:
    return re.findall(r"`([^`]+)`", line)


def test_each_channel_is_set_up_in_few_lines() -> None:
    assert [len(steps(name)) for name in ("Telegram", "E-mail", "Webhook")] == [6, 4, 3]
    for name, channel in zip(("Telegram", "E-mail", "Webhook"), CHANNELS, strict=True):
        said = [span for line in steps(name) for span in spans(line)]
        assert f"tradebot alerts set {channel}" in said
        assert said[-1] == "tradebot alerts test"


class Reader:
    """Follows README's lines: what they put into bot.toml, and which commands they have typed."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.tables: dict[str, dict[str, str]] = {}
        self.commands: list[str] = []
        self._table = ""

    def follow(self, lines: list[str]) -> None:
        for line in lines:
            for span in spans(line):
                self._take(span)

    def _take(self, span: str) -> None:
        if span.startswith("tradebot "):
            self.commands.append(span)
        elif found := re.fullmatch(r"\[([a-z.]+)\]", span):
            self._table = found[1]
            self.tables.setdefault(self._table, {})
        elif found := re.fullmatch(r"([a-z_]+)(?: = (.+))?", span):
            key, value = found[1], self.values.get(f"{self._table}.{found[1]}", found[2])
            if value is not None and self._table:
                self.tables[self._table][key] = value

    def toml(self) -> str:
        named = ", ".join(f'"{name}"' for name in CHANNELS)
        self.tables["alerts"] |= {"channels": f"[{named}]", "simulated": "true"}
        return "".join(
            f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
            for name, table in self.tables.items()
        )


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path, tmp_path / "data")
    bot.env = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "PYTHON_KEYRING_BACKEND": "kits.file_keyring.FileKeyring",
        "TEST_KEYRING": str(tmp_path / "keyring.json"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
    }
    yield bot
    bot.clean_up()
    pid = alerter_pid(bot.data_dir)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def typed(bot: Bot, command: str, secret: str) -> str:
    """Type a command of README's as it stands there; a secret is asked for unseen."""
    process = bot._command(tuple(command.split()[1:]))
    env = {**os.environ, **bot.env}
    done = subprocess.run(
        [*process, "--json"],
        input=f"{secret}\n",
        env=env,
        cwd=bot.folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert not any(one in done.stdout + done.stderr for one in SECRETS.values())
    return done.stdout


def test_readme_s_lines_and_then_a_paper_day(bot: Bot, tmp_path: Path) -> None:
    """One engine and one alerter, and some minutes of digests in the whole sweep: slow for that."""
    with (
        FakeTelegram() as phone,
        FakeMailServer(tmp_path, "starttls", "me@example.org", PASSWORD) as mail,
        WebhookReceiver() as hook,
    ):
        bot.env["SSL_CERT_FILE"] = str(mail.ca_file)
        reader = Reader(
            {
                "alerts.telegram.chat_id": f'"{USER}"\napi = "{phone.url}"',
                "alerts.email.host": '"127.0.0.1"',
                "alerts.email.port": str(mail.port),
                "alerts.email.security": '"starttls"',
                "alerts.email.from": '"me@example.org"',
                "alerts.email.user": '"me@example.org"',
                "alerts.webhook.url": f'"{hook.target}"',
            }
        )
        for name in ("Telegram", "E-mail", "Webhook"):
            reader.follow(steps(name))
        (bot.folder / "bot.toml").write_text(reader.toml())
        kept = [c for c in reader.commands if " set " in c]
        assert len(kept) == len(CHANNELS)
        for command in kept:
            typed(bot, command, SECRETS[command.split()[-1]])
        tests = json.loads(typed(bot, "tradebot alerts test", ""))["data"]["tests"]
        assert Counter(row["channel"] for row in tests) == dict.fromkeys(CHANNELS, 4)
        assert all(row["delivered"] for row in tests)
        assert [len(phone.texts()), len(mail.texts()), len(hook.bodies())] == [4, 4, 4]
        checked = bot.json("doctor", "--offline", code=None).data["doctor"]
        assert {row["status"] for row in checked if row["check"] == "alerts"} == {"ok"}
        assert [len(phone.texts()), len(mail.texts()), len(hook.bodies())] == [4, 4, 4]

        bot.paper("--for", SPAN)
        bot.until(lambda: decided(bot) == rows(bot), 90)
        assert outbox(bot) == expected(bot, tmp_path / "look")
        assert all(level != "critical" or state == "sent" for level, state in states(bot))
        hook.until(lambda: "ended" in [body["kind"] for body in hook.bodies()])
        assert not hook.refused
        bodies = hook.bodies()[4:]
        assert len({body["id"] for body in bodies}) == len(bodies)
        assert all(body["text"].startswith("SIMULATED ") for body in bodies)
        phone.hears("SIMULATED STARTED")
        if FULL:  # a storm's next digest comes five minutes after the last
            assert "day" in [body["kind"] for body in bodies]
            bot.until(lambda: not waiting(bot), 600)
            assert {state for _, state in states(bot)} <= {"sent", "coalesced", "muted"}
        end(bot)


def end(bot: Bot) -> None:
    """End the alerter, and what it still sends, before those who listen to it are gone."""
    pid = alerter_pid(bot.data_dir)
    if pid:
        os.kill(pid, signal.SIGTERM)
        bot.until(lambda: alerter_pid(bot.data_dir) is None)


def _asked(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(sql).fetchall()


def rows(bot: Bot) -> object:
    return _asked(bot.data_dir / "tradebot.db", "SELECT max(seq) FROM audit")[0][0]


def decided(bot: Bot) -> object:
    with suppress(sqlite3.Error):
        found = _asked(bot.data_dir / "alerts.db", "SELECT value FROM meta WHERE key = 'cursor'")
        return int(str(found[0][0])) if found else None
    return None


def outbox(bot: Bot) -> dict[tuple[object, ...], int]:
    """Return how many decisions there are by channel, audit row and kind."""
    sql = "SELECT channel, source, kind FROM outbox WHERE seq IS NOT NULL"
    return Counter(_asked(bot.data_dir / "alerts.db", sql))


def states(bot: Bot) -> list[tuple[object, ...]]:
    return _asked(bot.data_dir / "alerts.db", "SELECT level, state FROM outbox")


def waiting(bot: Bot) -> int:
    return sum(state in ("waiting", "held") for _, state in states(bot))


def expected(bot: Bot, folder: Path) -> dict[tuple[object, ...], int]:
    """Return what every audit row leads to, once a channel, by another alerter that reads them all again."""
    onlooker = Onlooker(bot.data_dir, folder, 0)
    while onlooker.alerter._take_rows():
        pass
    sql = "SELECT source, kind FROM outbox WHERE seq IS NOT NULL"
    found = onlooker.store.db.execute(sql).fetchall()
    onlooker.store.close()
    return Counter((name, *row) for row in found for name in CHANNELS)
