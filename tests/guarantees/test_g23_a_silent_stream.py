"""Promise 23: a silent stream: no entries, an alert, and exits go by REST."""

from __future__ import annotations

from pathlib import Path

from kits import binance_scene as scene
from kits import live_kit as kit
from kits.demo_kit import demo_bot, demo_venue, demo_words
from kits.outbox_kit import Onlooker
from kits.strategy_kit import LONG

from tradebot.core.model.effects import Notify, Place, SignalJudged
from tradebot.journal.reader import Reader

START = kit.EPOCH + 3 * 3_600_000  # behind the blackout
XRP = "XRP/USDT"
SAYS = '''
from pydantic import BaseModel

from tradebot import Signal


class Says:
    """Long, out of it, long, long: at given minutes."""

    class Params(BaseModel):
        pass

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        long = Signal("long", 0.9, stop=bar.close * 0.97, reason="now")
        out = Signal("exit", 0.9, reason="out")
        return {0: long, 2: out, 3: long, 6: long}.get(bar.open_time // 60_000 % 60)
'''


def test_nothing_is_entered_and_exits_go_while_prices_are_silent(tmp_path: Path) -> None:
    (tmp_path / "says.py").write_text(SAYS)
    bars = [[bar] for bar in kit.swinging(XRP, 2.2, 1, 9, START)]
    data = tmp_path / "data"

    async def meddle(live: scene.Live) -> None:
        live.runner._wall.silent = {2, 3, 4}  # of these minutes only the bars come
        book = await live.opened(XRP)
        await live.until(lambda: not book.holding.qty)
        await live.until(lambda: live.engine.shared.paused)
        await live.until(lambda: not live.engine.shared.paused)
        await live.opened(XRP)

    found = kit.play(
        lambda loop: scene.trade(
            loop, data, bars, strategy=f"{tmp_path / 'says.py'}:Says", meddle=meddle
        )
    )
    with Reader(data / "tradebot.db") as reader:
        effects = [row.effect for row in reader.effects(reader.resolve_run(None).id)]
    judged = [e for e in effects if isinstance(e, SignalJudged)]
    assert [e.verdict for e in judged] == ["approved", "exit", "refused", "approved"]
    assert "s old; entries need one under 5 s" in str(judged[2].refusals)
    said = [e.text for e in effects if isinstance(e, Notify)]
    assert any(text.startswith(f"{XRP} is silent") for text in said)
    with Reader(data / "tradebot.db") as reader:
        wall = max(row.wall for row in reader.notices(reader.resolve_run(None).id))
    onlooker = Onlooker(data, tmp_path / "alerts", wall)
    assert "feed" in onlooker.look()
    assert any(f"{XRP} is silent" in message.text for message in onlooker.way.taken())
    orders = found.requests("POST", "/fapi/v1/order")
    assert len([row for row in orders if "reduceOnly" in row["params"]]) == 1  # the exit left
    assert (
        len([e for e in effects if isinstance(e, Place) and not e.approved.order.reduce_only]) == 2
    )


MORNING = "2026-11-26T09:30:40Z"
"""Twenty seconds before a bar closes."""
FREEZE = '[[fault]]\ndo = "freeze"\nstream = "market"\nevent = "*"\nfrom_s = 45\nseconds = 600\ntimes = 1\n'
MARK, ORDER = "/fapi/v1/premiumIndex", "/fapi/v1/order"


def test_a_run_whose_prices_freeze_says_so_reads_them_by_rest_and_is_closed(tmp_path: Path) -> None:
    """The installed command, in real time: the stream dies half a minute after a position was opened."""
    rules = tmp_path / "freeze.toml"
    rules.write_text(FREEZE)
    with demo_venue(tmp_path, MORNING, "--faults", str(rules)) as venue:
        bot = demo_bot(tmp_path, venue)
        try:
            bot.start(*demo_words(venue, bot.strategy(LONG)))
            bot.until(lambda: venue.held() and venue.stops())
            bot.until(lambda: bot.json("risk").data and _paused(bot.data_dir))
            asked, entries = len(venue.asked("GET", MARK)), len(venue.asked("POST", ORDER))
            bot.until(lambda: len(venue.asked("GET", MARK)) > asked + 3)
            assert len(venue.asked("POST", ORDER)) == entries
            assert bot.json("close-all").data["closed"] is True
            assert not venue.held()
        finally:
            bot.clean_up()


def _paused(data_dir: Path) -> bool:
    with Reader(data_dir / "tradebot.db") as reader:
        shown = reader.snapshot(reader.resolve_run(None).id)
    return shown is not None and shown.risk is not None and bool(shown.risk.paused)
