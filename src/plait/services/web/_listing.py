"""The page that lists a directory."""

from __future__ import annotations

import stat
import time
from collections.abc import Sequence
from html import escape
from os import stat_result
from urllib.parse import quote

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1em/1.5 system-ui, sans-serif; margin: 2em; }}
td {{ padding: 0 2em 0 0; }}
td + td {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
{rows}
</table>
</body>
</html>
"""


def page(place: str, names: Sequence[tuple[str, stat_result]], *, top: bool) -> bytes:
    """
    Return the page of a directory.

    Args:
        place:
            Its name, as it was asked for.
        names:
            What is in it.
        top:
            Whether there is nothing above it.
    """
    rows = [] if top else ['<tr><td><a href="../">../</a></td></tr>']
    order = sorted(names, key=lambda each: (not stat.S_ISDIR(each[1].st_mode), each[0]))
    rows += [_row(name, info) for name, info in order]
    title = escape(place.encode("utf-8", "replace").decode("utf-8"))
    text = _PAGE.format(title=title, rows="\n".join(rows))
    return text.encode("utf-8", "replace")


def _row(name: str, info: stat_result) -> str:
    folder = stat.S_ISDIR(info.st_mode)
    slash, size = ("/", "") if folder else ("", f"{info.st_size:,}")
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(info.st_mtime))
    shown = escape(name.encode("utf-8", "replace").decode("utf-8")) + slash
    # "./" so that a name with a colon is no scheme.
    target = "./" + quote(name.encode("utf-8", "surrogateescape")) + slash
    return f'<tr><td><a href="{target}">{shown}</a></td><td>{size}</td><td>{when}</td></tr>'
