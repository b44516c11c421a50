"""
Measure plait beside its peers, in one run: tables on standard output, all figures as JSON.

    python -m benchmarks                       everything
    python -m benchmarks --size quick          what matters most, in a few minutes
    python -m benchmarks echo-tcp start        some benchmarks
    python -m benchmarks --list                what there is
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .harness import report
from .harness.place import Place, machine
from .harness.process import DidNotWork
from .harness.results import Book, Result
from .harness.run import Missing, Run, Size
from .harness.targets import judge
from .suite import BENCHMARKS
from .wanted import TARGETS

RESULTS = Path(__file__).resolve().parent / "results"


def main(argv: list[str]) -> int:
    """Run what the command line asks for, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark (default: all)")
    parser.add_argument("--size", choices=[size.value for size in Size], default=Size.FULL.value)
    parser.add_argument("--out", type=Path, help="the JSON file (default: results/SIZE.json)")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and end")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]!r}; --list shows all")
    if options.list:
        for name, benchmark in BENCHMARKS.items():
            print(f"{name:12} {benchmark.says}")
        return 0
    if not hasattr(os, "sched_setaffinity") or not Path("/proc/self/smaps_rollup").exists():
        parser.error("processors and memory can be measured on Linux only")
    names = options.names or list(BENCHMARKS)
    size = Size(options.size)
    return run_all(names, size, options.out or RESULTS / f"{size.value}.json")


def run_all(names: list[str], size: Size, out: Path) -> int:
    """Run benchmarks, tell what they found, and return 1 where one broke or an answer was wrong."""
    began = time.monotonic()
    results: list[Result] = []
    missing: list[Missing] = []
    broken: list[str] = []
    about = machine()
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as folder:
        place = Place(Path(folder))
        for name in names:
            run, started = Run(name, place, size), time.monotonic()
            try:
                BENCHMARKS[name].measure(run)
            except DidNotWork as error:
                run.leave_out("the rest", str(error))
            except Exception:
                traceback.print_exc()
                broken.append(name)
            results += run.results()
            missing += run.missing
            benchmark = BENCHMARKS[name]
            report.show(benchmark.says, Book(results), name, benchmark.bases, run.missing)
            print(f"\n{time.monotonic() - started:.0f} s", flush=True)
    book = Book(results)
    told = report.Report(
        size=size.value,
        machine=about,
        seconds=time.monotonic() - began,
        book=book,
        missing=missing,
        verdicts=judge(book, TARGETS),
    )
    told.write(out)
    report.show_targets(told.verdicts)
    wrong = sum(result.errors for result in results)
    print(f"{wrong} wrong answers; {told.seconds:.0f} s; the figures are in {out.name}")
    if broken:
        print(f"broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken or wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was written")
