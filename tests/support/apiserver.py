"""A real Kubernetes API server for tests (tests/tools/apiserver)."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import select
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias, TypedDict
from urllib.parse import quote, urlencode, urlsplit

from support.process import Process, ServerError, require, wait_until

Object: TypeAlias = dict[str, Any]
"""An object of the API as it is in JSON."""

Query: TypeAlias = Mapping[str, str | int | bool]

ADMIN_TOKEN = "admin"
"""The token of the tests themselves; it may do everything."""

JSON_TYPE = "application/json"
MERGE_PATCH = "application/merge-patch+json"
USER_AGENT = "backup-sentinel-tests"
START_SECONDS = 60.0
IDLE_SECONDS = 60.0
"""Connections are not used again after so long; the server ends them after 90 s (k8s.io/apiserver, secure_serving.go)."""
LONG_AGO = "2000-01-01T00:00:00Z"


class Rule(TypedDict, total=False):
    """Grants verbs on resources; "*" stands for everything, "backups/status" for a subresource."""

    verbs: Sequence[str]
    groups: Sequence[str]
    resources: Sequence[str]
    namespaces: Sequence[str]
    """Only in these namespaces; if left out everywhere, lists of all namespaces too."""
    names: Sequence[str]
    """Only objects of these names."""
    paths: Sequence[str]
    """Paths that are no resources, such as "/metrics"."""


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        """The HTTP status code."""
        self.body: Object = {}
        """The Status object of the answer, empty if there is none."""
        with contextlib.suppress(ValueError):
            decoded = json.loads(body)
            if isinstance(decoded, dict):
                self.body = decoded
        self.reason: str = self.body.get("reason", "")
        self.message: str = self.body.get("message", "") or body[:500].decode(errors="replace")
        super().__init__(f"{status} {self.reason}: {self.message}")


@dataclass(frozen=True)
class Response:
    """An answer of the API server, whatever its status code is."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes

    def json(self) -> Object:
        """Return the decoded body of a success, and raise ApiError for anything else."""
        if self.status >= 300:
            raise ApiError(self.status, self.body)
        decoded = json.loads(self.body)
        assert isinstance(decoded, dict)
        return decoded


def resource_path(
    group: str,
    version: str,
    plural: str,
    namespace: str | None = None,
    name: str | None = None,
    subresource: str | None = None,
) -> str:
    """Return the path of a resource or object; group "" is the core group."""
    parts = ["api", version] if group == "" else ["apis", group, version]
    if namespace is not None:
        parts += ["namespaces", namespace]
    parts += [part for part in (plural, name, subresource) if part]
    return "/" + "/".join(quote(part, safe="") for part in parts)


