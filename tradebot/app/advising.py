"""What to change, of a journal's report or a backtest's: chosen by what came first, tried on what came last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal

from tradebot.app.adjusted import Adjustment
from tradebot.config import Config
from tradebot.core.model.errors import TradebotError
from tradebot.core.model.money import ZERO, plain
from tradebot.core.model.values import DAY_MS, Bar
from tradebot.journal.view import TradeRow
from tradebot.plugins.strategies import StrategySpec
from tradebot.reports.advice.advise import Advice, Recommendation, advise, in_words
from tradebot.reports.advice.gather import SignalKey, held_on, past_trades
from tradebot.reports.advice.modelled import FillModel, ModelledFills
from tradebot.reports.advice.outcomes import Evidence, RefusedEntry
from tradebot.reports.advice.settings import RunSettings
from tradebot.reports.monthly.document import document
from tradebot.reports.monthly.value import AdviceText, Report


@dataclass(frozen=True, slots=True)
class PlayedAgain:
    """What a change made of the last third, which chose nothing (USDT); ``why`` it was not played, else ""."""

    as_it_is: Decimal = ZERO
    changed: Decimal = ZERO
    trades: int = 0
    why: str = ""

    @property
    def words(self) -> str:
        """The replay in a line."""
        if self.why:
            return f"Not replayed: {self.why}."
        difference = self.changed - self.as_it_is
        verdict = " That speaks against it." if difference < 0 else ""
        return (
            f"Played again over the last third of the time, which chose nothing: {difference:+,.2f} USDT"
            f" (from {self.as_it_is:+,.2f} to {self.changed:+,.2f}, {self.trades} trades).{verdict}"
        )


@dataclass(frozen=True, slots=True)
class AdviceCase:
    """What advice is made of: all closed trades and what is known of their signals.

    ``third`` is where the last third begins (UTC ms): bars and refused entries are from before it. ``play`` plays a change again
    and raises a TradebotError where that cannot be; ``digest`` is that of the rows, and the seed of all draws. ``loss`` is what may be
    lost (USDT); ``model`` what fills of an exchange are compared with, None where the simulation made them;
    ``settings`` what the newest run was told, None where that cannot be read.
    """

    trades: Sequence[TradeRow]
    third: int
    confidences: Mapping[SignalKey, float | None]
    refused: Sequence[RefusedEntry]
    bars: Iterable[Bar]
    digest: str
    play: Callable[[Adjustment], PlayedAgain]
    loss: float | None = None
    model: FillModel | None = None
    settings: RunSettings | None = None


def advice_on(case: AdviceCase, tell: Callable[[float], None] = lambda _: None) -> AdviceText:
    """Return what the trades support, in words and as data, with what the replays showed; ``tell`` is told how much (0..1) was played."""
    advice = advise(evidence_of(case), case.digest)
    replays = []
    for number, found in enumerate(advice.supported, 1):
        replays.append(_replayed(found, case.play))
        tell(number / len(advice.supported))
    return AdviceText(lines_of(advice, replays), _data(advice, replays))


def evidence_of(case: AdviceCase) -> Evidence:
    """Return what rules may look at: the trades entered before the last third, and what came of them before it."""
    chosen = [trade for trade in case.trades if trade.entry_time < case.third]
    fills = None if case.model is None else ModelledFills(case.model)
    bars = case.bars if fills is None else fills.watched(chosen, case.bars)
    return Evidence(
        past_trades(chosen, case.confidences),
        case.refused,
        held_on(chosen, bars),
        modelled=None if fills is None else fills.costs,
        loss=case.loss,
        settings=case.settings,
        whole=(len(case.trades), len({trade.entry_time // DAY_MS for trade in case.trades})),
    )


def loss_of(report: Report) -> float:
    """Return what a report's account may lose (USDT): its limit of a week, behind which a person has to look; without one all it had."""
    cap = next((use.cap for use in report.risk.limits if use.rule == "week_loss"), None)
    return float(report.bridge.start_equity if cap is None else cap)


SIZES = ("position_value", "trade_loss")


def settings_in(config: Config, spec: StrategySpec) -> RunSettings:
    """Return what lines of a configuration are made of."""
    limits = config.limits()
    caps = {name: cap for name in SIZES if (cap := getattr(limits, name)) is not None}
    if config.risk.profile == "bench":
        caps = {}
    return RunSettings(
        spec.params.model_dump(), config.risk.profile, sorted(limits.blackout_hours), caps
    )


def _replayed(found: Recommendation, play: Callable[[Adjustment], PlayedAgain]) -> PlayedAgain:
    if not found.signal:
        return PlayedAgain(why="a change that signals cannot show")
    try:
        return play(Adjustment.parse(found.signal))
    except TradebotError as error:
        return PlayedAgain(why=error.message)


def rows_digest(report: Report) -> str:
    """Return what names the rows a report is made of: its hash without benchmarks, which change nothing that is advised."""
    digest: str = document(replace(report, benchmarks=()))["hash"]
    return digest


def third_of(report: Report) -> int:
    """Return where the last third of a report's time begins (UTC ms): advice is chosen before it."""
    return report.begun + (report.ended - report.begun) * 2 // 3


def lines_of(advice: Advice, replays: Sequence[PlayedAgain]) -> list[str]:
    """Return the advice in words, each change with what its replay showed."""
    if not advice.supported:
        return in_words(advice)
    lines = []
    for found, replay in zip(advice.supported, replays, strict=True):
        lines += in_words(replace(advice, supported=(found,)))
        lines.append(f"  {replay.words}")
    return lines


def _data(advice: Advice, replays: Sequence[PlayedAgain]) -> dict[str, object]:
    supported = [
        {**asdict(found), "replay": _replay(replay)}
        for found, replay in zip(advice.supported, replays, strict=True)
    ]
    closest = None if advice.closest is None else asdict(advice.closest)
    return {
        "trades": advice.trades,
        "days": advice.days,
        "tests": advice.family,
        "too_few": advice.too_few,
        "supported": supported,
        "closest": closest,
    }


def _replay(replay: PlayedAgain) -> dict[str, object]:
    if replay.why:
        return {"why_not": replay.why}
    figures = {"as_it_is": replay.as_it_is, "changed": replay.changed}
    return {name: plain(value) for name, value in figures.items()} | {"trades": replay.trades}


__all__ = [
    *("AdviceCase", "PlayedAgain", "advice_on", "evidence_of", "lines_of", "loss_of"),
    *("rows_digest", "settings_in", "third_of"),
]
