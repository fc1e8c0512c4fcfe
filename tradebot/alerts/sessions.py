"""Sessions of http: through the proxy that the environment names, as the channels of apprise have it."""

from __future__ import annotations

import os
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies

import aiohttp


def session_to(url: str, patience_s: float) -> aiohttp.ClientSession:
    """Return a session for one server: through ``HTTPS_PROXY`` unless ``NO_PROXY`` spares it; a server of this machine is asked directly."""
    patience = aiohttp.ClientTimeout(total=patience_s)
    return aiohttp.ClientSession(trust_env=not _is_here(url), timeout=patience)


def spare(url: str) -> None:
    """Keep what this process asks of a server from the environment's proxy: for those who read only that. It has to be of this machine."""
    proxies, host = getproxies(), urlsplit(url).hostname
    if host and _is_here(url) and any(name in proxies for name in ("http", "https", "all")):
        known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        names = [name for one in known.split(",") if (name := one.strip())]
        if host not in names:  # a * means everybody, but nothing beside others or a blank
            os.environ["no_proxy"] = "*" if names == ["*"] else ",".join([*names, host])


def _is_here(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = ["session_to", "spare"]
