"""Binance USD-M's public prices: three shared streams, and REST for what they do not tell.

Pure pieces decide (``messages`` reads, ``assembly`` puts bars in order, ``conflation`` thins prices out, ``silence``
watches, ``backoff`` waits, ``deafness`` knows what nobody heard); ``rest``, ``streams`` and ``feed`` do the talking.
"""
