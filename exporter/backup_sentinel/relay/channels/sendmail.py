"""Mail by a program of this host, for hosts whose mail system is set up already.

`sendmail` is the interface of Postfix, msmtp, dma and all others: the mail on standard input, the envelope in the
arguments, and exit codes of `sysexits.h`. `ns8-sendmail` is NethServer 8's, which sends by the smarthost of the cluster: the
subject in the arguments, HTML on standard input, and one recipient, since it joins several into one address.
"""

from collections import OrderedDict
from typing import Annotated, Literal

import msgspec

from backup_sentinel.cause.secret import redact
from backup_sentinel.errors import DeliveryError, DeliveryReason
from backup_sentinel.relay.mail import address, compose, line, thread
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.process import Outcome, ProcessError, run
from backup_sentinel.relay.rendering import Rendering

from .channel import Channel, ChannelSettings, Content

Addresses = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
Arguments = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]

PROGRAMS = {"sendmail": ("/usr/sbin/sendmail", "-i"), "ns8-sendmail": ("ns8-sendmail",)}
REMEMBERED = 1000
"""Mails that some recipients have and others not, of which is remembered who has them."""
_EXITS = {
    64: DeliveryReason.REJECTED,  # EX_USAGE
    65: DeliveryReason.REJECTED,  # EX_DATAERR
    67: DeliveryReason.REJECTED,  # EX_NOUSER
    68: DeliveryReason.REJECTED,  # EX_NOHOST
    77: DeliveryReason.UNAUTHORIZED,  # EX_NOPERM
    126: DeliveryReason.UNREACHABLE,  # a wrapper could not start it
    127: DeliveryReason.UNREACHABLE,
}
"""What an exit code means; any other one is tried again, such as 75, EX_TEMPFAIL."""


class SendmailSettings(ChannelSettings, frozen=True, kw_only=True, tag="sendmail"):
    """Sends mail by a program of this host: `sendmail`, or NethServer 8's `ns8-sendmail`."""

    interface: Literal["sendmail", "ns8-sendmail"] = "sendmail"
    """How the program takes a mail. `ns8-sendmail` takes HTML alone, and is run once for each recipient."""
    command: Arguments | None = None
    """Program and first arguments; no shell. Unless given `/usr/sbin/sendmail -i`, or `ns8-sendmail`."""
    from_: str = msgspec.field(name="from")
    """Sender, such as `backups@example.org`."""
    to: Addresses
    """Recipients."""
    subject_prefix: str = ""
    """Stands before each subject, such as `[backup] `."""
    subject: str | None = None
    """Template of the subject; what it gives is put on one line."""
    text: str | None = None
    """Template of the text."""
    html: str | None = None
    """Template of the HTML; values are escaped."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for each in (self.from_, *self.to):
            if address(each).addr_spec.startswith("-"):
                raise ValueError(f"{each!r} would be an option of the program")
        if not self.subject_prefix.isprintable():
            raise ValueError("`subject_prefix` holds a character that a subject must not")
        if self.command is not None and not self.command[0]:
            raise ValueError("`command` names no program")

    def open(self, rendering: Rendering) -> Channel:
        """Return the channel. Raises SentinelError for templates."""
        return SendmailChannel(self, rendering)


class SendmailChannel:
    """Runs the program once per mail."""

    def __init__(self, settings: SendmailSettings, rendering: Rendering) -> None:
        self._settings = settings
        name = f"channel {settings.name}"
        self._subject = rendering.choose(settings.subject, f"{name}, subject", "email.subject.txt")
        self._text = rendering.choose(settings.text, f"{name}, text", "email.txt")
        self._html = rendering.choose(settings.html, f"{name}, html", "email.html")
        self._command = settings.command or PROGRAMS[settings.interface]
        self._sender = address(settings.from_)
        self._taken: OrderedDict[str, set[str]] = OrderedDict()

    def render(self, delivery: Delivery) -> Content:
        """Return the text, and as fields the subject, the HTML and the ids of mail and thread."""
        fields = thread(delivery, self._sender.domain)
        subject = self._settings.subject_prefix + line(self._subject.render(delivery))
        fields["subject"] = subject.lstrip("- ")  # it is an argument
        fields["html"] = self._html.render(delivery)
        return Content(
            body=self._text.render(delivery), content_type="text/plain; charset=utf-8", fields=fields
        )

    async def send(self, delivery: Delivery, content: Content) -> None:
        """Run the program; what it has taken for some recipients is not given to them again."""
        settings = self._settings
        recipients = list(dict.fromkeys(address(each).addr_spec for each in settings.to))
        if settings.interface == "sendmail":
            mail = compose(
                delivery, content.body, content.fields, sender=settings.from_, to=settings.to
            ).as_bytes()
            await self._run(["-f", self._sender.addr_spec, "--", *recipients], mail)
            return
        taken = self._taken.get(delivery.id, set())
        options = ["-s", content.fields["subject"], "-f", self._sender.addr_spec]
        failures: list[DeliveryError] = []
        for each in recipients:
            if each not in taken:
                try:
                    await self._run([*options, each], content.fields["html"].encode())
                except DeliveryError as error:
                    failures.append(error)
                else:
                    taken.add(each)
                    self._remember(delivery.id, taken)
        if failures:
            raise min(failures, key=lambda error: not error.retry)  # as long as one may still succeed
        self._taken.pop(delivery.id, None)

    async def close(self) -> None:
        """Every program has ended with its mail."""

    async def _run(self, arguments: list[str], text: bytes) -> None:
        """Run the program. Raises DeliveryError."""
        command = (*self._command, *arguments)
        seconds = self._settings.delivery.timeout_seconds
        try:
            outcome = await run(command, seconds=seconds, text=text)
        except ProcessError as error:
            raise DeliveryError(str(error), reason=DeliveryReason.UNREACHABLE) from None
        if outcome.code is None:
            raise DeliveryError(f"{command[0]} did not end in time", reason=DeliveryReason.TIMEOUT)
        if outcome.code:
            reason = _EXITS.get(outcome.code, DeliveryReason.SERVER_ERROR)
            raise DeliveryError(_why(command[0], outcome), reason=reason)

    def _remember(self, delivery: str, taken: set[str]) -> None:
        self._taken[delivery] = taken
        self._taken.move_to_end(delivery)
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)


def _why(program: str, outcome: Outcome) -> str:
    """Return what a program said last: that is where a traceback says what happened."""
    said = (outcome.errors.strip() or outcome.output.strip()).splitlines()
    return f"{program} ended with {outcome.code}: {redact(line(said[-1])) if said else 'it says nothing'}"