class ApiServer:
    """An API server that keeps its data and certificates in a directory.

    It serves custom resources, and of the built-in ones namespaces, config maps, secrets, events,
    jobs, cron jobs and access reviews. No controllers run: a deleted namespace is gone at once and
    leaves its objects, a job never runs, nothing collects garbage.

    All methods may be called from several threads.
    """

    def __init__(
        self,
        directory: Path,
        *,
        feature_gates: Mapping[str, bool] | None = None,
        watch_cache: bool = True,
        check_namespaces: bool = True,
    ) -> None:
        self.directory = directory
        self.url = ""
        """Where the server serves; the same after a restart."""
        self.ca_file = directory / "ca.crt"
        self.users_file = directory / "users.json"
        self.log = directory / "apiserver.log"
        self._address = "127.0.0.1:0"
        self._flags = [
            f"--data-dir={directory}",
            f"--users={self.users_file}",
            f"--watch-cache={str(watch_cache).lower()}",
            f"--check-namespaces={str(check_namespaces).lower()}",
        ]
        if feature_gates:
            gates = ",".join(f"{gate}={str(on).lower()}" for gate, on in feature_gates.items())
            self._flags.append(f"--feature-gates={gates}")
        self._users: dict[str, Object] = {}
        self._process: Process | None = None
        self._ssl: ssl.SSLContext | None = None
        self._idle: list[tuple[float, http.client.HTTPSConnection]] = []
        self._lock = threading.Lock()
        self._life = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # The process

    def start(self) -> Self:
        """Start the server, after a former run on the same port and with the same data."""
        binary = require("apiserver")
        assert self._process is None, "the server runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._users:
            self.grant(ADMIN_TOKEN, "admin", groups=["system:masters"])
        process = Process([binary, f"--listen={self._address}", *self._flags], self.log, control=True)
        try:
            ready = self._read_line(process, "the line that says that it is ready", START_SECONDS)
        except BaseException:
            process.kill()
            raise
        self._process = process
        self.url = ready["url"]
        self._address = urlsplit(self.url).netloc
        self._ssl = ssl.create_default_context(cafile=str(self.ca_file))
        return self

    def stop(self) -> None:
        """Shut the server down cleanly. Nothing happens if it does not run."""
        process = self._forget_process()
        if process is not None:
            process.stop()

    def kill(self) -> None:
        """End the server as a crash would; `start` continues with the data."""
        process = self._forget_process()
        assert process is not None, "the server does not run"
        process.kill()

    def restart(self) -> None:
        """Shut the server down cleanly and start it again."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """The number of the server's process."""
        return self._running.pid

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise ServerError("the API server does not run")
        return self._process

    def _forget_process(self) -> Process | None:
        with self._lock:
            process, self._process = self._process, None
            idle, self._idle = self._idle, []
            self._life += 1
        for _, connection in idle:
            connection.close()
        return process

    @staticmethod
    def _read_line(process: Process, what: str, timeout: float) -> Object:
        def line() -> bytes | None:
            ready, _, _ = select.select([process.stdout], [], [], 0.1)
            return process.stdout.readline() or None if ready else None

        decoded = json.loads(process.wait_until(line, what, timeout))
        assert isinstance(decoded, dict)
        return decoded

    # Commands

    def compact(self) -> int:
        """Let everything but the present state be forgotten, as etcd does every few minutes.

        Continue tokens handed out before have expired then, and watches from before the last
        write are refused. Returns the revision of the compaction.
        """
        return self._command("compact")

    def revision(self) -> int:
        """Return the revision of the last write, its resourceVersion."""
        return self._command("revision")

    def _command(self, do: str) -> int:
        with self._lock:
            process = self._running
            process.stdin.write(json.dumps({"do": do}).encode() + b"\n")
            process.stdin.flush()
            answer = self._read_line(process, f"the answer to {do}", 30.0)
        if "error" in answer:
            raise ServerError(f"{do}: {answer['error']}")
        return int(answer["revision"])

    # Users

    def grant(self, token: str, user: str, rules: Iterable[Rule] = (), *, groups: Iterable[str] = ()) -> None:
        """Make a token that of a user with exactly these rights, from the next request on.

        The rules of all tokens of one user hold for each of them. Open watches stay open.
        """
        account = {"token": token, "user": user, "groups": list(groups), "rules": list(rules)}
        with self._lock:
            self._users[token] = account
            self._write_users()

    def revoke(self, token: str) -> None:
        """Make a token unknown, from the next request on."""
        with self._lock:
            del self._users[token]
            self._write_users()

    def _write_users(self) -> None:
        fresh = self.users_file.with_suffix(".new")
        fresh.write_text(json.dumps(list(self._users.values())))
        fresh.replace(self.users_file)

    def kubeconfig(self, token: str = ADMIN_TOKEN, *, context: str = "test") -> Object:
        """Return the content of a kubeconfig file that leads to this server."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": context, "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}
            ],
            "users": [{"name": context, "user": {"token": token}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "current-context": context,
        }

    # Requests

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Query | None = None,
        token: str | None = ADMIN_TOKEN,
        content_type: str = JSON_TYPE,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request and return the whole answer. Token None is an anonymous request."""
        with self._lock:
            life = self._life
            since, connection = self._idle.pop() if self._idle else (0.0, None)
        if connection is not None and time.monotonic() - since > IDLE_SECONDS:
            connection.close()
            connection = None
        if connection is None:
            connection = self._connect(60.0)
        try:
            response = self._send(connection, method, path, body, query, token, content_type, headers)
            content = response.read()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            keep = life == self._life and not response.will_close
            if keep:
                self._idle.append((time.monotonic(), connection))
        if not keep:
            connection.close()
        return Response(
            response.status, {name.lower(): value for name, value in response.getheaders()}, content
        )

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        assert self._ssl is not None, "the server was never started"
        return http.client.HTTPSConnection(self._address, timeout=timeout, context=self._ssl)

    @staticmethod
    def _send(
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        body: Object | None,
        query: Query | None,
        token: str | None,
        content_type: str,
        headers: Mapping[str, str] | None,
    ) -> http.client.HTTPResponse:
        all_headers = {"Accept": JSON_TYPE, "User-Agent": USER_AGENT, **(headers or {})}
        if token is not None:
            all_headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            all_headers["Content-Type"] = content_type
        if query:
            path += "?" + urlencode(
                {
                    key: str(value).lower() if isinstance(value, bool) else value
                    for key, value in query.items()
                }
            )
        connection.request(method, path, None if body is None else json.dumps(body), all_headers)
        return connection.getresponse()

    def ask(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: Query | None = None,
        content_type: str = JSON_TYPE,
    ) -> Object:
        """Send a request as the tests themselves and return the object in the answer.

        While the watch cache of a resource fills, after a start, the server answers 429 for a
        moment, as one of a cluster does. Other than `request` this waits and asks again.
        """

        def answered() -> Response | None:
            response = self.request(method, path, body, query=query, content_type=content_type)
            return None if response.status == 429 else response

        return wait_until(answered, f"{method} {path} is answered with something else than 429").json()

    # Objects

    def create(self, group: str, version: str, plural: str, namespace: str | None, obj: Object) -> Object:
        """Create an object and return it as the server has it.

        Its namespace is created if missing. Where the resource has a status subresource, the
        status of `obj`, which the server ignores, is written with a second request.
        """
        body = {"apiVersion": f"{group}/{version}" if group else version, **obj}
        path = resource_path(group, version, plural, namespace)
        try:
            created = self.ask("POST", path, body)
        except ApiError as error:
            missing = error.body.get("details", {})
            if namespace is None or error.status != 404 or missing.get("kind") != "namespaces":
                raise
            self.ensure_namespace(namespace)
            created = self.ask("POST", path, body)
        if "status" in obj and created.get("status") != obj["status"]:
            name = created["metadata"]["name"]
            return self.patch_status(group, version, plural, namespace, name, obj["status"])
        return created

    def create_many(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None,
        objects: Iterable[Object],
        *,
        workers: int = 4,
    ) -> list[Object]:
        """Create objects, several at a time, and return them in the order given."""
        if namespace is not None:
            self.ensure_namespace(namespace)
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(lambda obj: self.create(group, version, plural, namespace, obj), objects))

    def ensure_namespace(self, name: str) -> None:
        """Create a namespace if there is none of the name."""
        try:
            self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        except ApiError as error:
            if error.status != 409:
                raise

    def get(self, group: str, version: str, plural: str, namespace: str | None, name: str) -> Object:
        """Return an object."""
        return self.ask("GET", resource_path(group, version, plural, namespace, name))

    def list_objects(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None = None,
        query: Query | None = None,
    ) -> Object:
        """Return a list, or one page of it if the query has a limit."""
        return self.ask("GET", resource_path(group, version, plural, namespace), query=query)

    def replace(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None,
        obj: Object,
        *,
        subresource: str | None = None,
    ) -> Object:
        """Replace an object; one that has an outdated resourceVersion gives 409."""
        name = obj["metadata"]["name"]
        body = {"apiVersion": f"{group}/{version}" if group else version, **obj}
        path = resource_path(group, version, plural, namespace, name, subresource)
        return self.ask("PUT", path, body)

    def patch(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None,
        name: str,
        patch: Object,
        *,
        subresource: str | None = None,
        content_type: str = MERGE_PATCH,
    ) -> Object:
        """Patch an object, by default with a merge patch."""
        path = resource_path(group, version, plural, namespace, name, subresource)
        return self.ask("PATCH", path, patch, content_type=content_type)

    def patch_status(
        self, group: str, version: str, plural: str, namespace: str | None, name: str, status: Object
    ) -> Object:
        """Merge into the status of an object: through its status subresource, or without one directly."""
        try:
            return self.patch(
                group, version, plural, namespace, name, {"status": status}, subresource="status"
            )
        except ApiError as error:
            if error.status != 404:
                raise
        return self.patch(group, version, plural, namespace, name, {"status": status})

    def delete(self, group: str, version: str, plural: str, namespace: str | None, name: str) -> None:
        """Delete an object."""
        self.ask("DELETE", resource_path(group, version, plural, namespace, name))

    @contextlib.contextmanager
    def watch(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None = None,
        query: Query | None = None,
        *,
        token: str | None = ADMIN_TOKEN,
        timeout: float = 30.0,
    ) -> Iterator[Iterator[Object]]:
        """Open a watch; the iterator of its events ends with the stream.

        Nothing heard for `timeout` seconds raises TimeoutError.
        """
        connection = self._connect(timeout)
        path = resource_path(group, version, plural, namespace)
        try:
            response = self._send(
                connection, "GET", path, None, {"watch": True, **(query or {})}, token, JSON_TYPE, None
            )
            if response.status != 200:
                raise ApiError(response.status, response.read())
            with response:
                yield (json.loads(line) for line in iter(response.readline, b""))
        finally:
            connection.close()

    # Custom resource definitions

    def apply_crd(self, manifest: Object) -> None:
        """Create or replace a custom resource definition and wait until all its versions are served."""
        coordinates = ("apiextensions.k8s.io", "v1", "customresourcedefinitions", None)
        name = manifest["metadata"]["name"]
        try:
            self.create(*coordinates, {key: manifest[key] for key in manifest if key != "status"})
        except ApiError as error:
            if error.status != 409:
                raise
            present = self.get(*coordinates, name)["metadata"]["resourceVersion"]
            metadata = {**manifest["metadata"], "resourceVersion": present}
            self.replace(*coordinates, {**manifest, "metadata": metadata})

        wait_until(
            functools.partial(self._establish, name), f"custom resource definition {name} is established"
        )
        spec = manifest["spec"]
        for version in spec["versions"]:
            if version["served"]:
                path = resource_path(spec["group"], version["name"], spec["names"]["plural"])
                wait_until(functools.partial(self._serves, path), f"{path} is served")

    def delete_crd(self, name: str) -> None:
        """Delete a custom resource definition with all its objects and wait until both are gone."""
        path = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions", None, name)
        spec = self.ask("DELETE", path)["spec"]
        wait_until(lambda: self.request("GET", path).status == 404, f"{name} is gone")
        for version in spec["versions"]:
            served = resource_path(spec["group"], version["name"], spec["names"]["plural"])
            wait_until(functools.partial(self._misses, served), f"{served} is gone")

    def _establish(self, name: str) -> bool:
        """Say whether a custom resource definition is established, and for long already.

        The server delays the first object by two seconds where that was just now, for the sake of
        clusters of several servers. To save every test that time the condition is dated back.
        """
        path = resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions", None, name)
        present = self.ask("GET", path)
        conditions: list[Object] = present.get("status", {}).get("conditions") or []
        if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            return False
        aged = [{**condition, "lastTransitionTime": LONG_AGO} for condition in conditions]
        patch = {
            "metadata": {"resourceVersion": present["metadata"]["resourceVersion"]},
            "status": {"conditions": aged},
        }
        written = self.request("PATCH", f"{path}/status", patch, content_type=MERGE_PATCH)
        return written.status != 409

    def _misses(self, path: str) -> bool:
        return self.request("GET", path, query={"limit": 1}).status == 404

    def _serves(self, path: str) -> bool:
        directory, _, plural = path.rpartition("/")
        discovery = self.request("GET", directory)
        return (
            discovery.status == 200
            and any(resource["name"] == plural for resource in discovery.json()["resources"])
            and self.request("GET", path, query={"limit": 1}).status == 200
        )


def write_kubeconfig(path: Path, content: Object) -> Path:
    """Write a kubeconfig file that only its owner can read; JSON is YAML too."""
    path.write_text(json.dumps(content, indent=2))
    path.chmod(0o600)
    return path
