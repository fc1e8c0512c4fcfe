"""No name of another machine is known: the resolver fails at once, in every process of Python that a command starts.

Whom somebody asked for is written down. What would connect to anything but this machine is refused.
"""

from __future__ import annotations

from pathlib import Path

from kits.paper_kit import ROOT, Bot

SITE = """
import socket
import sys

NOTED = {noted!r}
HERE = ("127.0.0.1", "localhost", "::1", None, "")


def hook(event, args):
    if event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
        if host not in HERE:
            with open(NOTED, "a") as file:
                file.write(f"asked {{host}}\\n")
            raise socket.gaierror(socket.EAI_NONAME, "no name is known here")
    elif event == "socket.connect" and isinstance(args[1], tuple) and args[1][0] not in HERE:
        with open(NOTED, "a") as file:
            file.write(f"connected {{args[1][0]}}\\n")
        raise OSError("nothing but this machine may be connected to")


sys.addaudithook(hook)
"""
"""A sitecustomize."""


def shut_in(bot: Bot) -> Path:
    """Have a bot's commands find no other machine; return the file in which they write down whom they asked for."""
    place, noted = bot.folder / "shut_in", bot.folder / "asked.txt"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(SITE.format(noted=str(noted)))
    bot.env["PYTHONPATH"] = f"{place}:{ROOT}"
    noted.touch()
    return noted
