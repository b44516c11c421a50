"""What a benchmark finds: figures of contenders round by round, and how two of them compare."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

Samples = tuple[float | None, ...]


class Figure(NamedTuple):
    """A thing that is measured: what it is called, and in which unit."""

    name: str
    unit: str


class Spread(NamedTuple):
    """The middle one of some values, and the outermost two."""

    median: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread | None:
    """Return the median, the least and the greatest, or None where there is no value."""
    known = sorted(values)
    return Spread(statistics.median(known), known[0], known[-1]) if known else None


@dataclass(frozen=True)
class Result:
    """
    One figure of one contender in one case.

    Args:
        name: The benchmark.
        case: What was asked of all contenders alike, such as "50 x 1 KiB".
        who: The contender.
        figure: What was measured.
        unit: Its unit.
        samples: One value a round; None where the contender sat the round out.
        errors: Wrong, lost or missing answers in all rounds.
    """

    name: str
    case: str
    who: str
    figure: str
    unit: str
    samples: Samples
    errors: int = 0

    @property
    def spread(self) -> Spread | None:
        """The median of the rounds, the least and the greatest."""
        return spread(value for value in self.samples if value is not None)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it: with the median and the spread, which a reader wants."""
        found = self.spread
        return {
            "name": self.name,
            "case": self.case,
            "who": self.who,
            "figure": self.figure,
            "unit": self.unit,
            "median": found and rounded(found.median),
            "spread": found and [rounded(found.low), rounded(found.high)],
            "errors": self.errors,
            "samples": [None if value is None else rounded(value) for value in self.samples],
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Result:
        """Return the result that `as_json()` wrote."""
        values = {field.name: row[field.name] for field in fields(cls)}
        return cls(**values | {"samples": tuple(row["samples"])})


def rounded(value: float) -> float:
    """Return a value with five digits: more than any measurement here is worth."""
    return float(f"{value:.5g}")


def compare(ours: Samples, theirs: Samples, how: str = "ratio") -> Spread | None:
    """
    Compare two contenders round by round.

    What a machine does besides lasts longer than a round, so that two values of the same round
    were disturbed alike, and the median of their ratios says more than the ratio of two medians.

    Args:
        ours: The values of one contender.
        theirs: The values of the other, in the same rounds.
        how: "ratio" for ours / theirs, "inverse" for theirs / ours, "difference" for ours - theirs.
    """
    operations = {
        "ratio": lambda a, b: a / b,
        "inverse": lambda a, b: b / a,
        "difference": lambda a, b: a - b,
    }
    pairs = [
        (a, b)
        for a, b in zip(ours, theirs, strict=False)
        if a is not None and b is not None and (how == "difference" or (a and b))
    ]
    return spread(operations[how](a, b) for a, b in pairs)


class Book:
    """All results of a run, found by benchmark, case, contender and figure."""

    def __init__(self, results: Iterable[Result] = ()) -> None:
        self.results = list(results)
        self._index = {(r.name, r.case, r.who, r.figure): r for r in self.results}

    def get(self, name: str, case: str, who: str, figure: str) -> Result | None:
        """Return one result, or None where that was not measured."""
        return self._index.get((name, case, who, figure))

    def of(self, name: str) -> list[Result]:
        """Return the results of one benchmark."""
        return [result for result in self.results if result.name == name]

    def names(self) -> list[str]:
        """Return the benchmarks that have results, in their order."""
        return list(dict.fromkeys(result.name for result in self.results))
