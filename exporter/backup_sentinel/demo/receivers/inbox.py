"""The mail box and the chat room of the demo as one page."""

import html
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from aiohttp import web

from backup_sentinel.serving import address, bind

from .chat import PATH, Attachment, ChatRoom, Line
from .mail import MailBox

OPEN = 3
"""Mails that are shown in full at once; the others open by a click."""
_REFRESH = 10
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_STYLE = """
:root { color-scheme: light dark; --line: #8888; --card: #8881; --soft: #767676; }
body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; margin: 0 auto; max-width: 110rem; padding: 1rem 1.5rem; }
h1 { font-size: 1.25rem; } h2 { font-size: 1.05rem; } .soft { color: var(--soft); font-size: .87rem; }
a { color: inherit; }
main { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); gap: 1.5rem; align-items: start; }
@media (max-width: 60rem) { main { grid-template-columns: minmax(0, 1fr); } }
details, .line { border: 1px solid var(--line); border-radius: .5rem; margin-bottom: .8rem; padding: .6rem .9rem; background: var(--card); }
summary { cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
iframe { width: 100%; height: 26rem; border: 1px solid var(--line); border-radius: .3rem; background: #fff; margin-top: .5rem; }
.part { border-left: .3rem solid; padding: .1rem .8rem; margin: .5rem 0; overflow-wrap: anywhere; white-space: pre-line; }
"""


class Inbox:
    """Takes mail and chat messages and shows them; `async with` starts and ends the servers."""

    def __init__(self, folder: Path, listen: str) -> None:
        """`folder` is that of the Maildir."""
        self.mail = MailBox(folder)
        self.chat = ChatRoom()
        self.url = ""
        self._listen = listen
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Start. Raises ListenError."""
        socket = bind(self._listen)
        self.url = address(socket)
        application = web.Application(client_max_size=1 << 20)
        application.add_routes([web.get("/", self._page), web.post(PATH, self.chat.take)])
        self._runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, socket).start()
        await self.mail.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.mail.__aexit__()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _page(self, _: web.Request) -> web.Response:
        mails = [_mail(mail, index < OPEN) for index, mail in enumerate(self.mail.mails)]
        lines = [_line(line) for line in self.chat.lines]
        text = (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{_REFRESH}">'
            f'<meta name="viewport" content="width=device-width"><title>What arrives</title><style>{_STYLE}</style>'
            f'<h1>What arrives</h1><p class="soft">The newest first. The mails are files below {_safe(str(self.mail.folder))}.</p>'
            f"<main><section><h2>Mail</h2>{''.join(mails) or _NOTHING}</section>"
            f"<section><h2>Chat</h2>{''.join(lines) or _NOTHING}</section></main></html>"
        )
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)


_ALLOWED = "allow-popups allow-popups-to-escape-sandbox"
_OUTSIDE = '<!doctype html><base target="_blank">'
"""Links of a mail open beside the page."""
_NOTHING = '<p class="soft">Nothing yet.</p>'


def _mail(mail: EmailMessage, shown: bool) -> str:
    body = mail.get_body(("html", "plain"))
    content = str(body.get_content()) if body is not None else ""
    if body is not None and body.get_content_type() == "text/plain":
        content = f"<pre>{_safe(content)}</pre>"
    heads = "".join(f"<br>{name}: {_safe(str(mail[name]))}" for name in ("From", "To", "Date") if mail[name])
    frame = f'<iframe sandbox="{_ALLOWED}" title="Mail" srcdoc="{html.escape(_OUTSIDE + content)}"></iframe>'
    return (
        f"<details{' open' if shown else ''}><summary>{_safe(str(mail['Subject'] or ''))}</summary>"
        f'<div class="soft">{heads.removeprefix("<br>")}</div>{frame}</details>'
    )


def _line(line: Line) -> str:
    at = time.strftime("%H:%M:%S", time.gmtime(line.at))
    parts = "".join(_part(part) for part in line.attachments)
    return f'<div class="line"><b>{_said(line.text)}</b> <span class="soft">{at} UTC</span>{parts}</div>'


def _part(part: Attachment) -> str:
    color = part.color if part.color.removeprefix("#").isalnum() else "#dddddd"
    title = _said(part.title)
    if urlsplit(part.title_link).scheme in {"http", "https"}:
        title = f'<a href="{_safe(part.title_link)}">{title}</a>'
    foot = f'<br><span class="soft">{_said(part.footer)}</span>' if part.footer else ""
    return f'<div class="part" style="border-color: {color}"><b>{title}</b>\n{_said(part.text)}{foot}</div>'


def _said(text: str) -> str:
    """Return a text as Slack shows it: there these three characters are always written as entities."""
    return _safe(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _safe(text: str) -> str:
    return html.escape(text)
