"""Options that services are given."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plait.core import Service
from plait.errors import EndpointError
from plait.net import (
    TCPClient,
    TCPServer,
    TLSServer,
    UDPClient,
    UDPServer,
    UNIXClient,
    UNIXDatagramClient,
    UNIXServer,
)


async def handle(*_: object) -> None:
    """Serve nobody."""


MAKERS: list[Callable[..., Service]] = [
    lambda **options: TCPServer(handle, **options),
    lambda **options: TLSServer(handle, cert="c.pem", key="k.pem", **options),
    lambda **options: UNIXServer(handle, path="s", **options),
    lambda **options: UDPServer(handle, **options),
    lambda **options: UDPClient(handle, host="h", port=1, **options),
]


@pytest.mark.parametrize("make", MAKERS)
def test_an_unknown_option_is_refused(make: Callable[..., Service]) -> None:
    """It is named, and what was probably meant: a misspelt limit must not be no limit."""
    with pytest.raises(TypeError, match=r"has no option 'draim'; did you mean 'drain'\?"):
        make(draim=1.0)


@pytest.mark.parametrize("make", MAKERS)
def test_a_number_out_of_range_is_refused(make: Callable[..., Service]) -> None:
    """A negative time is told at once, with what was expected."""
    with pytest.raises(ValueError, match="was given drain=-1; expected 0 or more"):
        make(drain=-1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_connections": 0}, "expected 1 or more"),
        ({"idle_timeout": 0}, "expected more than 0"),
        ({"setup_timeout": 0}, "expected more than 0"),
        ({"limit": 0}, "expected 1 or more"),
    ],
)
def test_a_limit_that_nobody_meets_is_refused(options: dict[str, int], told: str) -> None:
    """A server that could serve nobody is not made."""
    with pytest.raises(ValueError, match=told):
        MAKERS[0](**options)


def test_a_text_is_no_number() -> None:
    """A text where a number belongs is named as what it is."""
    with pytest.raises(TypeError, match="was given drain='5'; expected a number"):
        MAKERS[0](drain="5")


class Handlers:
    """Handlers of many shapes."""

    def plain(self, reader: Any, writer: Any) -> None:
        """Return nothing to await."""

    async def good(self, reader: Any, writer: Any) -> None:
        """Serve."""

    def late(self, reader: Any, writer: Any) -> Awaitable[None]:
        """Return something to await."""
        return self.good(reader, writer)

    @functools.wraps(good)
    def wrapped(self, *args: Any) -> Any:
        """Wrap a coroutine function."""
        return self.good(*args)

    @functools.wraps(plain)
    async def made_async(self, *args: Any) -> None:
        """Make a coroutine function of a plain one."""
        self.plain(*args)

    async def __call__(self, reader: Any, writer: Any) -> None:
        """Serve."""


@pytest.mark.parametrize("kind", [TCPServer, TCPClient, UDPServer])
def test_a_protocol_that_makes_none_is_refused(kind: Any) -> None:
    """One protocol in the place of a factory is told so, before a connection finds it out."""
    with pytest.raises(TypeError, match="expected what makes a protocol for each connection"):
        kind(port=1, protocol=asyncio.Protocol())


def test_a_handler_that_cannot_be_awaited_is_refused() -> None:
    """A plain function, a generator and what is no function are refused when they are given."""
    plain: Any = Handlers().plain
    for make in (
        lambda handler: TCPServer(handler),
        lambda handler: TCPClient(handler, host="h", port=1),
        lambda handler: TCPClient(on_connect=handler, host="h", port=1),
    ):
        with pytest.raises(TypeError, match=r"plain function Handlers\.plain\(\).*write async def"):
            make(plain)
        with pytest.raises(TypeError, match=r"was given \w+=5; expected"):
            make(5)


def test_a_handler_that_can_be_awaited_is_taken() -> None:
    """A method, a lambda, a partial, a wrapper and an object are as good as a function."""
    made = Handlers()
    handlers: list[Any] = [made.good, made.late, made.wrapped, made.made_async, made]
    for handler in [*handlers, functools.partial(handle, 1)]:
        TCPServer(handler)
    TCPServer(lambda reader, writer: made.good(reader, writer))


def test_a_clients_number_out_of_range_is_refused() -> None:
    """Stream clients look at their numbers as servers do."""
    with pytest.raises(ValueError, match="TCPClient was given connect_timeout=0; expected more"):
        TCPClient(host="h", port=1, connect_timeout=0)


def test_options_of_groups_are_refused_where_there_is_no_group() -> None:
    """What concerns multicast groups is not silently ignored by UDP services with other peers."""
    with pytest.raises(EndpointError, match="'ttl'; expected it only with MulticastServer"):
        UDPServer.at("udp://0.0.0.0:514?ttl=4", handle)
    with pytest.raises(EndpointError, match="'loopback'; expected it only with a multicast group"):
        UDPClient.at("udp://h:514?loopback=no")
    UDPClient.at("udp://239.1.2.3:514?loopback=no&ttl=4")


def test_a_path_that_no_socket_can_have_is_refused_at_once() -> None:
    """A client does not try for ever to connect to a path that is too long."""
    path = "/" + "x" * 107
    for make in (UNIXClient, UNIXDatagramClient):
        with pytest.raises(EndpointError, match="expected at most 107 bytes; it has 108"):
            make(path=path)
    UNIXClient(path="\0" + "x" * 107)
