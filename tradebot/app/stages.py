"""Live's stages at a start: the lines of the checklist that tell of them."""

from __future__ import annotations

from collections.abc import Iterator

from tradebot.app.finding import Row
from tradebot.config import Config
from tradebot.core.model.money import ZERO, plain
from tradebot.reports.readiness.stages import SUPERVISED, UNATTENDED, LiveStage

TERMINAL = (
    "start `tradebot live` on a terminal, with a person before it; only stage 3 runs without one"
)


def stage_words(config: Config, standing: LiveStage) -> str:
    """Say what a stage allows, and what the next one needs."""
    limits = config.risk.live.in_stage(standing.stage, standing.cap)
    cap, count = limits.position_value or ZERO, limits.max_positions or 0
    text = f"stage {standing.stage}: ${plain(cap)} a symbol, {count} position{'s'[: count != 1]}"
    if standing.needed:
        text += f"; stage {standing.stage + 1} needs {standing.needed}: {standing.have}"
    if standing.ready:
        text += f"; now a person may move it up: tradebot signoff --stage {standing.stage + 1}"
    return text + (f"; it went down on {standing.down}" if standing.down else "")


def stage_lines(
    config: Config, standing: LiveStage, attended: bool | None, now: int
) -> Iterator[Row]:
    """Yield the lines of the checklist on the stage, who has to be there, and the review that is due (``now``: UTC ms).

    ``attended`` says whether a person has the start before them, None where nothing is to be started.
    """
    yield Row("stage", "ok", stage_words(config, standing))
    if standing.stage < UNATTENDED:
        text = f"stage {standing.stage} trades on a terminal only"
        if standing.stage == SUPERVISED:
            text += ": in the first 30 min of every start somebody has to answer every 5 min"
        if attended is False:
            yield Row("supervision", "fail", text, TERMINAL)
        else:
            yield Row("supervision", "ok" if attended else "warn", text, TERMINAL)
    if words := standing.review_words(now):
        way = "tradebot signoff --review --text-file FILE"
        yield Row("review", "warn", words, way)


__all__ = ["stage_lines", "stage_words"]
