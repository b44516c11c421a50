"""
The text of an endpoint: `type:arg:arg:key=value`.

A backslash takes the next character as it is. Arguments are separated by colons; the first equals
sign of an argument ends its key, and after it only a colon is special.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["parse", "quoteStringArgument", "tokens"]


def tokens(description: str) -> Iterable[tuple[bool, str]]:
    """Yield pieces: False with text, True with a separator."""
    current = ""
    in_value = False
    characters = iter(description)
    for character in characters:
        if character == ":" or (character == "=" and not in_value):
            yield False, current
            yield True, character
            current = ""
            in_value = character == "="
        elif character == "\\":
            quoted = next(characters, None)
            if quoted is None:
                raise ValueError(f"the endpoint {description!r} ends in a backslash")
            current += quoted
        else:
            current += character
    yield False, current


def parse(description: str) -> tuple[list[str], dict[str, str]]:
    """
    Return the positional and the keyword arguments of an endpoint's text.

    Args:
        description:
            The text, such as `tcp:8080:interface=127.0.0.1`.
    """
    args: list[str] = []
    kwargs: dict[str, str] = {}
    piece: list[str] = []

    def finish() -> None:
        if len(piece) == 1:
            args.append(piece[0])
        else:
            kwargs[piece[0]] = piece[1]
        piece.clear()

    for separator, text in tokens(description):
        if not separator:
            piece.append(text)
        elif text == ":":
            finish()
    finish()
    return args, kwargs


def quoteStringArgument(argument: str) -> str:
    """Return a text in which nothing is special, for use as an argument."""
    return argument.replace("\\", "\\\\").replace(":", "\\:")
