"""The demo's page of what arrived: everything is shown, and nothing that arrives can harm whoever looks."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backup_sentinel.demo.receivers import CHAT, Inbox
from demo.receivers.test_mail import mail, send


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[Inbox]:
    async with Inbox(tmp_path / "mail", "127.0.0.1:0") as inbox:
        yield inbox


async def post(inbox: Inbox, body: Any) -> tuple[int, str]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with aiohttp.ClientSession() as client, client.post(f"{inbox.url}{CHAT}", data=data) as answer:
        return answer.status, await answer.text()


async def page(inbox: Inbox) -> tuple[str, str]:
    """Return the page and its policy."""
    async with aiohttp.ClientSession() as client, client.get(inbox.url) as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers["Content-Security-Policy"]


async def test_an_empty_one_says_so(inbox: Inbox) -> None:
    text, _ = await page(inbox)
    assert text.count("Nothing yet.") == 2
    assert str(inbox.mail.folder) in text


async def test_mails_are_shown_the_newest_first_and_in_frames(inbox: Inbox) -> None:
    rich = mail("plain text", "second")
    rich.add_alternative("<p>rich <b>text</b></p><script>alert(1)</script>", subtype="html")
    await asyncio.to_thread(send, inbox.mail.port, mail("<script>plain</script>", "<b>first</b>"), rich)
    text, policy = await page(inbox)
    assert re.findall("<summary>(.*?)</summary>", text) == ["second", "&lt;b&gt;first&lt;/b&gt;"]
    frames = [
        html.unescape(one)
        for one in re.findall(r'<iframe sandbox="[a-z -]+" title="Mail" srcdoc="(.*?)">', text, re.DOTALL)
    ]
    assert "<p>rich <b>text</b></p>" in frames[0]
    assert "<pre>&lt;script&gt;plain&lt;/script&gt;" in frames[1]
    assert "<script" not in text
    assert "allow-scripts" not in text
    assert "allow-same-origin" not in text
    assert "default-src 'none'" in policy


async def test_chat_messages_are_shown(inbox: Inbox) -> None:
    part = {
        "color": "#a30200",
        "title": "A backup failed.",
        "title_link": "https://runbooks.example.com/x",
        "text": "why &lt;b&gt; &amp;amp; <i>",
        "footer": "firing",
    }
    assert await post(inbox, {"text": "[FIRING:1] <x>", "attachments": [part], "unknown": 1}) == (200, "ok")
    text, _ = await page(inbox)
    assert "<b>[FIRING:1] &lt;x&gt;</b>" in text
    assert 'style="border-color: #a30200"' in text
    assert '<a href="https://runbooks.example.com/x">A backup failed.</a>' in text
    assert "why &lt;b&gt; &amp;amp; &lt;i&gt;" in text


async def test_links_and_colours_are_only_that(inbox: Inbox) -> None:
    part = {"color": "red; background: url(x)", "title": "t", "title_link": "javascript:alert(1)"}
    await post(inbox, {"text": "x", "attachments": [part]})
    text, _ = await page(inbox)
    assert "javascript" not in text
    assert "url(x)" not in text


@pytest.mark.parametrize("body", [b"", b"{", [], {"attachments": []}, b"\xff", {"text": 1}])
async def test_what_is_no_message_is_refused(body: Any, inbox: Inbox) -> None:
    assert await post(inbox, body) == (400, "invalid_payload")
    assert not inbox.chat.lines
