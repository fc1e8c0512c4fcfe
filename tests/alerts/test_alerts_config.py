"""``[alerts]``: what is refused, with which words, and that config and the alerts room know the same kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradebot.alerts.model import KINDS, LEVEL_SOUNDS
from tradebot.config import load_config
from tradebot.config.alerts import CRITICAL, AlertsOn
from tradebot.core.model.errors import ConfigError


def refused(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> ConfigError:
    file = tmp_path / "bot.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file, env or {})
    return caught.value


def test_every_kind_and_level_can_be_chosen() -> None:
    assert set(AlertsOn.model_fields) == {*KINDS, *LEVEL_SOUNDS}
    assert set(CRITICAL) == {"critical", *(k for k, level in KINDS.items() if level == "critical")}


def test_critical_alerts_may_be_silent_where_another_channel_makes_a_sound(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(
        '[alerts]\nchannels = ["telegram", "webhook"]\n[alerts.telegram]\nchat_id = "1"\n'
        '[alerts.webhook]\nurl = "https://example.org/hook"\n[alerts.on]\ncritical = "silent"'
    )
    assert load_config(file, {}).alerts.on.sounds() == {"critical": "silent"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[alerts]\nchannels = ["telegram"]', "needs [alerts.telegram] chat_id"),
        ('[alerts]\nchannels = ["telegran"]', "did you mean telegram?"),
        ('[alerts.telegram]\napi = "https://api.telegram.org"', "loopback"),
        ('[alerts.telegram]\ncommands = true\nchat_id = "1"', "commands need user_id"),
        ('[alerts.telegram]\ncommands = true\nchat_id = "1"', "@userinfobot"),
        (
            '[alerts.telegram]\ncommands = true\nchat_id = "-1"\nuser_id = "-1"',
            "that of a group is negative",
        ),
        (
            (
                '[alerts]\nchannels = ["webhook"]\n[alerts.webhook]\nurl = "https://example.org/x"\n'
                '[alerts.telegram]\ncommands = true\nchat_id = "1"\nuser_id = "1"'
            ),
            'commands needs "telegram" in channels',
        ),
        ('[alerts.telegram]\nchat_id = "@me"', "must be a number"),
        ('[alerts.email]\nhost = "mail.example.org:587"', "without a port"),
        ('[alerts.email]\nhost = "smtps://mail.example.org"', "without a port"),
        ('[alerts.on]\ninfo = "loud"', "must be one of on, silent, off; got"),
        ('[alerts.email]\nhost = "mail.example.org"\nsecurity = "none"', "in clear"),
        ('[alerts.email]\nfrom = "me"', "must be an e-mail address"),
        ('[alerts.webhook]\nurl = "http://example.org/x"', "must begin with https://"),
        ('[alerts.more]\nurls = ["slack://token"]', "`tradebot alerts set NAME`"),
        ('[alerts]\nquiet = "23-7"', "23:00-07:00"),
        ('[alerts]\nzone = "Mars/Base"', "time zone"),
        ('[alerts.on]\nhalt = "off"', 'halt = "off": critical alerts cannot be switched off'),
        ('[alerts.on]\ncritical = "off"', 'critical = "off"'),
        ('[alerts.on]\nno_stop = "silent"', 'no_stop = "silent": nothing would make a sound'),
        (
            (
                '[alerts]\nchannels = ["telegram"]\n[alerts.telegram]\nchat_id = "1"\n'
                '[alerts.on]\ncritical = "silent"'
            ),
            "nothing would make a sound",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    error = refused(tmp_path, text)
    assert said in f"{error} {error.hint}"


def test_a_secret_in_the_configuration_is_told_where_it_belongs() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"TRADEBOT_ALERTS__TELEGRAM_TOKEN": "123:planted"})
    assert "TRADEBOT_SECRET_TELEGRAM_TOKEN" in str(caught.value.hint)
    assert "planted" not in f"{caught.value} {caught.value.hint}"


def test_addresses_are_not_repeated(tmp_path: Path) -> None:
    for text in (
        '[alerts.webhook]\nurl = "http://example.org/planted"',
        '[alerts.webhook]\nurl = "https://example.org/x?a=b&access_token=planted"',
        '[alerts.webhook]\nurl = "https://me:planted@example.org/x"',
        '[alerts.more]\nurls = ["slack://planted"]',
    ):
        error = refused(tmp_path, text)
        assert "planted" not in f"{error} {error.hint}"


def test_alerts_are_no_part_of_a_run_s_configuration(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text('[alerts]\nchannels = ["webhook"]\n[alerts.webhook]\nurl = "https://x.org/"')
    assert load_config(file, {}).digest() == load_config(None, {"TRADEBOT_CONFIG": ""}).digest()
