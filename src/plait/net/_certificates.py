"""The TLS contexts of a server, and the files they are made from."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from typing import TypeAlias

from plait.errors import CertificateRefused

from ._x509 import CertificateInfo, read_certificate

Pair: TypeAlias = "tuple[str, str]"
"""Paths of a certificate with its chain, and of its key; the latter empty if it is in there."""

_Signature: TypeAlias = "tuple[tuple[str, int, int, int], ...]"


class CertificateStore:
    """
    Certificates and keys in files, and the contexts made from them.

    Args:
        pairs:
            Certificates and keys. The first one serves clients that ask for no known name. A
            certificate's path may be a directory of PEM files, each with its key inside.
        ca:
            Path of the authorities that clients' certificates must come from; empty: none is asked.
        optional:
            Whether a client without a certificate is served too.
        alpn:
            Application protocols to offer, the preferred one first.
    """

    def __init__(
        self, pairs: Sequence[Pair], ca: str, *, optional: bool, alpn: Sequence[str]
    ) -> None:
        self._pairs = tuple(pairs)
        self._ca = ca
        self._optional = optional
        self._alpn = list(alpn)
        self.context: ssl.SSLContext | None = None
        self.infos: tuple[CertificateInfo, ...] = ()
        self.signature: _Signature = ()

    def load(self) -> list[CertificateInfo]:
        """
        Read the files and make the contexts; on an error everything is as it was.

        Returns:
            The certificates whose files have changed since they were last read.

        Raises:
            CertificateRefused:
                A file cannot be read, or key and certificate do not belong together.
        """
        signature = self.look()
        loaded: list[tuple[CertificateInfo, ssl.SSLContext]] = []
        changed = []
        news = {path for path, *_ in set(signature) - set(self.signature)}
        for cert, key in self._files():
            info = _read(cert)
            loaded.append((info, self._context(cert, key)))
            if cert in news or key in news:
                changed.append(info)
        if not loaded:
            raise CertificateRefused(
                self._pairs[0][0] if self._pairs else "nothing",
                "no certificate was found; give cert= a PEM file, or a directory of *.pem files",
            )
        if self.look() != signature:
            raise CertificateRefused(loaded[0][0].file, "it is being changed right now")
        first = loaded[0][1]
        if len(loaded) > 1:
            first.sni_callback = _chooser(loaded)
        self.context, self.signature = first, signature
        self.infos = tuple(info for info, _ in loaded)
        return changed

    def look(self) -> _Signature:
        """Return what tells whether the files have changed: names, times, sizes and numbers."""
        found = []
        for path in sorted({path for pair in self._files() for path in (*pair, self._ca) if path}):
            try:
                status = os.stat(path)
            except OSError:
                found.append((path, 0, 0, 0))
            else:
                found.append((path, status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)

    def _files(self) -> list[Pair]:
        files: list[Pair] = []
        for cert, key in self._pairs:
            if os.path.isdir(cert):
                names = sorted(name for name in os.listdir(cert) if name.endswith(".pem"))
                files += [(os.path.join(cert, name), "") for name in names]
            else:
                files.append((cert, key))
        return files

    def _context(self, cert: str, key: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        shown = f"{cert} with {key}" if key else cert
        try:
            context.load_cert_chain(cert, key or None, password=_no_password(shown))
        except ssl.SSLError as error:
            raise CertificateRefused(shown, _reason(error)) from error
        except OSError as error:
            raise CertificateRefused(
                _unreadable(cert, key), f"{error.strerror}; it has to be readable"
            ) from error
        if self._ca:
            context.verify_mode = ssl.CERT_OPTIONAL if self._optional else ssl.CERT_REQUIRED
            folder = os.path.isdir(self._ca)
            try:
                context.load_verify_locations(
                    None if folder else self._ca, self._ca if folder else None
                )
            except ssl.SSLError as error:
                raise CertificateRefused(self._ca, _reason(error)) from error
            except OSError as error:
                raise CertificateRefused(self._ca, f"{error.strerror}") from error
        if self._alpn:
            context.set_alpn_protocols(self._alpn)
        return context


def _chooser(
    loaded: Sequence[tuple[CertificateInfo, ssl.SSLContext]],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    """Return what puts the certificate in place that is for the name the client asks for."""
    contexts: dict[str, ssl.SSLContext] = {}
    for info, context in loaded:
        for name in info.names:
            contexts.setdefault(name, context)

    def choose(connection: ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
        if name is not None:
            name = name.lower()
            # RFC 6125: a star stands for the whole first label, and for no more than one.
            chosen = contexts.get(name) or contexts.get(f"*.{name.partition('.')[2]}")
            if chosen is not None and chosen is not first:
                connection.context = chosen

    return choose


def _read(file: str) -> CertificateInfo:
    """Return what the first certificate in a PEM file says."""
    try:
        with open(file, encoding="ascii", errors="replace") as stream:
            text = stream.read()
    except OSError as error:
        raise CertificateRefused(file, f"{error.strerror}; it has to be readable") from error
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start, stop = text.find(begin), text.find(end)
    if start < 0 or stop < start:
        raise CertificateRefused(file, f"it has no certificate in PEM ({begin})")
    try:
        return read_certificate(file, ssl.PEM_cert_to_DER_cert(text[start : stop + len(end)]))
    except (ValueError, StopIteration, IndexError) as error:
        raise CertificateRefused(file, f"its certificate cannot be read: {error}") from error


def _unreadable(*files: str) -> str:
    return next((file for file in files if file and not os.access(file, os.R_OK)), files[0])


def _no_password(shown: str) -> Callable[[], str]:
    def ask() -> str:
        # OpenSSL would ask on the terminal, which a service does not have.
        raise CertificateRefused(shown, "the key is encrypted; store it without a passphrase")

    return ask


def _reason(error: ssl.SSLError) -> str:
    reasons = {
        "KEY_VALUES_MISMATCH": "key and certificate do not belong together",
        "NO_START_LINE": "a certificate or a key in PEM is missing",
        "EE_KEY_TOO_SMALL": "the key is too small; make one of at least 2048 bits",
    }
    # Of a damaged file OpenSSL says no more than which of its parts stumbled: "PEM lib".
    return reasons.get(error.reason or "", "a certificate or a key in PEM is missing or damaged")
