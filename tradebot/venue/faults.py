"""What goes wrong on purpose: rules applied to requests, stream messages, orders, stops, or at a moment.

All chance is drawn from the venue's seed, all times are the venue's, so that a run repeats exactly. What
was applied to what is in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from tradebot.core.model.errors import UsageError
from tradebot.venue.call import Answer, Call, Dropped
from tradebot.venue.clock import sleep
from tradebot.venue.errors import VenueError
from tradebot.venue.frames import Frame
from tradebot.venue.garbling import garbled
from tradebot.venue.kinds import ARRIVAL, MOMENT, REQUEST, STREAM
from tradebot.venue.rules import Rule, make_rule
from tradebot.venue.streams import category_of

if TYPE_CHECKING:
    from tradebot.venue.core import Venue

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>cloudfront</body></html>"
_GARBAGE = {"empty": b"", "cut": b'{"orderId":83897657397030', "html": _HTML, "braces": b"{}"}
_UNAVAILABLE: dict[str, tuple[bool, bytes]] = {
    "unknown": (
        True,
        b'{"code":-1000,"msg":"Unknown error, please check your request or try again later."}',
    ),
    "not_executed": (False, b"Service Unavailable."),
    "overload": (
        False,
        b'{"code":-1008,"msg":"Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again."}',
    ),
}
_EXECUTED_BY_CODE = (-1006, -1007)
"""Codes whose meaning is that the request may have been carried out: it is."""


class Faults:
    """The rules of one venue at work. Steps into requests (``Interceptor``) and messages (``StreamFaults``)."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._rng = Random(f"{venue.settings.seed}/faults")
        self._start = venue.clock.now()
        self._frozen: dict[str, int] = {}
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Let a rule hold from now on."""
        self.rules.append(rule)
        if rule.kind.target == MOMENT:
            due = self._start + round((rule.at_s or 0) * 1000)
            if due <= self._venue.clock.now():
                self._happen(rule)
            else:
                self._venue.clock.call_at(due, lambda: self._happen(rule))

    def set(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace all rules by others, as ``POST /_venue/faults`` does; UsageError leaves the old ones."""
        made = [make_rule(row, self._venue.reach) for row in rows]
        self.rules, self._frozen = [], {}
        for rule in made:
            self.add(rule)

    def chosen(self, target: str, found: Mapping[str, str]) -> Iterator[Rule]:
        """Yield the rules that apply to what is there, counting them as applied."""
        seconds = (self._venue.clock.now() - self._start) / 1000
        for rule in self.rules:
            if rule.kind.target != target or rule.spent or not rule.fits(found):
                continue
            if seconds < rule.from_s or (rule.to_s is not None and seconds >= rule.to_s):
                continue
            rule.met += 1
            if rule.nth is not None and rule.met != rule.nth:
                continue
            if rule.probability < 1 and self._rng.random() >= rule.probability:
                continue
            rule.applied += 1
            self._note(rule, found)
            yield rule

    def _note(self, rule: Rule, found: Mapping[str, str]) -> None:
        shown = {name: value for name, value in found.items() if value}
        self._venue.ledger.write("fault", do=rule.do, to=shown, applied=rule.applied)

    def _draw_ms(self, words: Mapping[str, Any]) -> float:
        wait, most, mean = float(words["ms"]), words["to_ms"], words["mean_ms"]
        if most is not None:
            wait = self._rng.uniform(wait, float(most))
        return wait if mean is None else wait + self._rng.expovariate(1 / float(mean))

    # Requests

    async def before_reading(self, call: Call) -> Answer | None:
        """End the connection, ban, or wait before the body is read."""
        if not self.rules:
            return None
        for rule in self.chosen(ARRIVAL, {"method": call.method, "path": call.path}):
            call.faults.append(rule.do)
            match rule.do:
                case "refuse":
                    await self._refuse(float(rule.words["seconds"]), bool(rule.words["all"]))
                    raise Dropped("refused")
                case "reset":
                    raise Dropped("ended before it was read")
                case "ban":
                    self._venue.limits.ban(round(float(rule.words["seconds"]) * 1000))
                case "read_later":
                    await sleep(self._venue.clock, float(rule.words["seconds"]) * 1000)
                    call.arrived = self._venue.clock.now()
        return None

    async def _refuse(self, seconds: float, everybody: bool) -> None:
        server = self._venue.server
        if server is None:
            return
        await server.refuse(everybody)
        venue = self._venue
        venue.clock.call_at(venue.clock.now() + round(seconds * 1000), server.listen_soon)

    async def before_handling(self, call: Call) -> Answer | None:
        """Choose what befalls the request, and do what comes before it is carried out."""
        if not self.rules:
            return None
        call.chosen = list(self.chosen(REQUEST, _of_call(call)))
        call.faults += [rule.do for rule in call.chosen]
        for rule in call.chosen:
            if rule.do == "delay":
                await sleep(self._venue.clock, self._draw_ms(rule.words))
            answer = self._instead(rule)
            if answer is not None:
                return answer
        return None

    def _instead(self, rule: Rule) -> Answer | None:
        """The answer to a request that is not carried out."""
        words = rule.words
        match rule.do:
            case "rate_limited":
                return _refusal(VenueError(-1003, limit=2400, status=429))
            case "error" if not _executed(words):
                return _refusal(VenueError(int(words["code"])))
            case "answer" if not words["executed"]:
                return _as_told(words)
            case "unavailable" if not _UNAVAILABLE[words["meaning"]][0]:
                return _raw(503, _UNAVAILABLE[words["meaning"]][1])
        return None

    async def after_handling(self, call: Call, answer: Answer) -> Answer:
        """Do to the answer what the chosen rules say."""
        for rule in call.chosen:
            answer = await self._to_answer(rule, answer)
        return answer

    async def _to_answer(self, rule: Rule, answer: Answer) -> Answer:
        words = rule.words
        match rule.do:
            case "slow_answer":
                await sleep(self._venue.clock, self._draw_ms(words))
            case "accept_then_timeout":
                await sleep(self._venue.clock, float(words["seconds"]) * 1000)
                raise Dropped("carried out, never answered")
            case "accept_then_close":
                raise Dropped("carried out, connection ended")
            case "accept_then_garbage":
                kind = "text/html" if words["form"] == "html" else "application/json"
                return Answer(200, raw=_GARBAGE[words["form"]], content_type=kind)
            case "error" if _executed(words):
                return _refusal(VenueError(int(words["code"])))
            case "answer" if words["executed"]:
                return _as_told(words)
            case "unavailable" if _UNAVAILABLE[words["meaning"]][0]:
                return _raw(503, _UNAVAILABLE[words["meaning"]][1])
            case "fields_left_out":
                return replace(answer, body=_without(answer.body, list(words["fields"])))
        return answer

    # Messages

    def let(self, frame: Frame) -> Sequence[tuple[int, Frame]]:
        """Return what is sent instead of a message, each with its delay (venue ms)."""
        category = category_of(frame)
        now = self._venue.clock.now()
        if now < self._frozen.get(category, 0):
            return ()
        if not self.rules:
            return ((0, frame),)
        delay, copies = 0, 1
        before: list[tuple[int, Frame]] = []
        for rule in self.chosen(STREAM, _of_frame(frame, category)):
            match rule.do:
                case "drop":
                    return ()
                case "duplicate":
                    copies += int(rule.words["copies"])
                case "late":
                    delay += round(self._draw_ms(rule.words))
                case "reorder":
                    delay += round(self._rng.uniform(0, float(rule.words["window_ms"])))
                case "garble" if rule.words["instead"]:
                    frame = garbled(frame, str(rule.words["form"]))
                case "garble":
                    before.append((0, garbled(frame, str(rule.words["form"]))))
                case "disconnect":
                    self._venue.streams.close(category, int(rule.words["code"]))
                    return ()
                case "freeze":
                    self._frozen[category] = now + round(float(rule.words["seconds"]) * 1000)
                    return ()
        return (*before, *((delay, frame),) * copies)

    # Moments

    def _happen(self, rule: Rule) -> None:
        if rule.spent or rule not in self.rules:
            return
        rule.applied += 1
        self._note(rule, {})
        try:
            self._do(rule)
        except UsageError as error:  # an act whose time had not come: no position to liquidate
            self._venue.ledger.write("fault", do=rule.do, failed=error.message)
        if rule.every_s and not rule.spent:
            due = self._venue.clock.now() + round(rule.every_s * 1000)
            self._venue.clock.call_at(due, lambda: self._happen(rule))

    def _do(self, rule: Rule) -> None:
        venue, words = self._venue, rule.words
        match rule.do:
            case "act":
                rest = {name: value for name, value in words.items() if name != "act"}
                venue.acts.do(str(words["act"]), **rest)
            case "fills_worse":
                venue.desk.worse_bps = Decimal(str(words["bps"]))
            case "skew":
                venue.clock.jump(int(words["ms"]))
            case "listen_key_dies":
                venue.listen_keys.expire(told=bool(words["told"]))
            case "disconnect_all":
                venue.streams.close(str(words["category"]), int(words["code"]))
            case "stops_need_position":
                venue.algos.needs_position = bool(words["on"])
            case "algo_take_blocks":
                venue.fates.takes_block = bool(words["on"])


