"""What a run notes, compares and judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness.process import in_turns
from benchmarks.harness.report import Report, book_of, read
from benchmarks.harness.results import Book, Result, Samples, compare, rounded, spread
from benchmarks.harness.targets import Target, Verdict, judge


def result(who: str, samples: Samples, *, figure: str = "rate", errors: int = 0) -> Result:
    """Return a result of one benchmark and case."""
    return Result("echo", "50 x 1 KiB", who, figure, "requests/s", samples, errors)


BOOK = Book([result("plait", (90.0, 100.0, 99.0)), result("uvloop", (100.0, 100.0, 110.0))])


def target(**limits: float) -> Target:
    """Return a target for plait beside uvloop."""
    return Target("Network", "echo", "echo", "50 x 1 KiB", "rate", "plait", "uvloop", **limits)  # type: ignore[arg-type]  # only the limits, which are numbers


def test_the_spread_is_the_median_and_the_outermost() -> None:
    """A spread has the median, the least and the greatest value."""
    assert spread([3.0, 1.0, 8.0]) == (3.0, 1.0, 8.0)


def test_nothing_has_no_spread() -> None:
    """Without a value there is no spread."""
    assert spread([]) is None


def test_a_result_without_a_round_counts_the_others() -> None:
    """Rounds that a contender sat out do not count in its median."""
    assert result("C", (5.0, None, 7.0)).spread == (6.0, 5.0, 7.0)


def test_two_are_compared_round_by_round() -> None:
    """The ratio is the median of the rounds' ratios, not the ratio of the medians."""
    assert compare((1.0, 10.0, 6.0), (2.0, 10.0, 3.0)) == (1.0, 0.5, 2.0)


def test_only_rounds_of_both_are_compared() -> None:
    """A round that one of the two sat out has no ratio, nor has one that failed."""
    assert compare((1.0, 2.0, 0.0, 4.0), (None, 4.0, 1.0)) == (0.5, 0.5, 0.5)


def test_an_inverse_says_how_many_times_less() -> None:
    """The inverse is theirs by ours."""
    assert compare((2.0,), (8.0,), "inverse") == (4.0, 4.0, 4.0)


def test_a_difference_may_be_of_nothing() -> None:
    """A difference counts rounds in which one of the two is 0."""
    assert compare((1.5, 2.0), (0.0, 1.0), "difference") == (1.25, 1.0, 1.5)


def test_those_without_a_common_round_are_not_compared() -> None:
    """Without a common round there is no ratio."""
    assert compare((1.0, None), (None, 1.0)) is None


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({"least": 0.9}, True),
        ({"least": 0.91}, False),
        ({"most": 0.9}, True),
        ({"most": 0.89}, False),
    ],
)
def test_a_target_is_met_at_its_limit(limits: dict[str, float], met: bool) -> None:
    """A ratio that reaches the limit meets the target; one a digit off misses it."""
    (verdict,) = judge(BOOK, [target(**limits)])
    assert (verdict.value, verdict.met) == ((0.9, 0.9, 1.0), met)


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    """Without the contender or its peer there is no verdict."""
    alone = Book([result("plait", (1.0,))])
    words = [judge(book, [target(least=1)])[0].word for book in (alone, Book())]
    assert words == ["not measured", "not measured"]


def test_a_target_without_a_peer_limits_the_figure_itself() -> None:
    """Without a peer the median is judged, in its unit."""
    absolute = Target("Network", "echo", "echo", "50 x 1 KiB", "rate", "plait", most=99)
    assert judge(BOOK, [absolute]) == [Verdict(absolute, spread([90, 99, 100]), "requests/s")]


def test_everybody_takes_turns() -> None:
    """Rounds go A B C, then C B A."""
    order = [who for _, who in in_turns(["A", "B", "C"], 2)]
    assert [turn for turn, _ in in_turns(["A"], 2, first=4)] == [4, 5]
    assert order == ["A", "B", "C", "C", "B", "A"]


def test_numbers_have_five_digits() -> None:
    """Five digits are kept, before the point or behind it."""
    assert [rounded(123456.7), rounded(0.0001234567)] == [123460.0, 0.00012346]


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The results in the JSON are the results of the run."""
    path = tmp_path / "new" / "run.json"
    told = Report("quick", {"processors": 2}, 61.7, BOOK, [], judge(BOOK, [target(least=0.97)]))
    told.write(path)
    assert book_of(read(path)).results == BOOK.results


def test_a_report_has_one_line_for_each_result(tmp_path: Path) -> None:
    """The JSON has results and verdicts line by line, in words that a reader can search for."""
    path = tmp_path / "run.json"
    Report("quick", {}, 1, BOOK, [], judge(BOOK, [target(least=0.97)])).write(path)
    lines = [
        json.loads(x.rstrip(",")) for x in path.read_text().splitlines() if x[:8] == '{"name":'
    ]
    assert [(line["who"], line["median"], line["spread"]) for line in lines] == [
        ("plait", 99.0, [90.0, 100.0]),
        ("uvloop", 100.0, [100.0, 110.0]),
    ]
    (verdict,) = read(path)["targets"]
    assert (verdict["ratio"], verdict["target"], verdict["met"]) == (0.9, "at least 0.97", False)
