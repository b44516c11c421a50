"""Options that services are given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plait.core import Service
from plait.net import TCPServer, TLSServer, UDPClient, UDPServer, UNIXServer


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
