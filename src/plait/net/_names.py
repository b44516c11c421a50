"""Addresses of sockets as people write them, in events, errors and log records."""

from __future__ import annotations

from typing import Any

__all__ = ["show_address"]


def show_address(address: Any, nameless: str = "") -> str:
    """
    Return a socket's address as people write it, such as `[::1]:7001`, `/run/s` or `@name`.

    Args:
        address:
            As `accept`, `recvfrom` or `getpeername` gives it.
        nameless:
            What to say of a UNIX socket that has no name.
    """
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    if not address:
        return nameless
    path = address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
    return f"@{path[1:]}" if path.startswith("\0") else path
