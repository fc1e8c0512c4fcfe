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
from tradebot.venue.reach import Reach, check_where
from tradebot.venue.words import bad, check_number, check_share, check_words

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


def load_rules(path: Path, reach: Reach) -> list[Rule]:
    """Read a faults file; ``reach`` is what rules can meet. ConfigError names file and key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is no TOML: {error}", file=str(path)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(path)) from None
    for name in table:
        if name != "fault":
            raise _in_file("there is no such table", name, path)
    rows = table.get("fault", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _in_file("is no list of tables", "fault", path)
    rules = []
    for number, row in enumerate(rows):
        try:
            rules.append(make_rule(row, reach))
        except UsageError as error:
            key = f"fault[{number}].{error.key}" if error.key else f"fault[{number}]"
            raise ConfigError(error.message, file=str(path), key=key, hint=error.hint) from None
    return rules


def make_rule(row: Mapping[str, Any], reach: Reach) -> Rule:
    """Check one rule. UsageError with the key, what is wrong and the nearest that exists."""
    do = row.get("do")
    if not isinstance(do, str) or do not in KINDS:
        raise bad(f"there is no fault {do!r}", "do", meant(str(do), KINDS))
    kind = KINDS[do]
    when = _AT if kind.target == MOMENT else _WHEN
    where = _WHERE[kind.target]
    words = {k: v for k, v in row.items() if k not in ("do", *when, *where)}
    if do == "act":
        _check_act(words, reach)
    else:
        _check_names(do, kind, words, (*when, *where))
        check_words(do, kind, words)
        words = {**kind.words, **words}
    rule = Rule(do, kind, {k: str(row[k]) for k in where if k in row}, words)
    for name in when:
        if name in row:
            _check_time(name, row[name])
            setattr(rule, name, row[name])
    _check_when(rule)
    check_where(rule.where, kind.target, reach)
    return rule


def _check_act(words: dict[str, Any], reach: Reach) -> None:
    if "act" not in words:
        raise bad("is missing", "act", meant("", Acts.names()))
    Acts.check(str(words["act"]), {k: v for k, v in words.items() if k != "act"})
    symbol = str(words.get("symbol", ""))
    if symbol and symbol.replace("/", "") not in reach.symbols:
        raise bad(f"{symbol} is not listed", "symbol", meant(symbol, sorted(reach.symbols)))


def _check_names(
    do: str, kind: FaultKind, words: Mapping[str, Any], others: Collection[str]
) -> None:
    for name in words:
        if name not in kind.words:
            raise bad(f"{do} takes no such key", name, meant(name, [*kind.words, *others, "do"]))
    for name, default in kind.words.items():
        if default is REQUIRED and name not in words:
            raise bad(f"{do} needs it", name, f"{do}: {kind.about}")


def _check_time(name: str, value: Any) -> None:
    if name == "probability":
        check_share(name, value)
    elif name in ("nth", "times"):
        check_number(name, value, whole=True, least=1)
    else:
        check_number(name, value)


def _check_when(rule: Rule) -> None:
    if rule.to_s is not None and rule.to_s <= rule.from_s:
        raise bad(f"ends at {rule.to_s} s before it begins", "to_s", "later than from_s")
    if rule.nth is not None and rule.times is not None and rule.times > 1:
        raise bad("nth and times above 1 contradict each other", "times", "leave one of them out")
    if rule.probability == 0:
        raise bad("the rule can never apply", "probability", "above 0, or leave the rule out")
    if rule.kind.target == MOMENT and rule.at_s is None:
        rule.at_s = 0.0


def _in_file(what: str, key: str, path: Path) -> ConfigError:
    return ConfigError(what, key=key, hint="rules are written [[fault]]", file=str(path))
