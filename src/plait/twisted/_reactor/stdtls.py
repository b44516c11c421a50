"""TLS by the loop itself, with the standard library's ssl."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from .flow import SHUTDOWN


def wrap_server(
    _reactor: Any, factory: Any, context_factory: Any
) -> tuple[Any, Callable[[], ssl.SSLContext]]:
    """Return the factory to listen with, and what gives the context of each connection."""
    context_factory.getContext()  # a missing key is the caller's error, now
    return factory, lambda: server_context(context_factory)


def wrap_client(
    _reactor: Any, factory: Any, context_factory: Any
) -> tuple[Any, Callable[[], tuple[ssl.SSLContext, str]]]:
    """Return the factory to connect with, and what gives the context and the server's name."""
    return factory, lambda: client_context(context_factory)


def server_context(context_factory: Any) -> ssl.SSLContext:
    """Return the context for one connection of a server."""
    return _checked(context_factory.getContext())


def client_context(context_factory: Any) -> tuple[ssl.SSLContext, str]:
    """Return the context for one connection of a client, and the name to send and verify."""
    return _checked(context_factory.getContext()), getattr(context_factory, "hostname", "")


def _checked(context: Any) -> ssl.SSLContext:
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(
            f"getContext() returned {type(context).__name__}; plait.twisted needs an "
            "ssl.SSLContext of the standard library"
        )
    return context


def peer_certificate(tls: Any) -> Any:
    """Return the peer's certificate object, None without one."""
    der = None if tls is None else tls.getpeercert(binary_form=True)
    if not der:
        return None
    from plait.twisted.internet.ssl import Certificate

    return Certificate(der)


def start(connection: Any, context_factory: Any, client: bool) -> None:
    """Turn a connection into a TLS one; what is written meanwhile waits for the handshake."""
    if connection.TLS:
        raise RuntimeError("this connection speaks TLS already")
    name = None
    if client:
        context, name = client_context(context_factory)
    else:
        context = server_context(context_factory)
    connection.TLS = True
    connection.write, connection.writeSequence = connection._hold, connection._hold_all
    connection._begin_upgrade()
    connection.reactor.own(_upgrade(connection, context, name))


async def _upgrade(connection: Any, context: ssl.SSLContext, name: str | None) -> None:
    loop = connection.reactor.loop
    plain = connection._transport
    # What was written in clear must be out before the handshake begins on the same socket.
    await connection._empty()
    if not connection.connected:
        return
    handshake = loop.create_task(
        loop.start_tls(
            plain,
            connection._wire,
            context,
            server_side=name is None,
            server_hostname=name,
            ssl_shutdown_timeout=SHUTDOWN,
        )
    )
    # Called when the task has put TLS in the wire's place, and before the handshake begins.
    loop.call_soon(_hand_over, connection, plain)
    try:
        transport = await handshake
    except (TimeoutError, OSError) as error:
        connection._reason = error
        plain.abort()
        connection._lost(error)
        return
    # An abort in the midst of the handshake looks like its end.
    if transport is None or transport.get_extra_info("ssl_object") is None:
        connection._lost(None)
    elif connection.connected:
        connection._end_upgrade(transport)


def _hand_over(connection: Any, plain: Any) -> None:
    """Give TLS the beginning of the handshake, where it was there before TLS was."""
    secure = plain.get_protocol()
    if not connection.connected or secure is connection._wire:
        return
    kept, connection._kept = connection._kept, []
    for data in kept:
        while data:
            buffer = secure.get_buffer(len(data))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            secure.buffer_updated(size)
            data = data[size:]
