"""Services from the text of an endpoint, such as `tcp:8080:interface=127.0.0.1`."""

from __future__ import annotations

from typing import Any

from plait.twisted.internet import endpoints
from plait.twisted.python.failure import Failure

from . import internet

__all__ = ["listen", "service"]


def service(
    description: str, factory: Any, reactor: Any = None
) -> internet.StreamServerEndpointService:
    """
    Return the service that listens where a text says; an immediate bind error is raised.

    Args:
        description:
            The text.
        factory:
            Builds the protocols.
        reactor:
            The reactor; the global one by default.
    """
    if reactor is None:
        from plait.twisted.internet import reactor
    made = internet.StreamServerEndpointService(
        endpoints.serverFromString(reactor, description), factory
    )
    made._raiseSynchronously = True
    return made


def listen(description: str, factory: Any) -> Any:
    """Listen now where a text says and return the port."""
    from plait.twisted.internet import reactor

    outcome: list[Any] = []
    endpoints.serverFromString(reactor, description).listen(factory).addBoth(outcome.append)
    if not outcome:
        raise ValueError(f"{description!r} does not listen at once; use service()")
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return outcome[0]
