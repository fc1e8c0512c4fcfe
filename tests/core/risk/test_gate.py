from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kits.gate_desk import BTC, NOON, a_desk, an_entry

from tradebot.core.model.approved import Approved, Refusal, Refused, Seal
from tradebot.core.model.money import exact
from tradebot.core.model.values import Order, OrderType, Purpose, Side
from tradebot.core.risk import gate
from tradebot.core.risk.desk import GateContext, loss_per_unit
from tradebot.core.risk.limits import Limits
from tradebot.core.risk.sizing import size, smallest, tier_of

D = Decimal


def rules_of(verdict: Approved | Refused) -> list[str]:
    return [] if isinstance(verdict, Approved) else [reason.rule for reason in verdict.reasons]


def sized(
    side: Side, tier: Decimal, price: Decimal | None, stop: Decimal, desk: GateContext
) -> Decimal | Refusal:
    return size(side, tier, price, loss_per_unit(side, price, stop, desk), desk)


def test_an_order_within_all_limits_is_approved_with_the_epoch() -> None:
    with exact():
        verdict = gate.check(an_entry(), D(99_000), a_desk())
    assert isinstance(verdict, Approved)
    assert verdict.epoch == 4


@pytest.mark.parametrize(
    ("side", "target", "rules"),
    [
        (Side.BUY, "100000.1", []),
        (Side.BUY, "100000", ["target_side"]),
        (Side.SELL, "99999.9", []),
        (Side.SELL, "100000", ["target_side"]),
        (Side.SELL, "0", ["target_side"]),
    ],
)
def test_a_target_is_where_the_price_has_yet_to_go(
    side: Side, target: str, rules: list[str]
) -> None:
    entry = an_entry(price=None, side=side)
    stop = D(99_000) if side is Side.BUY else D(101_000)
    with exact():
        assert rules_of(gate.check(entry, stop, a_desk(), D(target))) == rules


LIMITS = Limits.paper()

