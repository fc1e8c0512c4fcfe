"""Incidents of rows, and which words of a person close one."""

from __future__ import annotations

import pytest

from tradebot.core.model.errors import RefusedError, TradebotError, UsageError
from tradebot.journal.facts import IncidentClosed, IncidentOpened, SignedOff, Told
from tradebot.journal.testimony import Said
from tradebot.reports.readiness import gates
from tradebot.reports.readiness.incidents import closing, incidents_of, open_incidents
from tradebot.reports.readiness.signoffs import Ground, reviewers, signatures

WORDS = "I have looked: the exchange was away, it is back"  # 48 characters


def said(seq: int, fact: Told) -> Said:
    return Said(seq, "live-0001", seq * 1000, seq * 1000, fact)


def opened(number: int, what: str = "ban") -> IncidentOpened:
    return IncidentOpened(number, what, "it happened", 1000 * number)


ROWS = [
    said(1, opened(1)),
    said(2, opened(2, "unprotected")),
    said(3, IncidentClosed(1, "Ada", WORDS)),
    said(4, IncidentClosed(1, "Bob", "later words that change nothing any more at all")),
    said(5, IncidentClosed(9, "Eve", "of an incident that nobody has ever heard of here")),
]


def test_what_is_closed_stays_as_it_was_closed_first() -> None:
    first, second = incidents_of(ROWS)
    assert first.closed is not None
    assert (first.closed.name, first.closed_at, first.is_open) == ("Ada", 3000, False)
    assert (second.id, second.closed, second.is_open) == (2, None, True)
    assert [one.id for one in open_incidents(ROWS)] == [2]
    assert str(second) == "incident 2, unprotected: it happened"


CASES: list[tuple[int, str, str, type[TradebotError], str]] = [
    (2, "Ada", "x" * 39, UsageError, "the text has 39 characters: 40 to 2000 are needed"),
    (2, "Ada", "x" * 2001, UsageError, "the text has 2001 characters"),
    (2, "Ada", " " * 80 + "x" * 39, UsageError, "the text has 39 characters"),
    (2, "", WORDS, UsageError, "who closes it is not said"),
    (2, "\u200b \u3164", WORDS, UsageError, "who closes it is not said"),
    (3, "Ada", WORDS, UsageError, "there is no incident 3"),
    (1, "Bob", WORDS, RefusedError, "incident 1 was closed already, by Ada"),
]


@pytest.mark.parametrize(("number", "name", "text", "kind", "words"), CASES)
def test_words_that_will_not_do(
    number: int, name: str, text: str, kind: type[TradebotError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        closing(incidents_of(ROWS), number, name, text)
    assert words in caught.value.message
    assert caught.value.hint


def test_forty_characters_do() -> None:
    assert closing(incidents_of(ROWS), 2, " Ada ", " " + "x" * 40) == IncidentClosed(
        2, "Ada", "x" * 40
    )


def test_the_walls_do_not_stand_while_one_is_open() -> None:
    shut = gates.walls([], open_incidents(ROWS))
    assert not shut.ok
    assert shut.reasons == ("incident 2, unprotected: it happened",)
    assert shut.todo == "tradebot incidents close ID --text TEXT"
    assert gates.walls([], open_incidents(ROWS[:1] + ROWS[2:])).ok
    assert not gates.walls(["live-0001 is halted: user"]).ok


def test_a_sign_off_lapses_on_an_incident_and_stays_lapsed_when_that_is_closed() -> None:
    def signed(name: str) -> SignedOff:
        return SignedOff(name, "r", "w", (), "e", "c", "l", "50", 1, "h", "s", "k", "p")

    rows = [said(1, signed("Ada")), said(2, opened(1)), said(3, IncidentClosed(1, "Ada", WORDS))]
    rows += [said(4, signed("Bob")), said(5, signed("Cyd"))]
    found = signatures(rows, Ground("e", "l", 10_000, place="p"))
    assert [one.lapsed for one in found] == [("an incident was recorded since (1, ban)",), (), ()]
    assert reviewers(found).ok
