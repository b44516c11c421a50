"""A run: benchmarks one after the other, what they note, and what went wrong."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeVar

from .place import Place
from .process import Contender, Server, serving
from .results import Figure, Result


class Named(Protocol):
    """Somebody who can take part: with a name, and with needs as `Place.lacks()` has them."""

    @property
    def who(self) -> str:
        """The name."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The needs."""


T = TypeVar("T", bound=Named)


class Size(enum.Enum):
    """How much is measured: everything, what matters most, or whether it works at all."""

    FULL = "full"
    QUICK = "quick"
    SMOKE = "smoke"


class Missing(NamedTuple):
    """A contender that was left out of a benchmark, and why."""

    name: str
    who: str
    why: str


class Run:
    """
    What a benchmark is given: the place, the size, and a sheet to write on.

    Args:
        name: The benchmark.
        place: Where it takes place.
        size: How much is measured.
    """

    def __init__(self, name: str, place: Place, size: Size) -> None:
        self.name, self.place, self.size = name, place, size
        self.missing: list[Missing] = []
        self._values: dict[tuple[str, str, Figure], dict[int, float]] = {}
        self._errors: dict[tuple[str, str, Figure], int] = {}

    def note(
        self, case: str, who: str, figure: Figure, turn: int, value: float, errors: int = 0
    ) -> None:
        """Write down what one round found."""
        key = (case, who, figure)
        self._values.setdefault(key, {})[turn] = value
        self._errors[key] = self._errors.get(key, 0) + errors

    def leave_out(self, who: str, why: str) -> None:
        """Write down that somebody was not measured."""
        missing = Missing(self.name, who, why)
        if missing not in self.missing:
            self.missing.append(missing)

    def taking_part(self, contenders: Iterable[T]) -> list[T]:
        """Return those that can be run here; in the smallest run, the first of plait's own."""
        if self.size is Size.SMOKE:
            contenders = [each for each in contenders if each.who.startswith("plait")][:1]
        found = []
        for contender in contenders:
            if why := self.place.lacks(contender.needs):
                self.leave_out(contender.who, why)
            else:
                found.append(contender)
        return found

    def serving(
        self,
        contenders: Iterable[Contender],
        mode: str,
        answers: Callable[[Server], bool],
        **more: str,
    ) -> AbstractContextManager[list[Server]]:
        """Start the servers of those who take part, as `process.serving()` does."""
        taking_part = self.taking_part(contenders)
        return serving(self.place, taking_part, mode, answers, self.leave_out, **more)

    def results(self) -> list[Result]:
        """Return what was written down."""
        found = []
        for (case, who, figure), values in self._values.items():
            samples = tuple(values.get(turn) for turn in range(max(values) + 1))
            errors = self._errors[case, who, figure]
            found.append(Result(self.name, case, who, figure.name, figure.unit, samples, errors))
        return found
