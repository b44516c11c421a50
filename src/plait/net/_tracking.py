"""Knowing which connections are open, without standing between the loop and the protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from ._connection import Connection

# The connections whose protocols are tracked, by the protocol's identity: the tracking subclass may
# not add a field to the protocol. The connection holds its protocol, so the identity stays its own.
live: dict[int, Connection] = {}

_MADE = "_plait_tracked"


def ends_connection(context: dict[str, Any], sock: socket.socket | None) -> bool:
    """
    Return whether a loop reports an exception of a protocol, for which it ends the connection.

    What ended it is told where the connection is known to be lost, and need not be told twice.

    Args:
        context:
            What the loop gives its exception handler.
        sock:
            The connection's socket, by which it is known: with TLS, the protocol that the loop
            names is its own. None where the protocol is known to be the connection's.
    """
    error, transport = context.get("exception"), context.get("transport")
    if transport is None or not isinstance(error, Exception) or isinstance(error, OSError):
        return False
    if not str(context.get("message")).startswith("Fatal error"):
        return False
    if sock is None:
        return True
    found = transport.get_extra_info("socket")
    return found is not None and found.fileno() == sock.fileno() >= 0


def track(protocol: asyncio.BaseProtocol, connection: Connection) -> asyncio.BaseProtocol:
    """
    Return a protocol that tells a connection when it is made and lost, and is otherwise itself.

    Args:
        protocol:
            What the user's factory made.
        connection:
            Who is told.

    Returns:
        The same object, with a subclass that overrides `connection_made` and `connection_lost` in
        the place of its class; where Python does not allow that, a stand-in whose other methods are
        the protocol's own.
    """
    if id(protocol) not in live:
        try:
            _change_class(protocol, _subclass(type(protocol)))
        except TypeError:
            pass  # a class that is final, immutable, or wants arguments from its subclasses
        else:
            live[id(protocol)] = connection
            return protocol
    return stand_in(protocol, connection)


def tracked_from_the_start(factory: Callable[[], asyncio.BaseProtocol]) -> Any:
    """
    Return a factory whose protocols need not be given another class by `track`.

    Args:
        factory:
            What the user gave, which may be a class.

    Returns:
        The tracking subclass of a class that can have one, whose objects keep CPython's shortest
        way to their fields; the same factory for all else.
    """
    if isinstance(factory, type):
        try:
            return _subclass(factory)
        except TypeError:
            pass  # as above
    return factory


def _change_class(protocol: asyncio.BaseProtocol, kind: type[asyncio.BaseProtocol]) -> None:
    if type(protocol) is kind:
        return
    protocol.__class__ = kind
    fields = getattr(protocol, "__dict__", None)
    if type(fields) is dict:
        # They share their keys with the objects of the former class, and CPython's specialised
        # instructions know no such fields of another class: each use would cost a full search.
        # The removal of an entry makes the dictionary one of its own.
        fields[""] = None
        fields.popitem()


def stand_in(protocol: asyncio.BaseProtocol, connection: Connection) -> asyncio.BaseProtocol:
    """
    Return an object in the place of a protocol, whose data methods are the protocol's own.

    Args:
        protocol:
            What the user's factory made.
        connection:
            Who is told when it is made and lost.
    """
    buffered = isinstance(protocol, asyncio.BufferedProtocol)
    made = (_BufferedStandIn if buffered else _StreamStandIn)(protocol, connection)
    live[id(made)] = connection
    return made


def _subclass(kind: type[asyncio.BaseProtocol]) -> type[asyncio.BaseProtocol]:
    """Return the tracking subclass of a protocol class, made once and kept by that class."""
    found = kind.__dict__.get(_MADE)
    if found is not None:
        return cast("type[asyncio.BaseProtocol]", found)

    def connection_made(self: Any, transport: asyncio.BaseTransport) -> None:
        connection = live.get(id(self))
        if connection is None:  # the user's own use of the object, outside the server
            super(tracked, self).connection_made(transport)
            return
        connection.made(cast("asyncio.Transport", transport))
        try:
            super(tracked, self).connection_made(transport)
        except Exception as error:
            connection.failed(error)

    def connection_lost(self: Any, error: Exception | None) -> None:
        connection = live.pop(id(self), None)
        try:
            super(tracked, self).connection_lost(error)
        except Exception as raised:
            if connection is None:
                raise
            connection.failed(raised)
        finally:
            if connection is not None:
                connection.lost(error)

    def plait_tells(self: Any, context: dict[str, Any]) -> bool:
        connection = live.get(id(self))
        return connection is not None and connection.plait_tells(context)

    space = {
        "plait_tells": plait_tells,
        "__slots__": (),
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
        "connection_made": connection_made,
        "connection_lost": connection_lost,
    }
    make: Any = type(kind)  # the metaclass
    tracked = make(kind.__name__, (kind,), space)
    setattr(tracked, _MADE, tracked)  # an object whose class is set already is left as it is
    setattr(kind, _MADE, tracked)
    return cast("type[asyncio.BaseProtocol]", tracked)


class _StandIn(asyncio.BaseProtocol):
    """Stands for a protocol whose class cannot be changed; the data goes past it."""

    _methods: tuple[str, ...] = ()

    def __init__(self, protocol: asyncio.BaseProtocol, connection: Connection) -> None:
        self._protocol = protocol
        self._connection = connection
        for name in self._methods:
            setattr(self, name, getattr(protocol, name))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection.made(cast("asyncio.Transport", transport))
        try:
            self._protocol.connection_made(transport)
        except Exception as error:
            self._connection.failed(error)

    def connection_lost(self, exc: Exception | None) -> None:
        live.pop(id(self), None)
        try:
            self._protocol.connection_lost(exc)
        except Exception as error:
            self._connection.failed(error)
        finally:
            self._connection.lost(exc)

    def plait_tells(self, context: dict[str, Any]) -> bool:
        return self._connection.plait_tells(context)


class _StreamStandIn(_StandIn, asyncio.Protocol):
    """The same for a protocol that is given its data."""

    _methods = ("data_received", "eof_received", "pause_writing", "resume_writing")


class _BufferedStandIn(_StandIn, asyncio.BufferedProtocol):
    """The same for a protocol that brings its own buffers."""

    _methods = ("get_buffer", "buffer_updated", "eof_received", "pause_writing", "resume_writing")
