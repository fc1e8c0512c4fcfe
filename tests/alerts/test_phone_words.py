"""What a phone says, and what is done about it: pure. No act but the two, and none without every check."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.alerts.desk import (
    ACT_MS,
    CODE_MS,
    HOUR_MS,
    IDLE_MS,
    LATE_MS,
    MOST_READS,
    PhoneDesk,
    Preview,
    RemoteAct,
    RemoteActName,
    Say,
    Show,
    Todo,
    begin,
    desk_as_json,
    desk_of,
    done,
    heard,
    rested,
    tell_old,
    tell_strangers,
)
from tradebot.alerts.updates import (
    READS,
    YOUNG_S,
    AllowedUser,
    Ask,
    AskClose,
    AskHalt,
    Code,
    Passed,
    Unclear,
    read_text,
    read_update,
)

FULL = os.environ.get("TRADEBOT_FULL") == "1"
COUNT = 5_000 if FULL else 800

ME = AllowedUser(4242, 4242)
NOW = 1_795_780_800_000
CODE = "123456"


def an_update(text: object = "/status", number: int = 1000, at: int = NOW, **message: Any) -> Any:
    body = {
        "message_id": 5,
        "from": {"id": 4242, "is_bot": False, "first_name": "Me"},
        "chat": {"id": 4242, "type": "private"},
        "date": at // 1000,
        "text": text,
    }
    return {"update_id": number, "message": {**body, **message}}


class Talk:
    """A desk and its clock; every state goes through JSON as the file has it."""

    def __init__(self) -> None:
        self.desk = PhoneDesk()
        self.now = NOW
        self.number = 1000

    def say(self, text: object, **message: Any) -> list[Todo]:
        self.number += 1
        return self.give(an_update(text, self.number, self.now, **message))

    def give(self, update: Any) -> list[Todo]:
        desk, todo = heard(self.desk, update, ME, self.now, lambda: CODE)
        self.desk = desk_of(json.loads(json.dumps(desk_as_json(desk))))
        assert self.desk == desk
        for act in todo:  # done at once
            if isinstance(act, RemoteAct):
                assert act in self.desk.acts
                self.desk = done(self.desk, act)
        return todo


def acts(todo: list[Todo]) -> list[RemoteAct]:
    return [one for one in todo if isinstance(one, RemoteAct)]


# -- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *((f"/{name}", Ask(name)) for name in READS),
        ("/status@my_bot", Ask("status")),
        (" /help \n", Ask("help")),
        ("/halt", AskHalt("")),
        ("/halt the news", AskHalt("the news")),
        ("/halt \x1b[31mred\u202e", AskHalt("\\x1b[31mred\\u202e")),
        ("/closeall", AskClose()),
        ("123456", Code("123456")),
        ("/closeall now", Unclear()),
        ("/status please", Unclear()),
        ("/resume", Unclear()),
        ("/start", Unclear()),
        ("/HALT", Unclear()),
        ("／halt", Unclear()),
        ("/hаlt", Unclear()),  # a Cyrillic letter
        ("١٢٣٤٥٦", Unclear()),
        ("１２３４５６", Unclear()),
        ("12345", Unclear()),
        ("1234567", Unclear()),
        ("123 456", Unclear()),
        ("+12345", Unclear()),
        ("", Unclear()),
        ("/", Unclear()),
        ("halt", Unclear()),
    ],
)  # fmt: skip
def test_only_plain_words_mean_something(text: str, word: object) -> None:
    assert read_text(text) == word


def test_a_long_reason_is_cut() -> None:
    word = read_text("/halt " + "x" * 5000)
    assert isinstance(word, AskHalt)
    assert len(word.reason) == 200


STRANGE: dict[str, Callable[[Any], Any]] = {
    "another user": lambda m: {**m, "from": {**m.get("from", {}), "id": 4243}},
    "a bot": lambda m: {**m, "from": {**m.get("from", {}), "is_bot": True}},
    "no word of being a bot": lambda m: {**m, "from": {"id": 4242}},
    "a user in letters": lambda m: {**m, "from": {**m.get("from", {}), "id": "4242"}},
    "a user as a float": lambda m: {**m, "from": {**m.get("from", {}), "id": 4242.5}},
    "nobody": lambda m: {k: v for k, v in m.items() if k != "from"},
    "a group": lambda m: {**m, "chat": {"id": -100123, "type": "group"}},
    "a group of the same number": lambda m: {**m, "chat": {"id": 4242, "type": "supergroup"}},
    "a channel": lambda m: {**m, "chat": {"id": 4242, "type": "channel"}},
    "another chat": lambda m: {**m, "chat": {"id": 99, "type": "private"}},
    "no chat": lambda m: {k: v for k, v in m.items() if k != "chat"},
}
ALTERED: dict[str, Callable[[Any], Any]] = {
    "forwarded": lambda m: {**m, "forward_origin": {"type": "user"}},
    "forwarded of old": lambda m: {**m, "forward_from": {"id": 1}, "forward_date": 1},
    "forwarded from somebody hidden": lambda m: {**m, "forward_sender_name": "x"},
    "forwarded with an empty name": lambda m: {**m, "forward_sender_name": ""},
    "edited": lambda m: {**m, "edit_date": NOW // 1000},
    "via another bot": lambda m: {**m, "via_bot": {"id": 3, "is_bot": True}},
    "in the name of a chat": lambda m: {**m, "sender_chat": {"id": 4}},
    "through a business": lambda m: {**m, "business_connection_id": "b"},
    "sent by itself": lambda m: {**m, "is_from_offline": True},
}
AGED: dict[str, Callable[[Any], Any]] = {
    "a minute old": lambda m: {**m, "date": NOW // 1000 - YOUNG_S},
    "a day old": lambda m: {**m, "date": NOW // 1000 - 86_400},
    "of the future": lambda m: {**m, "date": NOW // 1000 + YOUNG_S},
    "without a date": lambda m: {k: v for k, v in m.items() if k != "date"},
    "with a date in letters": lambda m: {**m, "date": str(NOW // 1000)},
    "with a date that is true": lambda m: {**m, "date": True},
}


@pytest.mark.parametrize("name", [*STRANGE, *ALTERED, *AGED])
def test_what_is_not_known_to_be_the_users_own_word_is_passed_over(name: str) -> None:
    why = "stranger" if name in STRANGE else "another" if name in ALTERED else "old"
    for text in ("/halt", CODE, "/status"):
        update = an_update(text)
        update["message"] = {**STRANGE, **ALTERED, **AGED}[name](update["message"])
        passed = read_update(update, ME, NOW / 1000)
        assert isinstance(passed, Passed)
        assert passed.why == why
    assert isinstance(read_update(an_update("/halt"), ME, NOW / 1000), AskHalt)


@pytest.mark.parametrize(
    "kind",
    ["edited_message", "channel_post", "edited_channel_post", "callback_query", "business_message"],
)
def test_only_a_message_is_heard(kind: str) -> None:
    message = an_update("/halt")["message"]
    assert read_update({"update_id": 1, kind: message}, ME, NOW / 1000) == Passed("another")
    both = {"update_id": 1, "message": message, kind: message}
    assert read_update(both, ME, NOW / 1000) == Passed("another")


# -- acts ----------------------------------------------------------------------------------------


def test_there_are_two_acts() -> None:
    assert get_args(RemoteActName) == ("halt", "close-all")


def test_a_halt_is_an_act_at_once() -> None:
    [act] = acts(Talk().say("/halt the news"))
    assert (act.name, act.reason, act.who) == ("halt", "the news", "telegram:4242")


def test_closing_everything_needs_its_code_once_and_in_time() -> None:
    talk = Talk()
    assert talk.say("/closeall") == [Preview(CODE)]
    talk.now += CODE_MS - 1
    [act] = acts(talk.say(CODE))
    assert act.name == "close-all"
    talk.now += ACT_MS
    assert acts(talk.say(CODE)) == []  # twice


def test_a_code_runs_out() -> None:
    talk = Talk()
    talk.say("/closeall")
    talk.now += CODE_MS + 1000
    [answer] = talk.say(CODE)
    assert isinstance(answer, Say)
    assert "run out" in answer.text
    assert acts(talk.say(CODE)) == []


def test_a_wrong_code_ends_the_right_one() -> None:
    talk = Talk()
    talk.say("/closeall")
    assert acts(talk.say("654321")) == []
    assert acts(talk.say(CODE)) == []


def test_a_code_before_it_was_asked_for_is_none() -> None:
    assert acts(Talk().say("000000")) == []


def test_a_clock_that_was_set_back_makes_no_code_live_longer() -> None:
    talk = Talk()
    talk.say("/closeall")
    talk.now -= HOUR_MS
    assert acts(talk.say(CODE)) == []


def test_there_is_one_act_in_five_seconds() -> None:
    talk = Talk()
    assert acts(talk.say("/halt"))
    talk.now += ACT_MS - 1
    assert not acts(talk.say("/halt"))
    talk.now += 1
    assert acts(talk.say("/halt"))


def test_ten_questions_a_minute_are_answered_and_a_halt_is_none() -> None:
    talk = Talk()
    shown = [talk.say("/status") for _ in range(MOST_READS)]
    assert all(isinstance(todo[0], Show) for todo in shown)
    assert isinstance(talk.say("/risk")[0], Say)
    assert talk.say("/risk") == []  # said once
    assert acts(talk.say("/halt"))
    talk.now += 60_000
    assert isinstance(talk.say("/risk")[0], Show)


def test_who_has_asked_much_can_still_close_everything() -> None:
    talk = Talk()
    for _ in range(MOST_READS + 5):
        talk.say("/status")
    assert talk.say("/closeall") == [Preview(CODE)]
    assert [act.name for act in acts(talk.say(CODE))] == ["close-all"]
    again = [talk.say("/closeall") for _ in range(MOST_READS)]
    assert [todo == [Preview(CODE)] for todo in again] == [True] * (MOST_READS - 1) + [False]
    talk.desk = desk_of(desk_as_json(talk.desk))
    assert talk.say("/closeall") == []  # said once
    talk.now += 60_000
    assert talk.say("/closeall") == [Preview(CODE)]


def test_an_update_that_was_heard_before_is_nothing() -> None:
    talk = Talk()
    update = an_update("/halt", 1001)
    assert acts(talk.give(update))
    talk.now += ACT_MS
    assert talk.give(update) == []
    assert talk.give(an_update("/halt", 7)) == []
    assert talk.desk.offset == 1002


def test_after_a_week_without_a_word_numbers_may_begin_anew() -> None:
    talk = Talk()
    talk.say("/status")
    assert rested(talk.desk, talk.now + IDLE_MS - 1).offset == 1002
    talk.now += IDLE_MS
    talk.desk = rested(talk.desk, talk.now)
    assert acts(talk.give(an_update("/halt", 3, talk.now)))
    assert talk.desk.offset == 4


def test_what_was_passed_over_is_told() -> None:
    talk = Talk()
    for _ in range(2):
        talk.say("/halt", date=NOW // 1000 - 3600)
    talk.desk, [answer] = tell_old(talk.desk)
    assert isinstance(answer, Say)
    assert answer.text.startswith("2 messages older than a minute passed over")
    assert tell_old(talk.desk) == (talk.desk, [])


def test_strangers_get_no_answer_and_are_told_of_once_an_hour() -> None:
    talk = Talk()
    for _ in range(3):
        assert talk.say("/status", chat={"id": 9, "type": "private"}) == []
    talk.desk, text = tell_strangers(talk.desk, talk.now)
    assert text.startswith("3 messages to the bot from strangers")
    talk.say("/halt", chat={"id": 9, "type": "private"})
    assert tell_strangers(talk.desk, talk.now + HOUR_MS - 1)[1] == ""
    assert tell_strangers(talk.desk, talk.now + HOUR_MS)[1].startswith("1 message to")


# -- a restart -----------------------------------------------------------------------------------


def test_what_was_pending_is_done_again_unless_it_is_too_late() -> None:
    act = RemoteAct(7, "halt", 4242, "the news", NOW)
    desk = replace(PhoneDesk(offset=8), acts=(act,), code=CODE, code_until=NOW + CODE_MS)
    again, todo = begin(desk, NOW + LATE_MS)
    assert (again.acts, again.code) == ((act,), "")
    assert todo[1] == act
    assert isinstance(todo[0], Say)
    assert "done again" in todo[0].text
    late, [told] = begin(desk, NOW + LATE_MS + 1)
    assert late.acts == ()
    assert isinstance(told, Say)
    assert "NOT done" in told.text


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {},
        {"offset": 3, "acts": [{"number": 1, "name": "resume", "user": 1, "reason": "", "at": 1}]},
        {"acts": [{"name": "halt"}]},
        {"acts": 5},
        {"reads": ["x"]},
    ],
)
def test_a_desk_that_cannot_be_read_is_a_new_one(kept: Any) -> None:
    assert desk_of(kept) == PhoneDesk()


# -- fuzz ----------------------------------------------------------------------------------------


def judged(update: Any, offset: int, now: int) -> bool:
    """Whether an update may be an act or a code by the rules, written down a second time and otherwise."""
    if not isinstance(update, dict) or sorted(update) != ["message", "update_id"]:
        return False
    message = update["message"]
    if type(update["update_id"]) is not int or update["update_id"] < offset:
        return False
    known = {"message_id", "from", "chat", "date", "text", "entities", "reply_to_message"}
    if not isinstance(message, dict) or set(message) - known:
        return False
    try:
        return bool(
            message["chat"]["id"] == 4242
            and message["chat"]["type"] == "private"
            and message["from"]["id"] == 4242
            and message["from"]["is_bot"] is False
            and type(message["date"]) is int
            and abs(now / 1000 - message["date"]) < YOUNG_S
            and message["text"].isascii()
        )
    except (KeyError, TypeError, AttributeError):
        return False


TEXTS = (
    *("/halt", "/halt now", "/closeall", CODE, CODE, "654321", "/status", "/resume", "/start", "١٢٣٤٥٦"),
    *("１２３４５６", "/hаlt", "x" * 4096, "/closeall 123456", "", "/help", "/halt\x00", None, 123456, ["/halt"]),
)  # fmt: skip


def fuzzed(dice: random.Random, number: int, now: int) -> Any:
    update = an_update(dice.choice(TEXTS), number, now)
    for _ in range(dice.choice((0, 0, 0, 1, 1, 2))):
        alter = dice.choice([*STRANGE.values(), *ALTERED.values(), *AGED.values()])
        update["message"] = alter(update["message"])
    shape = dice.random()
    if shape < 0.03:
        update["edited_message"] = update.pop("message")
    elif shape < 0.05:
        update["update_id"] = dice.choice((None, "7", 1.5, True, -1))
    elif shape < 0.07:
        return dice.choice((None, 7, "x", [], {}, {"update_id": number, "message": "x"}))
    elif shape < 0.2:
        update["update_id"] = dice.randrange(number)  # replayed
    return update


def test_no_fuzzed_update_is_an_act_without_every_check() -> None:
    """5,000 updates with TRADEBOT_FULL=1; a seeded sample otherwise."""
    dice = random.Random(16)
    talk, last_act, code_from = Talk(), -ACT_MS, None
    counts = {"halt": 0, "close-all": 0}
    for count in range(COUNT):
        talk.now += dice.choice((200, 1000, 1000, 6000, 61_000))
        update = fuzzed(dice, 2000 + count, talk.now)
        if talk.desk.code and dice.random() < 0.5:  # now and then somebody means it
            update = an_update(CODE, 2000 + count, talk.now)
        offset = talk.desk.offset
        todo = talk.give(update)
        fair = judged(update, offset, talk.now)
        if not fair:
            assert all(isinstance(one, Say) for one in todo), update
        text = update["message"]["text"] if fair else ""
        for one in todo:
            assert isinstance(one, RemoteAct | Say | Show | Preview)
            if isinstance(one, RemoteAct):
                counts[one.name] += 1
                assert fair
                assert talk.now - last_act >= ACT_MS
                last_act = talk.now
                if one.name == "close-all":
                    assert text == CODE
                    assert code_from is not None
                    assert talk.now - code_from < CODE_MS
                    code_from = None
                else:
                    assert text.startswith("/halt")
            elif isinstance(one, Preview):
                assert text == "/closeall"
                code_from = talk.now
        assert talk.desk.offset >= offset
    assert min(counts.values()) >= COUNT // 400, counts


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("/halt", "/closeall", CODE, "654321", "/status", "?")),
            st.integers(0, 70_000),
            st.booleans(),
        ),
        max_size=25,
    )
)
def test_budgets_hold_in_every_window(words: list[tuple[str, int, bool]]) -> None:
    talk = Talk()
    acted: list[int] = []
    asked: dict[type, list[int]] = {Show: [], Preview: []}
    for text, pause, restarted in words:
        talk.now += pause
        if restarted:
            talk.desk, todo = begin(talk.desk, talk.now)
            assert todo == []  # everything was done
        for one in talk.say(text):
            if isinstance(one, RemoteAct):
                acted.append(talk.now)
            elif isinstance(one, Show | Preview):
                asked[type(one)].append(talk.now)
    assert all(b - a >= ACT_MS for a, b in pairwise(acted))
    for times in asked.values():
        assert all(sum(at - 60_000 < one <= at for one in times) <= MOST_READS for at in times)
