"""kill -9 around everything that leaves: the exchange lives on, and what it has is on record (promises 1, 2, 4)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest
from kits.sender_kit import check_end, survive

FULL = os.environ.get("TRADEBOT_FULL") == "1"


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    folder = tmp_path_factory.mktemp("straight")
    count, ending = survive(folder, [])
    assert count == 0
    check_end(folder, ending)
    passed = ending["passed"]
    assert isinstance(passed, dict)
    assert passed["submit"] > 10
    return passed


@pytest.mark.full  # the same with the real client is played always: test_wire_kills
@pytest.mark.parametrize("seed", range(2))
def test_a_chain_of_kills(straight: dict[str, int], tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    points = sorted(straight)
    kills = []
    for _ in range(4):
        point = draw.choice(points)
        kills.append((point, draw.randrange(1, max(2, straight[point] // 3))))
    kills.append(("warm", 3))
    count, ending = survive(tmp_path, kills)
    assert count >= 3
    check_end(tmp_path, ending)


@pytest.mark.full
def test_every_point(straight: dict[str, int], tmp_path: Path) -> None:
    total = 0
    for point, passings in sorted(straight.items()):
        for k in sorted({1 + i * (passings - 1) // 4 for i in range(5)}):
            folder = tmp_path / f"{point}-{k}"
            folder.mkdir()
            count, ending = survive(folder, [(point, k), ("answer", 2), ("warm", 7)])
            total += count
            check_end(folder, ending)
    print(f"{total} kills at {len(straight)} points")  # noqa: T201 - the sweep's count
    assert total >= 100


PASSINGS = 15
"""Of each point so many passings are died at, spread over all there are."""


@pytest.mark.full
def test_one_kill_at_every_passing_that_is_different(
    straight: dict[str, int], tmp_path: Path
) -> None:
    """Of send, stop, cancel, look-up and catch-up, before and after each: then the run goes on to its end."""
    places = [
        (point, k)
        for point, passings in sorted(straight.items())
        for k in sorted({1 + i * (passings - 1) // (PASSINGS - 1) for i in range(PASSINGS)})
    ]
    died = 0
    for point, k in places:
        folder = tmp_path / f"{point}-{k}"
        folder.mkdir()
        count, ending = survive(folder, [(point, k)])
        died += count
        check_end(folder, ending)
        shutil.rmtree(folder)
    print(f"{died} kills at {len(places)} places of {len(straight)} points")  # noqa: T201
    assert died >= 200
