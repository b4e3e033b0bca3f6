"""TLS towards an API server: one context for each cluster that has a certificate authority or certificate of its own."""

import os
import ssl
import tempfile
from functools import cache
from pathlib import Path

from backup_sentinel.errors import AccessError

from .credentials import Credentials


def context(credentials: Credentials) -> ssl.SSLContext:
    """Build the context that checks the server and shows our client certificate. Raises AccessError."""
    try:
        if not (credentials.ca or credentials.certificate):
            return _of_the_system(insecure=credentials.insecure)
        built = _build(credentials.ca, insecure=credentials.insecure)
        if credentials.certificate and credentials.key:
            _show(built, credentials.certificate, credentials.key)
    except (ssl.SSLError, ValueError) as error:
        raise AccessError(f"certificates for {credentials.server} cannot be used: {error}") from error
    return built


@cache
def _of_the_system(*, insecure: bool) -> ssl.SSLContext:
    """Return the one context that trusts what the system trusts: it takes 15 ms and most of a megabyte to build."""
    return _build(None, insecure=insecure)


def _build(ca: str | None, *, insecure: bool) -> ssl.SSLContext:
    built = ssl.create_default_context(cadata=ca or None)
    if insecure:
        built.check_hostname = False
        built.verify_mode = ssl.CERT_NONE
    # As client-go does: authorities of clusters often lack the key identifiers that strict mode wants
    # (EKS among them), and any certificate of the bundle is an anchor. Python 3.13 changed both defaults.
    built.verify_flags &= ~ssl.VERIFY_X509_STRICT
    built.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return built


def _show(built: ssl.SSLContext, certificate: str, key: str) -> None:
    # The ssl module reads a key only from a file. mkstemp makes it readable for nobody else.
    descriptor, path = tempfile.mkstemp(prefix="backup-sentinel-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{certificate.rstrip()}\n{key.rstrip()}\n")
        # Without a password OpenSSL would ask for one on the terminal.
        built.load_cert_chain(path, password="")
    finally:
        Path(path).unlink()
