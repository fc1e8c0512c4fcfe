"""The drill: disasters played on a venue of this machine, with a user's own configuration, strategy and limits.

Everything runs in real processes and in a directory of its own; the venue's own record is the oracle.
"""
