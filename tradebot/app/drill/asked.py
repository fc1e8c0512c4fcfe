"""A drill put on record by the engine that holds the journal: the row comes as a command, sealed with the chain's key.

Anybody who can write the file can post a command; only who has the key can seal one, as only they can sign a row.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, replace

from tradebot import __version__
from tradebot.app.drill.table import NAMES
from tradebot.core.model.errors import RefusedError
from tradebot.core.model.values import MINUTE_MS
from tradebot.journal.audit import AuditKey
from tradebot.journal.facts import DrillPlayed, read_told

FRESH_MS = 15 * MINUTE_MS
"""A drill is put on record so long after its end at most."""
AHEAD_MS = 2000
"""The clocks of two processes of a machine differ by no more."""
PURPOSE = "a drill to be put on record"


def sealed(row: DrillPlayed, key: AuditKey) -> str:
    """Return a row as the text of a command."""
    body = json.dumps(asdict(row), sort_keys=True)
    return json.dumps({"body": body, "seal": key.sign(PURPOSE, body)})


def unsealed(text: str, key: AuditKey, now: int) -> DrillPlayed:
    """Return the row of a command's text, looked at anew at ``now`` (UTC ms); RefusedError where it is none to be signed."""
    try:
        found = json.loads(text)
        body, seal = str(found["body"]), str(found["seal"])
        if not hmac.compare_digest(seal.encode(), key.sign(PURPOSE, body).encode()):
            raise RefusedError("the drill is not sealed with this journal's key")
        row = read_told(DrillPlayed, json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RefusedError("it is no drill that could be put on record") from None
    if row.version != __version__:
        raise RefusedError(f"the drill is of version {row.version}, the engine of {__version__}")
    if not now - FRESH_MS <= row.ended <= now + AHEAD_MS:
        raise RefusedError("the drill did not end just now", hint="drill it again")
    strange = [name for name, _ in row.scenarios if name not in NAMES]
    if strange or not row.scenarios:
        raise RefusedError(f"it has scenarios that nobody knows: {', '.join(strange) or 'none'}")
    return replace(row, weak_key=key.is_weak)


__all__ = ["sealed", "unsealed"]
