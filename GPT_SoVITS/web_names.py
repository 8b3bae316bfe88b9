"""By which names a server of ours is reached, and which web pages may ask it: what page and HTTP API check alike.

A browser sends what a page tells it to, to this computer as well. Two headers say who asks: ``Origin``, the page that
sends, and ``Host``, the name by which it reached us. A name that a stranger points at this computer (DNS rebinding)
makes both of them agree, so a server without a password answers under names of its own only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")


def host_name(host: str) -> str:
    """The name in a Host header, in lower case and without its port; an IPv6 address keeps its brackets."""
    if host.startswith("["):
        return host.partition("]")[0].lower() + "]"
    return host.partition(":")[0].lower()


def is_address(name: str) -> bool:
    """True for an IP address, in brackets or without: nobody can point that somewhere else."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def is_foreign(origin: str, host: str, origins: Collection[str] = ()) -> bool:
    """True for an Origin header of another page than the server's own.

    Args:
        origin: of the request.
        host: its Host header.
        origins: further pages that may ask, "http://localhost:8000" each.
    """
    return origin.rstrip("/") not in origins and urlsplit(origin).netloc.lower() != host.lower()
