"""Results as tables: readable in a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .results import Book, Result, compare
from .targets import Verdict


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with aligned columns: the first to the left, the others to the right."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    rules = ["-" * width if n == 0 else "-" * (width - 1) + ":" for n, width in enumerate(widths)]
    return "\n".join(_line(row, widths) for row in [cells[0], rules, *cells[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if number == 0 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def number(value: float) -> str:
    """Return a number with three digits that count, and all of those before the point."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or not size else f"{value:.2g}"


def fine(value: float) -> str:
    """Return a number as `number()` does, but one near 1 so that 0.97 can be told from 0.9699."""
    return f"{value:.3f}" if 0.1 <= abs(value) < 2 else number(value)


def result_tables(book: Book, name: str, bases: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """
    Yield the tables of a benchmark, each with its title.

    There is one for each case with the figures side by side, or, where there are more cases than
    figures, one for each figure with the cases side by side. Behind each value stands how it
    compares with the base's: the first of the bases that is in the table.
    """
    results = book.of(name)
    cases = list(dict.fromkeys(result.case for result in results))
    figures = dict.fromkeys((result.figure, result.unit) for result in results)
    if len(cases) > len(figures):
        for figure, unit in figures:
            shown = [result for result in results if result.figure == figure]
            base = _base(shown, bases)
            columns = {case: case for case in cases}
            yield f"{figure}, {unit}{_behind(base)}", _grid(book, shown, columns, "case", base)
        return
    for case in cases:
        shown = [result for result in results if result.case == case]
        base = _base(shown, bases)
        columns = {result.figure: f"{result.figure}, {result.unit}" for result in shown}
        yield f"{case}{_behind(base)}", _grid(book, shown, columns, "figure", base)


def _base(results: Sequence[Result], bases: Sequence[str]) -> str:
    present = {result.who for result in results}
    return next((base for base in bases if base in present), "")


def _behind(base: str) -> str:
    return f" (and how it compares with {base})" if base else ""


def _grid(
    book: Book, results: Sequence[Result], columns: dict[str, str], key: str, base: str
) -> str:
    """Return contenders by columns; the other way about where it is too wide."""
    contenders = list(dict.fromkeys(result.who for result in results))
    cells = {(result.who, getattr(result, key)): _cell(book, result, base) for result in results}
    if len(columns) > len(contenders):
        rows = [
            [title, *(cells.get((who, column), "") for who in contenders)]
            for column, title in columns.items()
        ]
        return table(["", *contenders], rows)
    rows = [[who, *(cells.get((who, column), "") for column in columns)] for who in contenders]
    return table(["", *columns.values()], rows)


def _cell(book: Book, result: Result, base: str) -> str:
    found = result.spread
    if found is None:
        return "failed"
    text = number(found.median)
    other = book.get(result.name, result.case, base, result.figure)
    if other is not None and result.who != base:
        compared = compare(result.samples, other.samples)
        text += f" ({number(compared.median)})" if compared else ""
    return f"{text}, {result.errors} wrong" if result.errors else text


def target_table(verdicts: Iterable[Verdict]) -> str:
    """Return the table of targets and what was reached."""
    rows = []
    for verdict in verdicts:
        target, value = verdict.target, verdict.value
        peer = {"ratio": "{}", "inverse": "{}, inverse", "difference": "difference to {}"}
        against = peer[target.how].format(target.peer) if target.peer else "-"
        unit = f" {verdict.unit}" if verdict.unit else ""
        rows.append(
            [
                target.says,
                target.who,
                against,
                target.wanted + unit,
                f"{fine(value.median)}{unit}" if value else "-",
                f"{fine(value.low)} … {fine(value.high)}" if value else "-",
                verdict.word,
            ]
        )
    return table(["what", "who", "beside", "wanted", "reached", "rounds", ""], rows)