def _executed(words: Mapping[str, Any]) -> bool:
    return bool(words["executed"]) or int(words["code"]) in _EXECUTED_BY_CODE


def _of_call(call: Call) -> dict[str, str]:
    params = call.params.values
    client = next(
        (
            params[name]
            for name in ("newClientOrderId", "clientAlgoId", "origClientOrderId")
            if name in params
        ),
        "",
    )
    return {
        "method": call.method,
        "path": call.path,
        "symbol": params.get("symbol", ""),
        "client_id": client,
    }


def _of_frame(frame: Frame, category: str) -> dict[str, str]:
    return {
        "stream": category,
        "event": f"{frame.event}/{frame.what}",
        "symbol": frame.symbol,
        "client_id": frame.client_id,
    }


def _refusal(error: VenueError) -> Answer:
    return Answer(error.status, error.body)


def _raw(status: int, body: bytes) -> Answer:
    kind = "application/json" if body.startswith(b"{") else "text/plain"
    return Answer(status, raw=body, content_type=kind)


def _as_told(words: Mapping[str, Any]) -> Answer:
    body = words["body"]
    if isinstance(body, str):
        kind = "text/html" if body.lstrip().startswith("<") else "application/json"
        return Answer(int(words["status"]), raw=body.encode(), content_type=kind)
    return Answer(int(words["status"]), raw=json.dumps(body).encode())


def _without(body: Any, fields: Sequence[str]) -> Any:
    if isinstance(body, list):
        return [_without(row, fields) for row in body]
    if isinstance(body, dict):
        return {k: _without(v, fields) for k, v in body.items() if k not in fields}
    return body
