"""Time at the edges of reports: ISO-8601 with Z. Inside, time is an int of UTC milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(ms: int) -> str:
    """Return UTC milliseconds as ISO-8601: seconds, and milliseconds where there are any."""
    moment = EPOCH + timedelta(milliseconds=ms)
    precision = "milliseconds" if ms % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def of_iso(text: str) -> int:
    """Return ISO-8601 (date, or date and time; UTC unless it says otherwise) as UTC milliseconds.

    ValueError if it is none.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)
