"""Deferreds and everything that works with them."""

from ._debug import AlreadyCalledError as AlreadyCalledError
from ._debug import CancelledError as CancelledError
from ._debug import DebugInfo as DebugInfo
from ._debug import NotACoroutineError as NotACoroutineError
from ._debug import TimeoutError as TimeoutError
from ._debug import logError as logError
from ._debug import passthru as passthru
from ._deferred import Deferred as Deferred
from ._deferred import fail as fail
from ._deferred import getDebugging as getDebugging
from ._deferred import setDebugging as setDebugging
from ._deferred import succeed as succeed
from ._deferred import timeout as timeout
from ._gather import FAILURE as FAILURE
from ._gather import SUCCESS as SUCCESS
from ._gather import DeferredList as DeferredList
from ._gather import FailureGroup as FailureGroup
from ._gather import FirstError as FirstError
from ._gather import gatherResults as gatherResults
from ._gather import race as race
from ._inline import ensureDeferred as ensureDeferred
from ._inline import execute as execute
from ._inline import inlineCallbacks as inlineCallbacks
from ._inline import maybeDeferred as maybeDeferred
from ._inline import returnValue as returnValue
from ._primitives import AlreadyTryingToLockError as AlreadyTryingToLockError
from ._primitives import DeferredFilesystemLock as DeferredFilesystemLock
from ._primitives import DeferredLock as DeferredLock
from ._primitives import DeferredQueue as DeferredQueue
from ._primitives import DeferredSemaphore as DeferredSemaphore
from ._primitives import QueueOverflow as QueueOverflow
from ._primitives import QueueUnderflow as QueueUnderflow

__all__ = [
    "AlreadyCalledError",
    "AlreadyTryingToLockError",
    "CancelledError",
    "DebugInfo",
    "Deferred",
    "DeferredFilesystemLock",
    "DeferredList",
    "DeferredLock",
    "DeferredQueue",
    "DeferredSemaphore",
    "FAILURE",
    "FailureGroup",
    "FirstError",
    "NotACoroutineError",
    "QueueOverflow",
    "QueueUnderflow",
    "SUCCESS",
    "TimeoutError",
    "ensureDeferred",
    "execute",
    "fail",
    "gatherResults",
    "getDebugging",
    "inlineCallbacks",
    "logError",
    "maybeDeferred",
    "passthru",
    "race",
    "returnValue",
    "setDebugging",
    "succeed",
    "timeout",
]

for _name in __all__:
    # Texts such as a failure's name the module a program imports, not the one the code is kept in.
    if getattr(globals()[_name], "__module__", "").startswith("plait."):
        globals()[_name].__module__ = __name__
