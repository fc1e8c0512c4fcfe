"""Who asks, and when: API key, signature over the exact string, time stamp and recvWindow."""

from __future__ import annotations

import hashlib
import hmac
import re

from tradebot.venue.call import KEY, SIGNED, Call
from tradebot.venue.errors import VenueError

_KEY = re.compile(r"[A-Za-z0-9]{64}")
_AHEAD_MS = 1000
WINDOW_MS = 5000
LONGEST_WINDOW_MS = 60_000


class Credentials:
    """The one API key of the venue's account."""

    def __init__(self, key: str, secret: str) -> None:
        self.key = key
        self.secret = secret
        self._secret = secret.encode()

    def check(self, call: Call, now: int) -> None:
        """Refuse a call whose key, signature or time is not right."""
        route = call.route
        if route is None or route.security not in (KEY, SIGNED):
            return
        if call.api_key != self.key:
            well_formed = call.api_key is not None and _KEY.fullmatch(call.api_key)
            raise VenueError(-2015 if well_formed else -2014)
        if route.security == SIGNED:
            self._check_signature(call)
            check_time(call, now, code=-1021)

    def _check_signature(self, call: Call) -> None:
        params = call.params
        if params.signature is None:
            raise VenueError(-1102, name="signature")
        expected = hmac.new(self._secret, params.signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), params.signature.lower().encode()):
            raise VenueError(-1022)


def check_time(call: Call, now: int, *, code: int) -> None:
    """Refuse a time stamp that is ahead of the venue or older than the window allows."""
    params = call.params
    params.need("timestamp")
    stamp = params.whole("timestamp")
    assert stamp is not None
    window = params.between("recvWindow", 1, LONGEST_WINDOW_MS, WINDOW_MS)
    if stamp >= now + _AHEAD_MS:
        raise VenueError(
            code,
            None
            if code != -1021
            else "Timestamp for this request was 1000ms ahead of the server's time.",
        )
    if now - stamp > window:
        raise VenueError(code)
