"""What the doctor asks an exchange: whether it answers, its clock, the symbols' rules, the key and the account.

Nothing is changed there. What cannot be asked is said: silence is no proof.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from tradebot.app.finding import Row, judge_symbol, profiles_of
from tradebot.config import Config
from tradebot.core.model.errors import ExchangeError, TradebotError
from tradebot.core.model.facts import INSTRUMENTS
from tradebot.core.model.money import plain
from tradebot.guard.keys import NAMES, Account
from tradebot.wire.places import ASTRAY_HINT
from tradebot.wire.reply import UNASKED

if TYPE_CHECKING:
    from tradebot.app.account import Access
    from tradebot.broker.account_view import AccountPicture
    from tradebot.wire.client import Wire

    More: TypeAlias = Callable[[Wire, AccountPicture], Coroutine[Any, Any, list[Row]]]
    """What else an account is asked that could be read."""

LARGE_OFFSET_MS = 1000
MOST_ERROR_MS = 1000
"""Entries need to know the exchange's time better than that."""
LEVERAGE = 1
LAG_S = 1.0
"""How much later than by our reckoning the exchange may count anew."""
CREDITS = "BNFCR"
"""The asset in which accounts of the EU count."""


def ask_exchange(
    config: Config, env: Mapping[str, str], told: Callable[[str], None]
) -> Iterator[Row]:
    """Yield the rows of each account that is configured or has a key in ``env``; else those of the prices alone.

    Where the requests of a minute do not suffice the next one is waited for; ``told`` hears for how long.
    """
    from tradebot.app.account import find_access
    from tradebot.app.connect import wire_to
    from tradebot.wire.hosts import find_hosts

    url = config.exchange.url
    accounts = _accounts(config, env)
    if not accounts and config.market.source != "binance":
        text = "nothing to ask: prices are simulated, and no account is configured"
        yield Row("exchange", "ok", text)
    elif not accounts:
        yield from asyncio.run(_ask(wire_to(find_hosts("live", url)), config, None, told=told))
    for account in accounts:
        try:
            access = find_access(account, url)
        except TradebotError as error:
            yield Row("key", "fail", str(error), error.hint)
            yield from asyncio.run(_ask(wire_to(find_hosts(account, url)), config, None, told=told))
        else:
            yield from asyncio.run(_ask(access.wire(), config, access, told=told))


def ask_account(config: Config, access: Access, more: More | None = None) -> list[Row]:
    """Return what the exchange says of the symbols, the key and its account; ``more`` asks on where it could be read."""
    return asyncio.run(_ask(access.wire(), config, access, more))


def _accounts(config: Config, env: Mapping[str, str]) -> list[Account]:
    wanted: list[Account] = []
    if config.exchange.environment != "local":
        wanted.append(config.exchange.environment)
    if config.live.enabled and "live" not in wanted:
        wanted.append("live")
    given = [
        account
        for account, names in NAMES.items()
        if any(name in env or f"{name}_FILE" in env for name in names)
    ]
    return wanted or given


async def _ask(
    wire: Wire,
    config: Config,
    access: Access | None,
    more: More | None = None,
    told: Callable[[str], None] | None = None,
) -> list[Row]:
    """Return what one address says; without an answer everything else is left out. Only with ``told`` it is waited for."""
    async with wire:
        rows = await _rows(wire, config, access, more)
        if told is not None and _is_used_up(wire, rows):
            unknown = wire.time.is_unknown  # its minutes may begin at any second of ours
            seconds = (60.0 if unknown else wire.anew_s) + LAG_S
            told(f"the requests of this minute are used up: the doctor goes on in {seconds:.0f} s")
            await asyncio.sleep(seconds)
            rows = await _rows(wire, config, access, more)
        return rows


def _is_used_up(wire: Wire, rows: list[Row]) -> bool:
    """Whether something is unknown only because the exchange takes no more requests in this minute; a ban is longer."""
    refused = wire.budget.slowed_until > wire.time.now()
    return not wire.banned_s and (refused or any(UNASKED in row.detail for row in rows))


async def _rows(wire: Wire, config: Config, access: Access | None, more: More | None) -> list[Row]:
    try:
        await wire.measure()
    except ExchangeError as error:
        text = f"{error}; what only it can tell was left out"
        return [Row("exchange", "fail", text, error.hint)]
    rows = [*_reached(wire), *await _symbols(wire, config)]
    return rows if access is None else rows + await _account(wire, config, access, more)


