"""The plots of docs/performance.md, as SVG: the same figures give the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from . import alone, echo, names, processes, web
from .contenders import PROTOCOL, UVLOOP
from .harness.results import Book, Result, compare

OURS, PEERS, LIMIT = "#2f6db3", "#b9bec6", "#c2402b"
STYLE = {
    "svg.hashsalt": "plait",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
}


def draw_all(book: Book, folder: Path) -> None:
    """Draw every plot for which there are figures."""
    for name, draw in PLOTS.items():
        with mpl.rc_context(STYLE):
            figure = draw(book)
            if figure is not None:
                (folder / f"{name}.svg").write_text(as_svg(figure), encoding="utf-8")


def as_svg(figure: Figure) -> str:
    """Return a figure as SVG, without what changes from day to day and with short numbers."""
    written = io.StringIO()
    metadata = {"Date": None, "Creator": None}
    figure.savefig(written, format="svg", metadata=metadata, bbox_inches="tight")
    text = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", written.getvalue())
    return re.sub(r"\n +", "\n", text)


def bars(axes: Any, book: Book, name: str, case: str, figure: str, title: str) -> None:
    """Draw the medians of one figure as bars, with the spread of the rounds as whiskers."""
    rows = [r for r in book.of(name) if r.case == case and r.figure == figure and r.spread]
    rows.reverse()
    spreads = [row.spread for row in rows if row.spread]
    medians = [found.median for found in spreads]
    whiskers = [
        [found.median - found.low for found in spreads],
        [found.high - found.median for found in spreads],
    ]
    axes.barh(
        [row.who for row in rows],
        medians,
        xerr=whiskers,
        color=[OURS if row.who.startswith("plait") else PEERS for row in rows],
        error_kw={"ecolor": "#555", "elinewidth": 0.8},
    )
    axes.set_title(f"{title}, {rows[0].unit}" if rows else title)
    axes.grid(axis="x", color="#e4e6ea")
    axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))


def panels(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Any]]:
    """Return a figure and its panels, row by row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def of_bars(
    wanted: Sequence[tuple[str, str, str, str]], columns: int, width: float, height: float
) -> Callable[[Book], Figure | None]:
    """
    Return what draws some bar charts side by side.

    Args:
        wanted: Benchmark, case, figure and title of each.
        columns: How many stand beside each other.
        width: Of the whole, in inches.
        height: Of the whole, in inches.
    """

    def draw(book: Book) -> Figure | None:
        there = [
            each
            for each in wanted
            if any((r.name, r.case, r.figure) == each[:3] for r in book.results)
        ]
        if not there:
            return None
        figure, axes = panels(-(-len(there) // columns), columns, width, height)
        for place, (name, case, of, title) in zip(axes, there, strict=False):
            bars(place, book, name, case, of, title)
        for place in axes[len(there) :]:
            place.set_visible(False)
        return figure

    return draw


def matrix(book: Book) -> Figure | None:
    """Draw plait's rate as a share of bare uvloop's, in every case."""
    modes = [mode for mode in ("tcp", "tls", "unix") if book.of(f"echo-{mode}")]
    if not modes:
        return None
    figure, axes = panels(1, len(modes), 9, 2.8)
    for place, mode in zip(axes, modes, strict=True):
        _ratios(place, book, f"echo-{mode}")
        place.set_title(f"{mode.upper()}: {PROTOCOL} / {UVLOOP}")
    return figure


def _ratios(axes: Any, book: Book, name: str) -> None:
    cases = list(dict.fromkeys(result.case for result in book.of(name)))
    for number, case in enumerate(cases):
        ours, theirs = (book.get(name, case, who, echo.RATE.name) for who in (PROTOCOL, UVLOOP))
        found = compare(ours.samples, theirs.samples) if ours and theirs else None
        if found:
            axes.plot([number, number], [found.low, found.high], color=PEERS, linewidth=3)
            axes.plot(number, found.median, "o", color=OURS, markersize=5)
    axes.axhline(0.97, color=LIMIT, linewidth=0.9, linestyle="--")
    axes.set_xticks(range(len(cases)), cases, rotation=60, ha="right")
    axes.set_ylim(0.75, 1.25)
    axes.grid(axis="y", color="#e4e6ea")


def tree(book: Book) -> Figure | None:
    """Draw the time of start and stop by the number of services."""
    results = [r for r in book.of("tree") if r.figure == alone.START_STOP.name]
    if not results:
        return None
    figure, (axes,) = panels(1, 1, 5.5, 3.2)
    for who in dict.fromkeys(result.who for result in results):
        points = [_point(result) for result in results if result.who == who]
        ours = who.startswith("plait")
        style = {"plait": "-", "plait async": "--", "Twisted": "-", "aiomisc": "--"}
        axes.loglog(
            *zip(*points, strict=True),
            marker="o",
            markersize=4,
            linestyle=style.get(who, ":"),
            color=OURS if ours else "#7a818c",
            label=who,
        )
    axes.set_title("start + stop, ms, by the number of services")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.grid(color="#e4e6ea")
    axes.legend(frameon=False)
    return figure


def _point(result: Result) -> tuple[float, float]:
    count = float(result.case.split()[0].replace(",", ""))
    return count, result.spread.median if result.spread else float("nan")


KEY, DATAGRAMS = echo.case_name(*echo.KEY), echo.case_name(50, 512)

PLOTS: dict[str, Callable[[Book], Figure | None]] = {
    "echo": of_bars(
        [
            ("echo-tcp", KEY, echo.RATE.name, f"TCP, {KEY}"),
            ("echo-tls", KEY, echo.RATE.name, f"TLS, {KEY}"),
            ("echo-unix", KEY, echo.RATE.name, f"UNIX, {KEY}"),
            ("echo-udp", DATAGRAMS, echo.RATE.name, f"UDP, {DATAGRAMS}"),
        ],
        *(2, 9, 5.2),
    ),
    "matrix": matrix,
    "start": of_bars(
        [
            ("start", processes.ONE_PORT, processes.FIRST_ACCEPT.name, "exec to first accept"),
            ("start", processes.ONE_PORT, processes.MEMORY.name, "memory, idle"),
            ("idle", processes.IDLE_CASE, processes.EACH.name, "an idle connection"),
        ],
        *(3, 10, 2.6),
    ),
    "tree": tree,
    "timers": of_bars(
        [
            ("timers", alone.timer_case(1), alone.CALLS_MADE.name, "every 1 ms: calls made"),
            ("timers", alone.timer_case(10), alone.LATE_P50.name, "every 10 ms: late p50"),
            ("timers", alone.timer_case(10), alone.LATE_P99.name, "every 10 ms: late p99"),
        ],
        *(3, 10, 2.4),
    ),
    "services": of_bars(
        [
            ("dns", names.case_name(1000), names.RATE.name, "DNS, 1,000 names"),
            ("web", web.APPLICATION, web.RATE.name, "web: a small ASGI answer"),
            ("web", web.FILE, web.RATE.name, "web: a file of 1,000 bytes"),
            ("logging", alone.LOG_CASE, "written", "log lines"),
        ],
        *(2, 9, 4.2),
    ),
}
"""What is drawn, by the name of its file."""
