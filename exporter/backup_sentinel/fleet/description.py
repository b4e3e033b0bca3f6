"""The cluster that the keys of a Secret describe.

    name         value of the metric label `cluster`; the name of the Secret unless given
    label        what pages and mails show instead
    server       address of the API server; `api_url` is another word for it
    token        bearer token
    ca.crt       certificate authority (PEM)
    insecure     true: the server's certificate is not checked
    kubeconfig   instead of server and token: a whole one that holds its credentials itself
    context      which of its contexts; the current one unless given
    namespaces   comma-separated; all of them unless given

Other keys are not decoded.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from backup_sentinel.errors import ProblemReason
from backup_sentinel.kube.settings import NAMESPACE, ClusterSettings
from backup_sentinel.model import Problem

from . import kubeconfig, words

T = TypeVar("T")

UNWRITTEN = "<in the Secret>"
"""Stands for the path of a kubeconfig until the text has been written to one."""


class Data(msgspec.Struct, frozen=True):
    """The keys of a Secret; base64 is undone by decoding. What is not there is empty."""

    name: bytes = b""
    label: bytes = b""
    server: bytes = b""
    api_url: bytes = b""
    token: bytes = b""
    ca: bytes = msgspec.field(name="ca.crt", default=b"")
    insecure: bytes = b""
    kubeconfig: bytes = b""
    context: bytes = b""
    namespaces: bytes = b""

    def __repr__(self) -> str:
        return "Data(***)"


class FlawError(Exception):
    """What is wrong with a key; the sentence holds nothing of its value."""

    def __init__(self, reason: ProblemReason, key: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(reason, f"data.{key}" if key else "data", detail)


def describe(data: Data, fallback: str) -> tuple[ClusterSettings, str | None]:
    """Return the settings, and the kubeconfig for which their path stands; `fallback` is the name where none is given.

    Raises FlawError.
    """
    server = _text("server", data.server, str.strip) or _text("api_url", data.api_url, str.strip)
    config = _text("kubeconfig", data.kubeconfig, str)
    context = _text("context", data.context, str.strip) or None
    if not server and not config:
        raise FlawError(ProblemReason.NO_IDENTITY, "", "it has neither `server` nor `kubeconfig`")
    if context and not config:
        raise FlawError(
            ProblemReason.WRONG_TYPE, "context", "`context` belongs to `kubeconfig`, which is missing"
        )
    if config and (server or data.token):
        raise FlawError(
            ProblemReason.WRONG_TYPE, "kubeconfig", "`kubeconfig` goes without `server` and `token`"
        )
    held = (
        _text("kubeconfig", data.kubeconfig, lambda text: kubeconfig.reduce(text, context))
        if config
        else None
    )
    fields = {
        "name": _text("name", data.name, words.name) or fallback,
        "label": _text("label", data.label, words.name) or None,
        "token": _text("token", data.token, words.token) or None,
        "ca_data": _text("ca.crt", data.ca, _certificates) or None,
        "insecure": _text("insecure", data.insecure, words.flag),
        "namespaces": _text("namespaces", data.namespaces, _namespaces),
        "api_url": server or None,
        "kubeconfig": UNWRITTEN if held else None,
    }
    try:
        return ClusterSettings(**fields), held  # type: ignore[arg-type]
    except ValueError as error:
        # Only the address is left to be wrong.
        detail = str(error).replace("api_url", "server")
        raise FlawError(ProblemReason.WRONG_TYPE, "server", detail) from None


def _text(key: str, value: bytes, convert: Callable[[str], T]) -> T:
    try:
        return convert(value.decode())
    except UnicodeDecodeError:
        raise FlawError(ProblemReason.WRONG_TYPE, key, f"`{key}` is not text") from None
    except ValueError as error:
        raise FlawError(ProblemReason.WRONG_TYPE, key, f"`{key}` {error}") from None


def _certificates(text: str) -> str:
    if text.strip() and not ("-----BEGIN CERTIFICATE-----" in text and text.isascii()):
        raise ValueError("holds no certificate (PEM)")
    return text.strip()


def _namespaces(text: str) -> tuple[str, ...]:
    found = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        if not NAMESPACE.fullmatch(part):
            raise ValueError("holds what is no name of a namespace; write them with commas in between")
    return tuple(found)
