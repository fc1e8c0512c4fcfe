"""Layers, places and words of the configuration."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from tradebot.config import Config, load_config
from tradebot.config.lines import key_lines
from tradebot.core.model.errors import ConfigError
from tradebot.core.risk.limits import Limits


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests from the configuration of whoever runs them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def bot_toml(text: str) -> Path:
    file = Path("bot.toml")
    file.write_text(text, encoding="utf-8")
    return file


def refused(
    text: str = "", env: dict[str, str] | None = None, sets: tuple[str, ...] = ()
) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_config(bot_toml(text), env or {}, sets)
    assert caught.value.exit_code == 2
    return caught.value


def test_defaults() -> None:
    config = load_config(None, {})
    assert config.document() == Config().document()
    assert config.file is None
    assert config.market.symbols == ("BTC/USDT", "ETH/USDT")
    assert str(config.origin("market.seed")) == "default"


def test_flag_beats_set_beats_environment_beats_file_beats_default() -> None:
    file = bot_toml("[market]\nseed = 1")
    env = {"TRADEBOT_MARKET__SEED": "2"}
    sets = ["market.seed=3"]
    layers = [
        (load_config(None, {}, flags={"market.seed": 4}), 4, "flag"),
        (load_config(file, env, sets, {"market.seed": 4}), 4, "flag"),
        (load_config(file, env, sets, {"market.seed": None}), 3, "--set"),
        (load_config(file, env), 2, "TRADEBOT_MARKET__SEED"),
        (load_config(file, {}), 1, "bot.toml:2"),
        (load_config(file, {"TRADEBOT_MARKET__SEED": ""}), 1, "bot.toml:2"),
    ]
    for config, seed, origin in layers:
        assert config.market.seed == seed
        assert str(config.origin("market.seed")) == origin


def test_the_last_set_counts() -> None:
    assert load_config(None, {}, ["market.seed=3", "market.seed=5"]).market.seed == 5


def test_deep_keys_and_parameters_from_the_environment() -> None:
    env = {
        "TRADEBOT_RISK__PAPER__TRADE_LOSS": "12.50",
        "TRADEBOT_STRATEGY__PARAMS__FAST": "10",
        "TRADEBOT_STRATEGY__PARAMS__STOP_ATR": "1.5",
        "TRADEBOT_STRATEGY__PARAMS__SHORT": "true",
        "TRADEBOT_STRATEGY__PARAMS__WORD": "plain",
        "TRADEBOT_MARKET__SYMBOLS": "SOLUSDT, btc/usdt",
        "TRADEBOT_RISK__AUTO_RESUME": "False",
        "TRADEBOT_LOG_LEVEL": "debug",
        "TRADEBOT_AUDIT_KEY": "not a config key",
        "HOME": "whatever",
    }
    config = load_config(None, env)
    assert config.risk.paper.trade_loss == Decimal("12.5")
    fast_to_word = {"fast": 10, "stop_atr": 1.5, "short": True, "word": "plain"}
    assert config.strategy.params == fast_to_word
    assert config.market.symbols == ("BTC/USDT", "SOL/USDT")
    assert config.risk.auto_resume is False
    assert config.log.level == "debug"


def test_the_parameters_of_file_and_flags_are_merged() -> None:
    file = bot_toml("[strategy.params]\nfast = 5\nslow = 50")
    config = load_config(file, {}, ["strategy.params.slow=40"], {"strategy.params.atr": "7"})
    assert config.strategy.params == {"fast": 5, "slow": 40, "atr": 7}
    inline = load_config(bot_toml("[strategy]\nparams = {fast = 5, stop_atr = 2.5}"), {})
    assert inline.strategy.params == {"fast": 5, "stop_atr": 2.5}
    assert str(inline.origin("strategy.params.fast")) == "bot.toml:2"


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    places = [
        tmp_path / "user" / "tradebot" / "bot.toml",
        tmp_path / "bot.toml",
        tmp_path / "env.toml",
        tmp_path / "flag.toml",
    ]
    env = {"TRADEBOT_CONFIG": str(places[2])}
    for seed, place in enumerate(places, start=1):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"[market]\nseed = {seed}")
    assert load_config(places[3], env).market.seed == 4
    assert load_config(None, env).market.seed == 3
    assert load_config(None, {}).market.seed == 2
    places[1].unlink()
    assert load_config(None, {}).market.seed == 1
    assert load_config(None, {}).base_dir == places[0].parent


@pytest.mark.parametrize("by_env", [False, True])
def test_a_named_file_must_be_there(tmp_path: Path, by_env: bool) -> None:
    missing = tmp_path / "none.toml"
    env = {"TRADEBOT_CONFIG": str(missing)} if by_env else {}
    with pytest.raises(ConfigError, match="does not exist") as caught:
        load_config(None if by_env else missing, env)
    assert caught.value.file == str(missing)
    assert caught.value.hint
    with pytest.raises(ConfigError, match="is a directory"):
        load_config(tmp_path, {})


UNKNOWN = {
    "[market]\nsed = 1": (2, "market.sed", "market.seed"),
    "[markt]\nseed = 1": (1, "markt", "market"),
    "\n[risk.papr]\nday_loss = 1": (2, "risk.papr", "risk.paper"),
    "[risk.live]\nauto_resume = true": (2, "risk.live.auto_resume", "risk.auto_resume"),
    "[market]\ntaker_fee = 0.1": (2, "market.taker_fee", "sim.taker_fee"),
    "seed = 1": (1, "seed", "market.seed"),
    "# first\nmarket = 1": (2, "market", "source, symbols"),
    "[data]\ndirectory = 'x'\n": (2, "data.directory", None),
    "[exchange]\napi_secret = 'hush'": (2, "exchange.api_secret", "environment or the OS keyring"),
    "[alerts]\nmail = 'x'": (2, "alerts.mail", None),
}


@pytest.mark.parametrize("text", UNKNOWN, ids=repr)
def test_an_unknown_key_names_place_and_nearest(text: str) -> None:
    line, key, near = UNKNOWN[text]
    error = refused(text)
    assert (error.file, error.line, error.key) == ("bot.toml", line, key)
    assert "unknown" in error.message or "section" in error.message
    assert near is None or (error.hint and near in error.hint)
    assert "hush" not in str(error)


def test_an_unknown_key_elsewhere_names_its_source() -> None:
    error = refused(env={"TRADEBOT_MARKET__SEDE": "1"})
    assert error.key == "market.sede"
    assert "TRADEBOT_MARKET__SEDE" in error.message
    assert error.hint == "did you mean market.seed?"
    error = refused(sets=("market.sede=1",))
    assert "--set" in error.message


@pytest.mark.parametrize("item", ["market.seed", "=3", "market"])
def test_a_set_without_key_or_value(item: str) -> None:
    assert "section.key=value" in str(refused(sets=(item,)))


WRONG = {
    "market.seed": ["1.5", "true", '"7"', "-1", "[1]", "{}", "1979-05-27"],
    "market.source": ['"file"', "1", '"binanse"'],
    "market.symbols": ['"BTC/USDT"', "[]", '["DOGE/USDT"]', "[1]"],
    "market.speed": ["0", "-1", '"fast"', "inf", "true"],
    "sim.start_equity": ["-5", "0", "nan", "inf", '"ten"', "true", "1e30", "0.0000000000001"],
    "sim.taker_fee": ["-0.1", "5", "nan"],
    "sim.volume_share": ["0", "1.1"],
    "execution.entry": ['"stop"'],
    "risk.profile": ['"none"', "1"],
    "risk.auto_resume": ['"yes"', "1"],
    "risk.paper.day_loss": ["-1", "nan", '"of"'],
    "risk.paper.blackout_hours": ["[24]", "[-1]", "[1.5]", "22"],
    "risk.live.day_loss": ["26", '"off"', "-1", "nan", "25.01"],
    "risk.live.stop_required": ["false", '"off"'],
    "exchange.url": ['"http://example.com"', '"127.0.0.1:80"', '"http://10.0.0.1"', "1"],
    "exchange.environment": ['"testnet"'],
    "exchange.demo_rest": ['"https://fapi.binance.com"', '"wss://demo-fapi.binance.com"', "1"],
    "exchange.demo_stream": ['"https://demo-fstream.binance.com"', '"wss://example.com"'],
    "live.enabled": ['"true"'],
    "log.keep_days": ["0"],
    "strategy.timeframe": ['"2m"'],
    "strategy.name": ["1", '"a\\nb"'],
    "strategy.params.fast": ["nan", "inf", "1979-05-27"],
    "ghost.notional": ["-1"],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_wrong_value_names_place_and_fault(key: str, value: str) -> None:
    section, _, name = key.rpartition(".")
    error = refused(f"\n[{section}]\n\n{name} = {value}\n")
    assert (error.file, error.line) == ("bot.toml", 4)
    assert error.key in (key, "strategy.params")
    assert error.message
    assert "pydantic" not in str(error)


def test_every_problem_is_listed() -> None:
    error = refused(
        "[market]\nseed = 'x'\nsped = 1\n[risk.live]\nday_loss = 30",
        env={"TRADEBOT_SIM__TAKER_FEE": "-1"},
        sets=("log.level=loud",),
    )
    text = str(error)
    for part in (
        "bot.toml:2: market.seed",
        "bot.toml:3: market.sped",
        "bot.toml:5: risk.live.day_loss",
        "ceiling of 25",
        "sim.taker_fee",
        "TRADEBOT_SIM__TAKER_FEE",
        "log.level",
    ):
        assert part in text
    assert len(text.splitlines()) == 5


SYNTAX = {
    "[market]\nseed = \n": 2,
    "[market\n": 1,
    "a = 1\na = 2\n": 2,
    'name = "x': 1,
    "seed = 1 2\n": 1,
    "[a]\n\n\nb = [1,\n": 4,
}


@pytest.mark.parametrize("text", SYNTAX, ids=repr)
def test_a_syntax_error_names_its_line(text: str) -> None:
    error = refused(text)
    assert "not valid TOML" in error.message
    assert (error.file, error.line) == ("bot.toml", SYNTAX[text])


def test_a_file_that_is_no_text() -> None:
    Path("bot.toml").write_bytes(b"[market]\nseed = \xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        load_config(None, {})
    assert caught.value.line == 2


def test_a_byte_order_mark_and_windows_lines_are_read() -> None:
    Path("bot.toml").write_bytes(b"\xef\xbb\xbf[market]\r\n\r\nseed = 9\r\n")
    config = load_config(None, {})
    assert config.market.seed == 9
    assert str(config.origin("market.seed")) == "bot.toml:3"


def test_lines_of_keys() -> None:
    text = (
        'top = """\n[no]\nkey = 1\n"""  # a = 1\n'
        "[ a . 'b' ]\n"
        "c = [\n  1, # x = 2\n  2,\n]\n"
        '"d e" = {x = 1, y = "["}\n'
        "f.g = '''\nh = 1'''\n"
        "\n[[z]]\ni=2\n[last]"
    )
    assert key_lines(text) == {
        "top": 1,
        "a.b": 5,
        "a.b.c": 6,
        "a.b.d e": 10,
        "a.b.f.g": 11,
        "z": 14,
        "z.i": 15,
        "last": 16,
    }


def test_switched_off_rules_of_paper() -> None:
    names = ["day_loss", "leverage", "symbols", "blackout_hours", "max_skew_ms", "stop_required"]
    text = "[risk.paper]\n" + "\n".join(f'{name} = "off"' for name in names)
    config = load_config(bot_toml(text), {})
    limits = config.limits()
    assert limits.day_loss is None
    assert limits.leverage is None
    assert limits.max_skew_ms is None
    assert limits.blackout_hours == ()
    assert "XRP/USDT" in limits.symbols
    assert limits.stop_required is False
    assert dict(config.items())["risk.paper.day_loss"] == "off"


def test_the_bench_profile_trades_what_the_market_has() -> None:
    config = load_config(None, {}, ["risk.profile=bench"])
    assert config.limits() == Limits.bench(["BTC/USDT", "ETH/USDT"])
    assert config.limits(["SOL/USDT"]).symbols == ("SOL/USDT",)


def test_alert_above_close_is_refused() -> None:
    assert "is above" in str(refused("[risk.paper]\nliquidation_alert_pct = 95"))
    assert "is above" in str(refused("[risk.live]\nliquidation_close_pct = 70"))


@pytest.mark.parametrize(
    "url", ["", "http://localhost:1", "http://127.0.0.1:8080", "ws://[::1]:9", "https://127.9.9.9"]
)
def test_loopback_addresses(url: str) -> None:
    assert load_config(None, {}, flags={"exchange.url": url}).exchange.url == url


def test_where_the_data_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert load_config(None, {}).data_dir() == tmp_path / "share" / "tradebot"
    folder = tmp_path / "conf"
    folder.mkdir()
    file = folder / "bot.toml"
    file.write_text('[data]\ndir = "state"')
    assert load_config(file, {}).data_dir() == folder / "state"
    env = {"TRADEBOT_DATA_DIR": "from-env", "TRADEBOT_DATA__DIR": "weaker"}
    assert load_config(file, env).data_dir() == Path("from-env")
    assert load_config(file, env, flags={"data.dir": "flag"}).data_dir() == Path("flag")


def test_where_a_strategy_file_is(tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    file = folder / "bot.toml"
    file.write_text('[strategy]\nname = "mine.py:Mine"')
    Path("mine.py").touch()
    assert load_config(file, {}).strategy_dir() == folder
    by_flag = load_config(file, {}, flags={"strategy.name": "mine.py:Mine"})
    assert by_flag.strategy_dir() == Path()
    (folder / "mine.py").touch()
    assert by_flag.strategy_dir() == folder


def test_the_hash_knows_values_not_paths() -> None:
    plain = load_config(None, {})
    moved = load_config(None, {}, ["data.dir=/elsewhere"])
    same = load_config(None, {}, ["sim.start_equity=10000.00"])
    other = load_config(None, {}, ["sim.start_equity=10001"])
    assert plain.digest() == moved.digest() == same.digest() != other.digest()
    one = load_config(None, {}, ["strategy.name=/a/b/mine.py:Mine"])
    two = load_config(None, {}, ["strategy.name=mine.py:Mine"])
    assert one.canonical_json() == two.canonical_json()
    assert "/a/b" not in one.canonical_json()


@pytest.mark.parametrize(
    "value", ["1e99999999999999999999", "9" * 5000, "[" * 5000 + "]" * 5000, "1e999999"], ids=len
)
def test_numbers_and_nesting_beyond_reason(value: str) -> None:
    assert refused(f"[market]\nseed = {value}").file == "bot.toml"
    assert refused(f"[sim]\nimpact = {value}").file == "bot.toml"
    assert refused(sets=(f"sim.impact={value}",)).key == "sim.impact"
    assert refused(sets=(f"market.seed={value}",)).key == "market.seed"


def test_text_is_one_value() -> None:
    assert refused(sets=("market.seed=1\nlive.enabled = true",)).key == "market.seed"
    config = load_config(None, {}, ['strategy.params.word="quoted"', "strategy.params.n=[1, 2.5]"])
    assert config.strategy.params == {"word": "quoted", "n": [1, 2.5]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read() -> None:
    file = bot_toml("")
    file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(file, {})
