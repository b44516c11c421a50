"""Small pages: errors as resources."""

from __future__ import annotations

import html
from typing import Any

from . import resource

__all__ = ["errorPage", "forbidden", "notFound"]


class _ErrorPage(resource.Resource):
    isLeaf = True

    def __init__(self, code: int, brief: str, detail: str) -> None:
        super().__init__()
        self._code, self._brief, self._detail = code, brief, detail

    def render(self, request: Any) -> bytes:
        """Return the page."""
        request.setResponseCode(self._code)
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        brief, detail = html.escape(self._brief), html.escape(self._detail, quote=False)
        page = (
            f"\n<html>\n  <head><title>{self._code} - {brief}</title></head>\n  <body>\n"
            f"    <h1>{brief}</h1>\n    <p>{detail}</p>\n  </body>\n</html>\n"
        ).encode()
        request.setHeader(b"content-length", b"%d" % len(page))
        return page

    def getChild(self, path: bytes, request: Any) -> Any:
        """Return this page for everything below it, too."""
        return self


def errorPage(code: int, brief: str, detail: str) -> Any:
    """
    Return a resource that answers with an error.

    Args:
        code:
            The status.
        brief:
            The title.
        detail:
            The text.
    """
    return _ErrorPage(code, brief, detail)


def notFound(
    brief: str = "No Such Resource", message: str = "Sorry. No luck finding that resource."
) -> Any:
    """Return a resource that answers 404."""
    return _ErrorPage(404, brief, message)


def forbidden(
    brief: str = "Forbidden Resource", message: str = "Sorry, resource is forbidden."
) -> Any:
    """Return a resource that answers 403."""
    return _ErrorPage(403, brief, message)
