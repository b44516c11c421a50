"""Any command as a service: started, watched, logged and ended with everything it has started."""

from __future__ import annotations

from ._process import Process as Process

__all__ = ["Process"]
