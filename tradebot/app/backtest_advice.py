"""What to change, of a backtest: from what its notebook holds, played again over its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tradebot.app.adjusted import Adjustment
from tradebot.app.advising import AdviceCase, PlayedAgain, advice_on, last_third, third_of
from tradebot.app.backtest import Notebook
from tradebot.app.whatif import Recording, what_if
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

    def play(change: Adjustment) -> PlayedAgain:
        return last_third(
            what_if(config, spec, recording, change, until=report.ended + 1, third=third)
        )

    judged = [fact for fact in notebook.told if isinstance(fact, SignalJudged)]
    case = AdviceCase(
        trades,
        third,
        {("", signal.id): signal.confidence for signal in judged},
        (),
        _bars(recording, third),
        document(report)["hash"],
        play,
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
