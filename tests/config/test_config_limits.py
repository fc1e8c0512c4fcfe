"""No configuration widens a ceiling; what is written is read back the same."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tradebot.config import load_config
from tradebot.core.model.errors import ConfigError
from tradebot.core.model.money import exact
from tradebot.core.risk import ceilings
from tradebot.core.risk.limits import UNBOUND, Limits

LIVE = Limits.live()
RULES = tuple(item.name for item in fields(Limits))
STAGE_2 = "position_value_stage_2"
"""Binds in stages 2 and 3 only, in place of ``position_value``."""

money = st.decimals("0.01", 3000, places=2)
percent = st.decimals("0.5", 100, places=1)
some_hours = st.lists(st.integers(0, 23), unique=True)
some_symbols = st.lists(st.sampled_from(ceilings.SYMBOLS), min_size=1, unique=True)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "position_value": money,
    "position_value_stage_2": money,
    "leverage": st.integers(1, 5),
    "trade_loss": money,
    "day_loss": money,
    "week_loss": money,
    "since_signoff_loss": money,
    "margin_utilisation_pct": percent,
    "liquidation_alert_pct": percent,
    "liquidation_close_pct": percent,
    "max_positions": st.integers(1, 5),
    "entry_interval_s": st.integers(0, 200),
    "symbols": some_symbols,
    "blackout_hours": some_hours | some_hours.map(lambda h: [*h, 0, 1, 22, 23]),
    "stale_s": st.integers(1, 10),
    "max_skew_ms": st.integers(1, 2000),
    "stop_required": st.booleans(),
}
off = st.just("off")
live_rules = st.fixed_dictionaries({}, optional={k: v | off for k, v in VALUES.items()})
documents = st.fixed_dictionaries(
    {
        "market": st.fixed_dictionaries(
            {},
            optional={
                "symbols": some_symbols,
                "seed": st.integers(0, 2**63 - 1),
                "speed": st.just("max") | st.integers(1, 1000) | money,
            },
        ),
        "sim": st.fixed_dictionaries(
            {},
            optional={
                "start_equity": money,
                "taker_fee": st.decimals(0, "0.01", places=6),
                "volume_share": st.decimals("0.001", 1, places=3),
                "latency_ms": st.integers(0, 1000),
            },
        ),
        "risk": st.fixed_dictionaries(
            {"profile": st.sampled_from(["paper", "bench", "live"]), "auto_resume": st.booleans()},
            optional={
                "paper": st.fixed_dictionaries(
                    {},
                    optional={
                        name: value | off
                        for name, value in VALUES.items()
                        if name in RULES and not name.startswith("liquidation")
                    },
                ),
            },
        ),
        "strategy": st.fixed_dictionaries(
            {},
            optional={
                "name": st.text(
                    st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1
                ),
                "params": st.dictionaries(
                    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
                    st.integers(-(2**60), 2**60)
                    | st.booleans()
                    | st.text(max_size=5)
                    | st.floats(-1e9, 1e9),
                    max_size=3,
                ),
            },
        ),
    }
)


def limits_of(rules: dict[str, Any]) -> Limits | None:
    """The limits of a file with these live rules; None where it is refused."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "bot.toml"
        file.write_text(tomli_w.dumps({"risk": {"profile": "live", "live": rules}}))
        try:
            return load_config(file, {}).limits()
        except ConfigError as error:
            refusal = error
    assert refusal.file == str(file)
    assert refusal.line is not None
    return None


@given(live_rules)
def test_no_file_widens_a_ceiling(rules: dict[str, Any]) -> None:
    limits = limits_of(rules)
    assert limits is None or limits.looser_than(LIVE) == ()


