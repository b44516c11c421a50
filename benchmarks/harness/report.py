"""A run told: its tables in the terminal, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .results import Book, Result
from .run import Missing
from .tables import result_tables, target_table
from .targets import Verdict


class Report(NamedTuple):
    """
    All that a run found.

    Args:
        size: How much was measured.
        machine: On what.
        seconds: How long it took.
        book: The results.
        missing: Who was left out, and why.
        verdicts: The targets, each beside what was reached.
    """

    size: str
    machine: dict[str, Any]
    seconds: float
    book: Book
    missing: Sequence[Missing]
    verdicts: Sequence[Verdict]

    def write(self, path: Path) -> None:
        """Write it as JSON, one result a line, so that two runs can be compared with diff."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {
            "size": json.dumps(self.size),
            "machine": json.dumps(self.machine, ensure_ascii=False),
            "seconds": json.dumps(round(self.seconds)),
            "targets": _lines(verdict.as_json() for verdict in self.verdicts),
            "missing": _lines(missing._asdict() for missing in self.missing),
            "results": _lines(result.as_json() for result in self.book.results),
        }
        text = ",\n".join(f'"{key}": {value}' for key, value in parts.items())
        path.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Return what `Report.write()` wrote."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def book_of(told: dict[str, Any]) -> Book:
    """Return the results in a report that was read."""
    return Book(Result.from_json(row) for row in told["results"])


def _lines(rows: Iterable[dict[str, Any]]) -> str:
    inner = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f"[\n{inner}\n]" if inner else "[]"


def show(
    title: str, book: Book, name: str, bases: Sequence[str], missing: Iterable[Missing]
) -> None:
    """Print the tables of one benchmark, and who is not in them."""
    print(f"\n== {title} ({name})")
    for caption, text in result_tables(book, name, bases):
        print(f"\n{caption}\n\n{text}", flush=True)
    for each in missing:
        print(f"\nleft out: {each.who}: {each.why}", flush=True)


def show_targets(verdicts: Sequence[Verdict]) -> None:
    """Print what was wanted, and what was reached."""
    for subject in dict.fromkeys(verdict.target.subject for verdict in verdicts):
        measured = [v for v in verdicts if v.target.subject == subject and v.value]
        if measured:
            print(f"\n== {subject}\n\n{target_table(measured)}")
    counts = {
        word: sum(v.met is met for v in verdicts)
        for word, met in (("met", True), ("missed", False), ("not measured", None))
    }
    print("\ntargets:", ", ".join(f"{count} {word}" for word, count in counts.items()))
