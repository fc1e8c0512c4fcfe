"""Fault rules: what a fault applies to, when and how often; read from TOML or JSON and checked whole.

::

    [[fault]]
    do = "accept_then_timeout"         # see ``kinds``
    method = "POST"                    # a request's method and path (* stands for anything)
    path = "/fapi/v1/order"
    client_id = "tb*e"                 # of the order concerned
    nth = 2                            # the second that fits; without it every one
    from_s = 60                        # venue time since the start; to_s likewise
    probability = 0.02                 # under the venue's seed
    times = 1                          # at most so often
    [[fault]]
    do = "act"                         # at a moment: at_s, again every_s
    at_s = 30
    act = "liquidate"
    symbol = "BTCUSDT"
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tradebot.core.model.errors import ConfigError, UsageError
from tradebot.core.model.spelling import meant
from tradebot.venue.acts import Acts
from tradebot.venue.kinds import (
    ARRIVAL,
    KINDS,
    MOMENT,
    ORDER,
    REQUEST,
    REQUIRED,
    STOP,
    STREAM,
    FaultKind,
)

_WHEN = ("nth", "from_s", "to_s", "probability", "times")
_AT = ("at_s", "every_s", "times")
_WHERE = {
    ARRIVAL: ("method", "path"),
    REQUEST: ("method", "path", "symbol", "client_id"),
    STREAM: ("stream", "event", "symbol", "client_id"),
    ORDER: ("symbol", "client_id", "type", "side"),
    STOP: ("symbol", "client_id", "type", "side"),
    MOMENT: (),
}
STREAMS = ("private", "market", "public")
EVENTS = (
    "ORDER_TRADE_UPDATE",
    "TRADE_LITE",
    "ACCOUNT_UPDATE",
    "ALGO_UPDATE",
    "MARGIN_CALL",
    "ACCOUNT_CONFIG_UPDATE",
    "listenKeyExpired",
    "kline",
    "markPriceUpdate",
    "bookTicker",
    "trade",
    "aggTrade",
    "depthUpdate",
    "24hrMiniTicker",
    "forceOrder",
)
_METHODS = ("GET", "POST", "PUT", "DELETE")


@dataclass(slots=True)
class Rule:
    """One rule and how often it has been met. ``where`` patterns by name, ``words`` the fault's own."""

    do: str
    kind: FaultKind
    where: dict[str, str]
    words: dict[str, Any]
    nth: int | None = None
    from_s: float = 0.0
    to_s: float | None = None
    probability: float = 1.0
    times: int | None = None
    at_s: float | None = None
    every_s: float | None = None
    met: int = field(default=0, init=False)
    applied: int = field(default=0, init=False)

    def fits(self, found: Mapping[str, str]) -> bool:
        """Whether what is there fits every pattern; an event may be written ``EVENT/WHAT``."""
        return all(
            fnmatchcase(found.get(name, ""), pattern) for name, pattern in self.where.items()
        )

    @property
    def spent(self) -> bool:
        """Whether it has been applied as often as it may."""
        return self.times is not None and self.applied >= self.times


