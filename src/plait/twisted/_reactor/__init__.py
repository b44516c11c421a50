"""The engine of `internet.reactor`, written against a vocabulary that is handed to it."""

from __future__ import annotations

from .declare import declare as declare
from .reactor import Reactor as Reactor
from .reactor import new_loop as new_loop
from .words import Words as Words
from .words import installed as installed
from .words import own as own

__all__ = [
    "Reactor",
    "Words",
    "declare",
    "face_of_the_loop",
    "installed",
    "new_loop",
    "own",
]


def face_of_the_loop(words: Words | None = None) -> Reactor:
    """
    Return a reactor on the loop of plait's runner, or on a new one where nothing runs.

    Args:
        words:
            The vocabulary; our own by default.
    """
    words = own() if words is None else words
    declare(words)
    return Reactor(words)
