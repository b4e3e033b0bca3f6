"""A real SMTP server on the loopback interface, with STARTTLS and login, that can be made to refuse."""
# ruff: noqa: ARG002 - aiosmtpd hands over more than is used

from __future__ import annotations

import asyncio
import ssl
import threading
import warnings
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Answers = dict[str, str]
"""What to answer instead of taking: by command (`AUTH`, `MAIL`, `RCPT`, `DATA`, `CUT`) or recipient."""


class Mail(NamedTuple):
    """A mail that was taken."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    encrypted: bool
    user: str


class MailServer:
    """Takes mails into `mails`; `answers` makes it refuse. The port stays the same over restarts.

    `tls` is the server's context: with `implicit` from the first byte, else by STARTTLS. With `users` nobody sends
    without logging in, and nobody logs in without TLS.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: dict[str, str] | None = None,
        size: int = 1 << 20,
    ) -> None:
        self.mails: list[Mail] = []
        self.answers: Answers = {}
        self.port = 0
        self._tls = tls
        self._implicit = implicit
        self._users = users
        self._size = size
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._transports: set[asyncio.WriteTransport] = set()

    def start(self) -> None:
        """Listen, in a thread of its own; returns when connections are taken."""
        ready: list[BaseException | None] = []
        listening = threading.Event()

        def serve() -> None:
            loop = self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)  # aiosmtpd makes streams, which ask for it
            try:
                server = loop.run_until_complete(self._listen(loop))
            except BaseException as error:  # noqa: BLE001 - it is raised in the other thread
                ready.append(error)
                listening.set()
                loop.close()
                return
            self.port = server.sockets[0].getsockname()[1]
            listening.set()
            loop.run_forever()
            loop.run_until_complete(self._end(server))
            loop.close()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        listening.wait()
        if ready and ready[0] is not None:
            raise ready[0]

    def stop(self) -> None:
        """Stop listening and cut all connections."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._thread = None

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        implicit = self._tls if self._implicit else None
        return await loop.create_server(self._protocol, "127.0.0.1", self.port, ssl=implicit)

    async def _end(self, server: asyncio.Server) -> None:
        """Cut all connections, and wait until they are closed."""
        server.close()
        for transport in self._transports:
            transport.abort()
        self._transports.clear()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(5):
            while getattr(server, "_active_count", 0):  # noqa: ASYNC110 - Python 3.12 has `wait_closed` for it
                await asyncio.sleep(0.005)

    def _protocol(self) -> SMTP:
        owner = self

        class Server(SMTP):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.WriteTransport)
                owner._transports.add(transport)
                super().connection_made(transport)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of logging in without STARTTLS: TLS was there from the start
            return self._server(Server)

    def _server(self, kind: type[SMTP]) -> SMTP:
        secret = self._tls is not None
        return kind(
            _Handler(self),
            hostname="mail.example.org",
            data_size_limit=self._size,
            enable_SMTPUTF8=True,
            tls_context=None if self._implicit else self._tls,
            require_starttls=secret and not self._implicit,
            auth_required=self._users is not None,
            auth_require_tls=not self._implicit,
            authenticator=self._authenticate,
            loop=self._loop,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        if "AUTH" in self.answers:
            return AuthResult(success=False, handled=False, message=self.answers["AUTH"])
        assert isinstance(data, LoginPassword)
        user = data.login.decode()
        known = (self._users or {}).get(user) == data.password.decode()
        return AuthResult(success=known, handled=False, auth_data=user)


class _Handler:
    """What aiosmtpd asks; its names are fixed."""

    def __init__(self, owner: MailServer) -> None:
        self._owner = owner

    async def handle_MAIL(  # noqa: N802 - of aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self._owner.answers:
            return self._owner.answers["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - of aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        for refused in ("RCPT", address):
            if refused in self._owner.answers:
                return self._owner.answers[refused]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - of aiosmtpd
        if "CUT" in self._owner.answers:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 nobody reads this"
        if "DATA" in self._owner.answers:
            return self._owner.answers["DATA"]
        raw = envelope.original_content
        assert raw is not None
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self._owner.mails.append(
            Mail(
                str(envelope.mail_from),
                tuple(envelope.rcpt_tos),
                message,
                encrypted=server.transport is not None
                and server.transport.get_extra_info("sslcontext") is not None,
                user=str(getattr(session, "auth_data", None) or ""),
            )
        )
        return "250 OK"
