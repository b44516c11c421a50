"""
Keeping the garbage collector from searching a large tree again and again while it starts.

A hundred thousand services are more than a million objects, none of them garbage. The collector
goes over all that is there each time it has grown by a quarter, which is half of the time that the
start takes. So what a large tree has made by then is shelved every so often, and handed back once
the tree is ready or down; where the program itself has frozen objects meanwhile, all of it stays
as it is. Trees of fewer services than `SHELF` never touch the collector.
"""

from __future__ import annotations

import gc

__all__ = ["Shelf", "freeze_imports"]

#: Services that begin to start before what there is gets shelved.
SHELF = 2000

#: Up to so many frozen objects nobody has frozen: Python 3.12 puts its immortal ones, which are
#: some hundreds, among them at each full collection.
FEW = 2000

_frozen_imports = 0


def freeze_imports() -> None:
    """
    Take all that has been imported so far out of the garbage collector's sight.

    For a program at its very start: none of that is ever garbage, and a process that forks shares
    its pages. Unlike what others freeze, it is handed back when a large tree has started.
    """
    global _frozen_imports
    gc.freeze()
    _frozen_imports = gc.get_freeze_count()


class Shelf:
    """What the garbage collector is not to look at before the tree is ready."""

    def __init__(self) -> None:
        self._begun = 0
        self._used = False
        self._closed = False
        self._mark: list[object] = []

    def began(self) -> None:
        """Take note that a service begins to start; after `close()` that changes nothing."""
        self._begun += 1
        if self._begun % SHELF or self._closed:
            return
        # Whoever has frozen objects himself, before a fork for instance, keeps them as they are.
        if self._used:
            self._closed = self._frozen_by_others()
        else:
            self._closed = gc.get_freeze_count() - _frozen_imports > FEW
        if not self._closed:
            self._used = True
            gc.freeze()
            self._mark = []

    def close(self) -> None:
        """Hand everything back, unless others have frozen too since; shelve nothing more."""
        self._closed = True
        if self._used:
            self._used = False
            # What is frozen can only be handed back as a whole, theirs and ours.
            if not self._frozen_by_others():
                gc.unfreeze()

    def _frozen_by_others(self) -> bool:
        """Return whether what was made right after the last freezing here is frozen as well."""
        return id(self._mark) not in map(id, gc.get_objects())
