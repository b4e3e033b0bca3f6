"""A mail server on loopback that insists on STARTTLS and a password, as those of providers do, and keeps what it gets."""

from __future__ import annotations

import email
import email.policy
import ssl
import threading
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, NamedTuple, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from serving.certificates import Authority
from support.process import free_port, wait_until


class Mail(NamedTuple):
    """A message as it was handed over: who it is from and to in the envelope, and its content."""

    sender: str
    recipients: list[str]
    encrypted: bool
    user: str
    message: EmailMessage

    def part(self, kind: str) -> str:
        """Return the text of the part of a content type."""
        [found] = [part for part in self.message.walk() if part.get_content_type() == kind]
        return str(found.get_content())


class Mailbox:
    """Serves while it is entered. `attempts` are the names and passwords that were tried."""

    def __init__(self, authority: Authority, user: str, password: str) -> None:
        pair = authority.sign("mail", "IP:127.0.0.1", usage="serverAuth")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.cert, pair.key)
        self.attempts: list[tuple[str, str]] = []
        self._mails: list[Mail] = []
        self._lock = threading.Lock()
        self._known = (user, password)
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            auth_exclude_mechanism=["LOGIN"],  # Its prompts are not the ones that Alertmanager waits for.
            authenticator=self._authenticate,
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self._controller.hostname}:{self._controller.port}"

    def _authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        del server, envelope, mechanism
        assert isinstance(data, LoginPassword)
        tried = (data.login.decode(), data.password.decode())
        self.attempts.append(tried)
        session.user = tried[0]
        return AuthResult(success=tried == self._known, handled=False)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message."""
        del server
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        mail = Mail(envelope.mail_from, envelope.rcpt_tos, session.ssl is not None, session.user, message)
        with self._lock:
            self._mails.append(mail)
        return "250 taken"

    def got(self) -> list[Mail]:
        """Return the messages so far."""
        with self._lock:
            return list(self._mails)

    def wait_for(self, check: Callable[[Mail], bool]) -> Mail:
        """Return the first message of that kind as soon as it is there."""
        found = wait_until(lambda: next(filter(check, self.got()), None), "a mail")
        assert isinstance(found, Mail)
        return found
