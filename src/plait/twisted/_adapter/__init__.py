"""How plait's runner drives an application written for Twisted."""

from __future__ import annotations

from ._application import TwistedApplication as TwistedApplication
from ._application import adapt as adapt
from ._application import observe as observe
from ._logging import name_speaker as name_speaker
from ._needs import needs as needs

__all__ = ["TwistedApplication", "adapt", "name_speaker", "needs", "observe"]
