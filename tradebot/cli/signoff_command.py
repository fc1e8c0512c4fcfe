"""``signoff``: two people say in words that a strategy may trade their money, or take that back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from tradebot.app.readiness import Readiness, judge, limits_text
from tradebot.app.signing import (
    RISKS,
    Signer,
    questions,
    read_signer,
    read_text,
    refuse_unready,
    revoke,
    risk_sources,
    sign,
)
from tradebot.cli.backtest_command import chosen_strategy
from tradebot.cli.options import SignoffOptions
from tradebot.cli.output import Result, show
from tradebot.cli.settings import read_config
from tradebot.cli.streams import say
from tradebot.config import Config
from tradebot.core.model.errors import RefusedError, TradebotError, UsageError
from tradebot.core.model.money import plain
from tradebot.core.model.times import iso
from tradebot.core.risk.ceilings import SINCE_SIGNOFF_LOSS
from tradebot.reports.readiness.signoffs import Signature

NEEDED = 2


def signoff(options: SignoffOptions) -> int:
    """Show what is to be signed, and take the word of whoever signs or revokes; return the exit code."""
    run = options.run
    config = read_config(run.common, run.flags())
    if options.revoke:
        return _revoke(options, config)
    found = judge(config, chosen_strategy(config))
    if options.name is not None or options.text_file is not None:
        return _sign_once(options, config, found)
    error = _unready(found)
    if error is None and not run.common.json and sys.stdin.isatty():
        return _ask_both(options, config, found)
    return _show(options, config, found, error)


def _revoke(options: SignoffOptions, config: Config) -> int:
    if options.name is None:
        raise UsageError("who revokes it is not said", key="--name", hint="--name NAME --revoke")
    words = "" if options.text_file is None else read_text(options.text_file)
    head = str(revoke(config, options.name, words))
    text = f"every sign-off is revoked. Head of the journal, to be kept elsewhere: {head}"
    return show(
        Result("signoff", {"revoked": True, "head": head}, text=text),
        as_json=options.run.common.json,
    )


def _sign_once(options: SignoffOptions, config: Config, found: Readiness) -> int:
    given = {
        "--name": options.name,
        "--role": options.role,
        "--text-file": options.text_file,
    }
    for key, value in given.items():
        if value is None:
            raise UsageError(f"{key} is needed too", key=key, hint="--name NAME --role ROLE --text-file FILE")  # fmt: skip
    assert options.name is not None
    assert options.role is not None
    assert options.text_file is not None
    signer = read_signer(options.name, options.role, read_text(options.text_file))
    row, head = sign(config, found, signer)
    data = {"signed": row.name, "evidence": row.evidence, "stage": row.stage, "head": str(head)}
    text = f"signed by {row.name} ({row.role}). Head of the journal, to be kept elsewhere: {head}"
    return show(Result("signoff", data, text=text), as_json=options.run.common.json)


def _ask_both(options: SignoffOptions, config: Config, found: Readiness) -> int:
    """Ask two people in turn, each for name, role, sentence and every confirmation."""
    for line in _lines(config, found):
        say(line)
    for _ in range(NEEDED - len({one.fact.name for one in found.signed if not one.lapsed})):
        row, head = sign(config, found, _asked(config))
        say(f"signed by {row.name}. Head of the journal, to be kept elsewhere: {head}")
        found = judge(config, chosen_strategy(config))
    return _show(options, config, found, None)


def _asked(config: Config) -> Signer:
    say("")
    name, role = _line("name: "), _line("role: ")
    words = _line("a sentence of your own, why this strategy may trade this money: ")
    for risk in RISKS:
        say(f"  - {risk}")
    answers = {one.key: _line(f"{one.ask} ") for one in questions(config)}
    return Signer(name, role, words, answers)


def _line(ask: str) -> str:
    sys.stderr.write(ask)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise RefusedError("nobody answered: nothing was signed")
    return line.strip()


def _unready(found: Readiness) -> TradebotError | None:
    try:
        refuse_unready(found)
    except RefusedError as error:
        return error
    return None


def _show(
    options: SignoffOptions, config: Config, found: Readiness, error: TradebotError | None
) -> int:
    data: dict[str, Any] = {
        "strategy": config.strategy.name,
        "evidence": found.evidence,
        "stage": found.stage,
        "approved_loss": plain(SINCE_SIGNOFF_LOSS),
        "limits": limits_text(config),
        "risk_sources": risk_sources(),
        "failing": [one.gate for one in found.failing],
        "signoff": [_document(one) for one in found.signed],
        "head": str(found.testimony.head),
    }
    text = "\n".join(_lines(config, found))
    result = Result("signoff", data, text=text, error=error)
    return show(result, as_json=options.run.common.json)


def _document(one: Signature) -> dict[str, Any]:
    return {
        "name": one.fact.name,
        "role": one.fact.role,
        "words": one.fact.words,
        "signed": iso(one.signed),
        "until": iso(one.until),
        "stage": one.fact.stage,
        "lapsed": list(one.lapsed),
    }


def _lines(config: Config, found: Readiness) -> Iterator[str]:
    yield f"{config.strategy.name}, stage {found.stage}"
    yield f"  evidence hash  {found.evidence}"
    yield f"  approved loss  {plain(SINCE_SIGNOFF_LOSS)} USDT since the sign-off; then it is void"
    yield f"  limits         {limits_text(config)}"
    yield f"  risk code      {risk_sources()}"
    for one in found.verdicts:
        yield f"  {'ok' if one.ok else 'NO':<3} {one.gate:<10} {one.have}"
    for signed in found.signed:
        state = "; ".join(signed.lapsed) or f"stands until {iso(signed.until)}"
        yield f"  signed         {signed.fact.name} ({signed.fact.role}) {iso(signed.signed)}: {state}"
    yield "  each signer writes a sentence and confirms, as lines of --text-file or on a terminal:"
    for question in questions(config):
        yield f"    {question.key}: {question.ask}"
