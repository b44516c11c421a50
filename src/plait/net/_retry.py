"""When a client tries again, and when it gives up."""

from __future__ import annotations

import asyncio

from plait.core import Backoff, Failures

__all__ = ["Retry"]


class Retry:
    """
    A client's count of failures, on the clock of the running loop.

    Args:
        backoff:
            The policy.
    """

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.failures = Failures()
        self.error: BaseException | None = None
        # The pause before the attempt that is under way, or that succeeded; in seconds.
        self.pause = 0.0

    @property
    def run(self) -> int:
        """How many failures there were in a row."""
        return self.failures.run

    def failed(self, error: BaseException | None) -> float | None:
        """
        Count a failure and return the pause after it, in seconds, or None past the limit.

        Args:
            error:
                Why; None when a peer closed the connection.
        """
        self.error = error
        self.failures = self.backoff.failed(self.failures, asyncio.get_running_loop().time())
        limit = self.backoff.limit
        # With long pauses the decaying count of endless failures stays below a bound, which the
        # limit may lie above; a run of failures shall pass it all the same.
        if self.backoff.gives_up(self.failures) or (limit is not None and self.run > limit):
            return None
        self.pause = self.backoff.delay(self.run)
        return self.pause

    def lost(self, error: BaseException | None, lasted: float) -> float | None:
        """
        Count the end of a connection; like `failed()`.

        A connection that outlived the pause before it ends the run of failures.

        Args:
            error:
                Why it ended; None when the peer closed it.
            lasted:
                How long it was up, in seconds.
        """
        if lasted > self.pause:
            self.failures = self.failures.succeeded()
        return self.failed(error)
