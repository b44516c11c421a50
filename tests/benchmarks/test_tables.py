"""What a run's tables look like."""

from __future__ import annotations

import pytest

from benchmarks.harness.results import Book, Result
from benchmarks.harness.tables import fine, number, result_tables, table, target_table
from benchmarks.harness.targets import Target, judge


def result(case: str, who: str, figure: str, *samples: float, errors: int = 0) -> Result:
    """Return a result of one benchmark."""
    return Result("echo", case, who, figure, "ms", samples, errors)


def cells(text: str) -> list[list[str]]:
    """Return the cells of a Markdown table, without its rule."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return [rows[0], *rows[2:]]


def test_columns_are_aligned() -> None:
    """All lines are of one length; numbers stand to the right."""
    text = table(["who", "rate"], [["plait", "9"], ["C", "1,000"]])
    assert text.splitlines() == [
        "| who   |  rate |",
        "| ----- | ----: |",
        "| plait |     9 |",
        "| C     | 1,000 |",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(123456.7, "123,457"), (99.94, "99.9"), (1.234, "1.23"), (0.0, "0.00"), (0.0123, "0.012")],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    """Three digits count, and all of those before the point."""
    assert number(value) == text


def test_a_ratio_near_one_has_three_places() -> None:
    """A ratio just below its target is not shown as the target."""
    assert [fine(0.9699), fine(0.97), fine(12.34)] == ["0.970", "0.970", "12.3"]
    assert fine(0.9694) == "0.969"


def test_one_case_shows_its_figures_side_by_side() -> None:
    """With more figures than cases there is a table for each case."""
    phases = ("start", "stop")
    book = Book([result("one", who, phase, 2) for who in ("C", "plait") for phase in phases])
    ((caption, text),) = result_tables(book, "echo")
    assert caption == "one"
    assert cells(text)[:2] == [["", "start, ms", "stop, ms"], ["C", "2.00", "2.00"]]


def test_a_wide_table_is_turned() -> None:
    """With more figures than contenders, these stand side by side."""
    book = Book([result("one", "plait", phase, 2) for phase in ("start", "stop")])
    ((_, text),) = result_tables(book, "echo")
    assert cells(text) == [["", "plait"], ["start, ms", "2.00"], ["stop, ms", "2.00"]]


def test_many_cases_show_one_figure() -> None:
    """With more cases than figures there is a table for each figure."""
    book = Book([result(case, who, "rate", 5) for case in ("a", "b") for who in ("C", "plait")])
    ((caption, text),) = result_tables(book, "echo")
    assert caption == "rate, ms"
    assert cells(text) == [["", "a", "b"], ["C", "5.00", "5.00"], ["plait", "5.00", "5.00"]]


def test_figures_stand_beside_the_base() -> None:
    """The ratio to the first base that is there stands in brackets."""
    book = Book([result("one", "stdlib", "rate", 10, 20), result("one", "plait", "rate", 20, 20)])
    ((caption, text),) = result_tables(book, "echo", ("Twisted", "stdlib"))
    assert caption == "one (and how it compares with stdlib)"
    assert cells(text)[1:] == [["stdlib", "15.0"], ["plait", "20.0 (1.50)"]]


def test_wrong_answers_are_in_the_table() -> None:
    """A contender that answered wrongly has the number in its cell."""
    book = Book([result("one", "plait", "rate", 7, errors=3)])
    ((_, text),) = result_tables(book, "echo")
    assert cells(text)[1] == ["plait", "7.00, 3 wrong"]


def test_targets_stand_beside_what_was_reached() -> None:
    """A target's row has the limit, the ratio, its spread and the verdict."""
    book = Book([result("one", "plait", "rate", 9, 10), result("one", "uvloop", "rate", 10, 10)])
    wanted = Target("Network", "echo", "echo", "one", "rate", "plait", "uvloop", least=0.97)
    row = cells(target_table(judge(book, [wanted])))[1]
    assert row == [
        "echo",
        "plait",
        "uvloop",
        "at least 0.97",
        "0.950",
        "0.900 … 1.000",
        "**missed**",
    ]


def test_what_was_not_measured_has_a_row_too() -> None:
    """A target without figures is listed as not measured."""
    wanted = Target("Network", "echo", "echo", "one", "rate", "plait", "uvloop", least=0.97)
    row = cells(target_table(judge(Book(), [wanted])))[1]
    assert row[-3:] == ["-", "-", "not measured"]
