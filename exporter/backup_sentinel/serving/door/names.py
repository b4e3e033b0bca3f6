"""The names in a client's certificate, compared as web/tls_config.go of prometheus/exporter-toolkit compares them."""

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any


def permits(allowed: Collection[str], certificate: Mapping[str, Any] | None) -> bool:
    """Tell whether a certificate has one of the allowed names; without any, everybody is permitted.

    `certificate` is what `ssl` says of one it has verified. DNS names, e-mail addresses, IP addresses and URIs
    count, letter by letter; IP addresses as Go writes them: IPv6 short and in lower case, IPv4 inside IPv6 as IPv4.
    """
    if not allowed:
        return True
    names = (certificate or {}).get("subjectAltName", ())
    return any(_written(kind, name) in allowed for kind, name in names)


def _written(kind: str, name: str) -> str | None:
    if kind in {"DNS", "email", "URI"}:
        return name
    if kind != "IP Address":
        return None
    try:
        address = ipaddress.ip_address(name.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
