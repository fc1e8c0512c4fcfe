"""The loopback venue: Binance USD-M's REST and WebSocket protocol on 127.0.0.1, for bots to be tried on.

It matches orders with the simulated exchange and is no fill model of Binance. The map:

``clock`` the one clock, moved by hand or the wall's; ``ledger`` the venue's own record; ``bus`` the
inner events (orders, fills, algo orders, account, market) that streams and everybody else listen to;
``settings`` constants and the account's start.

``listings`` what is traded, in Binance's form; ``prices`` boards, feeds and their player; ``candles``
klines; ``path`` bars into ticks; ``script`` price scripts.

``account`` wallets, modes; ``margin_calls``; ``holdings`` position rows; ``income`` the income history; ``orders`` and
``algo`` records; ``matching`` the simulated exchange behind orders; ``placing`` regular orders in and out;
``conditional`` the algo service; ``filters`` and ``errors`` refusals; ``statement`` and ``payloads`` bodies.

``acts`` what scripts and faults make happen to the account.

``call`` a request, its routes and the places where faults step in; ``pipeline`` its way; ``security``,
``limits``; ``routes`` the endpoints; ``listen_keys``; ``server`` HTTP; ``core`` puts it all together.

``streams`` every connection and message on its way out; ``socket`` one connection; ``frames`` user
events and ``market_frames`` market events as JSON; ``cadence`` when market messages are due.

``kinds`` the faults there are, ``rules`` when they apply, ``faults`` requests, messages and moments,
``fates`` orders and stops; ``own`` the venue's own requests under ``/_venue``.
"""
