"""Orders that a journal leaves where they are not going to stay: a start looks them up, and a close-all wants their end."""

from __future__ import annotations

from pathlib import Path

from kits.journal_samples import BTC, KEY, WALL, changed, new_run, place, story

from tradebot.app.close_account import unknown_orders
from tradebot.app.flatten import Named
from tradebot.app.ours import read_ours
from tradebot.core.model.effects import Effect
from tradebot.core.model.values import OrderStatus
from tradebot.journal.paths import journal_path
from tradebot.journal.rows import Batch
from tradebot.journal.writer import Journal


async def test_one_whose_cancel_was_on_its_way_is_as_doubtful_as_one_nobody_knows(
    tmp_path: Path,
) -> None:
    async with await Journal.open(journal_path(tmp_path), key=KEY) as journal:
        run = await journal.begin_run(new_run(mode="live", venue="live"))
        more: list[Effect] = [place("o8"), changed("o8", OrderStatus.UNKNOWN), place("o9")]
        told = [*story(), *((at, one) for at, one in zip([WALL] * 3, more, strict=True))]
        await journal.commit(Batch(run, WALL, effects=told))
    doubtful = ["o2", "o8", "o9"]  # cancelling, unknown, and sent without a word
    assert unknown_orders(tmp_path, "live") == ([Named(BTC, one) for one in doubtful], True)
    assert [one.id for one in read_ours(tmp_path, "live").unknown] == doubtful
