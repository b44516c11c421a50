"""
Retrying as pure arithmetic: how long to wait, and when to give up.

Nothing here looks at a clock or sleeps; whoever obeys it hands in the time. The decaying count is
suture's: each failure adds one, and what was counted before halves every `half_life` seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from plait.records import Record

__all__ = ["Backoff", "Failures", "Restart"]


class Failures(NamedTuple):
    """
    A count of failures that decays while nothing fails.

    Args:
        score:
            Failures counted, old ones weighing less.
        at:
            When it was counted, in seconds on the caller's clock.
        run:
            Consecutive failures since the last success, undecayed.
    """

    score: float = 0.0
    at: float = 0.0
    run: int = 0

    def succeeded(self) -> Failures:
        """Return the count after a success: the run ends, the decaying count stays."""
        return self._replace(run=0)


class Backoff(Record):
    """
    When to try again: an exponential delay with jitter, and a limit.

    Args:
        initial:
            The first delay, in seconds.
        factor:
            What each further delay is multiplied by.
        maximum:
            The longest delay before jitter, in seconds.
        jitter:
            The share of the delay that is left to chance: 0.1 gives 90 % to 110 % of it.
        limit:
            The decayed number of failures that is still borne; above it, it is given up. `None`:
            never. Something that never succeeds fails once every `maximum` seconds in the end, so
            its count levels off at `1 / (1 - 0.5 ** (maximum / half_life))`, 7.7 by default: a
            higher limit wants a longer half-life.
        half_life:
            The time after which a past failure counts half, in seconds.

    Raises:
        ValueError: A number is out of its range.
    """

    initial: float = 0.5
    factor: float = 2.0
    maximum: float = 60.0
    jitter: float = 0.1
    limit: float | None = None
    half_life: float = 300.0

    def __post_init__(self) -> None:
        for name, lowest in (("initial", 0.0), ("factor", 1.0), ("maximum", 0.0), ("jitter", 0.0)):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value >= lowest):
                raise ValueError(
                    f"{name} is {value!r}; expected a finite number from {lowest:g} up"
                )
        if self.jitter > 1:
            raise ValueError(
                f"jitter is {self.jitter!r}; expected a share of the delay from 0 to 1"
            )
        if self.limit is not None and not (
            isinstance(self.limit, (int, float)) and self.limit >= 0
        ):
            raise ValueError(f"limit is {self.limit!r}; expected None or a number from 0 up")
        if not (isinstance(self.half_life, (int, float)) and self.half_life > 0):
            raise ValueError(f"half_life is {self.half_life!r}; expected seconds, more than 0")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(initial={self.initial:g}, factor={self.factor:g}, "
            f"maximum={self.maximum:g}, jitter={self.jitter:g}, limit={self.limit}, "
            f"half_life={self.half_life:g})"
        )

    def delay(self, attempt: int, random: Callable[[], float] | None = None) -> float:
        """
        Return how long to wait before an attempt.

        Args:
            attempt:
                1 for the first attempt after a failure, and so on.
            random:
                A source of numbers from 0 to 1; the standard library's when None.

        Returns:
            Seconds.
        """
        try:
            plain = min(self.maximum, self.initial * self.factor ** (attempt - 1))
        except OverflowError:
            plain = self.maximum
        if random is None:
            from random import random as chance  # only whoever fails needs it
        else:
            chance = random
        return plain * (1 + self.jitter * (2 * chance() - 1))

    def failed(self, failures: Failures, now: float) -> Failures:
        """
        Return the count with one more failure.

        Args:
            failures:
                The count so far.
            now:
                The time of the new failure, in seconds on the same clock.
        """
        decayed = failures.score * 0.5 ** (max(0.0, now - failures.at) / self.half_life)
        return Failures(decayed + 1, now, failures.run + 1)

    def gives_up(self, failures: Failures) -> bool:
        """
        Return whether the limit is passed.

        Args:
            failures:
                The count, as `failed()` returned it.
        """
        return self.limit is not None and failures.score > self.limit


class Restart(Backoff):
    """
    How a failed service is restarted; a `Backoff` that bears five failures by default.

    Given to `add(child, restart=Restart())`. Past the limit the failure goes to the parent.

    Args:
        initial:
            Seconds from the first failure to the restart.
        factor:
            What each further delay is multiplied by.
        maximum:
            The longest delay before jitter, in seconds.
        jitter:
            The share of the delay that is left to chance: 0.1 gives 90 % to 110 % of it.
        limit:
            The decayed number of failures that is still borne; `None` restarts for ever.
        half_life:
            The time after which a past failure counts half, in seconds.

    Raises:
        ValueError: A number is out of its range.
    """

    limit: float | None = 5.0
