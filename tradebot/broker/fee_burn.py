"""Whether fees are paid in BNB: a question that not every exchange answers."""

from __future__ import annotations

from tradebot.broker import figures
from tradebot.core.model.errors import ExchangeError
from tradebot.wire import endpoints
from tradebot.wire.budget import Need
from tradebot.wire.client import Wire
from tradebot.wire.reply import failure

NO_SUCH_PATH = -5000
"""The exchange's word for a path it does not have."""


async def read_fee_burn(wire: Wire) -> bool | None:
    """Return whether it is on; None where the exchange does not know the question, as Demo Trading may not.

    ExchangeError where there is no answer, KeyError, TypeError or ValueError where it cannot be read.
    """
    reply = await wire.repeat(endpoints.FEE_BURN, {}, Need.RECONCILE)
    if reply.status == 404 or reply.code == NO_SUCH_PATH:
        return None
    if not reply.ok:
        raise failure(reply, wire.hosts.host, endpoints.FEE_BURN.path)
    if not isinstance(reply.body, dict):
        raise ExchangeError("feeBurn was answered with something of another shape")
    return figures.flag(reply.body["feeBurn"])
