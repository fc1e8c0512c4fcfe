"""``signoff``: two people say in words that a strategy may trade their money, or take that back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from tradebot.app.readiness import Readiness, judge, limits_text
from tradebot.app.signing import (
    RISKS,
    Signer,
    check_signer,
    questions,
    read_signer,
    read_text,
    refuse_unready,
    risk_sources,
)
from tradebot.app.stating import Kind, PersonsWord, check_stage, state
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
from tradebot.journal.rows import Head
from tradebot.reports.readiness.signoffs import Signature

NEEDED = 2


def signoff(options: SignoffOptions) -> int:
    """Show what is to be signed, and take the word of whoever signs or revokes; return the exit code."""
    run = options.run
    config = read_config(run.common, run.flags())
    _refuse_both(options)
    if options.stage is not None:
        check_stage(options.stage)
    if options.revoke or options.review or options.stage is not None:
        return _state(options, config)
    found = judge(config, chosen_strategy(config), signing=True)
    if options.name is not None or options.text_file is not None:
        return _sign_once(options, config, found)
    error = _unready(found)
    if error is None and not run.common.json and sys.stdin.isatty():
        return _ask_both(options, config, found)
    return _show(options, config, found, error)


def _refuse_both(options: SignoffOptions) -> None:
    given = [
        key
        for key, value in (
            ("--revoke", options.revoke),
            ("--review", options.review),
            ("--stage", options.stage is not None),
        )
        if value
    ]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} do not go together", key=given[1], hint="one of them")  # fmt: skip
    if options.cap and options.stage is None:
        raise UsageError("a cap is written down for stage 3", key="--cap", hint="--stage 3 --cap USDT")  # fmt: skip


def _state(options: SignoffOptions, config: Config) -> int:
    """Move live up a stage, have its week reviewed, or take every sign-off back; return the exit code."""
    kind: Kind = "revoke" if options.revoke else "review" if options.review else "raise"
    word = {"revoke": "--revoke", "review": "--review", "raise": f"--stage {options.stage}"}[kind]
    if options.name is None:
        raise UsageError(f"who says it is not said: {word}", key="--name", hint=f"--name NAME {word}")  # fmt: skip
    if options.text_file is None and not options.revoke:
        raise UsageError(f"{word} wants words", key="--text-file", hint=f"{word} --name NAME --text-file FILE")  # fmt: skip
    words = "" if options.text_file is None else read_text(options.text_file)
    stated = PersonsWord(
        kind, options.name, options.role or "", words, stage=options.stage or 0, cap=options.cap
    )
    spec = None if options.revoke else chosen_strategy(config)
    text, head = state(config, spec, stated)
    data = {"stated": kind, "revoked": options.revoke, "stage": options.stage, "head": str(head)}
    text = f"{text}. Head of the journal, to be kept elsewhere: {head}"
    return show(Result("signoff", data, text=text), as_json=options.run.common.json)


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
    said, head = _signed(config, found, signer)
    data = {"signed": signer.name.strip(), "evidence": found.evidence, "stage": found.stage}
    data["head"] = str(head)
    text = f"{said}. Head of the journal, to be kept elsewhere: {head}"
    return show(Result("signoff", data, text=text), as_json=options.run.common.json)


def _signed(config: Config, found: Readiness, signer: Signer) -> tuple[str, Head | None]:
    """Put a signature on record, for what was shown; return what is said of it and the chain's head."""
    check_signer(config, found, signer)
    words = (signer.name, signer.role, signer.words, signer.answers)
    limits = limits_text(config)
    stated = PersonsWord("sign", *words, evidence=found.evidence, limits=limits)
    return state(config, chosen_strategy(config), stated)


def _ask_both(options: SignoffOptions, config: Config, found: Readiness) -> int:
    """Ask two people in turn, each for name, role, sentence and every confirmation."""
    for line in _lines(config, found):
        say(line)
    for _ in range(NEEDED - len({one.fact.name for one in found.signed if not one.lapsed})):
        said, head = _signed(config, found, _asked(config))
        say(f"{said}. Head of the journal, to be kept elsewhere: {head}")
        found = judge(config, chosen_strategy(config), signing=True)
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
