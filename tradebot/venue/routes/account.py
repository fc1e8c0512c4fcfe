"""Balances, positions, modes, income, permissions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradebot.core.model.money import plain
from tradebot.venue import filters
from tradebot.venue.bus import ConfigChanged
from tradebot.venue.call import KEY, SIGNED, Call, Route
from tradebot.venue.errors import VenueError
from tradebot.venue.income import TYPES
from tradebot.venue.listings import Listing, leverage_bracket, max_notional, rate_limits
from tradebot.venue.payloads import income_row
from tradebot.venue.settings import PERMISSIONS

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

MOST_INCOME = 1000
_SUCCESS = {"code": 200, "msg": "success"}


def account_v3(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return totals, assets, and positions that are open."""
    return venue.statement().account_v3()


def account_v2(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return totals, assets and every symbol's position."""
    return venue.statement().account_v2()


def balance(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return the wallets."""
    return venue.statement().balances()


def risk_v3(venue: Venue, call: Call) -> Any:
    """Return the positions that are open."""
    listing = filters.may_listing(call.params, venue.listings)
    return venue.statement().risks(None if listing is None else listing.name)


def risk_v2(venue: Venue, call: Call) -> Any:
    """Return every symbol's position."""
    listing = filters.may_listing(call.params, venue.listings)
    return venue.statement().risks_v2(None if listing is None else listing.name)


def brackets(venue: Venue, call: Call) -> Any:
    """Return the leverage brackets, of one symbol or of all."""
    listing = filters.may_listing(call.params, venue.listings)
    chosen = list(venue.listings) if listing is None else [listing]
    return [leverage_bracket(one) for one in chosen]


def set_leverage(venue: Venue, call: Call) -> Any:
    """Set a symbol's leverage; it cannot be lowered under a position (-4161)."""
    listing = filters.need_listing(call.params, venue.listings)
    call.params.need("leverage")
    leverage = call.params.whole("leverage") or 0
    most = listing.instrument.tiers[0].max_leverage
    if not 1 <= leverage <= most:
        raise VenueError(-4028, leverage=leverage)
    venue.change_leverage(listing, leverage)
    return {
        "symbol": listing.name,
        "leverage": leverage,
        "maxNotionalValue": plain(max_notional(listing, leverage)),
    }


def set_margin_type(venue: Venue, call: Call) -> Any:
    """Set a symbol's margin type, with neither orders nor a position there."""
    listing = filters.need_listing(call.params, venue.listings)
    wanted = filters.need_choice(call.params, "marginType", ("ISOLATED", "CROSSED"), -1130)
    kind = "isolated" if wanted == "ISOLATED" else "cross"
    if kind == venue.account.margin_type(listing.symbol):
        raise VenueError(-4046)
    if venue.account.multi_assets and kind == "isolated":
        raise VenueError(-4168)
    if venue.desk.records.open(listing.name) or venue.algos.records.open(listing.name):
        raise VenueError(-4047)
    if _is_held(venue, listing):
        raise VenueError(-4048)
    venue.account.set_margin_type(listing.symbol, kind)
    venue.desk.refresh(listing.symbol)
    return _SUCCESS


def _is_held(venue: Venue, listing: Listing) -> bool:
    legs = (leg.holding for (symbol, _), leg in venue.desk.legs.items() if symbol == listing.symbol)
    return any(row.qty for row in (venue.desk.holding(listing.symbol), *legs))


def move_margin(venue: Venue, call: Call) -> Any:
    """Add to (type 1) or take from (type 2) an isolated position's margin."""
    params = call.params
    listing = filters.need_listing(params, venue.listings)
    params.need("amount")
    amount = params.decimal("amount") or Decimal(0)
    params.need("type")
    kind = params.whole("type")
    if kind not in (1, 2):
        raise VenueError(-1130, name="type")
    if amount <= 0:
        raise VenueError(-1130, name="amount")
    venue.move_margin(listing, amount if kind == 1 else -amount)
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": kind,
    }


def get_dual(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return whether the account is in hedge mode."""
    return {"dualSidePosition": venue.account.hedge}


def set_dual(venue: Venue, call: Call) -> Any:
    """Change the position mode, with neither orders nor positions anywhere."""
    call.params.need("dualSidePosition")
    wanted = call.params.flag("dualSidePosition")
    if wanted == venue.account.hedge:
        raise VenueError(-4059)
    if venue.account.coin_m_busy:
        raise VenueError(-4531)
    if venue.desk.records.open() or venue.algos.records.open():
        raise VenueError(-4067)
    if any(_is_held(venue, listing) for listing in venue.listings):
        raise VenueError(-4068)
    venue.account.hedge = wanted
    return _SUCCESS


def get_multi_assets(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return whether all assets are margin."""
    return {"multiAssetsMargin": venue.account.multi_assets}


def set_multi_assets(venue: Venue, call: Call) -> Any:
    """Change whether all assets are margin."""
    call.params.need("multiAssetsMargin")
    venue.account.multi_assets = call.params.flag("multiAssetsMargin")
    now = venue.clock.now()
    venue.bus.publish(ConfigChanged(now, multi_assets=venue.account.multi_assets))
    return _SUCCESS


def get_fee_burn(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return whether fees are taken in BNB."""
    return {"feeBurn": venue.account.fee_burn}


def set_fee_burn(venue: Venue, call: Call) -> Any:
    """Change whether fees are taken in BNB."""
    call.params.need("feeBurn")
    venue.account.fee_burn = call.params.flag("feeBurn")
    return _SUCCESS


def symbol_config(venue: Venue, call: Call) -> Any:
    """Return margin type and leverage, of one symbol or of all."""
    listing = filters.may_listing(call.params, venue.listings)
    chosen = list(venue.listings) if listing is None else [listing]
    return [_config_row(venue, one) for one in chosen]


def _config_row(venue: Venue, listing: Listing) -> dict[str, Any]:
    leverage = venue.desk.exchange.leverage(listing.symbol)
    kind = venue.account.margin_type(listing.symbol)
    return {
        "symbol": listing.name,
        "marginType": "ISOLATED" if kind == "isolated" else "CROSSED",
        "isAutoAddMargin": venue.account.auto_add_margin,
        "leverage": leverage,
        "maxNotionalValue": plain(max_notional(listing, leverage)),
    }


def account_config(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return what the account may do."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": venue.account.hedge,
        "updateTime": 0,
        "multiAssetsMargin": venue.account.multi_assets,
        "tradeGroupId": -1,
    }


def commission(venue: Venue, call: Call) -> Any:
    """Return the account's fee rates on a symbol."""
    listing = filters.need_listing(call.params, venue.listings)
    fees = venue.settings.fees
    return {
        "symbol": listing.name,
        "makerCommissionRate": f"{fees.maker:.4f}",
        "takerCommissionRate": f"{fees.taker:.4f}",
        "rpiCommissionRate": "0.00005",
    }


def order_limits(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return the limits on orders."""
    return [row for row in rate_limits() if row["rateLimitType"] == "ORDERS"]


def income(venue: Venue, call: Call) -> Any:
    """Return the income history of a week (or from ``startTime`` on), oldest first, by pages."""
    params = call.params
    listing = filters.may_listing(params, venue.listings)
    kind = params.choice("incomeType", TYPES, -1130)
    limit = params.between("limit", 1, MOST_INCOME, 100)
    page = params.between("page", 1, 100_000, 1)
    now = venue.clock.now()
    start, end = params.whole("startTime"), params.whole("endTime")
    if start is not None and end is not None and end < start:
        raise VenueError(-1128)
    name = None if listing is None else listing.name
    recent = (end or now) - 7 * 86_400_000
    rows = venue.account.income.shown(
        now, symbol=name, kind=kind, start=recent if start is None else start, end=end
    )
    if start is None and end is None and page == 1:
        return [income_row(row) for row in rows[-limit:]]
    return [income_row(row) for row in rows[(page - 1) * limit : page * limit]]


def permissions(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return what the API key may do: reading and futures, bound to an address."""
    given = PERMISSIONS | venue.settings.account.permissions
    return {
        "ipRestrict": given["ipRestrict"],
        "createTime": 1_700_000_000_000,
        **{name: allowed for name, allowed in given.items() if name != "ipRestrict"},
    }


def open_key(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Return the account's listenKey and extend its life by an hour; there is one for everybody."""
    return {"listenKey": venue.listen_keys.open()}


def keep_key(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """Extend the listenKey's life by an hour; -1125 when there is none."""
    return {"listenKey": venue.listen_keys.extend()}


def close_key(venue: Venue, call: Call) -> Any:  # noqa: ARG001
    """End the listenKey, and with it everybody's user stream."""
    venue.listen_keys.close()
    return {}


_V1, _V2, _V3 = "/fapi/v1", "/fapi/v2", "/fapi/v3"
ROUTES = (
    Route("GET", f"{_V3}/account", account_v3, SIGNED, 5),
    Route("GET", f"{_V2}/account", account_v2, SIGNED, 5),
    Route("GET", f"{_V3}/balance", balance, SIGNED, 5),
    Route("GET", f"{_V2}/balance", balance, SIGNED, 5),
    Route("GET", f"{_V3}/positionRisk", risk_v3, SIGNED, 5),
    Route("GET", f"{_V2}/positionRisk", risk_v2, SIGNED, 5),
    Route("GET", f"{_V1}/leverageBracket", brackets, SIGNED),
    Route("POST", f"{_V1}/leverage", set_leverage, SIGNED),
    Route("POST", f"{_V1}/marginType", set_margin_type, SIGNED),
    Route("POST", f"{_V1}/positionMargin", move_margin, SIGNED),
    Route("GET", f"{_V1}/positionSide/dual", get_dual, SIGNED, 30),
    Route("POST", f"{_V1}/positionSide/dual", set_dual, SIGNED),
    Route("GET", f"{_V1}/multiAssetsMargin", get_multi_assets, SIGNED, 30),
    Route("POST", f"{_V1}/multiAssetsMargin", set_multi_assets, SIGNED),
    Route("GET", f"{_V1}/feeBurn", get_fee_burn, SIGNED, 30),
    Route("POST", f"{_V1}/feeBurn", set_fee_burn, SIGNED),
    Route("GET", f"{_V1}/symbolConfig", symbol_config, SIGNED, 5),
    Route("GET", f"{_V1}/accountConfig", account_config, SIGNED, 5),
    Route("GET", f"{_V1}/commissionRate", commission, SIGNED, 20),
    Route("GET", f"{_V1}/rateLimit/order", order_limits, SIGNED),
    Route("GET", f"{_V1}/income", income, SIGNED, 30),
    Route("GET", "/sapi/v1/account/apiRestrictions", permissions, SIGNED),
    Route("POST", f"{_V1}/listenKey", open_key, KEY),
    Route("PUT", f"{_V1}/listenKey", keep_key, KEY),
    Route("DELETE", f"{_V1}/listenKey", close_key, KEY),
)
