"""One outgoing connection kept alive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from random import random
from typing import Any

from plait.twisted.internet import defer
from plait.twisted.logger import Logger
from plait.twisted.python.failure import Failure

from . import service

__all__ = ["ClientService", "backoffPolicy"]

_MOST = 100


def backoffPolicy(
    initialDelay: float = 1.0,
    maxDelay: float = 60.0,
    factor: float = 1.5,
    jitter: Callable[[], float] = random,
) -> Callable[[int], float]:
    """
    Return a function from the number of failures to the seconds until the next attempt.

    Args:
        initialDelay:
            Seconds before the first power of the factor.
        maxDelay:
            Seconds at most, before the jitter.
        factor:
            What the delay grows by.
        jitter:
            Called for what is added, in seconds.
    """

    def policy(attempt: int) -> float:
        try:
            delay = min(initialDelay * factor ** min(_MOST, attempt), maxDelay)
        except OverflowError:
            delay = maxDelay
        return delay + jitter()

    return policy


_default_policy = backoffPolicy()


class _Watched:
    """A factory whose protocols report the end of their connection; everything else is as it is."""

    def __init__(self, factory: Any, lost: Callable[[Any, Any], None]) -> None:
        self._factory = factory
        self._lost = lost

    def buildProtocol(self, address: Any) -> Any:
        """Build the protocol and watch its connectionLost."""
        protocol = self._factory.buildProtocol(address)
        if protocol is None:
            return None
        original = protocol.connectionLost

        def connectionLost(reason: Any) -> Any:
            with contextlib.suppress(AttributeError):
                del protocol.connectionLost
            try:
                return original(reason)
            finally:
                self._lost(protocol, reason)

        protocol.connectionLost = connectionLost
        return protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)


class ClientService(service.Service):
    """
    Connects, and connects again whenever the connection is lost or an attempt failed.

    Args:
        endpoint:
            Where to.
        factory:
            Builds the protocols.
        retryPolicy:
            From the number of failures in a row to the seconds until the next attempt.
        clock:
            What schedules the attempts; the reactor by default.
        prepareConnection:
            Called with each new protocol; while its Deferred has not fired, nobody gets the
            protocol, and when it fails the attempt has failed and the connection is closed.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: Any,
        factory: Any,
        retryPolicy: Callable[[int], float] | None = None,
        clock: Any = None,
        prepareConnection: Callable[[Any], Any] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._factory = _Watched(factory, self._connection_lost)
        self._policy = _default_policy if retryPolicy is None else retryPolicy
        self._given_clock = clock
        self._prepare = prepareConnection
        self._phase = "stopped"
        self._failures = 0
        self._attempt: Any = None
        self._retry: Any = None
        self._protocol: Any = None
        self._restart = False
        self._waiting: list[tuple[Any, int | None]] = []
        self._stopping: list[Any] = []

    @property
    def _clock(self) -> Any:
        if self._given_clock is not None:
            return self._given_clock
        from plait.twisted.internet import reactor

        return reactor

    # ---- asked from outside

    def whenConnected(self, failAfterFailures: int | None = None) -> Any:
        """
        Return a Deferred that fires with the protocol of the connection.

        Args:
            failAfterFailures:
                Fail with the error after so many failed attempts, counted from now.
        """
        if self._phase == "connected":
            return defer.succeed(self._protocol)
        if self._phase == "stopped" and self._was_stopped:
            return defer.fail(defer.CancelledError())
        if self._phase == "disconnecting" and not self._restart:
            return defer.fail(defer.CancelledError())
        waiting: Any = defer.Deferred()
        self._waiting.append((waiting, failAfterFailures))
        return waiting

    _was_stopped = False

    def startService(self) -> None:
        """Begin to connect; a warning when the service runs already."""
        if self.running:
            self._log.warn("Duplicate ClientService.startService {log_source}")
            return
        service.Service.startService(self)
        self._was_stopped = False
        if self._phase == "disconnecting":
            self._restart = True
        else:
            self._failures = 0
            self._connect()

    def stopService(self) -> Any:
        """Disconnect, or give up connecting; the Deferred fires when that is done."""
        service.Service.stopService(self)
        phase = self._phase
        self._was_stopped = True
        self._restart = False
        if phase in ("stopped", "waiting"):
            if self._retry is not None:
                self._retry.cancel()
                self._retry = None
            self._phase = "stopped"
            self._cancel_waiting()
            return defer.succeed(None)
        stopped: Any = defer.Deferred()
        self._stopping.append(stopped)
        if phase == "connecting":
            self._phase = "disconnecting"
            self._cancel_waiting()
            self._attempt.cancel()
        elif phase == "connected":
            self._phase = "disconnecting"
            self._cancel_waiting()
            self._protocol.transport.loseConnection()
        else:
            self._cancel_waiting()
        return stopped

    # ---- the machine

    def _connect(self) -> None:
        self._phase = "connecting"
        attempt = self._attempt = self._endpoint.connect(self._factory)
        attempt.addCallback(self._prepared)
        attempt.addCallbacks(self._connected, self._failed)

    def _prepared(self, protocol: Any) -> Any:
        self._protocol = protocol
        if self._prepare is None:
            return protocol
        prepared = defer.maybeDeferred(self._prepare, protocol)
        prepared.addCallback(lambda _result: protocol)
        prepared.addErrback(self._unprepared, protocol)
        return prepared

    @staticmethod
    def _unprepared(why: Any, protocol: Any) -> Any:
        # Twisted leaves the connection open; nobody would ever use or close it.
        transport = getattr(protocol, "transport", None)
        if transport is not None:
            transport.loseConnection()
        return why

    def _connected(self, protocol: Any) -> None:
        if self._phase == "disconnecting":
            protocol.transport.loseConnection()
            return
        if self._phase != "connecting" or self._protocol is not protocol:
            self._attempt_over(Failure(defer.CancelledError()))
            return
        self._phase = "connected"
        self._failures = 0
        waiting, self._waiting = self._waiting, []
        for deferred, _left in waiting:
            deferred.callback(protocol)

    def _failed(self, why: Any) -> None:
        self._attempt_over(why)

    def _attempt_over(self, why: Any) -> None:
        self._protocol = None
        if self._phase == "disconnecting":
            self._disconnected()
            return
        if self._phase != "connecting":
            return
        self._later(why)

    def _later(self, why: Any) -> None:
        """Count a failure, tell those whose patience is over, and schedule the next attempt."""
        self._phase = "waiting"
        self._failures += 1
        patient: list[tuple[Any, int | None]] = []
        tired = []
        for deferred, left in self._waiting:
            if left is None:
                patient.append((deferred, None))
            elif left <= 1:
                tired.append(deferred)
            else:
                patient.append((deferred, left - 1))
        self._waiting = patient
        for deferred in tired:
            deferred.errback(why)
        if self._phase != "waiting":
            return
        delay = self._policy(self._failures)
        self._log.info(
            "Scheduling retry {attempt} to connect {endpoint} in {delay} seconds.",
            attempt=self._failures,
            endpoint=self._endpoint,
            delay=delay,
        )
        self._retry = self._clock.callLater(delay, self._again)

    def _again(self) -> None:
        self._retry = None
        self._connect()

    def _connection_lost(self, protocol: Any, reason: Any) -> None:
        if protocol is not self._protocol:
            return
        if self._phase == "connected":
            self._protocol = None
            self._later(reason)
        elif self._phase == "disconnecting":
            self._protocol = None
            self._disconnected()
        # While connecting, prepareConnection has the protocol; its Deferred tells how it ends.
        elif self._phase == "connecting":
            self._protocol = None

    def _disconnected(self) -> None:
        self._phase = "stopped"
        stopping, self._stopping = self._stopping, []
        for deferred in stopping:
            deferred.callback(None)
        if self._restart and self._phase == "stopped":
            self._restart = False
            self._failures = 0
            self._connect()

    def _cancel_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred, _left in waiting:
            deferred.errback(Failure(defer.CancelledError()))
