"""``backtest --record``: the result goes into the journal's chain, with its data and the look-ahead check."""

from __future__ import annotations

from dataclasses import replace

from tradebot.app.asked import put_backtest_on_record
from tradebot.app.backtest import BacktestResult
from tradebot.app.prices import open_data
from tradebot.app.recording import backtest_row, look_ahead
from tradebot.cli.backtest_command import cut
from tradebot.cli.options import RunOptions
from tradebot.cli.output import Result
from tradebot.config import Config
from tradebot.journal.audit import AuditKey
from tradebot.plugins.aside import prints_aside
from tradebot.plugins.strategies import StrategySpec, load_strategy


def recorded(
    result: Result,
    outcome: BacktestResult,
    config: Config,
    spec: StrategySpec,
    evidence: str,
    options: RunOptions,
) -> Result:
    """Put a backtest on record and say so in its answer; ``evidence`` is the hash as it was loaded."""
    chosen = config.strategy
    feed = open_data(options.files, options.symbols)
    with prints_aside():
        seen = look_ahead(
            config,
            lambda: load_strategy(chosen.name, config.strategy_dir(), chosen.params),
            feed,
            cut(feed.steps(), options.duration_ms),
            options.files,
        )
    weak = AuditKey.load(config.data_dir()).is_weak
    row = backtest_row(config, spec, options.files, seen, outcome.summary, evidence, weak_key=weak)
    head = put_backtest_on_record(config.data_dir(), row)
    found = {
        "evidence": row.evidence,
        "days": dict(row.spans),
        "files": dict(row.files),
        "lookahead": list(row.findings),
        "head": head,
    }
    checked = "clean" if not row.findings else "; ".join(row.findings)
    days = ", ".join(f"{symbol} {count} days" for symbol, count in row.spans)
    text = f"on record under {row.evidence[:16]}: {days}; look-ahead check {checked}"
    said = None if result.text is None else f"{result.text}\n{text}"
    return replace(result, data={**result.data, "record": found}, text=said)