def load_rules(path: Path, paths: Collection[str]) -> list[Rule]:
    """Read a faults file; ``paths`` are those of the venue's requests. ConfigError names file and key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is no TOML: {error}", file=str(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    for name in table:
        if name != "fault":
            raise _bad("there is no such table", name, "rules are written [[fault]]", path)
    rows = table.get("fault", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _bad("is no list of tables", "fault", "rules are written [[fault]]", path)
    rules = []
    for number, row in enumerate(rows):
        try:
            rules.append(make_rule(row, paths))
        except UsageError as error:
            key = f"fault[{number}].{error.key}" if error.key else f"fault[{number}]"
            raise ConfigError(error.message, file=str(path), key=key, hint=error.hint) from None
    return rules


def make_rule(row: Mapping[str, Any], paths: Collection[str]) -> Rule:
    """Check one rule. UsageError with the key, what is wrong and the nearest that exists."""
    do = row.get("do")
    if not isinstance(do, str) or do not in KINDS:
        raise _bad(f"there is no fault {do!r}", "do", meant(str(do), KINDS))
    kind = KINDS[do]
    when = _AT if kind.target == MOMENT else _WHEN
    where = _WHERE[kind.target]
    words = {k: v for k, v in row.items() if k not in ("do", *when, *where)}
    if do == "act":
        _check_act(words)
    else:
        _check_words(do, kind, words, (*when, *where))
        words = {**kind.words, **words}
    rule = Rule(do, kind, {k: str(row[k]) for k in where if k in row}, words)
    for name in when:
        if name in row:
            setattr(rule, name, _number(name, row[name]))
    _check_when(rule)
    _check_where(rule, paths)
    return rule


def _check_act(words: dict[str, Any]) -> None:
    if "act" not in words:
        raise _bad("is missing", "act", meant("", Acts.names()))
    Acts.check(str(words["act"]), {k: v for k, v in words.items() if k != "act"})


def _check_words(
    do: str, kind: FaultKind, words: Mapping[str, Any], others: Collection[str]
) -> None:
    for name, value in words.items():
        if name not in kind.words:
            raise _bad(f"{do} takes no such key", name, meant(name, [*kind.words, *others, "do"]))
        allowed = kind.among.get(name)
        if allowed and value not in allowed:
            raise _bad(f"{value!r} is not known", name, f"known: {', '.join(allowed)}")
        if (
            isinstance(kind.words[name], float)
            or name in ("seconds", "to_ms", "window_ms")
            or (name == "ms" and not (do == "skew" and type(value) is int))
        ):
            _number(name, value)
    for name, default in kind.words.items():
        if default is REQUIRED and name not in words:
            raise _bad(f"{do} needs it", name, f"{do}: {kind.about}")
    if do == "fill_in_parts":
        _check_parts(words)


def _check_parts(words: Mapping[str, Any]) -> None:
    parts, at = words["parts"], words["at_s"]
    lists = isinstance(parts, list) and isinstance(at, list)
    if not lists or len(parts) != len(at) or not parts:
        raise _bad(
            "needs as many times as parts", "parts", 'parts = ["0.001", "0.002"], at_s = [0, 3]'
        )
    for value in at:
        _number("at_s", value)
    for value in parts:
        try:
            good = float(value) > 0
        except (TypeError, ValueError):
            good = False
        if not good:
            raise _bad(f"{value!r} is no quantity", "parts", 'write them as "0.001"')


def _number(name: str, value: Any) -> Any:
    whole = name in ("nth", "times")
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        what = "whole number" if whole else "number"
        raise _bad(f"{value!r} is no {what}", name, f"write it as {1 if whole else 1.5}")
    if value < (1 if whole else 0):
        raise _bad(f"{value} is too small", name, f"at least {1 if whole else 0}")
    if name == "probability" and value > 1:
        raise _bad(f"{value} is no probability", name, "between 0 and 1")
    return value


def _check_when(rule: Rule) -> None:
    if rule.to_s is not None and rule.to_s <= rule.from_s:
        raise _bad(f"ends at {rule.to_s} s before it begins", "to_s", "later than from_s")
    if rule.nth is not None and rule.times is not None and rule.times > 1:
        raise _bad("nth and times above 1 contradict each other", "times", "leave one of them out")
    if rule.kind.target == MOMENT and rule.at_s is None:
        rule.at_s = 0.0


def _check_where(rule: Rule, paths: Collection[str]) -> None:
    """Refuse a rule that nothing can ever fit."""
    where = rule.where
    if rule.kind.target in (ARRIVAL, REQUEST):
        method = where.get("method")
        if method is not None and method not in _METHODS:
            raise _bad(f"{method} is no method", "method", f"known: {', '.join(_METHODS)}")
        pattern = where.get("path")
        if pattern is not None and not any(fnmatchcase(path, pattern) for path in paths):
            raise _bad(f"no request has the path {pattern}", "path", meant(pattern, sorted(paths)))
    if rule.kind.target == STREAM:
        stream = where.get("stream")
        if stream is not None and not any(fnmatchcase(name, stream) for name in STREAMS):
            raise _bad(f"there is no stream {stream}", "stream", f"known: {', '.join(STREAMS)}")
        event = where.get("event")
        if event is not None and not any(fnmatchcase(e, event.partition("/")[0]) for e in EVENTS):
            raise _bad(f"there is no event {event}", "event", meant(event, EVENTS))
        if event is not None and "/" not in event:
            where["event"] = f"{event}/*"


def _bad(what: str, key: str, hint: str, path: Path | None = None) -> UsageError:
    if path is not None:
        return ConfigError(what, key=key, hint=hint, file=str(path))
    return UsageError(what, key=key, hint=hint)
