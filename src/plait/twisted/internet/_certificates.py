"""Certificates and keys, held as DER and PEM: what TLS needs of them, without pyOpenSSL."""

from __future__ import annotations

import hashlib
import ssl
from typing import Any

__all__ = [
    "Certificate",
    "DN",
    "DistinguishedName",
    "KeyPair",
    "PrivateCertificate",
]

_PEM = 1
_DER = 2
_OIDS = {
    "2.5.4.3": "commonName",
    "2.5.4.6": "countryName",
    "2.5.4.7": "localityName",
    "2.5.4.8": "stateOrProvinceName",
    "2.5.4.10": "organizationName",
    "2.5.4.11": "organizationalUnitName",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_SHORT = {
    "CN": "commonName",
    "C": "countryName",
    "L": "localityName",
    "ST": "stateOrProvinceName",
    "O": "organizationName",
    "OU": "organizationalUnitName",
}
_ABSENT = (
    "{} needs a cryptography library, which plait.twisted does without; make keys and certificates "
    "with openssl or the cryptography package and load them as PEM"
)


_NEEDY = {
    "certificateRequest",
    "getPublicKey",
    "hostFromTransport",
    "inspect",
    "keyHash",
    "matches",
    "newCertificate",
    "requestObject",
    "selfSignedCert",
    "signCertificateRequest",
    "signRequestObject",
}


def _missing(thing: object, name: str) -> Any:
    """Raise an AttributeError that says why there is no such method, where Twisted has it."""
    whole = f"{type(thing).__name__}.{name}"
    if name in _NEEDY:
        raise AttributeError(_ABSENT.format(whole))
    raise AttributeError(f"there is no {whole}")


class DistinguishedName(dict[str, bytes]):
    """The name of a certificate's owner or issuer; parts are bytes, reachable as attributes."""

    __slots__ = ()

    def __init__(self, **parts: str | bytes) -> None:
        super().__init__()
        for name, value in parts.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> bytes:
        try:
            return self[_SHORT.get(name, name)]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: str | bytes) -> None:
        name = _SHORT.get(name, name)
        if name not in _OIDS.values():
            raise AttributeError(f"{name} is not a valid OpenSSL X509 name field")
        self[name] = value.encode("ascii") if isinstance(value, str) else value

    def inspect(self) -> str:
        """Return the parts as lines of text."""
        return "\n".join(f"{name}: {value.decode()}" for name, value in sorted(self.items()))

    def __repr__(self) -> str:
        return f"<DN {dict.__repr__(self)[1:-1]}>"


