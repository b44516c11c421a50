"""What is wanted: a list of targets, each beside what a run measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .results import Book, Spread, compare, rounded


@dataclass(frozen=True)
class Target:
    """
    One thing that is wanted of one contender, absolutely or beside a peer.

    Args:
        subject: The part of plait that it belongs to.
        says: What it is about, in words.
        name: The benchmark that measures it.
        case: The case of that benchmark.
        figure: The figure of that case.
        who: The contender of whom it is wanted.
        peer: With whom it is compared; empty where the figure itself has the limit.
        least: The least that will do.
        most: The most that will do. One of the two is given.
        how: How the two are compared, as `compare()` has it.
    """

    subject: str
    says: str
    name: str
    case: str
    figure: str
    who: str
    peer: str = ""
    least: float | None = None
    most: float | None = None
    how: str = "ratio"

    @property
    def wanted(self) -> str:
        """The limit in words."""
        limit = self.least if self.least is not None else self.most
        word = "at least" if self.least is not None else "at most"
        return f"{word} {limit:g}"


class Verdict(NamedTuple):
    """A target beside the figure reached; neither met nor missed where nothing was measured."""

    target: Target
    value: Spread | None
    unit: str

    @property
    def met(self) -> bool | None:
        """True where the target is met, None where it was not measured."""
        if self.value is None:
            return None
        value, least, most = self.value.median, self.target.least, self.target.most
        return (least is None or value >= least) and (most is None or value <= most)

    @property
    def word(self) -> str:
        """The verdict in a word or two."""
        return {True: "met", False: "**missed**", None: "not measured"}[self.met]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        target, value = self.target, self.value
        return {
            "subject": target.subject,
            "says": target.says,
            "name": target.name,
            "case": target.case,
            "figure": target.figure,
            "who": target.who,
            "peer": target.peer,
            "how": target.how if target.peer else "value",
            "ratio": value and rounded(value.median),
            "spread": value and [rounded(value.low), rounded(value.high)],
            "target": target.wanted,
            "met": self.met,
        }


def judge(book: Book, targets: Iterable[Target]) -> list[Verdict]:
    """Return the verdict on each target."""
    return [_verdict(book, target) for target in targets]


def _verdict(book: Book, target: Target) -> Verdict:
    ours = book.get(target.name, target.case, target.who, target.figure)
    if ours is None:
        return Verdict(target, None, "")
    if not target.peer:
        return Verdict(target, ours.spread, ours.unit)
    theirs = book.get(target.name, target.case, target.peer, target.figure)
    if theirs is None:
        return Verdict(target, None, "")
    unit = ours.unit if target.how == "difference" else ""
    return Verdict(target, compare(ours.samples, theirs.samples, target.how), unit)
