"""A small certificate authority, made with the openssl command."""

import ssl
import subprocess
from pathlib import Path
from typing import Self

_EXTENSIONS = """
[server]
subjectAltName=IP:127.0.0.1,DNS:api.example
[client]
extendedKeyUsage=clientAuth
"""


class Authority:
    """Signs certificates into a folder. Like those of many clusters its own has no key identifiers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self.key = folder / "ca.key"

    @classmethod
    def create(cls, folder: Path) -> Self:
        authority = cls(folder)
        (folder / "extensions").write_text(_EXTENSIONS)
        (folder / "ca.cnf").write_text(
            "[req]\ndistinguished_name=dn\nx509_extensions=ca\nprompt=no\n[dn]\nCN=kubernetes\n"
            "[ca]\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
        )
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(authority.key))
        _openssl(
            *("req", "-x509", "-new", "-key", str(authority.key), "-days", "2"),
            *("-config", str(folder / "ca.cnf"), "-out", str(authority.ca)),
        )
        return authority

    def sign(self, name: str, section: str) -> tuple[Path, Path]:
        """Return certificate and key of `name`, for use as `section` says: server or client."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
        _openssl("req", "-new", "-key", str(key), "-subj", f"/CN={name}", "-out", str(request))
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey", str(self.key)),
            *("-CAcreateserial", "-days", "2", "-extfile", str(self.folder / "extensions")),
            *("-extensions", section, "-out", str(certificate)),
        )
        return certificate, key

    def server_context(self, *, wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        if wants_client:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def encrypt(key: Path) -> Path:
    """Return a copy of a key under a password."""
    target = key.with_suffix(".enc")
    _openssl("ec", "-in", str(key), "-aes256", "-passout", "pass:hidden", "-out", str(target))
    return target


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
