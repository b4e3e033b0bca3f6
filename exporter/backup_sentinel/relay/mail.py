"""A mail as it is written down, whoever carries it: addresses, headers, and the text in two forms.

`Message-ID` is made of the delivery's id, so that a mail sent again after a lost answer is the same mail. All mails of
an alert group refer to the same first message, which is never sent: mail programs show them as one thread (RFC 5322,
section 3.6.4).
"""

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address, HeaderRegistry, MessageIDHeader, UniqueUnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, Policy
from typing import Any

from backup_sentinel.errors import DeliveryError, DeliveryReason

from .message import Delivery


class SubjectHeader(UniqueUnstructuredHeader):
    """A subject that is folded at its blanks. The library leaves the first line empty where all of it fits on the second."""

    def fold(self, *, policy: Policy) -> str:
        """Return the header as lines."""
        text = Header(str(self), header_name="Subject").encode(splitchars=" ", linesep=policy.linesep)
        return f"Subject: {text}{policy.linesep}"


_HEADERS: dict[str, Any] = {  # typeshed does not know that these are headers
    "subject": SubjectHeader,
    # The library has no type for these two, and makes encoded words of long ones, which are no ids then.
    "in-reply-to": MessageIDHeader,
    "references": MessageIDHeader,
}
_registry = HeaderRegistry()
for _name, _kind in _HEADERS.items():
    _registry.map_to_type(_name, _kind)
_ASCII, _UTF8 = (policy.clone(header_factory=_registry) for policy in (SMTP, SMTPUTF8))


def thread(delivery: Delivery, domain: str) -> dict[str, str]:
    """Return the ids of a mail and of the thread that it belongs to."""
    group = hashlib.sha256(delivery.message.group_key.encode()).hexdigest()[:32]
    return {"message_id": f"<{delivery.id}@{domain}>", "references": f"<group-{group}@{domain}>"}


def compose(
    delivery: Delivery,
    text: str,
    fields: Mapping[str, str],
    *,
    sender: str,
    to: Sequence[str],
    cc: Sequence[str] = (),
    reply_to: Sequence[str] = (),
) -> EmailMessage:
    """Return the mail. `fields` are those of `thread`, the subject, and the HTML where there is any.

    Raises DeliveryError with reason TEMPLATE where a field cannot stand in a mail.
    """
    specs = (address(each).addr_spec for each in (sender, *to, *cc, *reply_to))
    mail = EmailMessage(policy=_ASCII if all(map(str.isascii, specs)) else _UTF8)
    try:
        mail["From"] = address(sender)
        for header, found in (("To", to), ("Cc", cc), ("Reply-To", reply_to)):
            if found:
                mail[header] = tuple(address(each) for each in found)
        mail["Subject"] = fields["subject"]
        mail["Date"] = datetime.fromtimestamp(delivery.message.received, UTC)
        mail["Message-ID"] = fields["message_id"]
        mail["In-Reply-To"] = fields["references"]
        mail["References"] = fields["references"]
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers of holiday programs
        mail.set_content(text, cte="quoted-printable")
        if "html" in fields:
            mail.add_alternative(fields["html"], subtype="html", cte="quoted-printable")
    except (MessageError, ValueError) as error:
        raise DeliveryError(
            f"the mail cannot be written: {line(str(error))}", reason=DeliveryReason.TEMPLATE
        ) from None
    return mail


def address(text: str) -> Address:
    """Return an address with or without a name before it. Raises ValueError where it is none."""
    found = re.fullmatch(r"\s*(?:\"?([^<>\"]*?)\"?\s*<([^<>\s]+)>|([^<>\s,;]+))\s*", text)
    if found is not None and text.isprintable():
        with contextlib.suppress(MessageError, ValueError):
            user, _, domain = (found[2] or found[3]).rpartition("@")
            if user and domain:
                return Address(display_name=found[1] or "", username=user, domain=domain)
    raise ValueError(f"{text!r} is no mail address")


def line(text: str) -> str:
    """Return the text on one line of at most 300 characters, without what a header or a log must not hold."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:300]
