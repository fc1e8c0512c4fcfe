"""``incidents``: what the bot saw in live runs that must not be passed over, and a person's word that closes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradebot.app.database import journal_of
from tradebot.app.incidents import close_incident, incidents_now, record_traces
from tradebot.app.readiness import testimony_of
from tradebot.cli.options import IncidentOptions
from tradebot.cli.output import ListShape, Result, show
from tradebot.cli.person import legible
from tradebot.cli.settings import read_config
from tradebot.core.model.times import iso
from tradebot.reports.readiness.incidents import KINDS, WAY_OUT, Incident

SHAPE = ListShape(
    ("id", "time", "run", "what", "text", "state", "closed_by"),
    "Incidents",
    "No incident is on record.",
)


def incidents(options: IncidentOptions) -> int:
    """List all incidents, or close one; returns the exit code."""
    data_dir = read_config(options.common).data_dir()
    if options.close is not None:
        record_traces(data_dir, ())  # what is only in a file has no row yet that could be closed
        name, text = legible(options.name), legible(options.text)
        said = close_incident(data_dir, options.close, name, text)
        data = {"closed": options.close, "name": name.strip(), "how": said}
        return show(Result("incidents close", data, text=said), as_json=options.common.json)
    journal_of(data_dir)
    found = incidents_now(data_dir)  # without its key too: none on record is another word
    told = testimony_of(data_dir)
    warnings = [f"the journal does not verify: {told.broken}"] if told.broken else []
    data = {"incidents": [_document(one) for one in found]}
    listed = None if options.common.json else _text(found)
    views = {"incidents": SHAPE}
    return show(
        Result("incidents", data, warnings, text=listed, views=views), as_json=options.common.json
    )


def _document(one: Incident) -> dict[str, Any]:
    closed = one.closed
    return {
        "id": one.id,
        "run": one.run or None,
        "what": one.opened.what,
        "text": one.opened.text,
        "time": iso(one.opened.at),
        "state": "open" if one.is_open else "closed",
        "closed": None if one.closed_at is None else iso(one.closed_at),
        "closed_by": None if closed is None else closed.name,
        "closing_text": None if closed is None else closed.text,
    }


def _text(found: Sequence[Incident]) -> str:
    """Return all in words, the open ones first: what each is, and who has closed it."""
    if not found:
        return SHAPE.empty
    opened = [one for one in found if one.is_open]
    lines = [
        line
        for one in (*opened, *(one for one in found if not one.is_open))
        for line in _lines(one)
    ]
    if opened:
        lines.append(f"Entries are barred while one is open: {WAY_OUT}")
    return "\n".join(lines)


def _lines(one: Incident) -> list[str]:
    state = "OPEN" if one.is_open else "closed"
    head = f"{one.id:>4}  {state:<6}  {iso(one.opened.at)}  {one.opened.what}"
    lines = [
        f"{head}  {one.run}".rstrip(),
        f"      {KINDS.get(one.opened.what, '')}: {one.opened.text}",
    ]
    if one.closed is not None and one.closed_at is not None:
        lines.append(f"      {one.closed.name}, {iso(one.closed_at)}: {one.closed.text}")
    return lines