@given(st.sampled_from(sorted(VALUES)), st.data())
def test_no_variable_set_or_flag_widens_a_ceiling(rule: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[rule] | off)
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    env = {f"TRADEBOT_RISK__LIVE__{rule.upper()}": text, "TRADEBOT_RISK__PROFILE": "live"}
    key = f"risk.live.{rule}"
    none: dict[str, str] = {}
    layers: list[tuple[dict[str, str], list[str], dict[str, Any]]] = [
        (env, [], {}),
        (none, [f"{key}={text}", "risk.profile=live"], {}),
        (none, [], {key: value, "risk.profile": "live"}),
    ]
    for given_env, sets, flags in layers:
        try:
            limits = load_config(None, given_env, sets, flags).limits()
        except ConfigError:
            continue
        assert limits.looser_than(LIVE) == ()


LOOSER = {
    "position_value": 51,
    "position_value_stage_2": 100.01,
    "leverage": 2,
    "trade_loss": 5.01,
    "day_loss": 26,
    "week_loss": 101,
    "since_signoff_loss": 51,
    "margin_utilisation_pct": 51,
    "liquidation_alert_pct": 81,
    "liquidation_close_pct": 91,
    "max_positions": 3,
    "entry_interval_s": 59,
    "blackout_hours": [22, 23, 0],
    "stale_s": 6,
    "max_skew_ms": 1001,
    "stop_required": False,
}


