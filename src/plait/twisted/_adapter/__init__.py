"""How plait's runner drives an application written for Twisted."""

from __future__ import annotations

from ._application import TwistedApplication as TwistedApplication
from ._application import adapt as adapt
from ._application import observe as observe
from ._needs import needs as needs

__all__ = ["TwistedApplication", "adapt", "needs", "observe"]
