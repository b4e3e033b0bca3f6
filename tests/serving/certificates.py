"""A small certificate authority, made with the openssl command."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple, Self


class Pair(NamedTuple):
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates into a folder; `root` is its own."""

    def __init__(self, folder: Path, root: Pair) -> None:
        self.folder = folder
        self.root = root

    @classmethod
    def create(cls, folder: Path) -> Self:
        folder.mkdir()
        return cls(folder, alone(folder, "ca"))

    def sign(self, name: str, names: str = "", usage: str = "clientAuth", curve: str = "prime256v1") -> Pair:
        """Return a certificate for `names`, in the words of openssl: `DNS:a.example,IP:10.0.0.7`."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(
            f"extendedKeyUsage={usage}\nauthorityKeyIdentifier=keyid\n"
            + (f"subjectAltName={names}\n" if names else "")
        )
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-nodes"),
            *("-subj", f"/CN={name}", "-keyout", pair.key, "-out", request),
        )
        _openssl(
            *(
                "x509",
                "-req",
                "-in",
                request,
                "-CA",
                self.root.cert,
                "-CAkey",
                self.root.key,
                "-CAcreateserial",
            ),
            *("-days", "2", "-extfile", extensions, "-out", pair.cert),
        )
        return pair

    def client(self, pair: Pair | None = None) -> ssl.SSLContext:
        """Return a client's context that trusts this authority and shows a certificate."""
        context = ssl.create_default_context(cafile=str(self.root.cert))
        if pair is not None:
            context.load_cert_chain(pair.cert, pair.key)
        return context


def alone(folder: Path, name: str) -> Pair:
    """Return a certificate that signs itself."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(
        *(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ),
        *("-addext", "keyUsage=critical,keyCertSign,digitalSignature", "-subj", f"/CN={name}"),
        *("-keyout", pair.key, "-out", pair.cert),
    )
    return pair


def encrypt(key: Path) -> Path:
    """Return a copy of a key under a password."""
    target = key.with_suffix(".enc")
    _openssl("ec", "-in", key, "-aes256", "-passout", "pass:hidden", "-out", target)
    return target


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