def _reached(wire: Wire) -> Iterator[Row]:
    from tradebot.market.binance.source import place_of

    yield Row("exchange", "ok", f"{place_of(wire.hosts)} answers at {wire.hosts.rest}")
    if wire.astray:
        yield Row("connection", "fail", f"{wire.astray}: not what is configured", ASTRAY_HINT)
    offset, error = wire.time.offset_ms, wire.time.error_ms
    direction = "ahead of" if offset >= 0 else "behind"
    text = f"{abs(offset):,} ms {direction} ours, ± {error:,} ms"
    if error >= MOST_ERROR_MS:
        hint = "entries need it known to 1 s: see why the network is so slow"
        yield Row("exchange clock", "fail", text, hint)
    elif abs(offset) >= LARGE_OFFSET_MS:
        hint = "it is corrected for, and entries are made; set the clock and keep it with NTP all the same"
        yield Row("exchange clock", "warn", text, hint)
    else:
        yield Row("exchange clock", "ok", text)


# -- symbols ----------------------------------------------------------------------------------------


async def _symbols(wire: Wire, config: Config) -> list[Row]:
    """Judge each symbol by the exchange's own filters and its mark price."""
    from tradebot.core.model.values import MINUTE_MS
    from tradebot.market.binance.rest import Rest

    rest = Rest(wire, MINUTE_MS)
    try:
        info = await rest.data.exchange_info()
    except ExchangeError as error:
        return [Row("symbol", "fail", str(error), error.hint)]
    rows: list[Row] = []
    for symbol in config.market.symbols:
        try:
            rows += await _symbol(rest, info, symbol, config)
        except ExchangeError as error:
            rows.append(Row("symbol", "fail", str(error), error.hint))
    return rows


async def _symbol(rest: Any, info: Any, symbol: str, config: Config) -> list[Row]:
    from tradebot.wire.rules import read_rules

    if symbol not in INSTRUMENTS:
        known = f"known: {', '.join(INSTRUMENTS)}"
        return [Row("symbol", "fail", f"{symbol} is not known", known)]
    instrument = read_rules(info, [symbol], INSTRUMENTS)[symbol]
    mark = Decimal((await rest.mark(symbol)).price)
    return [
        judge_symbol(instrument, profile, limits, mark, "the mark price")
        for profile, limits in profiles_of(config).items()
    ]


# -- the key ----------------------------------------------------------------------------------------


async def _account(wire: Wire, config: Config, access: Access, more: More | None) -> list[Row]:
    from tradebot.broker.account_view import read_picture

    key = f"to the {access.environment} account, ending in {access.api_key.last}"
    rows = [Row("key", "ok", key), *await _rights(wire)]
    try:
        picture = await read_picture(wire, config.market.symbols)
    except ExchangeError as error:
        text = f"{error}; what only the account can tell was left out"
        return [*rows, Row("account", "fail", text, error.hint)]
    rows += [*_held(picture), *_modes(picture), *_settings(picture, config.market.symbols)]
    return rows if more is None else rows + await more(wire, picture)


async def _rights(wire: Wire) -> list[Row]:
    from tradebot.wire.endpoints import RESTRICTIONS

    if wire.hosts.environment == "demo":
        text = "not known: Demo Trading cannot be asked what a key may do, nor for portfolio margin"
        hint = "an account with real money is asked; see to it on the page of your keys before"
        return [Row("key rights", "warn", text, hint)]
    try:
        given = await wire.read(RESTRICTIONS, {})
    except ExchangeError as error:
        return [Row("key rights", "fail", str(error), error.hint)]
    return list(_judge_rights(given))


NEEDED: Mapping[str, tuple[str, str]] = {
    "enableReading": ("may not read the account", "allow reading for the key"),
    "enableFutures": (
        "may not trade futures",
        "allow futures for the key; one that is older than the futures account needs a new one",
    ),
}
FORBIDDEN: Mapping[str, tuple[str, str]] = {
    "enableWithdrawals": (
        "may withdraw: whoever gets it takes the money",
        "forbid withdrawals for the key",
    ),
}
SUPERFLUOUS: Mapping[str, tuple[str, str]] = {
    "enableInternalTransfer": ("may transfer to other accounts", "forbid it: a run never does"),
    "permitsUniversalTransfer": ("may transfer between wallets", "forbid it: a run never does"),
    "enableMargin": ("may borrow on margin", "forbid it: a run never does"),
    "enableSpotAndMarginTrading": ("may trade spot", "forbid it: a run never does"),
    "enableVanillaOptions": ("may trade options", "forbid it: a run never does"),
}
BOUND = "ipRestrict"
PORTFOLIO = "enablePortfolioMarginTrading"


