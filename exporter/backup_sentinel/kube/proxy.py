"""Which proxy the environment names for a URL, by the rules of Go's `x/net/http/httpproxy`.

The standard library (and `trust_env` of HTTP clients, which adds passwords from ~/.netrc) does not
understand networks in NO_PROXY, and `NO_PROXY=10.0.0.0/8` is how pods are told to reach their API server.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit


def find(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the proxy URL for `url`, or None for a direct connection."""
    parts = urlsplit(url)
    proxy = _variable(environ, f"{parts.scheme}_proxy")
    if not proxy or _exempt(parts.hostname or "", parts.port, _variable(environ, "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.upper()) or environ.get(name) or ""


def _exempt(host: str, port: int | None, entries: str) -> bool:
    if host == "localhost" or _inside(host, "127.0.0.0/8") or host == "::1":
        return True
    return any(_matches(entry.strip().lower(), host, port) for entry in entries.split(",") if entry.strip())


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if entry.count(":") == 1:
        entry, _, wanted = entry.partition(":")
        if wanted != str(port):
            return False
    entry = entry.removeprefix("*").strip("[]")
    if "/" in entry:
        return _inside(host, entry)
    return host == entry or host.endswith(entry if entry.startswith(".") else f".{entry}")


def _inside(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
