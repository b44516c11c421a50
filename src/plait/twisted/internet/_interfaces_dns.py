"""What a DNS resolver promises."""

# An interface's methods are written without `self`: they describe calls as a caller makes them.
# mypy: disable-error-code="misc, no-untyped-def"

from __future__ import annotations

from ._interfaces_reactor import IResolverSimple

__all__ = ["IResolver"]


class IResolver(IResolverSimple):
    """
    A source of DNS answers.

    Each look-up returns a Deferred with answers, authority and additional.
    """

    def query(query, timeout=None):
        """Look up any query."""

    def lookupAddress(name, timeout=None):
        """Look up A records."""

    def lookupAddress6(name, timeout=None):
        """Look up A6 records."""

    def lookupIPV6Address(name, timeout=None):
        """Look up AAAA records."""

    def lookupMailExchange(name, timeout=None):
        """Look up MX records."""

    def lookupNameservers(name, timeout=None):
        """Look up NS records."""

    def lookupCanonicalName(name, timeout=None):
        """Look up CNAME records."""

    def lookupMailBox(name, timeout=None):
        """Look up MB records."""

    def lookupMailGroup(name, timeout=None):
        """Look up MG records."""

    def lookupMailRename(name, timeout=None):
        """Look up MR records."""

    def lookupPointer(name, timeout=None):
        """Look up PTR records."""

    def lookupAuthority(name, timeout=None):
        """Look up SOA records."""

    def lookupNull(name, timeout=None):
        """Look up NULL records."""

    def lookupWellKnownServices(name, timeout=None):
        """Look up WKS records."""

    def lookupHostInfo(name, timeout=None):
        """Look up HINFO records."""

    def lookupMailboxInfo(name, timeout=None):
        """Look up MINFO records."""

    def lookupText(name, timeout=None):
        """Look up TXT records."""

    def lookupResponsibility(name, timeout=None):
        """Look up RP records."""

    def lookupAFSDatabase(name, timeout=None):
        """Look up AFSDB records."""

    def lookupService(name, timeout=None):
        """Look up SRV records."""

    def lookupAllRecords(name, timeout=None):
        """Look up records of every type."""

    def lookupSenderPolicy(name, timeout=None):
        """Look up SPF records."""

    def lookupNamingAuthorityPointer(name, timeout=None):
        """Look up NAPTR records."""

    def lookupZone(name, timeout=None):
        """Look up the whole zone."""
