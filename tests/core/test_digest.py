"""The fingerprints of a run: what is in them and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from kits.engine_kit import Bare, Played, a_config, long

from tradebot.core.model.digest import MOST_WAITING, Digest, Saying
from tradebot.core.model.effects import Effect, FillBooked, Place, SignalJudged

D = Decimal


def of(effects: Sequence[Effect]) -> dict[str, str]:
    digest = Digest()
    for effect in effects:
        digest.take(effect)
    return digest.hashes()


def lived() -> list[Effect]:
    story = Played(a_config())
    story.say(long(1.9, 2.2), None, long())
    for row in ("2 2 2 2", "2 2.1 2 2.1", "2.1 2.1 1.8 1.8", "1.8 1.8 1.8 1.8"):
        story.bar(row)
    return story.effects


def changed(effects: list[Effect], kind: type[Effect], **values: Any) -> list[Effect]:
    """The first effect of a kind with other values, everything else as it was."""
    out = list(effects)
    first = next(i for i, effect in enumerate(out) if isinstance(effect, kind))
    out[first] = replace(out[first], **values)
    return out


def test_the_same_run_has_the_same_hashes_and_they_go_on_from_where_they_were() -> None:
    effects = lived()
    assert of(effects) == of(lived())
    assert all(of(effects).values())
    first, second = Digest(), Digest()
    for effect in effects[:9]:
        first.take(effect)
    second.restore(first.hashes())
    for effect in effects[9:]:
        second.take(effect)
    assert second.hashes() == of(effects)


def test_they_are_the_same_however_often_they_are_asked_for() -> None:
    """What was taken may wait: never for long, and never so that it shows."""
    effects = [effect for effect in lived() * 200 if isinstance(effect, Saying)]
    assert len(effects) > 2 * MOST_WAITING
    each = Digest()
    for effect in effects:
        each.take(effect)
        each.hashes()
        assert not each._waiting
    late = Digest()
    for effect in effects:
        late.take(effect)
        assert len(late._waiting) < MOST_WAITING
    assert late._waiting
    assert late.hashes() == each.hashes()


def test_what_waits_is_forgotten_for_the_hashes_of_another_run() -> None:
    effects = lived()
    digest = Digest()
    for effect in effects:
        digest.take(effect)
    digest.restore({"signals": "a", "orders": "b", "fills": "c"})
    assert digest.hashes() == {"signals": "a", "orders": "b", "fills": "c"}


def test_hashes_that_were_told_stay_as_they_were() -> None:
    """A state that waits to be written holds them while the run goes on, and may be restored from twice."""
    effects = lived()
    digest = Digest()
    for effect in effects:
        digest.take(effect)
    told = digest.hashes()
    again = Digest()
    again.restore(told)
    for effect in effects:
        digest.take(effect)
        again.take(effect)
    assert digest.hashes() == again.hashes() != told
    assert told == of(effects)


def test_what_cannot_be_added_is_not_left_out_at_the_next_try() -> None:
    """A commit that fails is tried again: it must not go through with hashes that lack what had waited."""
    effects = changed(lived(), SignalJudged, symbol="\ud800")  # has no bytes
    digest = Digest()
    for effect in effects:
        digest.take(effect)
    for _ in range(2):
        with pytest.raises(UnicodeEncodeError):
            digest.hashes()


def test_what_is_decided_is_in_the_hashes() -> None:
    effects = lived()
    fill = next(e for e in effects if isinstance(e, FillBooked)).fill
    for other, kinds in (
        (changed(effects, SignalJudged, verdict="refused"), {"signals"}),
        (changed(effects, SignalJudged, confidence=0.9), {"signals"}),
        (changed(effects, FillBooked, fill=replace(fill, price=D(9))), {"fills"}),
        ([e for e in effects if not isinstance(e, Place)], {"orders"}),
    ):
        assert {name for name, h in of(other).items() if h != of(effects)[name]} == kinds


def test_ids_and_times_of_receipt_are_not() -> None:
    effects = lived()
    fill = next(e for e in effects if isinstance(e, FillBooked)).fill
    renamed = changed(effects, FillBooked, fill=replace(fill, order_id="other", trade_id=99))
    assert of(changed(renamed, FillBooked, at=1)) == of(effects)


def test_an_empty_run_has_empty_hashes() -> None:
    assert of(Bare(a_config()).effects) == {"signals": "", "orders": "", "fills": ""}