def _judge_rights(given: Any) -> Iterator[Row]:
    """Judge the rows of ``apiRestrictions``; one that is missing, or neither true nor false, is not passed over."""
    rows = given if isinstance(given, dict) else {}
    wanted = (*NEEDED, *FORBIDDEN, *SUPERFLUOUS, BOUND, PORTFOLIO)
    if unread := [name for name in wanted if not isinstance(rows.get(name), bool)]:
        text = f"not told: {', '.join(unread)}"
        yield Row("key rights", "warn", text, "see on the page of your keys", live="fail")
    wrong = [NEEDED[name] for name in NEEDED if rows.get(name) is False]
    wrong += [FORBIDDEN[name] for name in FORBIDDEN if rows.get(name) is True]
    yield from (Row("key rights", "fail", f"the key {what}", hint) for what, hint in wrong)
    more = [SUPERFLUOUS[name] for name in SUPERFLUOUS if rows.get(name) is True]
    if rows.get(BOUND) is False:
        more.append(("works from any address", "bind it to this machine's address"))
    yield from (
        Row("key rights", "warn", f"the key {what}", hint, live="fail") for what, hint in more
    )
    if not (unread or wrong or more):
        yield Row("key rights", "ok", "reading and futures, from listed addresses, nothing else")
    if rows.get(PORTFOLIO) is True:
        text = "the key trades portfolio margin: USD-M is not an account of its own then"
        hint = "a run needs a plain USD-M account: leave the portfolio margin program, or take a sub-account"
        yield Row("portfolio margin", "fail", text, hint)
    elif rows.get(PORTFOLIO) is False:
        yield Row("portfolio margin", "ok", "none: USD-M is an account of its own")


# -- the account ------------------------------------------------------------------------------------


def _held(picture: AccountPicture) -> Iterator[Row]:
    wallet = next((one.wallet for one in picture.balances if one.asset == "USDT"), Decimal(0))
    held = picture.holdings
    orders = len(held.orders) + len(held.algos)
    text = f"{plain(wallet)} USDT, {len(held.positions)} positions, {orders} orders"
    if wallet <= 0:
        hint = (
            "a run needs some USDT to start with: transfer it, or fund the demo account on its page"
        )
        yield Row("account", "fail", text, hint)
    elif held.is_empty:
        yield Row("account", "ok", text)
    else:
        hint = "tradebot account shows them; what no run of yours opened halts a run on its symbols"
        yield Row("account", "warn", f"{text} on {', '.join(held.symbols)}", hint)


def _modes(picture: AccountPicture) -> Iterator[Row]:
    if picture.hedged:
        hint = "switch to one-way in the futures preferences; what is open on USD-M or COIN-M forbids it"
        text = "hedge mode; a run needs one-way mode (USD-M and COIN-M share it)"
        yield Row("position mode", "fail", text, hint)
    else:
        yield Row("position mode", "ok", "one-way (COIN-M shares it: a switch there is one here)")
    if picture.multi_assets:
        text = "multi-assets mode; a run needs single-asset mode, else margin cannot be isolated"
        hint = "switch to single-asset mode in the futures preferences"
        yield Row("assets mode", "fail", text, hint)
    else:
        yield Row("assets mode", "ok", "single-asset")
    if any(one.asset == CREDITS for one in picture.balances):
        text = (
            f"the wallet holds {CREDITS}: an account of the EU, cross margin and multi-assets only"
        )
        hint = "a run trades isolated margin in USDT: it cannot trade this account"
        yield Row("credits", "fail", text, hint)
    else:
        yield Row("credits", "ok", f"no {CREDITS} (accounts of the EU; they are cross only)")
    if picture.fee_burn is None:
        text = "not known: this exchange does not say; a run counts it as off"
        hint = "see to it in the futures preferences: a fee in BNB halts a run"
        yield Row("fee burn", "warn", text, hint)
    elif picture.fee_burn:
        text = "fees are paid in BNB; a run counts them in USDT"
        hint = "switch feeBurn off: using BNB for fees, in the futures preferences"
        yield Row("fee burn", "warn", text, hint, live="fail")
    else:
        yield Row("fee burn", "ok", "off: fees are paid in USDT")


def _settings(picture: AccountPicture, symbols: Sequence[str]) -> Iterator[Row]:
    """Yield how each symbol is set; what a run sets itself is no fault while nothing is open there.

    Where a run trades nothing it neither sets nor needs anything: what is open there is shown.
    """
    open_on = picture.holdings.symbols
    for one in picture.settings:
        margin = "isolated" if one.isolated else "cross"
        text = f"{one.symbol}: {one.leverage}x {margin}"
        if one.symbol not in symbols:
            yield Row("leverage", "ok", f"{text}; open beside, and left as it is")
        elif one.isolated and one.leverage == LEVERAGE:
            yield Row("leverage", "ok", text)
        elif one.symbol in open_on:
            hint = "close what is open there: neither can be changed meanwhile"
            wrong = f"{text}; a run needs {LEVERAGE}x isolated, and something is open there"
            yield Row("leverage", "fail", wrong, hint)
        else:
            yield Row("leverage", "ok", f"{text}; a run sets {LEVERAGE}x isolated when it starts")
    added = [one.symbol for one in picture.settings if one.auto_margin and one.symbol in symbols]
    if added:
        text = f"isAutoAddMargin is on: {', '.join(added)} can lose more than its own margin"
        yield Row("auto margin", "fail", text, "switch it off for these symbols")
    else:
        yield Row("auto margin", "ok", "off: a position loses its own margin at most")