CASES: list[tuple[str, Order, Decimal | None, dict[str, object], list[str]]] = [
    ("halted", an_entry(), D(99_000), {"halts": ("user", "day_loss")}, ["halted"]),
    (
        "off the list",
        an_entry(),
        D(99_000),
        {"limits": replace(LIMITS, symbols=("ETH/USDT",))},
        ["symbols"],
    ),
    ("half a step", an_entry("0.0015"), D(99_000), {}, ["lot"]),
    ("off the tick", an_entry("0.009", "100000.05"), D(99_000), {}, ["tick"]),
    (
        "below the minimum notional",
        an_entry("0.001", "40000"),
        D(39_000),
        {"price": D(40_000)},
        ["min_notional"],
    ),
    ("no stop", an_entry("0.001"), None, {}, ["no_stop", "trade_loss"]),
    (
        "no stop where none is asked",
        an_entry("0.001"),
        None,
        {"limits": Limits.bench(("BTC/USDT",))},
        [],
    ),
    ("stop above a long", an_entry(), D(100_000), {}, ["stop_side"]),
    ("stop below a short", an_entry(side=Side.SELL, price="99900"), D(99_950), {}, ["stop_side"]),
    ("stop above a short", an_entry(side=Side.SELL, price="99900"), D(101_000), {}, []),
    ("value at the cap", an_entry("0.010", "100000"), D(99_500), {}, []),
    ("value above the cap", an_entry("0.010", "100000.1"), D(99_500), {}, ["position_value"]),
    (
        "mark counts when higher",
        an_entry("0.010", "99000"),
        D(98_000),
        {"price": D(100_001)},
        ["position_value"],
    ),
    ("position counts", an_entry("0.009"), D(99_000), {"position": D("0.001")}, ["position_value"]),
    (
        "working orders count",
        an_entry("0.009"),
        D(99_000),
        {"working_value": D(100)},
        ["position_value"],
    ),
    # 0.009 x (10 100 + 190.1 x 0.5 + 200.2) is just under / over $100
    ("loss at the stop fits", an_entry("0.009"), D(90_000), {}, []),
    ("loss at the stop is too much", an_entry("0.009"), D(89_000), {}, ["trade_loss"]),
    (
        "a wide spread counts twice",
        an_entry("0.009"),
        D(90_000),
        {"spread": D(1000)},
        ["trade_loss"],
    ),
    ("margin", an_entry(), D(99_000), {"margin": D(4500)}, ["margin"]),
    ("no equity", an_entry(), D(99_000), {"equity": D(0)}, ["margin"]),
    ("one other position", an_entry(), D(99_000), {"others": 1}, []),
    ("two other positions", an_entry(), D(99_000), {"others": 2}, ["max_positions"]),
    (
        "59.999 s after an entry",
        an_entry(),
        D(99_000),
        {"last_entry": NOON - 59_999},
        ["entry_interval"],
    ),
    ("60 s after an entry", an_entry(), D(99_000), {"last_entry": NOON - 60_000}, []),
    ("21:59", an_entry(), D(99_000), {"now": NOON + 9 * 3_600_000 + 59 * 60_000}, []),
    ("22:00", an_entry(), D(99_000), {"now": NOON + 10 * 3_600_000}, ["blackout"]),
    ("00:30", an_entry(), D(99_000), {"now": NOON + 12 * 3_600_000 + 30}, ["blackout"]),
    ("02:00", an_entry(), D(99_000), {"now": NOON + 14 * 3_600_000}, []),
    ("21:59:59.998", an_entry(), D(99_000), {"now": NOON + 10 * 3_600_000 - 2}, []),
    (
        "21:59:59.999 fills at 22:00",
        an_entry(),
        D(99_000),
        {"now": NOON + 10 * 3_600_000 - 1},
        ["blackout"],
    ),
    ("01:59:59.999", an_entry(), D(99_000), {"now": NOON + 14 * 3_600_000 - 1}, ["blackout"]),
    # this order's risk is 0.009 x (1 100 + 0.1 x 1991 / 2 + 200.2) = $12.60
    ("room for the day", an_entry(), D(99_000), {"rooms": (("day_loss", D(13), D(500)),)}, []),
    (
        "none left this day",
        an_entry(),
        D(99_000),
        {"rooms": (("day_loss", D(12), D(500)),)},
        ["day_loss"],
    ),
    (
        "open risk counts",
        an_entry(),
        D(99_000),
        {"rooms": (("day_loss", D(13), D(500)),), "open_risk": D(1)},
        ["day_loss"],
    ),
    (
        "all periods are named",
        an_entry(),
        D(99_000),
        {"rooms": tuple((n, D(1), D(9)) for n in ("day_loss", "week_loss", "signoff_loss"))},
        ["day_loss", "week_loss", "signoff_loss"],
    ),
    ("leverage at the limit", an_entry(), D(99_000), {"leverage": 1}, []),
    ("leverage above it", an_entry(), D(99_000), {"leverage": 2}, ["leverage"]),
    (
        "leverage off",
        an_entry(),
        D(99_000),
        {"leverage": 20, "limits": replace(LIMITS, leverage=None)},
        [],
    ),
    # at 50x a long from 100 100 is bankrupt at 98 098 and liquidated at 98 492
    (
        "a stop behind liquidation",
        an_entry(),
        D(98_400),
        {"leverage": 50, "limits": replace(LIMITS, leverage=None)},
        ["liquidation"],
    ),
    (
        "a stop before 90 %",
        an_entry(),
        D(98_600),
        {"leverage": 50, "limits": replace(LIMITS, leverage=None)},
        [],
    ),
    (
        "a short's stop behind liquidation",
        an_entry(side=Side.SELL, price="99900"),
        D(101_600),
        {"leverage": 50, "limits": replace(LIMITS, leverage=None)},
        ["liquidation"],
    ),
    (
        "liquidation off",
        an_entry(),
        D(98_400),
        {
            "leverage": 50,
            "limits": replace(LIMITS, leverage=None, liquidation_close_pct=None),
        },
        [],
    ),
    ("paused", an_entry(), D(99_000), {"paused": "its feed is silent"}, ["paused"]),
    ("barred", an_entry(), D(99_000), {"barred": ("gates: no", "review: due")}, ["barred"]),
    ("an orphan", an_entry(), D(99_000), {"orphans": 1}, ["orphan"]),
    ("clocks apart", an_entry(), D(99_000), {"skew_ms": 1000}, ["clock"]),
    ("clocks close", an_entry(), D(99_000), {"skew_ms": 999}, []),
    ("a stop at the bid", an_entry(), D(99_990), {"low": D(99_990)}, ["stop_side"]),
    ("a stop under the bid", an_entry(), D("99989.9"), {"low": D(99_990)}, []),
    ("a stop off the tick", an_entry(), D("99000.05"), {}, ["tick"]),
    (
        "a stop below what the exchange takes",
        an_entry("0.001"),
        D(500),
        {},
        ["price_range"],
    ),
    ("beyond the price band", an_entry("0.009", "105000.1"), D(99_000), {}, ["price_band"]),
    ("at the price band", an_entry("0.009", "105000"), D(99_000), {}, []),
    (
        "below the price band",
        an_entry("0.009", "94999.9", Side.SELL),
        D(101_000),
        {},
        ["price_band"],
    ),
    # a market order is judged at the touch and the slippage it is taken to have
    ("at market", an_entry("0.010", None), D(99_000), {}, []),
    (
        "slipped over the cap",
        an_entry("0.010", None),
        D(99_000),
        {"slip": D("0.001")},
        ["position_value"],
    ),
    (
        "a market sell fills at the bid or lower",
        an_entry("0.009", None, Side.SELL),
        D(109_000),
        {"low": D(98_000), "spread": D(0)},
        ["trade_loss"],
    ),
    (
        "a market order's value at the mark",
        an_entry("0.001", None),
        D(48_000),
        {"price": D(50_001), "low": D(49_999)},
        ["min_notional"],
    ),
    ("5 s old", an_entry(), D(99_000), {"age_ms": 5000}, []),
    ("older", an_entry(), D(99_000), {"age_ms": 5001}, ["stale"]),
    ("a bar closed 5 s ago", an_entry(), D(99_000), {"signal_age_ms": 5000}, []),
    ("4 h ago", an_entry(), D(99_000), {"signal_age_ms": 4 * 3_600_000}, ["stale"]),
    (
        "of two that are old the price is named",
        an_entry(),
        D(99_000),
        {"signal_age_ms": 60_000, "age_ms": 60_000},
        ["stale"],
    ),
    (
        "everything off",
        an_entry(),
        D(99_000),
        {
            "limits": replace(
                LIMITS,
                position_value=None,
                trade_loss=None,
                margin_utilisation_pct=None,
                max_positions=None,
                entry_interval_s=None,
                blackout_hours=(),
                stale_s=None,
                max_skew_ms=None,
            ),
            "skew_ms": 5000,
            "others": 9,
            "last_entry": NOON,
            "age_ms": 99_999,
            "signal_age_ms": 99_999,
            "margin": D(10**6),
        },
        [],
    ),
]


