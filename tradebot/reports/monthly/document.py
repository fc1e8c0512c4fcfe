"""A report as JSON, and its fingerprint: the same rows give the same bytes, for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.reports.monthly.value import Report
from tradebot.reports.signal_quality import number

TIMES = frozenset(("at", "first", "last", "begun", "ended", "peak", "trough", "recovery"))
"""Fields that hold a moment (UTC ms), which JSON writes as ISO-8601."""

DRAWN = frozenset(("curve", "falls", "marks"))
"""Parts that are only drawn: their rows are in the exports."""


LATER = ("advice", "beside_model", "income", "latency_p50_ms", "latency_p99_ms")
"""Parts that are known or made later than the month is over: no part of the hash."""


def document(report: Report) -> dict[str, Any]:
    """Return a report as JSON values: money and ratios as decimal text, moments as ISO-8601; with its hash.

    The hash covers all but itself and what is made later.
    """
    parts = {
        item.name: told(item.name, getattr(report, item.name))
        for item in fields(report)
        if item.name not in DRAWN and item.name not in LATER
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    advice = {"lines": list(report.advice.lines), **report.advice.data}
    beside = told("beside_model", report.beside_model)
    after = {name: told(name, getattr(report, name)) for name in LATER[2:]}
    return {**parts, "hash": digest, **after, "advice": advice, "beside_model": beside}


def seed_of(report: Report) -> str:
    """Return what chance is drawn from: of the figures alone, so that a backtest and a run that came to the same draw the same."""
    parts = [told(name, getattr(report, name)) for name in ("head", "bridge", "days")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def told(name: str, value: Any) -> Any:
    """Return a field's value as JSON has it."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return iso(value) if name in TIMES else value
    if isinstance(value, Mapping):
        return {key: told(key, item) for key, item in value.items()}
    if is_dataclass(value):
        return {f.name: told(f.name, getattr(value, f.name)) for f in fields(value)}
    if hasattr(value, "_asdict"):
        return told(name, value._asdict())
    return [told(name, item) for item in value]


__all__ = ["document", "seed_of", "told"]
