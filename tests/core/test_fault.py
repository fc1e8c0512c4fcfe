"""A strategy's fault: its place, and words for what may have none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tradebot.core.model.values import Bar
from tradebot.core.strategy.fault import LONGEST, Fault, misread, raised, returned, spoken

BAR = Bar.of("BTC/USDT", 1_746_518_400_000, 60_000, ("1", "1", "1", "1", "1"))
WHERE = "(BTC/USDT, bar of 2025-05-06T08:00:00Z)"


def compiled(source: str, file: str, **names: Any) -> dict[str, Any]:
    code = compile(source, file, "exec")
    exec(code, names)
    return names


def caught(call: Any) -> Fault:
    try:
        call()
    except BaseException as error:
        return raised(error, BAR)
    raise AssertionError("nothing was raised")


def test_the_place_is_the_innermost_line_of_the_file_that_was_called() -> None:
    lib = compiled("def fail():\n\n    raise ValueError('deep\\nwords')\n", "/lib/helper.py")
    own = compiled(
        "def on_bar():\n    return again()\n\ndef again():\n    fail()\n", "/own/mine.py", **lib
    )
    fault = caught(own["on_bar"])
    assert fault == Fault(f"ValueError: deep words {WHERE}", "/own/mine.py", 5)
    assert str(fault) == f"mine.py:5: ValueError: deep words {WHERE}"


def test_without_a_frame_of_its_own_there_is_no_place() -> None:
    assert str(raised(KeyError(), BAR)) == f"KeyError {WHERE}"
    assert caught(lambda: [][0]).line is not None
    fault = caught(iter([]).__next__)
    assert (fault.file, fault.text) == (None, f"StopIteration {WHERE}")


def test_an_answer_that_makes_no_sense_has_the_place_of_on_bar() -> None:
    fault = returned(3, BAR)
    own = compiled("class Own:\n    def on_bar(self): ...\n", "/own/mine.py")["Own"]()
    assert str(fault.of(own)) == f"mine.py:2: returned 3, which is no Signal {WHERE}"
    assert fault.of(SimpleNamespace(own=own)) == fault.of(own)
    assert fault.of(object()) == fault
    placed = Fault("x", "a.py", 1)
    assert placed.of(own) is placed


class Speechless:
    def __repr__(self) -> str:
        raise SystemExit(9)

    __str__ = __repr__


class Interrupting:
    def __repr__(self) -> str:
        raise KeyboardInterrupt


def test_words_of_what_has_none_and_of_what_has_too_many() -> None:
    assert "returned a Speechless that has no words, which" in returned(Speechless(), BAR).text
    assert misread(ValueError("x"), BAR).text == f"returned a signal with x {WHERE}"
    assert len(spoken("long " * 1000)) == LONGEST
    with pytest.raises(KeyboardInterrupt):
        spoken(Interrupting(), repr)
