"""Money that comes in or goes out is no result: no figure that people see counts it as one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kits.engine_kit import Bare, a_config

from tradebot.core.model.events import CashMoved
from tradebot.core.model.money import exact
from tradebot.core.trading.snapshot import Heading, snapshot, summarise
from tradebot.journal.snapshots import snapshot_of
from tradebot.journal.status import day_pnl

D = Decimal
HEADING = Heading("1", "live", "a market", "scripted", 0, 0)

MOVES = st.lists(
    st.one_of(
        st.integers(-3000, 3000).filter(bool).map(lambda n: ("transfer", n)),
        st.sampled_from(["1.98 2.02 1.97 2.01", "2 2 2 2", "2.01 2.04 2 2.03"]),
        st.just("restart"),
    ),
    max_size=8,
)


@given(MOVES)
def test_whatever_is_transferred_and_when_no_figure_counts_it_as_pnl(moves: list[Any]) -> None:
    told, quiet = Bare(a_config()), Bare(a_config())
    for story in (told, quiet):
        story.opened()
    moved = 0
    for number, move in enumerate(moves):
        for story in (told, quiet):
            if isinstance(move, str) and move != "restart":
                story.bar(move)
            elif move == "restart":
                story.restart()
        if isinstance(move, tuple):
            moved += move[1]
            told.tell(CashMoved(told.now, f"t{number}", move[0], "", D(move[1]), told.now))
    with exact():
        seen, plainly = (snapshot(story.engine, "m", 1.0) for story in (told, quiet))
        ends, ended = (summarise(HEADING, story.engine) for story in (told, quiet))
    assert D(seen["brought"]) == moved
    assert D(seen["equity"]) == D(plainly["equity"]) + moved
    for name in ("pnl", "net", "gross", "max_drawdown"):
        assert ends[name] == ended[name], name
    shown, other = (snapshot_of("r", 0, json.loads(json.dumps(one))) for one in (seen, plainly))
    assert shown.pnl == other.pnl == D(ends["pnl"])
    assert day_pnl(shown, ()) == day_pnl(other, ())
