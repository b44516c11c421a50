"""What a look-up can fail with."""

from __future__ import annotations

from plait.twisted.internet.error import TimeoutError

__all__ = [
    "AuthoritativeDomainError",
    "DNSFormatError",
    "DNSNameError",
    "DNSNotImplementedError",
    "DNSQueryRefusedError",
    "DNSQueryTimeoutError",
    "DNSServerError",
    "DNSUnknownError",
    "DomainError",
    "ResolverError",
]


class DomainError(ValueError):
    """There is no such name, or none with such records."""


class AuthoritativeDomainError(ValueError):
    """There is no such name, says who must know."""


class DNSQueryTimeoutError(TimeoutError):
    """No answer came in time."""

    def __init__(self, id: int) -> None:
        super().__init__()
        self.id = id


class DNSFormatError(DomainError):
    """The server could not read the question."""


class DNSServerError(DomainError):
    """The server failed."""


class DNSNameError(DomainError):
    """There is no such name."""


class DNSNotImplementedError(DomainError):
    """The server does not know this kind of question."""


class DNSQueryRefusedError(DomainError):
    """The server does not want to answer."""


class DNSUnknownError(DomainError):
    """The answer has a code that nobody knows."""


class ResolverError(Exception):
    """A resolver cannot work as it was set up."""
