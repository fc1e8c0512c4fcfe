"""``db verify`` and ``db backup``."""

from __future__ import annotations

from dataclasses import asdict

from tradebot.cli.options import DbOptions
from tradebot.cli.output import Result, View, show
from tradebot.cli.settings import read_config
from tradebot.core.errors import JournalError, UsageError
from tradebot.journal.audit import AuditKey
from tradebot.journal.backup import backup
from tradebot.journal.reader import Reader
from tradebot.journal.verify import verify
from tradebot.offline import database


def db(options: DbOptions) -> int:
    """Answer a ``db`` command; returns the exit code."""
    result = _verify(options) if options.action == "verify" else _backup(options)
    return show(result, as_json=options.common.json)


def _verify(options: DbOptions) -> Result:
    config = read_config(options.common)
    path = database(config)
    key = AuditKey.find(config.data_dir())
    if key is None:
        raise JournalError(
            "the audit key is gone: the journal cannot be verified",
            hint="set TRADEBOT_AUDIT_KEY, or restore audit.key beside the journal",
            file=str(path),
        )
    findings = verify(path, key)
    with Reader(path) as reader:
        head = reader.head()
    error = None
    if findings:
        error = JournalError(f"{len(findings)} finding(s)", file=str(path))
    data = {
        "file": str(path),
        "verified": not findings,
        "key": key.source,
        "proof": key.strength,
        "head": None if head is None else str(head),
        "findings": [asdict(finding) for finding in findings],
    }
    views = {"findings": View(title="Findings", empty="Nothing found: the journal is as written.")}
    return Result("db verify", data, views=views, error=error)


def _backup(options: DbOptions) -> Result:
    if options.target is None:
        raise UsageError("name the file to write", hint="tradebot db backup FILE")
    path = database(read_config(options.common))
    backup(path, options.target, force=options.force)
    size = options.target.stat().st_size
    data = {"file": str(path), "backup": str(options.target), "bytes": size}
    text = f"{options.target}: {size:,} bytes, checked"
    return Result("db backup", data, text=text)
