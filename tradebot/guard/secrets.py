"""The secrets of alert channels: tokens, passwords, addresses that hold one. From the environment, a file it names, or
the OS keyring, and nowhere else; they are named, never repeated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.guard.keys import KEYRING, given_secret

VARIABLES: Mapping[str, str] = {
    "telegram": "TRADEBOT_SECRET_TELEGRAM_TOKEN",
    "email": "TRADEBOT_SECRET_EMAIL_PASSWORD",
    "webhook": "TRADEBOT_SECRET_WEBHOOK_SECRET",
}
"""The variable of each channel's secret; each also with ``_FILE`` behind it. A further service's: ``variable_of``."""

LONGEST = 2_048

_SERVICE = "tradebot alerts"


def variable_of(channel: str) -> str:
    """Return the variable that holds a channel's secret."""
    return VARIABLES.get(channel, f"TRADEBOT_SECRET_{channel.upper()}_URL")


def find_secret(channel: str, env: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Return a channel's secret and where it was; None where there is none. UsageError for one that can be none."""
    found = given_secret(variable_of(channel), os.environ if env is None else env, checked_secret)
    if found is not None:
        return found
    stored = _read(channel)
    return None if stored is None else (stored, KEYRING)


def store_secret(channel: str, secret: str) -> None:
    """Put a channel's secret into the OS keyring; TradebotError where that keeps nothing."""
    import keyring

    kept = False
    try:
        keyring.set_password(_SERVICE, channel, secret)
        kept = _read(channel) == secret
    except Exception:  # backends raise what they like; what they say may hold the secret
        kept = False
    if not kept:
        raise TradebotError(
            "there is no OS keyring here that keeps it: nothing was stored",
            hint="put it into a file that only you may read (chmod 600) and name it in"
            f" {variable_of(channel)}_FILE",
        )


def remove_secret(channel: str) -> bool:
    """Take a channel's secret out of the OS keyring; False where there was none."""
    if _read(channel) is None:
        return False
    import keyring

    try:
        keyring.delete_password(_SERVICE, channel)
    except Exception:
        raise TradebotError(
            "the OS keyring did not let go of it", hint="remove it with the keyring's own program"
        ) from None
    return True


def checked_secret(text: str, name: str) -> str:
    """Return a secret without the blanks around it; UsageError, which does not repeat it, if it can be none."""
    text = text.strip()
    if not text:
        raise UsageError("is empty", hint="give it, or do not set it", key=name)
    if len(text) > LONGEST or not text.isprintable():
        raise UsageError(
            f"can be no secret: {len(text)} characters, or some that cannot be printed",
            hint="copy it once more, whole and alone",
            key=name,
        )
    if "EMAIL" in name.upper() and not text.isascii():
        raise UsageError(
            "has letters that are not ASCII, which the login to a mail server does not take",
            hint="make a password of plain letters and digits for this, an app password",
            key=name,
        )
    return text


def _read(channel: str) -> str | None:
    """Return what the keyring holds; None where there is nothing, or no keyring that answers."""
    import keyring  # slow to import, and seldom needed

    try:
        return keyring.get_password(_SERVICE, channel)
    except Exception:
        return None


__all__ = [
    "VARIABLES",
    "checked_secret",
    "find_secret",
    "remove_secret",
    "store_secret",
    "variable_of",
]
