"""What a broker has under way is over when it is over, also where it never began."""

from __future__ import annotations

import asyncio

from tradebot.broker.errands import Errands


async def test_a_task_that_is_cancelled_before_its_first_step_is_not_busy_for_ever() -> None:
    over: list[int] = []
    errands = Errands(lambda _: None, lambda: over.append(1))
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    errands.spawn("read", work("first"))
    errands.spawn("read", work("again"))
    for task in errands.tasks:
        task.cancel()  # in the moment in which it was asked for
    errands.ready.set()
    while errands.busy or errands.tasks:
        await asyncio.sleep(0)
    assert (done, len(over)) == (["again"], 1)
    errands.spawn("read", work("later"))
    await errands.end()
    assert done == ["again", "later"]


async def test_what_is_asked_for_in_the_last_moment_of_the_same_is_done() -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    def after() -> None:
        if len(done) == 1:
            errands.spawn("cancel a", work("second"))

    errands = Errands(lambda _: None, after)
    errands.ready.set()
    errands.spawn("cancel a", work("first"))
    while errands.tasks:
        await asyncio.sleep(0)
    assert done == ["first", "second"]
