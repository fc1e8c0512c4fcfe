"""How one venue behaves, and what its account holds at the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from tradebot.core.model.facts import FEES
from tradebot.core.model.money import ZERO
from tradebot.core.model.values import Fees
from tradebot.venue.listings import Listing

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

PERMISSIONS: dict[str, bool] = {
    "ipRestrict": True,
    "enableReading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "enableMargin": False,
    "enableFutures": True,
    "permitsUniversalTransfer": False,
    "enableVanillaOptions": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": False,
    "enableSpotAndMarginTrading": False,
    "enablePortfolioMarginTrading": False,
}
"""What the API key may do unless the account says otherwise: reading and futures, from one address."""


@dataclass(frozen=True, slots=True)
class ScriptedPosition:
    """A position the account has without any order of ours. ``qty`` signed, ``entry`` in USDT."""

    name: str
    position_side: str
    qty: Decimal
    entry: Decimal
    margin_type: str = "cross"
    leverage: int = 20


@dataclass(frozen=True, slots=True)
class ForeignOrder:
    """A resting limit order of somebody else on the account."""

    name: str
    side: str
    qty: Decimal
    price: Decimal
    client_id: str = "web_foreign"
    position_side: str = "BOTH"
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class AccountScript:
    """What the account is at the start.

    ``key`` and ``secret`` open it (empty: drawn from the seed). ``wallet`` in USDT; ``assets`` other wallets by name (BNFCR, BNB). ``leverage`` is every symbol's
    first, ``permissions`` overrides rows of ``apiRestrictions``, ``options`` constants of ``Settings``.
    """

    key: str = ""
    secret: str = ""
    wallet: Decimal = Decimal(1000)
    assets: dict[str, Decimal] = field(default_factory=dict)
    leverage: int = 20
    leverages: dict[str, int] = field(default_factory=dict)
    margin_type: str = "cross"
    margin_types: dict[str, str] = field(default_factory=dict)
    hedge: bool = False
    multi_assets: bool = False
    fee_burn: bool = False
    positions: tuple[ScriptedPosition, ...] = ()
    orders: tuple[ForeignOrder, ...] = ()
    made_up: tuple[Listing, ...] = ()
    permissions: dict[str, bool] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


FLAGS = ("old_fields", "child_own_id", "stop_needs_position", "retry_after")
COUNTS = ("income_delay_ms", "algo_forward_ms", "patience")
"""The constants of ``Settings`` that an account file may set as ``[options]``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The venue's constants.

    ``impact`` as in the simulated exchange. Delays in venue ms: ``algo_forward_ms`` from TRIGGERING to
    TRIGGERED, ``income_delay_ms`` until income is shown. ``old_fields`` puts avgPrice and cumQuote back
    into order answers, ``child_own_id`` gives an algo order's child a client id of its own,
    ``stop_needs_position`` refuses a reduce-only stop without a position, ``retry_after`` adds that header to 429 and 418. ``patience``: requests over the weight limit before
    a ban. Everything drawn by chance comes from ``seed``.
    """

    seed: int = 1
    fees: Fees = FEES
    impact: Decimal = Decimal("0.1")
    liquidation_fee: Decimal = Decimal("0.0125")
    income_delay_ms: int = 2000
    algo_forward_ms: int = 11
    old_fields: bool = False
    child_own_id: bool = False
    stop_needs_position: bool = False
    retry_after: bool = False
    patience: int = 10
    referral_kickback: Decimal = ZERO
    account: AccountScript = field(default_factory=AccountScript)


def make_key(rng: Random) -> str:
    """Return 64 letters and digits, the form of Binance's keys, secrets and listenKeys."""
    return "".join(rng.choice(_ALPHABET) for _ in range(64))
