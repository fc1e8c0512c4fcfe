"""How often a close-all tells what it waits for."""

from __future__ import annotations

from tradebot.app.patience import Patience


class HandClock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return round(self.now * 1000)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_same_is_said_ever_more_rarely_another_thing_soon() -> None:
    clock, said = HandClock(), list[str]()
    patience = Patience(lambda text: said.append(f"{clock.now:.0f} {text}"), 600.0, clock)
    patience.say("a")  # what is over in a second is not told
    while clock.now < 120:
        clock.sleep(0.5)
        patience.say("a", f" {clock.now:.0f}")
    assert [text.split()[0] for text in said] == ["1", "11", "26", "48", "82"]
    assert said[1] == "11 a 11; going on for 9m49s at most"
    said.clear()
    patience.say("b")
    clock.sleep(0.5)
    patience.say("c")  # not yet: "b" was said just now
    clock.sleep(0.5)
    patience.say("c")
    assert [text.split()[1] for text in said] == ["b;", "c;"]