@pytest.mark.parametrize(
    ("order", "stop", "changes", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_rule(
    order: Order, stop: Decimal | None, changes: dict[str, object], expected: list[str]
) -> None:
    with exact():
        assert rules_of(gate.check(order, stop, a_desk(**changes))) == expected


def test_all_reasons_are_given_at_once_with_their_numbers() -> None:
    desk = a_desk(halts=("user",), others=2, age_ms=9000)
    with exact():
        verdict = gate.check(an_entry("0.02"), D(99_000), desk)
    assert isinstance(verdict, Refused)
    assert [r.text for r in verdict.reasons] == [
        "trading is halted: user",
        "BTC/USDT: position value $2002.00 exceeds the cap of $1000.00",
        "2 positions or entries are open; the limit is 2",
        "BTC/USDT: the price is 9 s old; entries need one under 5 s",
    ]


@pytest.mark.parametrize(
    "changes",
    [{"purpose": Purpose.STOP}, {"reduce_only": True}, {"trigger": D(99_000)}],
)
def test_the_gate_for_entries_lets_nothing_else_through(changes: dict[str, object]) -> None:
    order = replace(an_entry(), **changes)  # type: ignore[arg-type]
    with exact():
        assert rules_of(gate.check(order, D(99_000), a_desk())) == ["purpose"]


def a_close(**changes: object) -> Order:
    order = Order(
        id="tb-1x",
        symbol="BTC/USDT",
        side=Side.SELL,
        type=OrderType.MARKET,
        qty=D("0.002"),
        reduce_only=True,
        purpose=Purpose.EXIT,
    )
    return replace(order, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "position", "expected"),
    [
        (a_close(), "0.002", []),
        (a_close(), "0.003", []),
        (a_close(side=Side.BUY), "-0.002", []),
        (a_close(reduce_only=False), "0.002", ["reduce_only"]),
        (a_close(purpose=Purpose.ENTRY), "0.002", ["purpose"]),
        (a_close(), "0", ["side"]),
        (a_close(), "-0.002", ["side"]),
        (a_close(), "0.001", ["size"]),
        (a_close(qty=D("0.0005")), "0.002", ["lot"]),
        (a_close(qty=D(121)), "500", ["lot"]),
        (a_close(trigger=D("100.05"), type=OrderType.STOP_MARKET), "0.002", ["tick"]),
        (a_close(trigger=D(0), type=OrderType.STOP_MARKET), "0.002", ["tick"]),
    ],
)
def test_closing_orders_only_reduce(order: Order, position: str, expected: list[str]) -> None:
    with exact():
        assert rules_of(gate.close(order, D(position), BTC, 1)) == expected


def test_nobody_else_makes_an_approval() -> None:
    with pytest.raises(TypeError, match="only gate"):
        Approved(an_entry(), 0, Seal())


@pytest.mark.parametrize(
    ("confidence", "tier"),
    [(1.0, "1"), (0.75, "1"), (0.7499, "0.7"), (0.5, "0.7"), (0.49, "0.3"), (0, "0.3")],
)
def test_confidence_tiers(confidence: float, tier: str) -> None:
    assert tier_of(confidence) == D(tier)


def test_the_smallest_order_that_does_not_fit_is_said_with_numbers() -> None:
    desk = a_desk(limits=Limits.live(), price=D(101_200))
    with exact():
        got = sized(Side.BUY, D(1), D(101_200), D(101_000), desk)
    assert got == Refusal(
        "size",
        "BTC/USDT: smallest order 0.001 BTC = $101.20 exceeds the position cap of $50.00",
    )


def test_the_loss_limit_shrinks_the_size() -> None:
    # per unit: 10 000 + 190 000 x 0.0005 + 200 = 10 295; 100 / 10 295 = 0.0097 -> 0.009
    with exact():
        assert sized(Side.BUY, D(1), D(100_000), D(90_000), a_desk()) == D("0.009")
        # half the price: 50 000 + 75 + 200 = 50 275 -> 0.0019 -> 0.001
        assert sized(Side.BUY, D(1), D(100_000), D(50_000), a_desk()) == D("0.001")


@pytest.mark.parametrize(
    ("price", "expected"),
    [("100000", "0.001"), ("40000", "0.002"), ("50000", "0.001"), ("49999.9", "0.002")],
)
def test_the_smallest_order_meets_lot_and_notional(price: str, expected: str) -> None:
    with exact():
        assert smallest(D(price), a_desk()) == D(expected)
        free = replace(BTC, min_notional=D(0))
        assert smallest(D(price), a_desk(instrument=free)) == D("0.001")


def of_value(most: int) -> Limits:
    """Only the value of a position is limited (USDT)."""
    return replace(LIMITS, position_value=D(most), trade_loss=None)


def test_a_size_at_the_exchanges_least_is_taken_and_one_below_it_is_not() -> None:
    def bought(price: str | None, least: str, most: int, **changes: object) -> Decimal | Refusal:
        changed = replace(BTC, min_notional=D(least), min_qty=changes.pop("min_qty", BTC.min_qty))  # type: ignore[arg-type]
        desk = a_desk(instrument=changed, limits=of_value(most), **changes)
        return sized(Side.BUY, D(1), None if price is None else D(price), D(99_000), desk)

    with exact():
        assert bought("100000", "100", 100) == D("0.001")
        assert isinstance(bought("100000", "100.1", 100), Refusal)
        assert isinstance(bought("100000", "5", 400, min_qty=D("0.005")), Refusal)
        assert bought("100000", "5", 500, min_qty=D("0.005")) == D("0.005")
        # at market it may fill as low as the lower of bid and mark
        assert isinstance(bought(None, "99.5", 100, low=D(99_000)), Refusal)
        assert bought(None, "99", 100, low=D(99_000)) == D("0.001")


def test_a_price_below_the_tick_is_refused_and_breaks_nothing() -> None:
    with exact():
        assert smallest(D(0), a_desk()) == BTC.min_qty
        refused = sized(Side.BUY, D(1), D(0), D(99_000), a_desk())
    assert isinstance(refused, Refusal)


def test_a_short_below_the_mark_counts_at_the_mark() -> None:
    short = an_entry("0.010", "100000", Side.SELL)
    with exact():
        assert "position_value" in rules_of(
            gate.check(short, D(103_000), a_desk(price=D(102_000), limits=of_value(1010)))
        )
        assert "position_value" not in rules_of(
            gate.check(short, D(103_000), a_desk(limits=of_value(1010)))
        )


@given(
    side=st.sampled_from(list(Side)),
    tier=st.sampled_from([D(1), D("0.7"), D("0.3")]),
    price=st.integers(10_000, 2_000_000),
    distance=st.integers(1, 300_000),
    mark=st.integers(-5000, 5000),
    spread=st.integers(0, 500),
    profile=st.sampled_from(
        [
            Limits.paper(),
            Limits.live(),
            replace(LIMITS, position_value=None),
            replace(LIMITS, trade_loss=None),
        ]
    ),
)
def test_a_size_is_never_refused_for_its_size(
    side: Side, tier: Decimal, price: int, distance: int, mark: int, spread: int, profile: Limits
) -> None:
    """What sizing gives passes the rules that bound a size: they are one formula, not two."""
    limit = D(price) / 10
    stop = limit - D(distance) / 10 if side is Side.BUY else limit + D(distance) / 10
    with exact():
        desk = a_desk(limits=profile, price=max(limit + D(mark) / 10, D(1)), spread=D(spread) / 10)
        qty = sized(side, tier, limit, stop, desk)
        if isinstance(qty, Refusal):
            assert "exceeds the" in qty.text
            if tier == 1:  # then the limits themselves are in the way, not a share of them
                least = an_entry(str(smallest(limit, desk)), str(limit), side)
                assert {"position_value", "trade_loss"} & set(
                    rules_of(gate.check(least, stop, desk))
                )
            return
        assert qty >= smallest(limit, desk)
        order = an_entry(str(qty), str(limit), side)
        refused = rules_of(gate.check(order, stop, desk))
        assert not {"position_value", "trade_loss", "min_notional", "lot"} & set(refused)
