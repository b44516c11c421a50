"""Addresses of peers and hosts: values that can be compared, hashed and printed."""

from __future__ import annotations

import os
from typing import Any

from zope.interface import implementer

from .interfaces import IAddress

__all__ = ["HostnameAddress", "IPv4Address", "IPv6Address", "UNIXAddress"]


def _checked(type: Any) -> Any:
    if type not in ("TCP", "UDP"):
        raise ValueError(f"'type' must be in ['TCP', 'UDP'] (got {type!r})")
    return type


class _Value:
    """Compares, orders and prints by the fields named in `_fields`, as one value."""

    _fields: tuple[str, ...] = ()

    def _key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field) for field in self._fields)

    def __eq__(self, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key() == other._key()

    def __lt__(self, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key() < other._key()

    def __le__(self, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key() <= other._key()

    def __gt__(self, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key() > other._key()

    def __ge__(self, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key() >= other._key()

    def __hash__(self) -> int:
        return hash((self.__class__, self._key()))

    def __repr__(self) -> str:
        inner = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"{self.__class__.__name__}({inner})"


@implementer(IAddress)
class IPv4Address(_Value):
    """
    An address of IPv4.

    Args:
        type: `TCP` or `UDP`.
        host: The dotted address.
        port: The port's number.

    Raises:
        ValueError: The type is neither.
    """

    _fields = ("type", "host", "port")

    def __init__(self, type: Any, host: str, port: int) -> None:
        self.type = _checked(type)
        self.host = host
        self.port = port


@implementer(IAddress)
class IPv6Address(_Value):
    """
    An address of IPv6.

    Args:
        type: `TCP` or `UDP`.
        host: The address with colons.
        port: The port's number.
        flowInfo: The flow label.
        scopeID: The scope, a number or an interface's name.

    Raises:
        ValueError: The type is neither.
    """

    _fields = ("type", "host", "port", "flowInfo", "scopeID")

    def __init__(
        self, type: Any, host: str, port: int, flowInfo: int = 0, scopeID: str | int = 0
    ) -> None:
        self.type = _checked(type)
        self.host = host
        self.port = port
        self.flowInfo = flowInfo
        self.scopeID = scopeID


@implementer(IAddress)
class UNIXAddress:
    """
    An address of a UNIX socket.

    Args:
        name: Its path, kept as bytes; None for a socket without one.
    """

    def __init__(self, name: bytes | str | None) -> None:
        self.name = None if name is None else os.fsencode(name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UNIXAddress):
            return NotImplemented
        if self.name == other.name:
            return True
        if self.name is None or other.name is None:
            return False
        try:
            # Two paths may lead to one socket.
            return os.path.samefile(self.name, other.name)
        except OSError:
            return False

    def __hash__(self) -> int:
        if self.name is None:
            return hash((UNIXAddress, None))
        try:
            found = os.stat(self.name)
        except OSError:
            return hash(self.name)
        return hash((found.st_ino, found.st_dev))

    def __repr__(self) -> str:
        name = None if self.name is None else os.fsdecode(self.name)
        return f"UNIXAddress({name!r})"


@implementer(IAddress)
class HostnameAddress(_Value):
    """
    A host by its name.

    Args:
        hostname: The name, as bytes.
        port: The port's number.
    """

    _fields = ("hostname", "port")

    def __init__(self, hostname: bytes, port: int) -> None:
        self.hostname = hostname
        self.port = port
