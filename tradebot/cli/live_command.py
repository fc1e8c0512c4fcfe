"""``live``: the checklist, the word, and then the same run as paper's, with real orders."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tradebot.app.account import Access, TradedAccount
from tradebot.app.barred import Watcher
from tradebot.app.checklist import (
    Checklist,
    go_through,
    go_through_patiently,
    need_access,
    real_money,
)
from tradebot.app.host import PaperHost, Setup
from tradebot.app.incidents import record_traces
from tradebot.app.live import (
    MODES,
    Ask,
    Permit,
    journal_end,
    permit,
    refusal,
    still_fit,
    too_many_restarts,
    try_locks,
)
from tradebot.app.ours import Ours, read_ours
from tradebot.app.permission import PENDING, WORDLESS, Terms, issue_token, may_go_on
from tradebot.app.readiness import do_gates_bind, failing_gates, standing_now, with_gates
from tradebot.app.recompute import GateWatch, ask_child
from tradebot.app.rehearsal import cancel_left_stop, rehearse
from tradebot.app.runner import Pace
from tradebot.app.supervision import Supervision
from tradebot.app.units import alerts_unit, units
from tradebot.app.watchdog import Supervisor, end_hung
from tradebot.cli.backtest_command import chosen_strategy
from tradebot.cli.live_words import (
    allowed_lines,
    ask_word,
    ending,
    equity_at_risk,
    limits_of,
    rehearsal_line,
    told,
)
from tradebot.cli.options import LiveOptions, RunOptions
from tradebot.cli.output import Result, fail, show
from tradebot.cli.run_commands import (
    answer,
    greeting,
    has_screen,
    host_run,
    tell_events,
    traded_market,
)
from tradebot.cli.settings import read_config
from tradebot.cli.share_bar import parity_bar
from tradebot.cli.stopping import LOOK_S, HungError, Signals, leave_at_once
from tradebot.cli.streams import say
from tradebot.clock import SYSTEM
from tradebot.config import Config
from tradebot.core.model.errors import (
    ConfigError,
    ExchangeError,
    RefusedError,
    TradebotError,
    UsageError,
)
from tradebot.core.model.money import plain
from tradebot.guard.account_lock import account_dir
from tradebot.guard.instance import instance_id
from tradebot.guard.registry import state_dir
from tradebot.market.feed import ExchangeSource, Prices
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.readiness.stages import SUPERVISED, UNATTENDED, LiveStage
from tradebot.wire.reply import UNASKED

AGAIN_S = 5.0
"""Seconds until an exchange that could not be reached is tried again, where something is open."""
SPARING_S = 20.0
"""Seconds until more is asked where the requests of this minute are used up: the engine needs what is left."""


def live(options: LiveOptions) -> int:
    """Go through the checklist, and trade if it allows that; return the exit code."""
    _refuse_words(options.run)
    config = read_config(options.run.common, options.run.flags())
    _refuse_config(config)
    spec = chosen_strategy(config)
    if options.print_unit:
        return _print_unit(options, config)
    if not options.check:
        record_traces(config.data_dir(), ())  # what ended the run before, where it could not say so
    standing = None
    if do_gates_bind(config, enforced=options.enforce_gates):
        standing = standing_now(config, spec)
        config = config.in_stage(standing.stage, standing.cap)
    if options.check:
        return _check(options, config, spec)
    with Signals() as signals:
        try:
            return _start(options, config, spec, signals, standing)
        except HungError as error:
            leave_at_once(fail("live", error, as_json=options.run.common.json))


def _refuse_words(options: RunOptions) -> None:
    """Refuse what only a run that is no matter of money can be given."""
    given = {
        "FILE": bool(options.files),
        "--market": options.market not in (None, "binance"),
        "--speed": options.speed is not None,
        "--seed": options.seed is not None,
    }
    for word, is_given in given.items():
        if is_given:
            text = "live trades Binance's own prices as they come"
            raise UsageError(text, key=word, hint=f"leave {word} away; `tradebot paper` takes it")


def _refuse_config(config: Config) -> None:
    """Refuse a way of entering that has no protected price, or one that may rest when this process is gone."""
    entry, countdown = config.execution.entry, config.execution.countdown
    if entry == "ioc" or (entry == "limit" and countdown):
        return
    why = {
        "market": "entries at market have no price to stay within",
        "limit": "a limit that rests would outlive a process that dies",
    }
    hint = 'leave it at "ioc": a limit at a protected price, immediate or cancel'
    if entry == "limit":
        hint += "; or set execution.countdown = true: the exchange then cancels what rests"
    raise ConfigError(f"{why[entry]}: live refuses them", key="execution.entry", hint=hint)


def _refuse_symbols(ours: Ours, config: Config) -> None:
    """Refuse a choice of symbols that leaves out what is open of ours: nobody would protect it."""
    lacking = ours.symbols - set(config.market.symbols)
    if lacking:
        names = ", ".join(sorted(lacking))
        raise UsageError(
            f"{names} of the last live run is open, and is not among the symbols to be traded",
            key="market.symbols",
            hint=f"add {names}, or close it with tradebot close-all --account {config.exchange.environment}",
        )


# -- the check --------------------------------------------------------------------------------------


def _check(options: LiveOptions, config: Config, spec: StrategySpec) -> int:
    asked = go_through_patiently(config, spec, say)
    found = with_gates(config, spec, asked, enforced=options.enforce_gates)
    token = None
    if not found.failed and not is_for_terminals(config):
        terms = Terms.of(config, spec.hash, need_access(config).fingerprint)
        token = issue_token(config.data_dir(), terms)
    data: dict[str, Any] = {
        "checks": found.document(),
        "stage": config.stage or None,
        "terminal_only": is_for_terminals(config),
        "account": config.exchange.environment,
        "symbols": list(config.market.symbols),
        "strategy": config.strategy.name,
        "equity": plain(equity_at_risk(found)),
        "limits": limits_of(config),
        "open": list(found.open),
        "token": token,
    }
    text = "\n".join([*told(found, sys.stdout), *ending(found, token)])
    error = refusal(found) if found.failed else None
    return show(Result("live", data, text=text, error=error), as_json=options.run.common.json)


def is_for_terminals(config: Config) -> bool:
    """Whether a start needs a person before it: in every stage that binds, but the last."""
    return 0 < config.stage < UNATTENDED


def _with_gates(
    options: LiveOptions,
    config: Config,
    spec: StrategySpec,
    found: Checklist,
    *,
    shown: bool = True,
) -> Checklist:
    enforced, attended = options.enforce_gates, has_screen(options.run)
    with parity_bar(not shown or options.run.common.json) as bar:
        return with_gates(config, spec, found, bar, enforced=enforced, attended=attended)


def _print_unit(options: LiveOptions, config: Config) -> int:
    """Print what systemd needs to keep a live run up."""
    text, alerts = units(config, state_dir()), alerts_unit(config, state_dir())
    both = text
    if alerts:
        both = f"# tradebot.service\n{text}\n# tradebot-alerts.service: a file of its own\n{alerts}"
    data = {"unit": text, "alerts_unit": alerts or None}
    return show(Result("live", data, text=both), as_json=options.run.common.json)


# -- the start --------------------------------------------------------------------------------------


def _judged_first(options: LiveOptions, config: Config, spec: StrategySpec) -> Checklist | None:
    """Return the checklist with every gate where money is real, before anybody is asked for a key; None elsewhere.

    Where something of ours is open by the journal it is None too: that is protected first.
    """
    if not real_money(config) or read_ours(config.data_dir(), "live").open_here():
        return None
    return _judged(options, config, spec)


def _judged(options: LiveOptions, config: Config, spec: StrategySpec) -> Checklist:
    """Go through the checklist and the gates, and tell all of it."""
    found = _with_gates(options, config, spec, go_through_patiently(config, spec, say))
    for line in told(found, sys.stderr):
        say(line)
    return found


def _unearned(found: Checklist) -> RefusedError | None:
    """Return why real money is refused, every gate that does not pass in one go; None where nothing is, or something of ours
    is open on the account: that is protected whatever the gates say.
    """
    if found.open or not (failing := failing_gates(found)):
        return None
    hint = "tradebot gates says what each needs and what to do next"
    return RefusedError(f"gates that do not pass: {', '.join(failing)}", hint=hint)


def _refused(options: LiveOptions, found: Checklist, error: TradebotError) -> int:
    data = {"checks": found.document(), "open": list(found.open)}
    return show(Result("live", data, text="", error=error), as_json=options.run.common.json)


def _start(
    options: LiveOptions,
    config: Config,
    spec: StrategySpec,
    signals: Signals,
    standing: LiveStage | None,
) -> int:
    """Protect what is open, or check and ask; then run. Return the exit code."""
    head, bind = journal_end(config), do_gates_bind(config, enforced=options.enforce_gates)
    first = _judged_first(options, config, spec)
    if first is not None and (refused := _unearned(first)) is not None:
        return _refused(options, first, refused)
    access = need_access(config)
    try_locks(config, access)
    ours = read_ours(config.data_dir(), access.environment)
    _refuse_symbols(ours, config)
    terms = Terms.of(config, spec.hash, access.fingerprint)
    run = LiveRun(options, config, spec, access, ours, terms, Supervisor(os.environ), standing)
    if ours.open_here():
        return run.protect_first(signals)
    cancelled = (first is None or not first.failed) and run.cancel_left()
    found = _judged(options, config, spec) if first is None or cancelled else first
    judged = head, SYSTEM.wall_ms()
    try:
        allowed = permit(found, config, terms, options.token, _asker(options, config, found))
        allowed = still_fit(allowed, found, config, judged) if bind else allowed
    except TradebotError as error:
        return _refused(options, found, error)
    for line in allowed_lines(allowed, found):
        say(line)
    return run.go(allowed, signals)


def _asker(options: LiveOptions, config: Config, found: Checklist) -> Ask | None:
    """Return what asks for the word; None without a terminal."""
    terminal = sys.stdin.isatty() and sys.stderr.isatty() and not options.run.common.json
    return (lambda: ask_word(config, found)) if terminal else None


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A live run about to begin: options, configuration, strategy, account, what is open of ours, the terms, and the stage
    where one binds.
    """

    options: LiveOptions
    config: Config
    spec: StrategySpec
    access: Access
    ours: Ours
    terms: Terms
    supervisor: Supervisor
    standing: LiveStage | None

    @property
    def latches(self) -> tuple[Path, Path]:
        """The data directory, and where the key's lock lies."""
        return self.config.data_dir(), account_dir(self.access.fingerprint)

    def cancel_left(self) -> bool:
        """Cancel the stop of a rehearsal that was killed in the middle, if there is one; ExchangeError where nobody can say
        that it is gone.
        """
        left = cancel_left_stop(self.access, self.latches)
        if left:
            say(f"a rehearsal had broken off: its stop {left} is cancelled, and gone")
        return bool(left)

    def protect_first(self, signals: Signals) -> int:
        """Protect what is open at once; the checklist is gone through beside it, and says whether it may trade."""
        say(f"open of ours: {'; '.join(self.ours.open_here())}: protected first, then checked")
        first = PENDING if may_go_on(self.ours, self.terms) else WORDLESS
        return self.go(Permit(protect=first), signals, pending=True)

    def go(self, allowed: Permit, signals: Signals, *, pending: bool = False) -> int:
        """Rehearse where nothing is open, host the run, and answer; one that only protects tries until it can."""
        while True:
            try:
                source, account = traded_market(self.access, self.config, self.spec)
                proved = not allowed.protect and self._rehearse(source)
                setup = self._setup(source, account, allowed, pending=pending, unproved=not proved)
                return self._host(setup, signals)
            except ExchangeError as error:
                sparing = UNASKED in error.message and "banned" not in error.message
                if signals.caught or not (allowed.protect or sparing):
                    raise
                why = "what is open must be protected" if allowed.protect else "a minute has an end"
                say(f"{error}; trying again: {why}")
                SYSTEM.sleep(AGAIN_S)

    def _rehearse(self, source: Prices) -> bool:
        """Set leverage and try the way of a stop; return whether stops are proved. RefusedError where that fails."""
        assert isinstance(source, ExchangeSource)
        leverage = self.config.limits(source.symbols).leverage or 1
        instance = instance_id(self.config.data_dir())
        done = rehearse(self.access, source.instruments, leverage, instance, self.latches)
        for row in done.rows:
            say(rehearsal_line(row))
        for row in done.failed:
            kind = ExchangeError if row.check == "exchange" else RefusedError
            raise kind(f"{row.check}: {row.detail}", hint=row.hint)
        return done.proved

    def _setup(
        self,
        source: Prices,
        account: TradedAccount,
        allowed: Permit,
        *,
        pending: bool,
        unproved: bool,
    ) -> Setup:
        run = self.options.run
        again = may_go_on(self.ours, self.terms)
        return Setup(
            config=self.config,
            source=source,
            spec=self.spec,
            pace=Pace(1.0, run.duration_ms),
            new=run.new and not allowed.protect,
            modes=MODES,
            observe=tell_events,
            said=greeting(run, self.config, source, 1.0),
            broker=account.broker,
            venue=self.access.environment,
            account=account,
            protect=allowed.protect,
            pending=pending,
            watchdog=partial(end_hung, self.config.data_dir()),
            processed=self.supervisor.alive,
            terminal=has_screen(run),
            standing=self.standing,
            supervision=Supervision() if self.config.stage == SUPERVISED else None,
            restarts=too_many_restarts(self.config, self.ours) if again else "",
            unproved=unproved,
        )

    def _host(self, setup: Setup, signals: Signals) -> int:
        run = self.options.run
        beside = self._tell_ready if setup.protect else self._stand_by
        if setup.pending:
            beside = self._check_beside
        ending = host_run(setup, run, signals, beside)
        self.supervisor.stopping()
        if setup.protect and isinstance(ending.error, ExchangeError) and not signals.caught:
            raise ending.error
        return answer(ending, setup, run, signals)

    def _tell_ready(self, host: PaperHost) -> None:
        """Tell the supervisor once the engine works."""
        while not host.working:
            if host.wait(LOOK_S):
                return
        self.supervisor.ready()

    def _stand_by(self, host: PaperHost) -> None:
        """Do what goes on beside a run that may trade."""
        self._tell_ready(host)
        self._watch_gates(host)

    def _watch_gates(self, host: PaperHost) -> None:
        """Every gate that binds has just passed: see that they go on doing so as long as the run lives."""
        host.bar(Watcher.GATES, ())
        if do_gates_bind(self.config, enforced=self.options.enforce_gates):
            ask, tell = partial(ask_child, self.config), partial(host.bar, Watcher.GATES)
            GateWatch(ask, tell, url=self.config.exchange.url).watch(host.wait)

    def _check_beside(self, host: PaperHost) -> None:
        """Go through the checklist while the engine protects, and tell it what it may do; a failure is that it may not trade."""
        self._tell_ready(host)
        try:
            may_trade = self._check_and_permit(host)
        except Exception as error:  # of whatever kind: what is open goes on being protected
            host.permit(f"its checklist failed: {type(error).__name__}: {error}")
            return
        if may_trade:
            self._watch_gates(host)

    def _check_and_permit(self, host: PaperHost) -> bool:
        while True:
            found = go_through(self.config, self.spec, self.ours)
            if not found.is_away:
                break
            SYSTEM.sleep(AGAIN_S if found.seen is None else SPARING_S)
        found = _with_gates(self.options, self.config, self.spec, found, shown=False)
        allowed = permit(found, self.config, self.terms, self.options.token, None)
        if not has_screen(self.options.run):
            for line in (*told(found, sys.stderr), *allowed_lines(allowed, found)):
                say(line)
        host.permit(allowed.protect)
        return not allowed.protect
