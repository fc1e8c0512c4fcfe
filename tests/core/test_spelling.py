"""What was meant by a word that nobody knows."""

from __future__ import annotations

from tradebot.core.model.spelling import meant, nearest


def test_the_nearest_word_is_offered() -> None:
    assert nearest("sped", ["seed", "speed"]) == "speed"
    assert nearest("volume", ["seed", "speed"]) is None
    assert meant("sped", ("seed", "speed")) == "did you mean speed?"


def test_where_none_is_near_the_known_ones_are_told() -> None:
    assert meant("volume", ["seed", "speed"]) == "known: seed, speed"
    assert meant("volume", []) == "known: none"
    assert meant("volume", ["seed"], "look it up") == "look it up"
    assert meant("volume", ["seed"], like=0) == "did you mean seed?"
