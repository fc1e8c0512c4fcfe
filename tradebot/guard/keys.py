"""The keys to an exchange account: from the environment, a file it names, or the OS keyring, and nowhere else.

They are never in the configuration, an argument, a log, the journal or an error: what is wrong with one is said
by its name.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tradebot.core.model.errors import TradebotError, UsageError
from tradebot.wire.api_key import ApiKey

Account = Literal["live", "demo"]
"""Which of Binance's two worlds a key belongs to: a key of one is unknown to the other."""

NAMES: Mapping[Account, tuple[str, str]] = {
    "live": ("TRADEBOT_BINANCE_KEY", "TRADEBOT_BINANCE_SECRET"),
    "demo": ("TRADEBOT_BINANCE_DEMO_KEY", "TRADEBOT_BINANCE_DEMO_SECRET"),
}
"""The variables of a key and its secret; each also with ``_FILE`` behind it, the name of a file that holds it."""

KEYRING = "the OS keyring"
LONGEST = 256
"""Characters: Binance's have 64."""

_SERVICE = "tradebot binance"


@dataclass(frozen=True, slots=True)
class Found:
    """A key and where it was."""

    api_key: ApiKey
    source: str


def find_key(account: Account, env: Mapping[str, str] | None = None) -> Found | None:
    """Return an account's key; None where there is none.

    The environment goes before the keyring. UsageError for half a key, one given twice, a file that others may read
    or that cannot be read, and a text that can be no key.
    """
    given = os.environ if env is None else env
    key, secret = (given_secret(name, given) for name in NAMES[account])
    if key is None and secret is None:
        return _stored(account)
    if key is None or secret is None:
        missing = NAMES[account][0 if key is None else 1]
        raise UsageError(
            "half a key: its other half is given", hint=f"set {missing} too", key=missing
        )
    sources = dict.fromkeys((key[1], secret[1]))
    return Found(ApiKey(key[0], secret[0]), " and ".join(sources))


def store_key(account: Account, api_key: ApiKey) -> None:
    """Put an account's key into the OS keyring; TradebotError where that keeps nothing."""
    import keyring

    text = json.dumps({"key": api_key.key, "secret": api_key.secret})
    try:
        keyring.set_password(_SERVICE, account, text)
    except Exception:  # backends raise what they like; what they say may hold the secret
        text = ""
    if not text or _read(account) != text:
        key, secret = NAMES[account]
        raise TradebotError(
            "there is no OS keyring here that keeps it: nothing was stored",
            hint=f"put key and secret into two files that only you may read (chmod 600) and name them in {key}_FILE"
            f" and {secret}_FILE",
        )


def remove_key(account: Account) -> bool:
    """Take an account's key out of the OS keyring; False where there was none."""
    if _read(account) is None:
        return False
    import keyring

    try:
        keyring.delete_password(_SERVICE, account)
    except Exception:
        raise TradebotError(
            "the OS keyring did not let go of it", hint="remove it with the keyring's own program"
        ) from None
    return True


def checked(text: str, name: str) -> str:
    """Return a key or secret without the blanks around it; UsageError, which does not repeat it, if it can be none."""
    text = text.strip()
    if not text:
        raise UsageError("is empty", hint="give it, or do not set it", key=name)
    if len(text) > LONGEST or not (text.isascii() and text.isprintable()) or " " in text:
        raise UsageError(
            f"can be no key: {len(text)} characters, or some that are no letters and digits",
            hint="copy it once more, whole and alone",
            key=name,
        )
    return text


def given_secret(
    name: str, env: Mapping[str, str], check: Callable[[str, str], str] = checked
) -> tuple[str, str] | None:
    """Return the value of a variable or of the file that ``<name>_FILE`` names, and which of them it was.

    ``check`` (value, variable) returns the value as it counts; UsageError as ``find_key``.
    """
    text, file = env.get(name), env.get(f"{name}_FILE")
    if text is not None and file is not None:
        raise UsageError(
            "is given twice", hint=f"unset {name}, or {name}_FILE", key=f"{name}, {name}_FILE"
        )
    if text is not None:
        return check(text, name), "the environment"
    if file is None:
        return None
    return check(_from_file(Path(file), f"{name}_FILE", env), f"{name}_FILE"), "files"


def _from_file(path: Path, name: str, env: Mapping[str, str]) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UsageError("is no regular file", hint="name a file", file=str(path), key=name)
        if stat.S_IMODE(found.st_mode) & 0o077 and not _is_credential(path, env):
            raise UsageError(
                f"others may read it (mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"chmod 600 {path}",
                file=str(path),
                key=name,
            )
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "this can be no file's name"
        hint = "name a file that is there and that you may read"
        raise UsageError(f"cannot be read: {why}", hint=hint, file=str(path), key=name) from None


def _is_credential(path: Path, env: Mapping[str, str]) -> bool:
    """Whether systemd put it there for this service alone; it has a mode of its own there."""
    place = env.get("CREDENTIALS_DIRECTORY")
    return place is not None and Path(os.path.realpath(path)).parent == Path(
        os.path.realpath(place)
    )


def _stored(account: Account) -> Found | None:
    text = _read(account)
    if text is None:
        return None
    try:
        pair = json.loads(text)
        api_key = ApiKey(checked(pair["key"], "key"), checked(pair["secret"], "secret"))
    except (ValueError, KeyError, TypeError, AttributeError, UsageError):
        demo = " --demo" if account == "demo" else ""
        raise TradebotError(
            "the key in the OS keyring is damaged", hint=f"tradebot keys set{demo}"
        ) from None
    return Found(api_key, KEYRING)


def _read(account: Account) -> str | None:
    """Return what the keyring holds; None where there is nothing, or no keyring that answers."""
    import keyring  # slow to import, and seldom needed

    try:
        return keyring.get_password(_SERVICE, account)
    except Exception:
        return None
