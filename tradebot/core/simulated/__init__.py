"""The simulated exchange: pessimistic, deterministic, pure.

``rules`` its constants, ``pricing`` what a fill costs, ``account`` cash and margins, ``resting`` our
orders, ``acceptance`` what is refused, ``matcher`` where fills happen, ``bars`` and ``quotes`` how the
market meets the orders, ``history`` what is remembered, ``forced`` what happens without being asked
for, ``state`` how it is stored, ``exchange`` the whole.

Where the written rules leave room, it is decided so: at an open cancels come after a liquidation and
before orders; a resting limit or a trigger the open is already past fills at the open, by
submission; a request to cancel does not make room for another reduce-only order, the cancel does; an
order cut for lack of cash expires with all of its rest; what is decided on any event inside a bar
but a price event counts as decided at that point of the path.

A venue stands on it like this (all times UTC ms, all calls inside ``money.exact()``)::

    rules = SimRules(..., latency_ms=0, at_once=True, isolated_funding=True, rounded=True,
                     liquidation_fee=Decimal("0.0125"), history=True, reuse_ids=True)
    exchange = SimExchange(rules, instruments)
    events = list(exchange.step([quote]))        # what it did to resting orders, then the quote
    events = exchange.submit(order, at)          # WORKING or REJECTED, then fills on the last quote
    events = exchange.cancel(symbol, id, at)     # CANCELLED, or nothing when it is not working
    refusal = exchange.set_leverage(symbol, 5)   # None, or Binance's code and the reason
    record = exchange.look_up(symbol, id)        # the newest of that id, finished ones too
    exchange.history.of(symbol), exchange.history.numbered(symbol, n), exchange.history.fills
    events = exchange.force.liquidate(symbol, at)    # also deleverage (ADL), delist, cut, fill;
    exchange.force.add_margin(symbol, amount), exchange.force.transfer(amount)

Orders are matched on quotes; what one order takes from a quote is gone for the next one until the
symbol's next quote. A stop or take-profit waits for a quote whose mark reaches its trigger. A funding
rate is a market event: ``step([FundingRate(...)])`` gives ``FundingPaid``. Under ``rounded`` the wallet
is start + transfers + the sum of realised PnL, funding and fees, each rounded to 8 decimals; a venue
that reports realised PnL rounds ``closed x (price - average entry)`` half-even to match. A liquidation
costs the isolated margin and, if there is one, the fee on top.
"""

from tradebot.core.simulated.exchange import SimExchange
from tradebot.core.simulated.forced import ForcedEvents
from tradebot.core.simulated.history import History, OrderRecord
from tradebot.core.simulated.rules import SimRules

__all__ = ["ForcedEvents", "History", "OrderRecord", "SimExchange", "SimRules"]
