"""What is told of a row or a condition, and each channel's decision on it: a text that cannot be made keeps nothing from being told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from tradebot.alerts import policy, texts
from tradebot.alerts.model import (
    KINDS,
    Alert,
    AuditRow,
    Condition,
    Decision,
    Memory,
    Readings,
    Scene,
    Wishes,
)
from tradebot.alerts.stored import source_of
from tradebot.clock import Clock
from tradebot.core.model.errors import JournalError

Decided = list[tuple[Alert, Mapping[str, Decision]]]


class Judge:
    """Decides for these ``channels``; ``muted_until`` says until when they are muted (UTC ms)."""

    def __init__(
        self,
        readings: Readings,
        wishes: Wishes,
        channels: Collection[str],
        clock: Clock,
        muted_until: Callable[[], int],
    ) -> None:
        self._readings, self._wishes, self._channels = readings, wishes, channels
        self._clock, self._muted_until = clock, muted_until

    def of_rows(self, rows: Sequence[AuditRow], memory: Memory) -> tuple[Decided, Memory]:
        """Return what is decided on rows of the audit trail, and what to remember of them."""
        scenes: dict[str, Scene] = {}
        decided: Decided = []
        for row in rows:
            if row.run not in scenes:
                scenes[row.run] = self._scene(row.run)
            alerts, memory = self._told_of_row(row, scenes[row.run], memory)
            for number, alert in enumerate(alerts):
                source = source_of(row.seq, number, row.mark)
                decided.append(self.judged(replace(alert, source=source)))
        return decided, memory

    def of_moment(
        self, now: int, scenes: Sequence[Scene], told: Memory
    ) -> tuple[list[Alert], Memory]:
        """Return what is told by the clock, and what to remember; it must not keep what is seen from being told."""
        with suppress(Exception):
            return texts.told_at(now, scenes, self._wishes, told)
        return [], told

    def judged(self, alert: Alert, without: str = "") -> tuple[Alert, Mapping[str, Decision]]:
        """Return an alert with the decision of each channel, but of one it is not for."""
        now, muted = self._clock.wall_ms(), self._muted_until()
        return alert, {
            name: policy.decide(alert, name, self._wishes, now, muted)
            for name in self._channels
            if name != without
        }

    def of_channel(self, name: str, condition: Condition) -> tuple[Alert, Mapping[str, Decision]]:
        """Return what the other channels are told of one."""
        alert = self.told_of(condition, None)
        return self.judged(replace(alert, source=f"{alert.source}:{name}"), without=name)

    def told_of(self, condition: Condition, scene: Scene | None) -> Alert:
        """Return the alert about a condition; in plain words where its text cannot be made."""
        try:
            return texts.told_of(condition, scene, self._wishes)
        except Exception:
            run = "" if scene is None else scene.run
            source = f"{condition.kind}:{run}:{condition.since}:{condition.over}"
            text = f"{condition.kind} {run}: `tradebot status` tells more"
            kind = "recovered" if condition.over else condition.kind
            return Alert(None, source, kind, KINDS[kind], source, text, condition.since)

    def _told_of_row(
        self, row: AuditRow, scene: Scene, memory: Memory
    ) -> tuple[list[Alert], Memory]:
        try:
            return texts.told(row, scene, self._wishes, memory)
        except Exception:  # a row that is told of wrongly must not keep the next from being told
            return [texts.plainly(row, scene)], memory

    def _scene(self, run: str) -> Scene:
        with suppress(JournalError):
            found = self._readings.scene(run)
            if found is not None:
                return found
        return Scene(run, run.partition("-")[0], "", simulated=False)


__all__ = ["Decided", "Judge"]
