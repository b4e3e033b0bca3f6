"""The rules in force: read at start, and anew while the process runs."""

import logging
import time
from pathlib import Path
from typing import Self

from backup_sentinel.errors import DocumentError

from .file import Rules, read
from .rate import Bucket
from .users import Verdicts
from .watch import Watch, young

_log = logging.getLogger("backup_sentinel.serving")


class FrontDoor:
    """Who may come in, as a web-config file says; the file and the certificates it names may change at any time.

    They are looked at when somebody comes, at most once per interval. A new version that cannot be used is logged
    once, and the old one stays in force; so it does while a file is being written: one younger than an interval is
    read when it has not changed for another one, and an empty one never replaces rules. TLS cannot be switched on or
    off, nor can it in the toolkit.
    """

    def __init__(self, path: Path, rules: Rules, watch: Watch, interval: float) -> None:
        self._path = path
        self._rules = rules
        self._watch = watch
        self._interval = interval
        self._due = time.monotonic() + interval
        self._unsettled: object = None
        self._bucket = Bucket(rules.rate) if rules.rate else None
        self.verdicts = Verdicts()
        """What is known of passwords."""

    @classmethod
    def load(cls, path: str, *, interval: float = 1.0) -> Self:
        """Read a web-config file; `interval` is the least number of seconds between two looks at it.

        Raises DocumentError with line, column, caret and hint, and without secrets, also where the file or one that
        it names cannot be read. Paths in it are relative to its folder.
        """
        watch = Watch()
        rules = read(Path(path), watch)
        for note in rules.notes:
            _log.warning("the web configuration asks for something that has no effect", extra={"note": note})
        return cls(Path(path), rules, watch, interval)

    @property
    def encrypts(self) -> bool:
        """Tell whether connections are TLS; the same for the whole life of a door."""
        return self._rules.context is not None

    def rules(self) -> Rules:
        """Return the rules in force now."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._interval
            self._look()
        return self._rules

    def takes(self) -> bool:
        """Count a request; False where the rate limit is exceeded."""
        return self._bucket is None or self._bucket.take()

    def close(self) -> None:
        """Give up passwords that wait for their verdict."""
        self.verdicts.close()

    def _look(self) -> None:
        now = self._watch.look()
        if not self._watch.changed(now):
            return
        if now != self._unsettled and young(now[self._path], self._interval):
            self._unsettled = now
            return
        self._unsettled = None
        watch = Watch()
        try:
            self._replace(read(self._path, watch))
        except Exception as error:  # noqa: BLE001 - whatever it is, it neither opens the door nor shuts it
            _log.error(
                "the web configuration has changed and cannot be used; the old one stays in force",
                extra={"error": str(error) if isinstance(error, DocumentError) else type(error).__name__},
            )
            watch.keep(self._watch)  # so that certificates named before can heal it, too
        self._watch = watch

    def _replace(self, rules: Rules) -> None:
        name = str(self._path)
        if rules.empty:
            raise DocumentError("the file is empty", file=name, hint="write {} for no restrictions")
        if (rules.context is None) is self.encrypts:
            raise DocumentError(
                "TLS cannot be switched on or off here", file=name, hint="restart the process"
            )
        if rules.rate != self._rules.rate:
            self._bucket = Bucket(rules.rate) if rules.rate else None
        self._rules = rules
        _log.info(
            "web configuration read anew",
            extra={"tls": self.encrypts, "users": len(rules.users), "notes": list(rules.notes)},
        )
