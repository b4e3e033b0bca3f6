"""Clusters from environment variables, as users of a Kasten alerter have them.

    CLUSTER_<N>_NAME         the value of the metric label `cluster`; required
    CLUSTER_<N>_LABEL        what pages and mails show instead
    CLUSTER_<N>_API_URL      address of the API server
    CLUSTER_<N>_TOKEN        bearer token, or
    CLUSTER_<N>_TOKEN_FILE   a file that holds it and is read again when it changes
    CLUSTER_<N>_CA_FILE      certificate authority (PEM)
    CLUSTER_<N>_INSECURE     true: the server's certificate is not checked
    CLUSTER_<N>_IN_CLUSTER   true: the cluster this process runs in; then neither address nor token is given

N is any integer; gaps are allowed. An empty variable counts as none. Other variables of this form are left alone, because
a Service called `cluster-1` brings its own, but a misspelled one is refused.
"""

import difflib
import os
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from backup_sentinel.kube.settings import ClusterSettings

from . import words
from .error import SettingError

T = TypeVar("T")

SUFFIXES = ("NAME", "LABEL", "API_URL", "TOKEN", "TOKEN_FILE", "CA_FILE", "INSECURE", "IN_CLUSTER")

_VARIABLE = re.compile(r"CLUSTER_(-?[0-9]+)_([A-Z0-9_]+)")
_LIKENESS = 0.8


def read(environ: Mapping[str, str] = os.environ) -> tuple[ClusterSettings, ...]:
    """Return the clusters in the order of their numbers. Raises SettingError with the variable and a hint."""
    groups: dict[str, dict[str, str]] = {}
    for variable, value in environ.items():
        found = _VARIABLE.fullmatch(variable)
        if found is not None and value.strip() and _known(variable, found[2]):
            groups.setdefault(found[1], {})[found[2]] = value.strip()
    clusters: dict[str, tuple[str, ClusterSettings]] = {}
    for number in sorted(groups, key=lambda number: (int(number), number)):
        group = _Group(number, groups[number])
        settings = group.settings()
        taken, _ = clusters.get(settings.name, ("", None))
        if taken:
            raise SettingError(
                group.variable("NAME"),
                f"the name `{settings.name}` is taken by {taken}",
                hint="each cluster needs a name of its own: it becomes the label `cluster` of its metrics",
            )
        clusters[settings.name] = group.variable("NAME"), settings
    return tuple(settings for _, settings in clusters.values())


def _known(variable: str, suffix: str) -> bool:
    if suffix in SUFFIXES:
        return True
    alike = difflib.get_close_matches(suffix, SUFFIXES, n=1, cutoff=_LIKENESS)
    if alike:
        meant = variable.removesuffix(suffix) + alike[0]
        raise SettingError(variable, "no such variable", hint=f"did you mean {meant}?")
    return False


class _Group:
    """The variables of one number."""

    def __init__(self, number: str, values: Mapping[str, str]) -> None:
        self._number = number
        self._values = values

    def variable(self, suffix: str) -> str:
        return f"CLUSTER_{self._number}_{suffix}"

    def settings(self) -> ClusterSettings:
        name = self._read("NAME", words.name)
        if not name:
            there = ", ".join(sorted(self.variable(suffix) for suffix in self._values))
            raise self._error(
                "NAME",
                f"is missing, but {there} is set",
                "set it: it becomes the label `cluster` of the metrics",
            )
        in_cluster = self._read("IN_CLUSTER", words.flag) or False
        self._check(in_cluster=in_cluster)
        try:
            return ClusterSettings(
                name=name,
                label=self._read("LABEL", words.name),
                in_cluster=in_cluster,
                api_url=self._values.get("API_URL"),
                token=self._read("TOKEN", words.token),
                token_file=self._values.get("TOKEN_FILE"),
                ca_file=self._values.get("CA_FILE"),
                insecure=self._read("INSECURE", words.flag) or False,
            )
        except ValueError as error:
            # Only the address is left to be wrong; its words name a field of the configuration.
            raise self._error(
                "API_URL",
                re.sub("`api_url` ", "", str(error)),
                "write for example https://prod-eu.example.org:6443",
            ) from None

    def _check(self, *, in_cluster: bool) -> None:
        given = self._values
        if in_cluster:
            for suffix in ("API_URL", "TOKEN", "TOKEN_FILE"):
                if suffix in given:
                    raise self._error(
                        suffix,
                        f"does not go together with {self.variable('IN_CLUSTER')}",
                        "remove one: inside its cluster the process uses its own service account",
                    )
        elif "API_URL" not in given:
            raise self._error("API_URL", "is missing", f"set it, or {self.variable('IN_CLUSTER')}=true")
        if "TOKEN" in given and "TOKEN_FILE" in given:
            raise self._error(
                "TOKEN_FILE", f"does not go together with {self.variable('TOKEN')}", "remove one"
            )

    def _read(self, suffix: str, convert: Callable[[str], T]) -> T | None:
        try:
            return convert(self._values[suffix]) if suffix in self._values else None
        except ValueError as error:
            hint = "true, 1, yes and on are true; false, 0, no and off are false"
            raise self._error(suffix, str(error), hint if convert is words.flag else "") from None

    def _error(self, suffix: str, message: str, hint: str) -> SettingError:
        return SettingError(self.variable(suffix), message, hint=hint)
