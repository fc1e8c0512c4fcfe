"""Guarantee 31: same bars, same signals; backtest and paper agree; a journalled run replays to the byte."""

from __future__ import annotations

from pathlib import Path

from kits.paper_kit import Bot

from tradebot.app.build import make_session
from tradebot.config import load_config
from tradebot.core.model.codec import dumps
from tradebot.core.model.money import exact
from tradebot.core.model.values import MINUTE_MS
from tradebot.journal.reader import Reader
from tradebot.plugins.strategies import load_strategy

PARAMS = {"fast": 3, "slow": 9}


def klines(path: Path, price: float, step: float) -> Path:
    """Minutes that swing; two symbols with different swings."""
    lines = []
    for i in range(400):
        close = price * (1 + (step if (i // 25) % 2 else -step))
        high, low = max(price, close) * 1.0003, min(price, close) * 0.9997
        at = 1_736_143_200_000 + i * MINUTE_MS
        lines.append(f"{at},{price:.2f},{high:.2f},{low:.2f},{close:.2f},500")
        price = close
    path.write_text("\n".join(lines) + "\n")
    return path


def test_backtest_and_paper_decide_the_same_and_the_journal_replays(tmp_path: Path) -> None:
    files = (
        klines(tmp_path / "BTCUSDT-1m.csv", 98_000.0, 0.0011),
        klines(tmp_path / "ETHUSDT-1m.csv", 3_600.0, 0.0017),
    )
    bot = Bot(tmp_path, tmp_path / "data")
    fast = [word for key, value in PARAMS.items() for word in ("--param", f"{key}={value}")]
    tested = bot.json("backtest", *files, *fast).data
    papered = bot.paper(*files, *fast).data
    assert tested["hashes"] == papered["hashes"]
    assert papered["summary"]["completed_trades"] > 5
    with Reader(tmp_path / "data" / "tradebot.db") as reader:
        (run,) = reader.runs()
        logged = [entry.event for entry in reader.events(run.id)]
        recorded = [dumps(entry.effect) for entry in reader.effects(run.id)]
    assert replayed(logged) == recorded


def replayed(events: list[object]) -> list[str]:
    config = load_config(None, {})
    spec = load_strategy("ema_cross", config.base_dir, PARAMS)
    session = make_session(config, spec.build, ["BTC/USDT", "ETH/USDT"], MINUTE_MS)
    with exact():
        effects = [
            dumps(effect)
            for event in events
            for effect in session.engine.process(event)  # type: ignore[arg-type]
        ]
        return effects + [dumps(point) for point in session.engine.end()]
