"""Real money begins with a word that is typed, under what is at stake."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from tradebot.tui.dialog import Dialog
from tradebot.tui.figures import usd
from tradebot.tui.painted import Line
from tradebot.tui.setting import AtStake

LIMITS = {
    "position value": "{position_value} USDT, max positions {max_positions}",
    "trade loss": "{trade_loss} USDT",
    "day loss": "{day_loss} USDT",
    "week loss": "{week_loss} USDT",
    "since signoff loss": "{since_signoff_loss} USDT",
    "leverage": "{leverage} x, margin utilisation {margin_utilisation_pct} %",
    "liquidation": "alert at {liquidation_alert_pct} %, closed at {liquidation_close_pct} %",
    "entries": "{entry_interval_s} s apart, none in the hours {blackout_hours} UTC",
}
"""All limits by what they are called: a small terminal has room for so many lines and no more."""


class AskWord(Dialog[bool]):
    """Shows what is at stake, and answers whether the word was typed; any other is a no."""

    AUTO_FOCUS = "#word"

    def __init__(self, stake: AtStake) -> None:
        super().__init__("REAL MONEY", stake_lines(stake))
        self._word = stake.word

    def below(self) -> ComposeResult:
        """Yield the field."""
        yield Input(placeholder=f"type {self._word} to trade, then enter; esc cancels", id="word")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer."""
        self.dismiss(event.value.strip() == self._word)


def stake_lines(stake: AtStake) -> list[Line]:
    """Return account, stage, symbols, equity at risk and all limits."""
    limits = stake.limits
    stage = f"stage {stake.stage}" if stake.stage else "no stage binds"
    risk = f"{usd(stake.equity)}; a day may take {limits['day_loss']} of it, a week {limits['week_loss']}"
    return [
        ((f" LIVE: real orders on the {stake.account} account, {stage} ", "alarm"),),
        _named("symbols", f"{', '.join(stake.symbols)} with {stake.strategy}"),
        _named("equity at risk", risk),
        *(_named(name, text.format_map(limits)) for name, text in LIMITS.items()),
        (("A price that jumps over a stop can take more than any limit.", "dim"),),
    ]


def _named(name: str, text: str) -> Line:
    return ((f"{name:<20}", "dim"), (text, ""))
