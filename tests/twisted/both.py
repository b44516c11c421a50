"""One body, run with the words of plait and with those of the real Twisted, and compared."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

Body = Callable[["Words"], Any]

_MODULES = {
    "address": "internet.address",
    "basic": "protocols.basic",
    "compat": "python.compat",
    "components": "python.components",
    "defer": "internet.defer",
    "dns": "names.dns",
    "dns_common": "names.common",
    "dns_error": "names.error",
    "dns_hosts": "names.hosts",
    "dns_server": "names.server",
    "error": "internet.error",
    "failure": "python.failure",
    "filepath": "python.filepath",
    "http": "web.http",
    "http_headers": "web.http_headers",
    "interfaces": "internet.interfaces",
    "iweb": "web.iweb",
    "lockfile": "python.lockfile",
    "log": "python.log",
    "logfile": "python.logfile",
    "logger": "logger",
    "plugin": "plugin",
    "policies": "protocols.policies",
    "procutils": "python.procutils",
    "protocol": "internet.protocol",
    "reflect": "python.reflect",
    "resource": "web.resource",
    "runtime": "python.runtime",
    "server": "web.server",
    "sob": "persisted.sob",
    "static": "web.static",
    "task": "internet.task",
    "testing": "internet.testing",
    "threads": "internet.threads",
    "urlpath": "python.urlpath",
    "usage": "python.usage",
    "util": "python.util",
    "utils": "internet.utils",
    "vhost": "web.vhost",
    "web_error": "web.error",
    "web_util": "web.util",
    "wire": "protocols.wire",
}


class Words:
    """The modules of one of the two, by their short names."""

    def __init__(self, root: str) -> None:
        self.root = root

    def __getattr__(self, name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(name)
        # The real one warns of itself while it is imported, which is not what is tested here.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"{self.root}.{_MODULES[name]}")

    def outcome(self, call: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        """Return what a call returns, or the name and text of what it raises."""
        try:
            return plain(call(*args, **kw))
        except BaseException as error:
            return ["raised", type(error).__name__, told(str(error))]


OURS = Words("plait.twisted")
THEIRS = Words("twisted")


def told(text: str) -> str:
    """Return a text without what tells the two apart: module names and the addresses of objects."""
    text = text.replace("plait.twisted", "twisted")
    text = re.sub(r"\b0x[0-9a-f]+|\bat [0-9a-f]{6,}", "0x", text)
    # Names of private modules may differ, those of the public ones before them may not.
    return re.sub(r"(twisted(?:\.[a-z]+)*)\._\w+", r"\1", text)


def plain(value: Any) -> Any:
    """Return a value as something that can be compared across the two."""
    if value is None or isinstance(value, (bool, int, float, bytes)):
        return value
    if isinstance(value, str):
        return told(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    kinds = {cls.__name__ for cls in type(value).__mro__}
    if "Failure" in kinds:
        return ["Failure", value.type.__name__, told(value.getErrorMessage())]
    if "Deferred" in kinds:
        result = plain(value.result) if hasattr(value, "result") else "none yet"
        return ["Deferred", bool(value.called), value.paused, result]
    if isinstance(value, BaseException):
        return [type(value).__name__, plain(value.args)]
    return told(repr(value))


def agree(body: Body) -> None:
    """Run a body with both and compare what it returns."""
    with warnings.catch_warnings():
        # What the real one deprecates still has to behave alike.
        warnings.simplefilter("ignore", DeprecationWarning)
        ours, theirs = plain(body(OURS)), plain(body(THEIRS))
    assert ours == theirs
