"""The floor of every list: read all pages over one connection and throw them away.

Usage: python -m benchmarks.pager HOST:PORT CA TOKEN PATH
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import sys
import time
from urllib.parse import quote

_TOKEN = re.compile(rb'"continue":"([^"]+)"')
LIMIT = 500


def read(address: str, ca: str, token: str, path: str) -> dict[str, float]:
    """Return what reading took."""
    connection = http.client.HTTPSConnection(address, context=ssl.create_default_context(cafile=ca))
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "pager"}
    began, used, size, following = time.perf_counter(), time.process_time(), 0, ""
    while True:
        connection.request("GET", f"{path}?limit={LIMIT}{following}", headers=headers)
        body = connection.getresponse().read()
        size += len(body)
        # The metadata of a list of custom resources stands at its end.
        found = _TOKEN.search(body, max(0, len(body) - 1000))
        if found is None:
            break
        following = f"&continue={quote(found[1].decode())}"
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - used, "bytes": size}


if __name__ == "__main__":
    json.dump(read(*sys.argv[1:5]), sys.stdout)
