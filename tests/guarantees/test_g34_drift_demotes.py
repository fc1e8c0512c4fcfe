"""Promise 34: each live fill is compared with its modelled one, and drift beyond a bound demotes: within 20 fills at 8 bps
worse than the book, never on a venue that fills as modelled (1,000 fills: tests/test_drift.py)."""

from __future__ import annotations

from pathlib import Path

from kits import binance_scene as scene
from kits import live_kit as kit
from kits import live_scene

from tradebot.journal.facts import Demoted, FillModelled
from tradebot.journal.paths import journal_path
from tradebot.journal.reader import Reader
from tradebot.journal.testimony import Said, read_said

XRP = "XRP/USDT"
START = kit.EPOCH + 3 * 3_600_000  # behind the blackout

TURNING = """
from pydantic import BaseModel

from tradebot import Signal


class Turning:
    class Params(BaseModel):
        fast: int = 3
        slow: int = 9

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        if bar.open_time // 60000 % 2:
            return Signal("exit", 0.9, reason="turn")
        return Signal("long", 0.9, stop=bar.close * 0.97, target=bar.close * 1.2, reason="turn")
"""

WRONG = """
from pydantic import BaseModel

from tradebot import Signal


class Wrong:
    class Params(BaseModel):
        fast: int = 3
        slow: int = 9

    warmup = 0

    def __init__(self, params, symbol):
        pass

    def on_bar(self, bar):
        return Signal("long", 0.9, stop=bar.close * 0.9999, target=bar.close * 1.2, reason="wrong")
"""


def rows(folder: Path) -> list[Said]:
    with Reader(journal_path(folder / "data")) as reader:
        return list(read_said(reader, ("FillModelled", "Demoted")))


def traded(folder: Path, bps: int, minutes: int) -> list[Said]:
    """Let an engine turn its position every minute on a venue that fills so much worse than its book."""
    (folder / "turning.py").write_text(TURNING)
    bars = kit.swinging(XRP, 2.2, 0, minutes, START)
    kit.play(
        lambda loop: scene.trade(
            *(loop, folder / "data", [[bar] for bar in bars]),
            strategy=f"{folder / 'turning.py'}:Turning",
            modes=("live", "ghost"),
            faults=[{"do": "fills_worse", "bps": bps}] if bps else [],
            every=4,
        )
    )
    return rows(folder)


def test_a_venue_that_fills_8_bps_worse_than_its_book_demotes_at_the_twentieth_fill(
    tmp_path: Path,
) -> None:
    found = traded(tmp_path, 8, 34)
    (number,) = [n for n, said in enumerate(found) if isinstance(said.fact, Demoted)]
    row = found[number].fact
    assert isinstance(row, Demoted)
    assert row.why == "drift"
    assert row.text.startswith("the last 20 fills were worse than modelled by a median of ")
    assert row.text.endswith(" bps, more than 5")
    before = [said.fact for said in found[:number] if isinstance(said.fact, FillModelled)]
    assert len([fill for fill in before if fill.bps]) == 20
    assert found[number].run == "live-0001"


def test_one_that_fills_as_modelled_does_not(tmp_path: Path) -> None:
    found = traded(tmp_path, 0, 44)
    fills = [said.fact for said in found if isinstance(said.fact, FillModelled)]
    assert len([fill for fill in fills if fill.bps]) > 30
    assert not [said for said in found if isinstance(said.fact, Demoted)]


def test_signals_beside_it_that_go_wrong_demote_at_the_hundredth(tmp_path: Path) -> None:
    """The ghost that live hosts on its own feed, and nothing else, says so."""
    (tmp_path / "wrong.py").write_text(WRONG)
    live_scene.scene(
        *(tmp_path / "data", 110),
        strategy=f"{tmp_path / 'wrong.py'}:Wrong",
        modes=("live", "ghost"),
    )
    with Reader(journal_path(tmp_path / "data")) as reader:
        said = list(read_said(reader, ("GhostClosed", "Demoted")))
    (number,) = [
        n
        for n, one in enumerate(said)
        if isinstance(one.fact, Demoted) and one.fact.why == "accuracy"
    ]
    row = said[number].fact
    assert isinstance(row, Demoted)
    assert row.text.endswith("of the last 100 signals beside it were profitable, fewer than 50")
    assert said[number].run == "live-0001"
