"""tradebot: a crypto-futures trading bot that has to earn the right to trade real money."""

__version__ = "0.1.0"