@pytest.mark.parametrize("rule", LOOSER)
def test_a_looser_rule_names_the_ceiling(rule: str, tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(tomli_w.dumps({"risk": {"live": {rule: LOOSER[rule]}}}))
    with pytest.raises(ConfigError, match="looser than the ceiling") as caught:
        load_config(file, {})
    assert caught.value.key == f"risk.live.{rule}"
    assert caught.value.line == 2


def test_every_rule_is_in_both_tables() -> None:
    config = load_config(None, {})
    assert tuple(type(config.risk.paper).model_fields) == RULES
    live = [name for name in type(config.risk.live).model_fields if name != STAGE_2]
    assert tuple(live) == RULES


def test_tighter_rules_hold() -> None:
    rules = {
        "position_value": 20,
        "entry_interval_s": 600,
        "blackout_hours": [0, 1, 12, 22, 23],
        "symbols": ["ADA/USDT"],
    }
    limits = limits_of(rules)
    assert limits is not None
    assert limits.position_value == 20
    assert limits.entry_interval_s == 600
    assert limits.blackout_hours == (0, 1, 12, 22, 23)
    assert limits.symbols == ("ADA/USDT",)


@given(documents)
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        first, second = Path(folder) / "one.toml", Path(folder) / "two.toml"
        first.write_text(tomli_w.dumps(document), encoding="utf-8")
        config = load_config(first, {})
        second.write_text(tomli_w.dumps(config.document()), encoding="utf-8")
        again = load_config(second, {})
    assert again.document() == config.document()
    assert again.limits() == config.limits()
    assert again.digest() == config.digest()


def test_the_profiles() -> None:
    paper = Limits.paper()
    assert paper.position_value == 1000
    assert paper.trade_loss == 100
    assert paper.day_loss == 500
    assert paper.week_loss == 2000
    money_rules = {
        name: getattr(LIVE, name)
        for name in ("position_value", "trade_loss", "day_loss", "week_loss", "since_signoff_loss")
    }
    assert replace(paper, **money_rules) == LIVE
    assert load_config(None, {}).limits() == paper


def test_bench_limits_are_finite_and_wide() -> None:
    bench = Limits.bench(["ETH/USDT", "BTC/USDT"])
    assert bench.position_value == 1000
    assert bench.symbols == ("BTC/USDT", "ETH/USDT")
    assert bench.entry_interval_s == 0
    assert bench.blackout_hours == ()
    with exact():
        assert bench.day_loss is not None
        assert bench.day_loss * Decimal("0.00000001") == UNBOUND // 10**8


some_limits = st.builds(
    Limits,
    **{
        name: value.map(lambda v: tuple(sorted(set(v))) if isinstance(v, list) else v)
        if name in ("symbols", "blackout_hours", "stop_required")
        else value | st.none()
        for name, value in VALUES.items()
        if name in RULES
    },
)


@given(some_limits, some_limits)
def test_tightened_is_never_wider_than_either(one: Limits, two: Limits) -> None:
    both = one.tightened(two)
    assert both.looser_than(one) == ()
    assert both.looser_than(two) == ()
    assert both == two.tightened(one)
    assert one.tightened(one) == one


@given(some_limits)
def test_looser_than_itself_never(limits: Limits) -> None:
    assert limits.looser_than(limits) == ()
    switched_off = replace(limits, day_loss=None)
    expected = () if limits.day_loss is None else ("day_loss",)
    assert switched_off.looser_than(limits) == expected


# -- stages -----------------------------------------------------------------------------------------

CAPS = {1: (Decimal(50), 1), 2: (Decimal(100), 2), 3: (Decimal(100), 2)}


def staged(stage: int, written: str | None = None, **rules: Any) -> Limits:
    flags = {"risk.profile": "live", **{f"risk.live.{key}": value for key, value in rules.items()}}
    cap = None if written is None else Decimal(written)
    return load_config(None, {}, (), flags).in_stage(stage, cap).limits()


@pytest.mark.parametrize("stage", CAPS)
def test_the_caps_of_a_stage(stage: int) -> None:
    limits = staged(stage)
    assert (limits.position_value, limits.max_positions) == CAPS[stage]
    assert replace(limits, position_value=LIVE.position_value, max_positions=2) == replace(
        LIVE, symbols=limits.symbols
    )


def test_without_a_stage_all_is_as_it_was() -> None:
    assert load_config(None, {}, (), {"risk.profile": "live"}).limits().max_positions == 2
    config = load_config(None, {})
    assert (config.stage, config.in_stage(2).stage, config.stage) == (0, 2, 0)
    assert config.in_stage(2).digest() == config.digest()
    assert config.in_stage(2).limits() == config.limits()  # the paper profile has no stages


def test_a_key_binds_in_its_own_stages_only() -> None:
    assert staged(1, position_value=20, position_value_stage_2=70).position_value == 20
    assert staged(2, position_value=20, position_value_stage_2=70).position_value == 70
    assert staged(3, "60", position_value_stage_2=70).position_value == 60
    assert staged(3, "80", position_value_stage_2=70).position_value == 70
    assert staged(2, max_positions=1).max_positions == 1


@given(live_rules, st.sampled_from(sorted(CAPS)), st.none() | money)
def test_no_file_widens_a_stage(rules: dict[str, Any], stage: int, written: Decimal | None) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "bot.toml"
        file.write_text(tomli_w.dumps({"risk": {"profile": "live", "live": rules}}))
        try:
            limits = load_config(file, {}).in_stage(stage, written).limits()
        except ConfigError:
            return
    value, count = CAPS[stage]
    assert limits.looser_than(replace(LIVE, position_value=value, max_positions=count)) == ()
    assert stage == 1 or written is None or limits.position_value is not None
    assert stage == 1 or written is None or (limits.position_value or 0) <= written


@pytest.mark.parametrize(
    ("key", "value", "ok"),
    [
        ("live.drift_bps", "5", True),
        ("live.drift_bps", "5.01", False),
        ("live.drift_bps", "2", True),
        ("live.ghost_accuracy_pct", "50", True),
        ("live.ghost_accuracy_pct", "49.9", False),
        ("live.ghost_accuracy_pct", "60", True),
    ],
)
def test_what_demotes_live_can_only_be_tightened(key: str, value: str, ok: bool) -> None:
    if ok:
        config = load_config(None, {}, (), {key: value})
        assert str(getattr(config.live, key.removeprefix("live."))) == value
        return
    with pytest.raises(ConfigError, match=f"{value} is looser than .* \\(live can only tighten\\)"):
        load_config(None, {}, (), {key: value})
