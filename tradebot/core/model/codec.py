"""Events and effects as JSON and back, exactly.

A kind is the class name. Decimals and enums travel as text, nested dataclasses as objects, tuples as
lists; a float that is not finite as ``"nan"``, ``"inf"`` or ``"-inf"``. Bars and quotes have a compact
text of their own, because the event log takes hundreds of thousands of them a day. A field with a
default may be missing in what is read, so a row written before the field existed still decodes.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from tradebot.core.model import effects, events
from tradebot.core.model.approved import SEAL, Approved
from tradebot.core.model.events import Filled
from tradebot.core.model.values import Bar, MarkBar, Quote

_Convert = Callable[[Any], Any]
_Shape = tuple[tuple[str, _Convert, _Convert], ...]

_SHAPES: Final[dict[type, _Shape]] = {}

KINDS: Final[Mapping[str, type]] = {
    kind.__name__: kind
    for kind in (*get_args(events.Event), *get_args(events.MarketEvent), *get_args(effects.Effect))
}
"""Every event and effect by its kind."""

# The seal cannot be written down, and decoding needs it: what comes out of the journal is for replay,
# comparison and display. A broker never sees it.
_SEALED: Final[Mapping[type, Mapping[str, Any]]] = {Approved: {"seal": SEAL}}


def encode(obj: Any) -> dict[str, Any]:
    """Return an event, effect or value as a dict of JSON types."""
    if isinstance(obj, Bar):
        late = {"at": obj.at} if obj.at != obj.exchange_time else {}
        return {"bar": _bar_text(obj), **late}
    if isinstance(obj, Quote):
        return {
            "at": obj.at,
            "exchange_time": obj.exchange_time,
            "quote": ",".join((obj.symbol, *obj.text)),
        }
    return {name: write(getattr(obj, name)) for name, write, _ in _shape(type(obj))}


def dumps(obj: Any) -> str:
    """Return ``encode(obj)`` as canonical JSON: sorted keys, no spaces, ASCII."""
    return canonical(encode(obj))


def decode(kind: str, data: Mapping[str, Any]) -> Any:
    """Return the event or effect of a kind; ValueError if the kind or its data make no sense."""
    cls = KINDS.get(kind)
    if cls is None:
        raise ValueError(f"no event or effect is called {kind!r}")
    try:
        return _decode(cls, data)
    except (TypeError, KeyError, AttributeError, InvalidOperation) as error:
        raise ValueError(f"{kind}: {error}") from error


def loads(kind: str, text: str) -> Any:
    """Return the event or effect of a kind from its JSON text; ValueError if it makes no sense."""
    return decode(kind, json.loads(text))


def read(cls: type, text: str) -> Any:
    """Return the value of a dataclass from ``dumps``' text; ValueError if it makes no sense."""
    try:
        return _decode(cls, json.loads(text))
    except (TypeError, KeyError, AttributeError, InvalidOperation) as error:
        raise ValueError(f"{cls.__name__}: {error}") from error


def canonical(data: Any) -> str:
    """Return JSON types, Decimals and enums as canonical JSON text; TypeError for anything else."""
    return _CANONICAL.encode(data)


def event_payload(event: Any) -> str:
    """Return an event's text for the log: without ``at`` and ``exchange_time`` for quotes.

    ``SYMBOL,bid,ask,bid size,ask size,mark`` for a quote and
    ``SYMBOL,open time,interval,open,high,low,close,volume`` for a bar; JSON for the rest.
    """
    if type(event) is Quote:
        return ",".join((event.symbol, *event.text))
    return _bar_text(event) if isinstance(event, Bar) else dumps(event)


def event_from_payload(kind: str, at: int, exchange_time: int, payload: str) -> Any:
    """Return the event of a log row; ValueError if the payload makes no sense."""
    if kind == "Quote":
        return _quote(payload, exchange_time, at)
    if kind == "Bar":
        return _bar(Bar, payload, at)
    return _bar(MarkBar, payload, at) if kind == "MarkBar" else loads(kind, payload)


def exchange_time_of(event: Any) -> int:
    """Return when the venue says it happened (UTC ms); ``at`` for events that say nothing."""
    if type(event) is Filled:
        return event.fill.time
    return int(getattr(event, "exchange_time", event.at))


def _decode(cls: type, data: Mapping[str, Any]) -> Any:
    if issubclass(cls, Bar):
        return _bar(cls, data["bar"], data.get("at"))
    if cls is Quote:
        return _quote(data["quote"], data["exchange_time"], data["at"])
    readers = {name: read for name, _, read in _shape(cls)}
    strange = sorted(data.keys() - readers.keys())
    if strange:
        raise ValueError(f"{cls.__name__} has no {', '.join(strange)}")
    values = {name: readers[name](value) for name, value in data.items()}
    return cls(**values, **_SEALED.get(cls, {}))


def _bar_text(bar: Bar) -> str:
    return ",".join((bar.symbol, str(bar.open_time), str(bar.interval), *bar.text))


def _bar(cls: type[Bar], text: str, at: int | None) -> Bar:
    symbol, open_time, interval, *numbers = text.split(",")
    return cls.of(symbol, int(open_time), int(interval), tuple(numbers), at)


def _quote(text: str, exchange_time: int, at: int) -> Quote:
    symbol, *numbers = text.split(",")
    if len(numbers) != 5:
        raise ValueError(f"a quote has five numbers, not {len(numbers)}")
    return Quote(symbol, exchange_time, at, tuple(numbers), float(numbers[4]))


def _shape(cls: type) -> _Shape:
    """Return a dataclass's fields, each with its writer and reader; worked out once per class."""
    shape = _SHAPES.get(cls)
    if shape is None:
        if not is_dataclass(cls):
            raise TypeError(f"{cls.__name__} has no JSON form")
        hints = get_type_hints(cls)
        shape = tuple((part.name, *_converters(hints[part.name])) for part in fields(cls))
        _SHAPES[cls] = shape
    return shape


def _converters(hint: Any) -> tuple[_Convert, _Convert]:
    origin = get_origin(hint)
    if origin in (types.UnionType, Union):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return _optional(*_converters(inner))
    if origin is tuple:
        write, read = _converters(get_args(hint)[0])
        return lambda items: [write(x) for x in items], lambda items: tuple(map(read, items))
    if origin in (dict, Mapping):
        write, read = _converters(get_args(hint)[1])
        return (
            lambda table: {k: write(v) for k, v in table.items()},
            lambda table: {k: read(v) for k, v in table.items()},
        )
    if origin is Literal:
        return _scalar(type(get_args(hint)[0]))
    return _scalar(hint)


def _scalar(hint: type) -> tuple[_Convert, _Convert]:
    if hint is Decimal:
        return str, lambda text: Decimal(_expect(str, text))
    if hint is float:
        return _write_float, float
    if issubclass(hint, StrEnum):
        return lambda member: member.value, hint
    if is_dataclass(hint):
        return encode, lambda data: _decode(hint, data)
    return lambda value: value, lambda value: _expect(hint, value)


def _optional(write: _Convert, read: _Convert) -> tuple[_Convert, _Convert]:
    return (
        lambda value: None if value is None else write(value),
        lambda value: None if value is None else read(value),
    )


def _write_float(value: float) -> float | str:
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _expect(wanted: type, value: Any) -> Any:
    if type(value) is not wanted:
        raise ValueError(f"{value!r} is no {wanted.__name__}")
    return value


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)
"""Made once: ``json.dumps`` with settings of its own makes one for each text."""
