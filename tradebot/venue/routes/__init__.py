"""Every REST endpoint by method and path: ``market`` public data, ``account`` money and modes, ``orders``
regular orders and trades, ``algo`` conditional ones.
"""

from __future__ import annotations

from tradebot.venue.call import Route
from tradebot.venue.routes import account, algo, market, orders

ROUTES: dict[tuple[str, str], Route] = {
    (route.method, route.path): route
    for route in (*market.ROUTES, *account.ROUTES, *orders.ROUTES, *algo.ROUTES)
}

__all__ = ["ROUTES"]
