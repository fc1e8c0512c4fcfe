"""A drill put on record by the engine that holds the journal: the row comes as a command, sealed with the chain's key."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from tradebot import __version__
from tradebot.app.drill.table import NAMES
from tradebot.app.sealed import DRILL, DRILL_FRESH_MS, Sealed
from tradebot.core.model.errors import RefusedError
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import DrillPlayed, read_told

FRESH_MS = DRILL_FRESH_MS


def sealed(row: DrillPlayed, key: AuditKey) -> str:
    """Return a row as the text of a command."""
    return DRILL.seal(json.dumps(asdict(row), sort_keys=True), key, row.ended).text()


def unsealed(text: str, key: AuditKey, now: int) -> DrillPlayed:
    """Return the row of a command's text, looked at anew at ``now`` (UTC ms); RefusedError where it is none to be signed."""
    found = Sealed.read(text)
    DRILL.refuse_forged(found, key, now)
    try:
        row = read_told(DrillPlayed, json.loads(found.body))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RefusedError("it is no drill that could be put on record") from None
    if row.version != __version__:
        raise RefusedError(f"the drill is of version {row.version}, the engine of {__version__}")
    if row.ended != found.at:
        raise RefusedError("the drill did not end when it was sealed", hint="drill it again")
    strange = [name for name, _ in row.scenarios if name not in NAMES]
    if strange or not row.scenarios:
        raise RefusedError(f"it has scenarios that nobody knows: {', '.join(strange) or 'none'}")
    return replace(row, weak_key=row.weak_key or key.is_weak)


__all__ = ["FRESH_MS", "sealed", "unsealed"]
