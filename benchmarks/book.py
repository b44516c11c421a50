"""
Put what a run found into the documentation: tables into docs/performance.md, plots beside it.

    python -m benchmarks.book                    the last full run, else what is there already
    python -m benchmarks.book --from FILE        another run's JSON
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .harness import report
from .harness.results import Book
from .harness.tables import result_tables, table, target_table
from .harness.targets import judge
from .suite import BENCHMARKS
from .wanted import TARGETS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
FOLDER = ROOT / "docs" / "performance"
LATEST = FOLDER / "latest.json"
LAST_RUN = ROOT / "benchmarks" / "results" / "full.json"


def main(argv: list[str]) -> int:
    """Write the page and its plots, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.book", description=__doc__)
    parser.add_argument("--from", type=Path, dest="source", help="the JSON file of a run")
    source = parser.parse_args(argv).source or (LAST_RUN if LAST_RUN.exists() else LATEST)
    FOLDER.mkdir(exist_ok=True)
    if source.resolve() != LATEST:
        shutil.copyfile(source, LATEST)
    told = report.read(LATEST)
    PAGE.write_text(filled_in(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")
    try:
        from . import plots
    except ImportError as error:
        print(f"no plots: {error}", file=sys.stderr)
        return 1
    plots.draw_all(report.book_of(told), FOLDER)
    return 0


def filled_in(page: str, told: dict[str, Any]) -> str:
    """Return the page with each part between its markers as the run has it."""
    book = report.book_of(told)
    parts = {
        "summary": summary(told, book),
        "targets": "\n\n".join(targets(book)),
        "machine": machine(told),
        "results": "\n\n".join(results(told, book)),
    }
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"({re.escape(begin)}\n).*({re.escape(end)})", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no {begin} … {end}")
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n\n{found[2]}", page)  # type: ignore[misc]  # a lambda bound at once
    return page


def summary(told: dict[str, Any], book: Book) -> str:
    """Return how many targets are met, in a sentence."""
    verdicts = judge(book, TARGETS)
    met, missed = ([v for v in verdicts if v.met is wanted] for wanted in (True, False))
    text = f"Of {len(verdicts)} targets {len(met)} are met and {len(missed)} missed"
    absent = len(verdicts) - len(met) - len(missed)
    text += f"; {absent} were not measured." if absent else "."
    wrong = sum(result.errors for result in book.results)
    return f"{text} Wrong or missing answers in all rounds of all servers: {wrong}."


def targets(book: Book) -> Iterator[str]:
    """Yield a section for each part of plait, with its targets."""
    verdicts = judge(book, TARGETS)
    for subject in dict.fromkeys(target.subject for target in TARGETS):
        yield f"### {subject}"
        yield target_table(verdict for verdict in verdicts if verdict.target.subject == subject)


def machine(told: dict[str, Any]) -> str:
    """Return the table that describes the machine."""
    about = told["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    rows = [
        ["processor", f"{about['processor']}, {about['processors']} processors"],
        ["memory", f"{about['memory_gib']} GiB"],
        ["system", about["kernel"]],
        ["Python", f"{about['python']} ({about['compiler']})"],
        ["packages", versions],
        ["size of the run, its time", f"{told['size']}, {told['seconds'] / 60:.0f} minutes"],
    ]
    return table(["", "this run's machine"], rows)


def results(told: dict[str, Any], book: Book) -> Iterator[str]:
    """Yield a section for each benchmark, with all its tables."""
    for name in book.names():
        benchmark = BENCHMARKS[name]
        yield f"### {benchmark.says}"
        for caption, text in result_tables(book, name, benchmark.bases):
            yield f"{caption[0].upper()}{caption[1:]}:"
            yield text
        for missing in told["missing"]:
            if missing["name"] == name:
                yield f"Left out: {missing['who']}: {missing['why']}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
