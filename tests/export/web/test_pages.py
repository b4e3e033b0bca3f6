"""What the pages say, read as HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import bcrypt
import pytest

from backup_sentinel.telemetry import ENDPOINTS
from export.store.world import DAY, FAILED, FORBIDDEN, HOUR, UNREACHABLE, World, key, location, run, schedule
from export.web.kit import NASTY, NOW, Served, fleet, hostile, served

SCHEDULE = "/schedule?cluster=&operator=velero&resource_namespace=shop-backups&schedule=shop&action=backup"
VOID = {"meta", "input", "link", "br", "img"}


class Reader(HTMLParser):
    """Reads a page strictly: each element must be closed by itself."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        assert len(known) == len(attrs), (tag, attrs)
        self.elements.append((tag, known))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "a":
            self.links.append(known["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.words += data


def walk(site: Served, start: str = "/") -> dict[str, Reader]:
    """Read all pages that can be reached."""
    seen: dict[str, Reader] = {}
    todo = [start]
    while todo:
        path = todo.pop()
        if path in seen or path.startswith(("/api/", "/metrics")):
            continue
        seen[path] = Reader(site.text(path))
        todo += [urljoin(path, link) for link in seen[path].links if not link.startswith("#")]
    return seen


def test_every_page_is_well_formed_and_every_link_leads_somewhere() -> None:
    with served(fleet()) as site:
        pages = walk(site)
    kinds = {urlsplit(path).path for path in pages}
    assert kinds == {"/", "/schedule", "/run", "/locations", "/clusters"}


def test_problems_come_first_with_what_is_wrong() -> None:
    with served(fleet()) as site:
        whole = Reader(site.text("/")).words
    words = whole[whole.index("Needs a look") :]
    order = [
        words.index(text) for text in ("Needs a look: 1", "shop", "Everything else: 3", "nightly", "idle")
    ]
    assert order[0] < order[1] < order[2] < order[3]
    assert "the last run failed (credentials)" in words
    assert "location default is not available" in words
    assert "running for 1m, 50 % of the items" in words
    assert "Repository shop-repo" in whole
    assert "this cluster" in words


def test_a_schedule_and_a_run_tell_everything() -> None:
    with served(fleet()) as site:
        about = Reader(site.text(SCHEDULE))
        for text in ("last run failed", "Failures in a row", "not available", "0 * * * *"):
            assert text in about.words
        [link] = [link for link in about.links if link.startswith("run?")]
        told = Reader(site.text(urljoin(SCHEDULE, link))).words
    for text in ("Failed", "40 of 100", "shop, cart", "pvc-1", "1 not saved", "credentials", "AccessDenied"):
        assert text in told


def test_a_run_names_its_restores() -> None:
    with served(fleet()) as site:
        nightly = "cluster=prod&operator=velero&resource_namespace=velero&schedule=nightly&action=backup"
        name = f"nightly-{NOW - DAY:.0f}"
        told = Reader(site.text(f"/run?{nightly}&namespace=velero&name={name}"))
    assert "Restores of this run" in told.words
    assert any(parse_qs(urlsplit(link).query).get("action") == ["restore"] for link in told.links)


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("cluster=prod", ["nightly", "idle"], ["shop-backups"]),
        ("operator=velero&cluster=", ["nightly", "shop-backups"], []),
        ("state=problem", ["shop-backups"], ["nightly"]),
        ("state=paused", ["idle"], ["nightly"]),
        ("outcome=failed", ["shop-backups"], ["nightly"]),
        ("q=NIGHT", ["nightly"], ["idle"]),
        ("q=nothing-like-that", ["No schedule matches"], ["nightly"]),
        ("page=7", ["There is no page 7"], []),
        ("page=x", ["nightly"], []),
    ],
)
def test_filters_are_a_form_without_script(query: str, shown: list[str], hidden: list[str]) -> None:
    with served(fleet()) as site:
        page = Reader(site.text(f"/?{query}"))
    rows = page.words[page.words.index("Filter") :]
    for text in shown:
        assert text in rows
    for text in hidden:
        assert text not in rows
    assert ("form", "get") in [(tag, known.get("method")) for tag, known in page.elements]


def test_many_schedules_are_leafed_through() -> None:
    world = World()
    for n in range(230):
        world.put(schedule(of=key(f"s{n:03}")))
    with served(world) as site:
        pages = walk(site)
    found = [word for page in pages.values() for word in page.links if "schedule=s" in word]
    assert len({parse_qs(urlsplit(link).query)["schedule"][0] for link in found}) == 230


