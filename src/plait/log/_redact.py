"""Values that are never written: recognised by the name they are filed under."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "***"
"""What is written in place of a secret."""

_SECRET = (
    "password|passwd|passphrase|pwd|secret|token|api[_-]?key|private[_-]?key|access[_-]?key"
    "|authorization|credentials?|cookie"
)
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
_DEPTH = 16
# What `logging` itself keeps in a record as tuples.
_OWN = frozenset({"args", "exc_info"})


class Redactor:
    """
    Knows which names stand for secrets, and hides what is filed under them.

    A name is secret when it ends in one of the words, or goes on behind one with something other
    than a letter: `password`, `db_password`, `accessToken` and `token-hash`, but not `tokenizer`.

    Args:
        names:
            Further words, besides password, token, secret, authorization, cookie and the like.
        enabled:
            Whether anything is hidden at all.
    """

    def __init__(self, names: Iterable[str] = (), *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._words = [_SECRET, *(re.escape(name.lower()) for name in names)]
        self._known: dict[str, bool] = {}

    def hides(self, name: object) -> bool:
        """Return whether a value filed under this name is to be hidden."""
        if type(name) is not str:
            if not self._enabled or not isinstance(name, str | bytes):
                return False
            name = name.decode("latin-1") if isinstance(name, bytes) else str(name)
        known = self._known.get(name)
        if known is None:
            if len(self._known) > 2000:  # names made at run time must not fill the memory
                self._known.clear()
            # Beyond this length it is a text and no name.
            probe = re.sub(_HUMP, "_", name[:200]).lower()
            # Compiled when the first name comes, for many a run has none; `re` remembers it.
            pattern = f"(?:{'|'.join(self._words)})(?![a-z])"
            known = self._enabled and re.search(pattern, probe) is not None
            self._known[name] = known
        return known

    def clean(self, value: Any, depth: int = 0) -> Any:
        """
        Return a value with the secrets inside it hidden; the value itself is left as it is.

        Mappings are searched by key, named tuples by field, and sequences for pairs of a name and a
        value, as HTTP headers are kept.
        """
        if depth > _DEPTH and isinstance(value, Mapping | list | tuple):
            return "..."  # unseen, it is not let out
        if isinstance(value, Mapping):
            return {
                key: MASK if self.hides(key) else self.clean(inner, depth + 1)
                for key, inner in value.items()
            }
        if type(value) is tuple and len(value) == 2 and self.hides(value[0]):
            return (value[0], MASK)
        if isinstance(value, tuple):
            value = self.mask_fields(value)
        if type(value) in (list, tuple):
            return type(value)(self.clean(inner, depth + 1) for inner in value)
        return value

    def mask_fields(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a named tuple as a plain one with its secrets hidden, any other as it is."""
        names = getattr(value, "_fields", ())
        if not any(map(self.hides, names)):
            return value
        pairs = zip(names, value, strict=False)
        return tuple(MASK if self.hides(name) else inner for name, inner in pairs)


DEFAULT = Redactor()
NOTHING = Redactor(enabled=False)


def redactor(names: Iterable[str]) -> Redactor:
    """Return the redactor for what the operator said: further names, or `off`."""
    words = tuple(names)
    if "off" in words:
        return NOTHING
    return Redactor(words) if words else DEFAULT


class RedactFilter(logging.Filter):
    """
    Hides secrets in the extra fields and the named arguments of a record, for any handler.

    plait's own formatters do this by themselves; this is for the handlers of others. The record is
    changed in place, so every later handler sees the hidden form too.

    Args:
        names:
            Further words, besides password, token, secret, authorization, cookie and the like.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__()
        self._redactor = redactor(names)

    def filter(self, record: logging.LogRecord) -> bool:
        """Hide the secrets of one record, and let it pass."""
        fields = record.__dict__
        if isinstance(record.args, Mapping):
            record.args = self._redactor.clean(record.args)
        for name, value in list(fields.items()):
            if self._redactor.hides(name):
                fields[name] = MASK
            elif name not in _OWN and isinstance(value, Mapping | list | tuple):
                fields[name] = self._redactor.clean(value)
        return True
