"""What to change, of a backtest: from what its notebook holds, played again over its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tradebot.app.adjusted import Adjustment
from tradebot.app.advising import AdviceCase, PlayedAgain, advice_on, loss_of, third_of
from tradebot.app.backtest import Notebook
from tradebot.app.whatif import Recording, entered, play_again
from tradebot.config import Config
from tradebot.core.model.effects import SignalJudged
from tradebot.core.model.values import Bar
from tradebot.journal.view import TradeRow
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.monthly.document import document
from tradebot.reports.monthly.value import Report


def with_advice(
    report: Report,
    trades: Sequence[TradeRow],
    notebook: Notebook,
    config: Config,
    spec: StrategySpec,
    recording: Recording,
) -> Report:
    """Return a backtest's report with what should be changed."""
    third = third_of(report)
    as_it_is = entered(trades, third)  # the backtest itself: it need not be played again

    def play(change: Adjustment) -> PlayedAgain:
        changed = play_again(config, spec, recording, change, (third, report.ended + 1))
        return PlayedAgain(as_it_is.pnl, changed.pnl, changed.trades)

    judged = [fact for fact in notebook.told if isinstance(fact, SignalJudged)]
    case = AdviceCase(
        trades,
        third,
        {("", signal.id): signal.confidence for signal in judged},
        (),
        _bars(recording, third),
        document(report)["hash"],
        play,
        loss_of(report),
    )
    return replace(report, advice=advice_on(case))


def _bars(recording: Recording, until: int) -> Iterator[Bar]:
    """Yield the bars that closed before a moment (UTC ms)."""
    for step in recording.steps():
        for event in step:
            if isinstance(event, Bar):
                if event.open_time + event.interval > until:
                    return
                yield event


__all__ = ["with_advice"]
