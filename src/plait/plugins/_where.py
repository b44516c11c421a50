"""Where in somebody's code an error was raised."""

from __future__ import annotations

__all__ = ["where_raised"]


def where_raised(error: BaseException) -> str:
    """
    Return where an error was raised, and the error, such as `shop.py:3: NameError: …`.

    Args:
        error:
            What was raised and caught.
    """
    kind = type(error).__name__
    if isinstance(error, SyntaxError):  # raised by Python's machinery, which is not where it is
        return f"{error.filename}:{error.lineno}: {kind}: {error.msg}"
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    text = str(error)
    return f"{last.filename}:{last.lineno}: {kind}{': ' if text else ''}{text}"