def test_a_page_says_what_is_wrong_with_the_storage_where_all_schedules_are_well() -> None:
    world = World()
    world.now = NOW
    for word in ("schedule", "run", "location"):
        world.list(world.feed(word))
    world.put(schedule(created=NOW - DAY), run(NOW - HOUR), location("gone", available=False))
    with served(world) as site:
        html = site.text("/")
        words = Reader(html).words
        assert "<title>critical" in html
        assert "Critical: storage cannot be used" in words
        assert "Location gone in velero, prod: not available (unknown)" in words
        assert "torage" not in Reader(site.text("/?action=restore")).words


def test_the_headline_counts_what_is_asked_for() -> None:
    with served(fleet()) as site:
        for query in ("", "?state=problem", "?state=critical", "?cluster="):
            assert "Critical: 1 needs a look" in Reader(site.text(f"/{query}")).words, query
        for query in ("?state=paused", "?outcome=succeeded"):
            words = Reader(site.text(f"/{query}")).words
            assert "need" not in words[: words.index("Clusters", words.index("matches"))], query


def test_what_is_judged_under_a_filter_is_said_and_the_page_is_marked() -> None:
    with served(fleet()) as site:
        page = Reader(site.text("/?action=restore"))
        assert "Only what matches the filter is judged: 1 row." in page.words
        current = [known["href"] for tag, known in page.elements if known.get("aria-current")]
        assert current == ["./?action=restore"]
        assert "Only what matches" not in Reader(site.text("/")).words


def test_a_paused_schedule_does_not_make_the_title_of_the_page() -> None:
    world = World()
    for word in ("schedule", "run"):
        world.list(world.feed(word))
    world.put(schedule(paused=True))
    with served(world) as site:
        assert "<title>all is well" in site.text("/")


def test_of_a_run_that_is_no_backup_nothing_is_said_that_makes_no_sense() -> None:
    with served(fleet()) as site:
        name = f"restore-{NOW - 2 * HOUR:.0f}"
        told = Reader(
            site.text(
                f"/run?cluster=prod&operator=velero&resource_namespace=velero&action=restore&name={name}"
            )
        )
        about = Reader(
            site.text("/schedule?cluster=prod&operator=velero&resource_namespace=velero&action=restore")
        )
    assert "Can be restored" not in told.words + about.words
    assert "Promise" not in about.words


@pytest.mark.parametrize("path", ["/schedule", "/run", "/schedule?cluster=prod&schedule=gone", "/nothing"])
def test_what_is_not_there_is_said(path: str) -> None:
    with served(fleet()) as site:
        answer = site.get(path)
        assert answer.status == 404
        page = Reader(answer.body.decode())
        assert "Not Found" in answer.body.decode()
        assert "this page as JSON" not in page.words
        assert "<title>Bad Request" in site.get("/?state=bad").body.decode()
        assert site.get("/a/b/c").status == 404
        assert site.get("/", method="POST").status == 405
        assert site.get("/?state=bad").status == 400


def test_states_in_which_there_is_nothing_to_show_are_explained() -> None:
    world = World()
    with served(world) as site:
        assert "No cluster is watched" in site.text("/")
    world.feed("run")
    with served(world) as site:
        told = site.text("/")
        assert "not asked yet" in told
        assert "Still reading: 1 resource has not" in told
    world.store.missing(world.feed("run"))
    with served(world) as site:
        assert "No backup operator is installed" in site.text("/")
        assert "No backup operator is installed" in site.text("/clusters")
    world.store.outage(world.feed("run"), UNREACHABLE)
    with served(world) as site:
        told = site.text("/")
        assert "No cluster answers" in told
        assert "connection refused" in told


def test_pages_run_nothing_and_keep_to_themselves() -> None:
    with served(fleet()) as site:
        for path in ("/", SCHEDULE, "/locations", "/clusters"):
            answer = site.get(path)
            [policy] = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == ["no-store"]
            page = Reader(answer.body.decode())
            for tag, known in page.elements:
                assert tag not in {"script", "iframe", "object", "img"}
                assert not [name for name in known if name.startswith("on") or name == "style"]


def test_a_page_reloads_itself_only_if_asked_to() -> None:
    with served(fleet()) as site:
        assert 'http-equiv="refresh"' not in site.text("/")
        assert 'http-equiv="refresh"' in site.text("/?refresh=1&cluster=prod")


