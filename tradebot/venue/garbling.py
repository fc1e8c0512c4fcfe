"""What a fault makes of a stream's message: something that a listener cannot, or hardly, read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tradebot.venue.frames import Frame
from tradebot.venue.ledger import to_json

LARGE = 1_000_000
"""Characters of a large message."""

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>cloudfront</body></html>"


def garbled(frame: Frame, form: str) -> Frame:
    """Return a message in one of the forms of ``kinds.NONSENSE``."""
    match form:
        case "large":
            text = "x" * LARGE
        case "padded":  # it says what it said, in a field too many
            text = to_json({**frame.body, "pad": "x" * LARGE})
        case "nan":
            text = to_json(_without_numbers(frame.body))
        case "unknown":
            text = to_json({**frame.body, "e": "SOMETHING_NEW"})
        case _:
            text = _PAGE
    return replace(frame, text=text)


def _without_numbers(value: Any) -> Any:
    """Return a body with NaN for each number that is written as text, as prices and quantities are."""
    if isinstance(value, dict):
        return {name: _without_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_numbers(inner) for inner in value]
    if isinstance(value, str) and value.replace(".", "", 1).removeprefix("-").isdecimal():
        return "NaN"
    return value
