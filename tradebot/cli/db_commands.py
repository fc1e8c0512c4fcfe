"""``db verify`` and ``db backup``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tradebot.app.standing import database
from tradebot.cli.options import DbOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.journal.audit import AuditKey
from tradebot.journal.backup import backup
from tradebot.journal.reader import Reader
from tradebot.journal.verify import Finding, verify


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
    return Result("db verify", data, text="\n".join(_told(data, findings)), error=error)


def _told(data: dict[str, Any], findings: Sequence[Finding]) -> Iterator[str]:
    """Say in lines what was checked, with which key, and what was found."""
    yield f"file   {data['file']}"
    yield f"key    {data['key']}, {data['proof']}"
    yield f"head   {data['head'] or '-'}"
    yield f"found  {len(findings) or 'nothing: the journal is as written'}"
    for finding in findings:
        yield f"  {finding.kind}, {finding.where}: {finding.text}"


def _backup(options: DbOptions) -> Result:
    if options.target is None:
        raise UsageError("name the file to write", hint="tradebot db backup FILE")
    path = database(read_config(options.common))
    backup(path, options.target, force=options.force)
    size = options.target.stat().st_size
    data = {"file": str(path), "backup": str(options.target), "bytes": size}
    text = f"{options.target}: {size:,} bytes, checked"
    return Result("db backup", data, text=text)