# Who may read what operators wrote -----------------------------------------------------------------------------


RUN = (
    "/run?cluster=&operator=velero&resource_namespace=shop-backups&schedule=shop&action=backup"
    f"&namespace=shop-backups&name=shop-{NOW - 3600:.0f}"
)
PLACES = (
    RUN,
    SCHEDULE,
    "/",
    "/locations",
    "/api/v1/schedules",
    "/api/v1/runs",
    "/api/v1/locations",
    f"/api/v1{RUN}",
)
TEXTS = (b"AccessDenied", b"no bucket", b"expired")


@pytest.mark.parametrize("path", PLACES)
def test_texts_are_hidden_where_nobody_is_asked_who_they_are(path: str) -> None:
    with served(fleet("protected")) as site:
        answer = site.get(path, user="sre:right")  # a password that nobody checks proves nothing
        assert answer.status == 200
        assert not [text for text in TEXTS if text in answer.body]
        if not path.startswith("/api/"):
            assert b"export.show_messages" in answer.body


def test_a_password_opens_them_without_their_secrets(tmp_path: Path) -> None:
    users = {"sre": bcrypt.hashpw(b"right", bcrypt.gensalt(4)).decode()}
    web = (tmp_path / "web.yaml", {"basic_auth_users": users})
    with served(fleet("protected"), web=web) as site:
        assert site.get(RUN).status == 401
        told = site.text(RUN, user="sre:right")
        assert "AccessDenied" in told
        assert "export.show_messages" not in told
        assert "no bucket" in site.text("/api/v1/locations", user="sre:right")
        assert not [secret for secret in ("hunter2", "abcdef123456") if secret in told]
    with served(fleet("never"), web=web) as site:
        assert "AccessDenied" not in site.text(RUN, user="sre:right")


def test_a_switch_opens_them_to_everybody_without_their_secrets() -> None:
    with served(fleet("always")) as site:
        told = "".join(site.text(path) for path in PLACES)
    assert "AccessDenied" in told
    assert not [secret for secret in ("hunter2", "abcdef123456") if secret in told]


# Hostile names ---------------------------------------------------------------------------------------------------


def test_hostile_names_are_text_everywhere_and_their_pages_can_be_reached() -> None:
    with served(hostile()) as site:
        pages = walk(site)
    whole = "".join(page.words for page in pages.values())
    for name in NASTY:
        if name.isprintable():
            assert name in whole, name
    for char in "\x1b\x07\u202e":
        assert char not in whole
    assert "\\u202egnp.exe" in whole
    found = {
        query.get("schedule", [""])[0]
        for path in pages
        if (query := parse_qs(urlsplit(path).query, keep_blank_values=True))
    }
    assert set(NASTY) <= found
    reached = [path for path in pages if path.startswith("/run?")]
    assert len(reached) == len(NASTY)


def test_a_failure_of_one_name_is_not_shown_for_another() -> None:
    world = World()
    world.put(schedule(of=key("a/b")), run(NOW, FAILED, of=key("a/b")), schedule(of=key("a")))
    with served(world) as site:
        base = "/schedule?cluster=prod&operator=velero&resource_namespace=velero&action=backup"
        assert "critical" in Reader(site.text(f"{base}&schedule=a%2Fb")).words
        assert "critical" not in Reader(site.text(f"{base}&schedule=a")).words


def test_requests_for_each_page_are_counted_by_its_path() -> None:
    with served(fleet()) as site:
        paths = {urlsplit(link).path for link in walk(site)}
    assert {"/", "/schedule", "/run", "/locations", "/clusters"} <= paths <= set(ENDPOINTS)


def test_a_page_of_clusters_tells_what_is_read_apart_from_what_is_not_installed() -> None:
    world = fleet()
    world.store.missing(world.feed("deletion"))
    world.store.outage(world.feed("volume"), FORBIDDEN)
    with served(world) as site:
        words = " ".join(Reader(site.text("/clusters")).words.split())
    assert re.search(r"Resources: \d+ read, 1 not listed yet, 1 cannot be read, 1 not installed", words), (
        words
    )
    assert words.index("✕ cannot be read volumes") < words.index("✓ read", words.index("1 not installed"))
    assert re.search(r"Not installed: deletions\.", words)
    assert "Clusters: 2" in words
    assert "1 critical" in words
