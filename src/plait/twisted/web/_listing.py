"""A directory as a page."""

from __future__ import annotations

import html
import os
from typing import Any
from urllib.parse import quote, unquote

from . import resource
from ._types import ENCODINGS, TYPES, getTypeAndEncoding

__all__ = ["DirectoryLister", "formatFileSize"]


_STYLE = """
.even-dir { background-color: #efe0ef }
.even { background-color: #eee }
.odd-dir { background-color: #f0d0ef }
.odd { background-color: #dedede }
table { margin: 0 auto; width: 60%; }
body { margin: 0; background-color: #efefef; font-family: sans-serif; }
h1 { padding: 0.2em; background-color: #777; color: white; }
"""


class DirectoryLister(resource.Resource):
    """
    Lists a directory.

    Args:
        pathname:
            The directory.
        dirs:
            The names to list; all by default.
        contentTypes:
            Content types by suffix.
        contentEncodings:
            Content encodings by suffix.
        defaultType:
            The content type where the suffix says none.
    """

    def __init__(
        self,
        pathname: str,
        dirs: Any = None,
        contentTypes: Any = None,
        contentEncodings: Any = None,
        defaultType: str = "text/html",
    ) -> None:
        super().__init__()
        self.path = pathname
        self.dirs = dirs
        self.contentTypes = TYPES if contentTypes is None else contentTypes
        self.contentEncodings = ENCODINGS if contentEncodings is None else contentEncodings
        self.defaultType = defaultType

    def _rows(self) -> list[tuple[str, str, str, str]]:
        directories, files = [], []
        for name in os.listdir(self.path) if self.dirs is None else self.dirs:
            full = os.path.join(self.path, name)
            if os.path.isdir(full):
                directories.append((f"{name}/", "", "[Directory]", ""))
                continue
            kind, encoding = getTypeAndEncoding(
                name, self.contentTypes, self.contentEncodings, self.defaultType
            )
            try:
                size = formatFileSize(os.stat(full).st_size)
            except OSError:
                continue
            files.append((name, size, f"[{kind}]", f"[{encoding}]" if encoding else ""))
        return sorted(directories) + sorted(files)

    def render(self, request: Any) -> bytes:
        """Return the list."""
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        title = f"Directory listing for {unquote(request.uri.decode('latin-1'), errors='replace')}"
        title = html.escape(title)
        rows = []
        for number, (name, *facts) in enumerate(self._rows()):
            link = quote(name, safe="/") if ":" not in name.split("/")[0] else "./" + quote(name)
            cells = "".join(f"\n    <td>{html.escape(fact)}</td>" for fact in facts)
            kind = "even" if number % 2 else "odd"
            rows.append(
                f'<tr class="{kind}">\n    <td><a href="{link}">{html.escape(name)}</a></td>'
                f"{cells}\n</tr>\n"
            )
        heads = "".join(
            f"<th>{each}</th>" for each in ("Filename", "Size", "Content type", "Content encoding")
        )
        page = (
            f"<html>\n<head>\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n\n<body>\n"
            f"<h1>{title}</h1>\n\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
            f"{''.join(rows)}</tbody>\n</table>\n\n</body>\n</html>\n"
        )
        return page.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return f"<DirectoryLister of {self.path!r}>"


def formatFileSize(size: int) -> str:
    """Return a size in bytes as people read it, such as `12K`."""
    for unit, limit in (("B", 1024), ("K", 1024**2), ("M", 1024**3)):
        if size < limit:
            return f"{size * 1024 // limit}{unit}"
    return f"{size // 1024**3}G"
