"""Clusters from Secrets with the label `backup-sentinel.io/cluster=true`, watched: they come, change and go at run time.

What was read stays while the API server is away, and a Secret that is edited into something unusable keeps its cluster
as it was: a typing error must not make a cluster vanish from the metrics.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from backup_sentinel.clock import Clock
from backup_sentinel.errors import AccessError, ProblemReason
from backup_sentinel.kube import credentials
from backup_sentinel.kube.access import Access
from backup_sentinel.kube.client import Client
from backup_sentinel.kube.discovery import Discovery
from backup_sentinel.kube.reflector import Reflector
from backup_sentinel.kube.resource import ResourceType
from backup_sentinel.kube.secret import Secret
from backup_sentinel.kube.settings import ClusterSettings
from backup_sentinel.kube.timing import Timing
from backup_sentinel.model import Problem

from .folder import Folder
from .herald import Herald
from .labelled import Labelled, SecretDecoder
from .precedence import Candidate, Rank
from .shelf import Shelf

LABEL = "backup-sentinel.io/cluster=true"
"""The label selector."""

SECRETS = ResourceType("", ("v1",), "secrets")

RETRY = 30.0
"""Seconds until what ended for a reason nobody foresaw, or had no credentials, is tried again."""

_log = logging.getLogger("backup_sentinel.fleet")


class SecretSource:
    """Watches labelled Secrets in some namespaces of one cluster.

    `home` is the access to that cluster, by default the service account of this pod; without `namespaces` it is the
    namespace that comes with that access. `problem` is told of each Secret that cannot be used, once per version.
    Run it with `run`; `candidates` may be read at any time.
    """

    def __init__(
        self,
        home: ClusterSettings | None = None,
        namespaces: Sequence[str] = (),
        *,
        clock: Clock | None = None,
        gate: asyncio.Semaphore | None = None,
        timing: Timing | None = None,
        problem: Callable[[Problem], None] | None = None,
    ) -> None:
        self._home = home or ClusterSettings(in_cluster=True)
        self._clock = clock or Clock()
        self._gate = gate or asyncio.Semaphore(1)
        self._timing = timing or Timing()
        self._problem = problem or (lambda _: None)
        self._herald = Herald()
        self._folder = Folder()
        self._shelves = {namespace: self._shelf() for namespace in dict.fromkeys(namespaces)}
        self._settled = asyncio.Event()

    def candidates(self) -> list[Candidate]:
        """Return the clusters that the Secrets describe now."""
        return [candidate for shelf in self._shelves.values() for candidate in shelf.candidates()]

    async def settled(self) -> None:
        """Wait until every namespace has been read, or could not be."""
        await self._settled.wait()

    async def run(self, changed: Callable[[], None]) -> None:
        """Watch until cancelled; `changed` is called after the candidates may have changed."""
        try:
            await self._find_namespace()
            async with (
                Client(Access(self._home, self._clock), self._clock) as client,
                asyncio.TaskGroup() as tasks,
            ):
                discovery = Discovery(client, self._clock)
                for namespace in self._shelves:
                    tasks.create_task(
                        self._follow(client, discovery, namespace, changed), name=f"secrets {namespace}"
                    )
        finally:
            self._folder.close()

    async def _find_namespace(self) -> None:
        while not self._shelves:
            try:
                found = await credentials.load(self._home)
            except AccessError as error:
                self._herald.unreachable(str(error))
                self._settled.set()
                await self._clock.sleep(RETRY)
            else:
                self._shelves[found.namespace or "default"] = self._shelf()

    async def _follow(
        self, client: Client, discovery: Discovery, namespace: str, changed: Callable[[], None]
    ) -> None:
        shelf = self._shelves[namespace]
        while True:
            reflector = Reflector(
                client,
                SECRETS,
                SecretDecoder(),
                clock=self._clock,
                gate=self._gate,
                discovery=discovery,
                namespace=namespace,
                selector=LABEL,
                timing=self._timing,
            )
            try:
                async with aclosing(reflector.changes()) as changes:
                    async for change in changes:
                        self._herald.heard(namespace, change)
                        if shelf.take(change):
                            changed()
                        if all(shelf.settled for shelf in self._shelves.values()):
                            self._settled.set()
            except Exception:  # noqa: BLE001 - a defect here may not end what the clusters are watched by
                _log.exception(
                    "a defect of this program", extra={"resource": str(SECRETS), "namespace": namespace}
                )
            await self._clock.sleep(RETRY)

    def _shelf(self) -> Shelf:
        return Shelf(self._candidate, self._refuse, self._folder.drop)

    def _candidate(self, secret: Labelled) -> Candidate | None:
        settings = secret.settings
        assert settings is not None
        if secret.kubeconfig is not None:
            try:
                path = self._folder.hold(secret.key, Secret(str.__str__(secret.kubeconfig)))
            except OSError as error:
                detail = f"its kubeconfig cannot be kept: {error.strerror or 'no temporary folder'}"
                self._refuse(secret, Problem(ProblemReason.UNDECODABLE, "data.kubeconfig", detail))
                return None
            settings = msgspec.structs.replace(settings, kubeconfig=path)
        else:
            self._folder.drop(secret.key)
        return Candidate(
            settings=settings,
            rank=Rank.SECRET,
            origin=secret.origin,
            age=(secret.created, secret.namespace, secret.name),
        )

    def _refuse(self, secret: Labelled, problem: Problem) -> None:
        self._problem(problem)
        kept = any(candidate.origin == secret.origin for candidate in self.candidates())
        self._herald.refused(secret, problem, kept=kept)
