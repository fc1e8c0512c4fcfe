"""What to do about an alert, with the command: the last line of its text."""

from __future__ import annotations

from collections.abc import Mapping

from tradebot.core.state.halts import HALTS, Clears

DO: Mapping[str, str] = {
    "halt": "tradebot risk shows why; tradebot resume --reason TEXT",
    "close_all": "tradebot status shows how it goes; trading stays halted until tradebot resume --reason TEXT",
    "no_stop": "tradebot positions shows the stops; tradebot close-all closes everything",
    "stop_rejected": "tradebot positions shows the stops; tradebot close-all closes everything",
    "liquidation_risk": "tradebot risk shows how near it is; tradebot close-all closes everything",
    "liquidated": "tradebot trades shows the loss; tradebot account what is left",
    "loss_limit": "tradebot risk shows the limits; tradebot trades what was lost",
    "reconcile": "tradebot account shows what the exchange has; tradebot close-all closes everything",
    "foreign": "tradebot account shows who else trades there; tradebot close-all closes everything",
    "engine_dead": "start it again (tradebot {mode}), or tradebot close-all closes what is open",
    "engine_hung": "tradebot close-all closes everything without the engine",
    "disk_full": "make room on that disk; tradebot close-all works without it",
    "journal": "tradebot doctor says what is wrong; tradebot close-all works without the journal",
    "key_refused": "tradebot keys show and tradebot doctor say which key is meant",
    "alarm": "tradebot status and tradebot risk show how it stands",
    "loss_near": "tradebot risk shows the limits",
    "feed": "nothing: no entry is made meanwhile, exits go on; tradebot status",
    "clock": "set this machine's clock (NTP); no entry is made meanwhile",
    "banned": "nothing: what is open rests on its stops until the ban ends",
    "order_unknown": "nothing: it is looked up, and counts as open until then; tradebot orders",
    "drift": "tradebot slippage compares fills with the model",
    "demoted": "tradebot gates says what stage 2 needs again",
    "incident": "tradebot incidents shows it and how it is closed; no entry is made until then",
    "channel": "tradebot alerts status says why; tradebot alerts test tries it",
    "changed": "if you did not mean to, tradebot config show --origin says where it comes from",
    "month": "tradebot report shows it",
}
"""By kind; ``{mode}`` is the run's."""


def advice(kind: str, mode: str) -> str:
    """Return what to do about a kind of alert; "" where there is nothing to be done."""
    return DO.get(kind, "").format(mode=mode or "paper")


def halt_advice(reason: str) -> str:
    """Return how a halt is ended: with which words, and not before what."""
    rule = HALTS.get(reason)
    if rule is None:
        return "tradebot risk shows why; tradebot resume --reason TEXT"
    if rule.clears is Clears.SIGN_OFF:
        return f"{rule.until}: tradebot signoff"
    review = " --review FILE" if rule.review else ""
    when = rule.until if rule.until.startswith("not ") else f"not while {rule.until}"
    until = f" ({when})" if rule.until else ""
    return f"tradebot risk shows why; tradebot resume --reason TEXT{review}{until}"
