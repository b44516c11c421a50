"""On which line each key of a TOML file stands, which the standard library's reader forgets."""

from __future__ import annotations

import re

__all__ = ["key_lines"]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")

Keys = tuple[str, ...]


def key_lines(text: str) -> dict[Keys, int]:
    """
    Return the line of each key and table.

    Args:
        text:
            The text of a file that was read without an error.

    Returns:
        Line numbers from 1, by the names from the root down.
    """
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._found: dict[Keys, int] = {}

    def scan(self) -> dict[Keys, int]:
        table: Keys = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return self._found
            if self._text[self._at] == "[":
                self._at += 2 if self._text.startswith("[[", self._at) else 1
                table = self._key(())
                while self._peek() == "]":
                    self._at += 1
            else:
                self._pair(table)

    def _pair(self, table: Keys) -> None:
        key = self._key(table)
        self._skip(_SPACE)
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(key)

    def _key(self, table: Keys) -> Keys:
        key = table
        line = self._text.count("\n", 0, self._at) + 1
        while True:
            self._skip(_SPACE)
            match = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
            if match is None:
                return key
            self._at = match.end()
            key = (*key, match[0].strip("\"'"))
            self._found.setdefault(key, line)
            self._skip(_SPACE)
            if self._peek() != ".":
                return key
            self._at += 1

    def _value(self, key: Keys) -> None:
        first = self._peek()
        if first in ('"', "'"):
            self._skip(_STRING)
        elif first == "[":
            self._items("]", key)
        elif first == "{":
            self._items("}", key)
        else:
            before = self._at
            self._skip(_SCALAR)
            if self._at == before:  # no value at all, which tomllib would have refused
                self._at += 1

    def _items(self, end: str, key: Keys) -> None:
        self._at += 1
        while True:
            self._skip(_BLANK)
            if self._peek() in (end, ""):
                self._at += 1
                return
            if self._peek() == ",":
                self._at += 1
            elif end == "}":
                self._pair(key)
            else:
                self._value((*key, "[]"))

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        # Something unexpected is stepped over, lest a file that tomllib reads and this does not
        # should never come to its end.
        self._at = max(match.end(), self._at) if match is not None else self._at + 1
