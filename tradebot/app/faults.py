"""A strategy's fault as the error that a command ends with."""

from __future__ import annotations

from tradebot.core.model.effects import StopRun
from tradebot.core.model.errors import StrategyError
from tradebot.core.model.values import Bar
from tradebot.core.strategy.fault import raised


def stop_error(stopped: StopRun | None, hint: str | None = None) -> StrategyError | None:
    """Return the error of a run that its strategy has stopped; None where it has not."""
    if stopped is None or not stopped.failed:
        return None
    return StrategyError(stopped.reason, hint=hint, file=stopped.file, line=stopped.line)


def bar_error(
    error: BaseException, bar: Bar, when: str = "", hint: str | None = None
) -> StrategyError:
    """Return the error for what a strategy raised on a bar, called where it was caught."""
    fault = raised(error, bar)
    return StrategyError(when + fault.text, hint=hint, file=fault.file, line=fault.line)


__all__ = ["bar_error", "stop_error"]
