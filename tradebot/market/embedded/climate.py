"""What moves all five symbols at once: regimes, volatility and the common part of returns.

Everything is in units of a symbol's ordinary one-minute return (``Climate`` knows no prices). The
logarithm of volatility is a sum of three mean-reverting parts of different speed, the regime's and the
hour's level: such a sum decays slowly, as recorded volatility does, and gives returns fat tails. The
fastest part reacts to the size of the last minute's return, as in EGARCH (Nelson 1991); news now and
then lifts the middle one, which gives hourly returns their fat tails. docs/embedded-market.md compares
the result with recordings.

A minute draws from a generator of its own, made from seed and minute, so the state to carry from one
minute to the next is a handful of floats.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import exp, log, pi, sin, sqrt
from random import Random

SECONDS = 60

_ROOT = 1 / sqrt(SECONDS)
_MEAN_ABS = sqrt(2 / pi)  # of a standard normal

_CALM = -0.28
"""Brings the mean square of the volatility factor to 1."""

_DAY = (
    *(1.22, 1.13, 0.97, 0.81, 0.73, 0.67, 0.74, 0.83, 0.85, 0.80, 0.76, 0.75),
    *(0.89, 1.28, 1.50, 1.28, 1.21, 1.16, 1.13, 1.07, 1.01, 1.09, 1.10, 1.03),
)
"""Mean |return| of the UTC hours against the day's, BTCUSDT 1m, May and June 2025."""

_NEWS = 1 / 1000  # per minute
_NEWS_SIZE = 0.9
"""What news adds to the log of volatility; it fades with the middle part, within an hour or so."""

_JUMPS = 1 / 900  # per minute
_JUMP_SIZE = 3.5


_SWELL = 0.6
_SWELL_MINUTES = 90.0
_SWELL_FADES = 120.0
"""The swing around the start: drift per minute at most, its period, and its decay (minutes)."""


@dataclass(frozen=True, slots=True)
class Regime:
    """A kind of market: level of log volatility, drift per minute, pull to its start, mean length."""

    name: str
    volatility: float
    drift: float
    pull: float
    minutes: float


REGIMES = (
    Regime("range", -0.22, 0.0, 1 / 90, 240.0),
    Regime("trend up", 0.0, 0.07, 0.0, 180.0),
    Regime("trend down", 0.05, -0.07, 0.0, 180.0),
    Regime("storm", 0.55, 0.0, 0.0, 60.0),
)
_NEXT = ((0, 45, 45, 10), (60, 0, 25, 15), (60, 25, 0, 15), (50, 25, 25, 0))
"""Weights of the regime that follows each regime."""


@dataclass(slots=True)
class Climate:
    """The carried state, and the step to the next minute.

    ``left`` is in minutes; ``level`` is the sum of common returns since the start, ``anchor`` its value
    when the regime began; ``fast``, ``middle`` and ``slow`` are parts of log volatility.
    """

    regime: int = 0
    left: int = 60
    level: float = 0.0
    anchor: float = 0.0
    fast: float = 0.0
    middle: float = 0.0
    slow: float = 0.0

    def state(self) -> list[float]:
        """Return the carried numbers in order of the fields."""
        return list(astuple(self))

    def advance(self, seed: int, minute: int, since: int) -> tuple[float, list[float]]:
        """Live through a minute (counted from 1970) that lies ``since`` minutes from the start.

        Returns the volatility factor and the common return of each second.
        """
        draw = Random(f"{seed}/climate/{minute}")
        self._pass_regime(draw)
        regime = REGIMES[self.regime]
        volatility = exp(_CALM + regime.volatility + _hour(minute) + self._parts(draw))
        drift = regime.drift + (self.anchor - self.level) * regime.pull + _swell(since)
        scale, each, gauss = volatility * _ROOT, drift / SECONDS, draw.gauss
        returns = [each + scale * gauss(0.0, 1.0) for _ in range(SECONDS)]
        if draw.random() < _JUMPS:
            returns[draw.randrange(SECONDS)] += gauss(0.0, _JUMP_SIZE) * volatility
        moved = sum(returns)
        self.level += moved
        self.fast += 0.07 * (min(6.0, abs(moved) / volatility) - _MEAN_ABS)
        return volatility, returns

    def _pass_regime(self, draw: Random) -> None:
        self.left -= 1
        if self.left >= 0:
            return
        self.regime = draw.choices(range(len(REGIMES)), _NEXT[self.regime])[0]
        # 0.3 of the mean at least, the rest exponential
        length = REGIMES[self.regime].minutes
        self.left = int(length * (0.3 - 0.7 * log(1.0 - draw.random())))
        self.anchor = self.level

    def _parts(self, draw: Random) -> float:
        """Move the three parts of log volatility on and return their sum."""
        self.fast = 0.80 * self.fast + 0.12 * draw.gauss(0.0, 1.0)
        self.middle = 0.967 * self.middle + 0.025 * draw.gauss(0.0, 1.0)
        self.slow = 0.9993 * self.slow + 0.0157 * draw.gauss(0.0, 1.0)
        if draw.random() < _NEWS:
            self.middle += _NEWS_SIZE
        return self.fast + self.middle + self.slow


def _swell(since: int) -> float:
    """Return the drift of a swing that has its low at the start and fades within hours.

    Without it two of five seeds give a 20/60 cross no entry in BTC or ETH for an hour, and a first look
    at the bot would show an empty screen.
    """
    return _SWELL * sin(2 * pi * since / _SWELL_MINUTES) * exp(-since / _SWELL_FADES)


def _hour(minute: int) -> float:
    """Return the log of the time of day's level, from hour to hour in straight lines."""
    hour, part = divmod(minute % 1440, 60)
    here, following = _DAY[hour], _DAY[(hour + 1) % 24]
    return log(here + (following - here) * part / 60)
