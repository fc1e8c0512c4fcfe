"""``db verify``, ``db backup``, ``db export``, ``db restore`` and ``db rekey``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tradebot.app.database import database, journal_of
from tradebot.app.replay import strategy_source
from tradebot.cli.options import DbOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.clock import SYSTEM
from tradebot.core.model.errors import JournalError, UsageError
from tradebot.guard.lock import InstanceLock
from tradebot.journal.audit import FILE_ENVIRONMENT, AuditKey
from tradebot.journal.backup import backup, restore
from tradebot.journal.export import export_run
from tradebot.journal.facts import SignoffRevoked
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.rekey import rekey
from tradebot.journal.rows import Head
from tradebot.journal.verify import Finding, loose_states, verify
from tradebot.journal.writer import Journal


def db(options: DbOptions) -> int:
    """Answer a ``db`` command; returns the exit code."""
    return show(ACTIONS[options.action](options), as_json=options.common.json)


def _verify(options: DbOptions) -> Result:
    config = read_config(options.common)
    path = database(config)
    key = _key(config.data_dir(), path)
    findings = verify(path, key, [_head(text) for text in options.heads])
    loose = [] if findings else loose_states(path, key)
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
        "loose_states": loose,
    }
    return Result("db verify", data, text="\n".join(_told(data, findings)), error=error)


def _key(data_dir: Path, path: Path) -> AuditKey:
    key = AuditKey.find(data_dir)
    if key is None:
        raise JournalError(
            "the audit key is gone: the journal cannot be verified",
            hint="set TRADEBOT_AUDIT_KEY, or restore audit.key beside the journal",
            file=str(path),
        )
    return key


def _head(text: str) -> Head:
    try:
        return Head.parse(text)
    except ValueError:
        raise UsageError(
            f'"{text}" is no head', hint="--head 1234:9f86d0..., as db verify prints it"
        ) from None


def _told(data: dict[str, Any], findings: Sequence[Finding]) -> Iterator[str]:
    """Say in lines what was checked, with which key, and what was found."""
    yield f"file   {data['file']}"
    yield f"key    {data['key']}, {data['proof']}"
    yield f"head   {data['head'] or '-'}"
    yield f"found  {len(findings) or 'nothing: the journal is as written'}"
    for finding in findings:
        yield f"  {finding.kind}, {finding.where}: {finding.text}"
    if data["loose_states"]:
        names = ", ".join(data["loose_states"])
        yield f"note   an older version signed the state of {names} for any journal of this key, until it goes on"


def _backup(options: DbOptions) -> Result:
    target = _named(options)
    path = database(read_config(options.common))
    backup(path, target, force=options.force)
    size = target.stat().st_size
    data = {"file": str(path), "backup": str(target), "bytes": size}
    text = f"{target}: {size:,} bytes, checked"
    return Result("db backup", data, text=text)


def _restore(options: DbOptions) -> Result:
    """Put a backup in the journal's place, on record in what it becomes."""
    source = _named(options)
    data_dir = read_config(options.common).data_dir()
    path = journal_path(data_dir)
    with InstanceLock(data_dir, "db restore"):
        key = _key(data_dir, path)
        kept = restore(path, source, key)
        asyncio.run(_record(path, key, source))
    data = {"file": str(path), "restored": str(source), "kept": None if kept is None else str(kept)}
    text = f"{path}: as {source} was"
    return Result("db restore", data, text=f"{text}; before it: {kept}" if kept else text)


def _rekey(options: DbOptions) -> Result:
    """Sign the journal with the key of another file."""
    data_dir = read_config(options.common).data_dir()
    file = _named(options)
    path = journal_of(data_dir)
    with InstanceLock(data_dir, "db rekey"):
        old = _key(data_dir, path)
        new = AuditKey.of_file(file, data_dir, os.environ, "FILE")
        head = rekey(path, old, new, SYSTEM.wall_ms())
    data = {"file": str(path), "old": old.fingerprint, "new": new.fingerprint, "head": str(head)}
    text = (
        f"{path}: signed with the key of {file} ({new.fingerprint}), no longer with {old.fingerprint}\n"
        f"from now on set {FILE_ENVIRONMENT}={file}\n"
        f"heads noted before are void; the one to keep elsewhere is {head}"
    )
    return Result("db rekey", data, text=text)


async def _record(path: Path, key: AuditKey, source: Path) -> None:
    """Note that a backup was put back; who had signed may have taken it back since it was made."""
    why, wall = f"restored from {source.name}", SYSTEM.wall_ms()
    with Reader(path) as reader:
        signed = any(reader.select("SELECT 1 FROM audit WHERE kind = 'SignedOff' LIMIT 1"))
    async with await Journal.open(path, key=key) as journal:
        if signed:
            await journal.tell([SignoffRevoked("tradebot db restore", why)], why, wall)
        else:
            await journal.publish_head(why, wall)


def _export(options: DbOptions) -> Result:
    target = _named(options)
    config = read_config(options.common)
    path = database(config)
    with Reader(path) as reader:
        run = reader.run(options.run)
    source = strategy_source(run, config.strategy_dir(), config.strategy.name)
    export_run(path, run, target, source, force=options.force)
    size = target.stat().st_size
    data = {"run": run.id, "file": str(target), "bytes": size}
    return Result("db export", data, text=f"{target}: {run.id}, {size:,} bytes")


def _named(options: DbOptions) -> Path:
    if options.target is None:
        raise UsageError("name the file", hint=f"tradebot db {options.action} FILE")
    return options.target


ACTIONS = {
    "verify": _verify,
    "backup": _backup,
    "restore": _restore,
    "rekey": _rekey,
    "export": _export,
}
