"""The simulated exchange: pessimistic, deterministic, pure.

``rules`` its constants, ``pricing`` what a fill costs, ``account`` cash and margins, ``resting`` our
orders, ``acceptance`` what is refused, ``matcher`` where fills happen, ``bars`` and ``quotes`` how the
market meets the orders, ``state`` how it is stored, ``exchange`` the whole.

Where the written rules leave room, it is decided so: at an open cancels come after a liquidation and
before orders; a resting limit or a trigger the open is already past fills at the open, by
submission; a request to cancel does not make room for another reduce-only order, the cancel does; an
order cut for lack of cash expires with all of its rest; what is decided on any event inside a bar
but a price event counts as decided at that point of the path.
"""

from tradebot.core.simulated.exchange import SimExchange
from tradebot.core.simulated.rules import SimRules

__all__ = ["SimExchange", "SimRules"]
