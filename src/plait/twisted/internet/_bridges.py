"""What ties Deferreds to clocks, futures and coroutines."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from asyncio import CancelledError as FutureCancelled
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Self, cast

from plait.twisted.python.failure import Failure

from ._debug import CancelledError, NotACoroutineError, TimeoutError

if TYPE_CHECKING:
    from ._deferred import Deferred

__all__ = ["Bridges"]


class Bridges:
    """The part of `Deferred` that ties it to clocks, futures and coroutines."""

    if TYPE_CHECKING:
        # What the rest of Deferred provides.
        addBoth: Any
        addCallbacks: Any
        callback: Any
        cancel: Any

    def addTimeout(
        self,
        timeout: float,
        clock: Any,
        onTimeoutCancel: Callable[[Any, float], Any] | None = None,
    ) -> Deferred[Any]:
        """
        Cancel the Deferred if it has not fired in time.

        Args:
            timeout: Seconds from now.
            clock: A provider of `IReactorTime`, such as the reactor.
            onTimeoutCancel: Called with the result and the time-out when the time-out has cancelled
                it;
                its result takes the place of the `TimeoutError` that a cancellation becomes
                otherwise.

        Returns:
            The Deferred itself.
        """
        timedOut = False

        def timeItOut() -> None:
            nonlocal timedOut
            timedOut = True
            self.cancel()

        delayedCall = clock.callLater(timeout, timeItOut)

        def convertCancelled(result: Any) -> Any:
            if not timedOut:
                return result
            if onTimeoutCancel is not None:
                return onTimeoutCancel(result, timeout)
            if isinstance(result, Failure):
                result.trap(CancelledError)
                raise TimeoutError(timeout, "Deferred")
            return result

        def cancelTimeout(result: Any) -> Any:
            if delayedCall.active():
                delayedCall.cancel()
            return result

        self.addBoth(convertCancelled)
        self.addBoth(cancelTimeout)
        return cast("Deferred[Any]", self)

    def asFuture(self, loop: AbstractEventLoop) -> Future[Any]:
        """
        Return an asyncio future that gets this Deferred's result.

        Cancelling the future cancels the Deferred.

        Args:
            loop: The loop the future belongs to.
        """
        future: Future[Any] = loop.create_future()

        def maybeCancel(future: Future[Any]) -> None:
            if future.cancelled():
                self.cancel()

        def callback(result: Any) -> None:
            if not future.done():
                future.set_result(result)

        def errback(failure: Failure) -> None:
            if not future.done():
                future.set_exception(failure.value)

        future.add_done_callback(maybeCancel)
        self.addCallbacks(callback, errback)
        return future

    @classmethod
    def fromFuture(cls, future: Future[Any]) -> Self:
        """
        Return a Deferred that gets an asyncio future's result.

        Cancelling it cancels the future.
        """

        def adapt(future: Future[Any]) -> Any:
            try:
                extracted = future.result()
            except BaseException:
                extracted = Failure()
            actual.callback(extracted)

        def cancelled(deferred: Deferred[Any]) -> None:
            future.remove_done_callback(adapt)
            future.cancel()
            deferred.errback(Failure(FutureCancelled()))

        actual = cls(cancelled)  # type: ignore[call-arg]  # Deferred takes a canceller
        future.add_done_callback(adapt)
        return actual

    @classmethod
    def fromCoroutine(
        cls, coro: Coroutine[Any, Any, Any] | Generator[Any, Any, Any]
    ) -> Deferred[Any]:
        """
        Run a coroutine that awaits Deferreds.

        Returns:
            A Deferred with what the coroutine returns or raises; cancelling it cancels what it
            waits for.

        Raises:
            NotACoroutineError: It is not a coroutine.
        """
        from ._inline import isCoroutine, run

        if isCoroutine(coro):
            return run(coro)
        raise NotACoroutineError(f"{coro!r} is not a coroutine")