DN = DistinguishedName


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return tag, content and the place after one DER element."""
    tag, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        length = int.from_bytes(data[start : start + octets], "big")
        start += octets
    return tag, data[start : start + length], start + length


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        tag, content, at = _element(data, at)
        found.append((tag, content))
    return found


def _oid(data: bytes) -> str:
    numbers, value = [], 0
    for octet in data:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _name(data: bytes) -> DistinguishedName:
    parts = DistinguishedName()
    for _set, members in _elements(data):
        for _sequence, pair in _elements(members):
            (_tag, oid), (_kind, value) = _elements(pair)[:2]
            name = _OIDS.get(_oid(oid))
            if name is not None:
                parts[name] = value
    return parts


class Certificate:
    """
    A certificate.

    Args:
        der:
            Its DER form.
    """

    def __init__(self, der: bytes) -> None:
        self._der = der
        inner = _elements(_element(der, 0)[1])
        fields = _elements(inner[0][1])
        if fields and fields[0][0] == 0xA0:
            fields = fields[1:]
        self._serial, self._issuer, self._subject = fields[0][1], fields[2][1], fields[4][1]

    def __getattr__(self, name: str) -> Any:
        return _missing(self, name)

    @classmethod
    def load(cls, requestData: bytes, format: int = _DER, args: tuple[Any, ...] = ()) -> Any:
        """Return the certificate of some bytes: PEM (1) or DER (2)."""
        if format == _PEM:
            return cls(_first_der(requestData), *args)
        return cls(requestData, *args)

    @classmethod
    def loadPEM(cls, data: bytes) -> Any:
        """Return the certificate of PEM bytes."""
        return cls.load(data, _PEM)

    @classmethod
    def peerFromTransport(cls, transport: Any) -> Certificate:
        """Return the certificate of a connection's peer; ValueError when it sent none."""
        found: Certificate | None = transport.getPeerCertificate()
        if found is None:
            raise ValueError("the peer sent no certificate")
        return found

    def dump(self, format: int = _DER) -> bytes:
        """Return the bytes: PEM (1) or DER (2)."""
        return self._der if format == _DER else ssl.DER_cert_to_PEM_cert(self._der).encode()

    def dumpPEM(self) -> bytes:
        """Return the PEM bytes."""
        return self.dump(_PEM)

    def getSubject(self) -> DistinguishedName:
        """Return the owner's name."""
        return _name(self._subject)

    def getIssuer(self) -> DistinguishedName:
        """Return the issuer's name."""
        return _name(self._issuer)

    def serialNumber(self) -> int:
        """Return the serial number."""
        return int.from_bytes(self._serial, "big", signed=True)

    def digest(self, method: str = "md5") -> bytes:
        """Return the fingerprint, as pairs of hexadecimal digits joined by colons."""
        return hashlib.new(method, self._der).digest().hex(":").upper().encode()

    def options(self, *authorities: Certificate) -> Any:
        """Return context options that trust these authorities."""
        from ._contexts import CertificateOptions

        return CertificateOptions(trustRoot=list(authorities) or None)

    def inspect(self) -> str:
        """Return the facts as lines of text."""
        return "\n".join(
            [
                f"Certificate for Subject:\n{self.getSubject().inspect()}",
                f"Issuer:\n{self.getIssuer().inspect()}",
                f"Serial Number: {self.serialNumber()}",
                f"Digest: {self.digest().decode()}",
            ]
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.dump() == other.dump()

    def __hash__(self) -> int:
        return hash(self._der)

    def __repr__(self) -> str:
        subject = self.getSubject().get("commonName", b"").decode()
        issuer = self.getIssuer().get("commonName", b"").decode()
        return f"<{type(self).__name__} Subject={subject} Issuer={issuer}>"


def _first_der(pem: bytes) -> bytes:
    text = pem.decode("ascii", "replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in text or end not in text:
        raise ValueError("there is no certificate in this PEM data")
    inner = text[text.index(begin) : text.index(end) + len(end)]
    return ssl.PEM_cert_to_DER_cert(inner)


class KeyPair:
    """
    A private key in PEM form.

    Args:
        pem:
            The key.
    """

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    def __getattr__(self, name: str) -> Any:
        return _missing(self, name)

    @classmethod
    def load(cls, data: bytes, format: int = _DER) -> KeyPair:
        """Return the key of some bytes: PEM (1) or DER (2)."""
        if format == _PEM:
            return cls(data)
        import base64

        body = base64.encodebytes(data)
        return cls(b"-----BEGIN PRIVATE KEY-----\n" + body + b"-----END PRIVATE KEY-----\n")

    @classmethod
    def generate(cls, kind: int = 6, size: int = 2048) -> KeyPair:
        """Refuse to make a key."""
        raise NotImplementedError(_ABSENT.format("KeyPair.generate"))

    def dump(self, format: int = _PEM) -> bytes:
        """Return the PEM bytes; another form is refused."""
        if format != _PEM:
            raise NotImplementedError(_ABSENT.format("the DER form of a key"))
        return self._pem


class PrivateCertificate(Certificate):
    """A certificate together with its private key."""

    privateKey: KeyPair

    @classmethod
    def fromCertificateAndKeyPair(
        cls, certificateInstance: Certificate, privateKey: KeyPair
    ) -> PrivateCertificate:
        """Return the two as one."""
        made = cls(certificateInstance.dump())
        made.privateKey = privateKey
        return made

    @classmethod
    def load(cls, data: bytes, privateKey: Any, format: int = _DER) -> Any:  # type: ignore[override]  # Twisted's signature
        """Return the certificate of some bytes with a key."""
        der = _first_der(data) if format == _PEM else data
        return cls.fromCertificateAndKeyPair(Certificate(der), privateKey)

    @classmethod
    def loadPEM(cls, data: bytes) -> Any:
        """Return certificate and key from PEM bytes that hold both."""
        if b"PRIVATE KEY-----" not in data:
            raise ValueError("there is no private key in this PEM data")
        made = cls.fromCertificateAndKeyPair(Certificate(_first_der(data)), KeyPair(data))
        made._chain = data
        return made

    _chain: bytes = b""

    def options(self, *authorities: Certificate) -> Any:
        """Return context options that present this certificate and trust these authorities."""
        from ._contexts import CertificateOptions

        return CertificateOptions(
            privateKey=self.privateKey,
            certificate=self,
            trustRoot=list(authorities) or None,
        )

    def signCertificateRequest(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to sign."""
        raise NotImplementedError(_ABSENT.format("signing a request"))
