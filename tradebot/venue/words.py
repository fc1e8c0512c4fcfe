"""What the words of a fault rule may be: numbers, codes, lists; each check says what is wrong and the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradebot.core.model.errors import UsageError
from tradebot.venue.errors import MESSAGES
from tradebot.venue.kinds import REQUEST, FaultKind

CATEGORIES = ("private", "market", "public")
_TIMES = ("seconds", "ms", "to_ms", "mean_ms", "window_ms")
_FLAGS = ("executed", "told", "on", "all")


def bad(what: str, key: str, hint: str) -> UsageError:
    """Return the refusal of a key."""
    return UsageError(what, key=key, hint=hint)


def check_number(name: str, value: Any, *, whole: bool = False, least: float = 0) -> None:
    """Refuse what is no number, or too small a one."""
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        what = "whole number" if whole else "number"
        raise bad(f"{value!r} is no {what}", name, f"write it as {1 if whole else 1.5}")
    if not value >= least or value == float("inf"):
        raise bad(f"{value} is too small or no number", name, f"at least {least}, and finite")


def check_share(name: str, value: Any) -> None:
    """Refuse what is no number from 0 to 1."""
    check_number(name, value)
    if value > 1:
        raise bad(f"{value} is no {name}", name, "between 0 and 1")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise bad(f"{value!r} is neither true nor false", name, "write true or false")


def _check_status(name: str, value: Any) -> None:
    check_number(name, value, whole=True)
    if not 200 <= value <= 599:
        raise bad(f"{value} is no status of HTTP", name, "from 200 to 599")


def _check_error(name: str, value: Any) -> None:
    if isinstance(value, bool) or value not in MESSAGES:
        known = ", ".join(str(code) for code in sorted(MESSAGES, reverse=True))
        hint = f'do = "answer" gives any body; known: {known}'
        raise bad(f"{value!r} is no code the venue has words for", name, hint)


def _check_close(name: str, value: Any) -> None:
    check_number(name, value, whole=True)
    if not (value in (1000, 1001, 1002, 1003) or 1006 <= value <= 1014 or 3000 <= value <= 4999):
        raise bad(f"{value} is no code a WebSocket is closed with", name, "1001, 1006, 1008, 4000")


def _check_fields(name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or not value:
        raise bad(f"{value!r} is no list of names", name, 'write ["avgPrice", "cumQuote"]')


def _check_parts(words: Mapping[str, Any]) -> None:
    parts, at = words["parts"], words["at_s"]
    lists = isinstance(parts, list) and isinstance(at, list)
    if not lists or len(parts) != len(at) or not parts:
        raise bad(
            "needs as many times as parts", "parts", 'parts = ["0.001", "0.002"], at_s = [0, 3]'
        )
    for value in at:
        check_number("at_s", value)
    for value in parts:
        try:
            good = 0 < float(value) < float("inf")
        except (TypeError, ValueError):
            good = False
        if not good:
            raise bad(f"{value!r} is no quantity", "parts", 'write them as "0.001"')


def _check_category(name: str, value: Any) -> None:
    if value not in ("", *CATEGORIES):
        raise bad(f"there is no category {value!r}", name, f"known: {', '.join(CATEGORIES)}")


_BY_NAME: dict[str, Callable[[str, Any], None]] = {
    **dict.fromkeys(_TIMES, check_number),
    **dict.fromkeys(_FLAGS, _check_flag),
    "bps": check_number,
    "share": check_share,
    "copies": lambda name, value: check_number(name, value, whole=True, least=1),
    "status": _check_status,
    "fields": _check_fields,
    "category": _check_category,
}


def check_words(do: str, kind: FaultKind, words: Mapping[str, Any]) -> None:
    """Check the words a fault was given; those that are missing have their defaults."""
    for name, value in words.items():
        allowed = kind.among.get(name)
        if allowed and value not in allowed:
            raise bad(f"{value!r} is not known", name, f"known: {', '.join(allowed)}")
        if do == "skew":
            check_number(name, value, whole=True, least=-(10**12))
        elif name == "code":
            (_check_error if kind.target == REQUEST else _check_close)(name, value)
        elif name in _BY_NAME:
            _BY_NAME[name](name, value)
    if do == "fill_in_parts":
        _check_parts(words)
    most = words.get("to_ms")
    if most is not None and most < words["ms"]:
        raise bad(f"{most} is below ms = {words['ms']}", "to_ms", "the longest wait, in ms")
    if words.get("mean_ms") == 0:
        raise bad("0 adds nothing", "mean_ms", "above 0, or leave it out")
