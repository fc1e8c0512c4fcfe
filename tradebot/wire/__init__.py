"""The way to Binance USD-M: one ccxt client for prices and orders, its clock, its hosts and its budget.

Nothing here knows what an order is for. ``client.Wire`` sends requests and says what happened to them on the
wire, which is all that can be believed; ``public`` reads market data with it.
"""
